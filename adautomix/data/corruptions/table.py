"""The 19 corruptions of CIFAR-10-C and CIFAR-100-C and their constants, severities 1 to 5.

Source: Hendrycks and Dietterich (2019), `ImageNet-C/create_c/make_cifar_c.py` of
github.com/hendrycks/robustness at ca36008. The constants are milder than ImageNet-C's: Gaussian
noise has a standard deviation of 0.04 to 0.10 here and of 0.08 to 0.38 there.

Only the standard library is imported.
"""

from dataclasses import dataclass

from adautomix.errors import InputError, unknown

SEVERITIES = (1, 2, 3, 4, 5)
GROUPS = ("noise", "blur", "weather", "digital")
"""The families of the benchmark; each is a module beside this one."""

Level = tuple[float, ...]
"""The constants of one corruption at one severity."""


@dataclass(frozen=True)
class Kind:
    """One corruption.

    Attributes:
        name: name of the official file, `<name>.npy`, and of the function in the module `group`.
        group: one of `GROUPS`.
        constants: what the numbers of a level mean; noise in units of the full range, lengths in
            pixels of a 32-pixel image, or as shares of the side where the text says so.
        levels: one tuple of constants for each severity.
        standard: whether it is one of the 15 over which most papers average.
    """

    name: str
    group: str
    constants: str
    levels: tuple[Level, ...]
    standard: bool = True

    @property
    def title(self) -> str:
        """The name in tables and figures, e.g. "JPEG compression"."""
        words = self.name.replace("_", " ")
        return words.replace("jpeg", "JPEG").replace("gaussian", "Gaussian")


def _kind(
    name: str,
    group: str,
    constants: str,
    *levels: tuple[float | int, ...],
    standard: bool = True,
) -> Kind:
    return Kind(name, group, constants, tuple(tuple(map(float, each)) for each in levels), standard)


# fmt: off
_ROWS = (
    _kind("gaussian_noise", "noise", "standard deviation",
          (0.04,), (0.06,), (0.08,), (0.09,), (0.10,)),
    _kind("shot_noise", "noise", "photons at full brightness",
          (500,), (250,), (100,), (75,), (50,)),
    _kind("impulse_noise", "noise", "share of the values that become black or white",
          (0.01,), (0.02,), (0.03,), (0.05,), (0.07,)),
    _kind("defocus_blur", "blur", "radius of the disk, sigma that softens it",
          (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    _kind("glass_blur", "blur", "sigma, reach of a swap, passes",
          (0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    _kind("motion_blur", "blur", "radius, sigma",
          (6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    _kind("zoom_blur", "blur", "end of the zoom factors, which run from 1 in steps of 0.01",
          (1.06,), (1.11,), (1.16,), (1.21,), (1.26,)),
    _kind("snow", "weather", "mean, deviation, zoom, floor, blur radius, blur sigma, share kept",
          (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
          (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
          (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
          (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
          (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8)),
    _kind("frost", "weather", "weight of the image, weight of the frost",
          (1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
    _kind("fog", "weather", "thickness, decay of the roughness",
          (0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    _kind("brightness", "digital", "added to the value of HSV",
          (0.05,), (0.1,), (0.15,), (0.2,), (0.3,)),
    _kind("contrast", "digital", "share of the contrast kept",
          (0.75,), (0.5,), (0.4,), (0.3,), (0.15,)),
    _kind("elastic_transform", "digital", "shift, sigma and affine reach, as shares of the side",
          (0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05),
          (0.1, 0.03, 0.03)),
    _kind("pixelate", "digital", "share of the side",
          (0.95,), (0.9,), (0.85,), (0.75,), (0.65,)),
    _kind("jpeg_compression", "digital", "quality",
          (80,), (65,), (58,), (50,), (40,)),
    _kind("speckle_noise", "noise", "standard deviation, as a share of the value",
          (0.06,), (0.1,), (0.12,), (0.16,), (0.2,), standard=False),
    _kind("gaussian_blur", "blur", "sigma",
          (0.4,), (0.6,), (0.7,), (0.8,), (1,), standard=False),
    _kind("spatter", "weather", "mean, deviation, sigma, floor, strength, water 0 or mud 1",
          (0.62, 0.1, 0.7, 0.7, 0.5, 0),
          (0.65, 0.1, 0.8, 0.7, 0.5, 0),
          (0.65, 0.3, 1, 0.69, 0.5, 0),
          (0.65, 0.1, 0.7, 0.69, 0.6, 1),
          (0.65, 0.1, 0.5, 0.68, 0.6, 1), standard=False),
    _kind("saturate", "digital", "factor and summand of the saturation of HSV",
          (0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2), standard=False),
)
# fmt: on

KINDS: dict[str, Kind] = {row.name: row for row in _ROWS}
"""Corruptions by name, in the order of the benchmark; the position is part of the seed, so append
only.
"""
STANDARD = tuple(row.name for row in _ROWS if row.standard)
"""The 15 corruptions that most papers average; the paper of AdAutoMix averages 19 (Sec. 4.3)."""


def kind(name: str) -> Kind:
    """Return the row of a corruption. Raises InputError for a name that is not in the table."""
    if name not in KINDS:
        raise unknown("corruption", name, KINDS)
    return KINDS[name]


def check_severity(severity: int) -> None:
    """Raise InputError unless the severity is 1, 2, 3, 4 or 5."""
    if severity not in SEVERITIES:
        raise InputError(f"the severity of a corruption is 1, 2, 3, 4 or 5, not {severity}.")
