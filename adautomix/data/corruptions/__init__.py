"""The corruptions of CIFAR-10-C and CIFAR-100-C, reimplemented for any square images.

The benchmark was made without a seed, so its exact bytes cannot be reproduced. The functions here
follow the same distributions, with the same constants (`table.py`) and the same peculiarities:
values are truncated, not rounded, to whole grey levels; glass blur copies pixels instead of
swapping them; the offsets of glass blur are -1 or 0; a grey pixel saturates to red. Each function
documents its own.

Nothing here needs torch, OpenCV or scikit-image; the tests compare with the latter two where they
are installed. Lengths in pixels are those for images of 32; see `adautomix.data.corrupted`.
"""

from collections.abc import Sequence
from importlib import import_module

import numpy as np
from jaxtyping import UInt8

from adautomix.data.corruptions.dice import Dice
from adautomix.data.corruptions.sampling import grey_levels
from adautomix.data.corruptions.table import (
    GROUPS,
    KINDS,
    SEVERITIES,
    STANDARD,
    Kind,
    check_severity,
    kind,
)

__all__ = [
    "GROUPS",
    "KINDS",
    "SEVERITIES",
    "STANDARD",
    "Dice",
    "Kind",
    "check_severity",
    "corrupt",
    "kind",
]


def corrupt(
    images: UInt8[np.ndarray, "b h h 3"],
    name: str,
    severity: int,
    dice: Dice,
    *,
    pictures: Sequence[np.ndarray] = (),
) -> UInt8[np.ndarray, "b h h 3"]:
    """Return corrupted copies of the images.

    Args:
        images: square RGB images.
        name: a key of `KINDS`.
        severity: 1 to 5.
        dice: one generator for each image.
        pictures: used by "frost" alone, (h, w, 3) uint8 each.

    Raises InputError for an unknown name or severity.
    """
    row = kind(name)
    check_severity(severity)
    function = getattr(import_module(f"{__name__}.{row.group}"), name)
    level = row.levels[severity - 1]
    more = {"pictures": pictures} if name == "frost" else {}
    values = function(images, level, dice, **more)
    return values if values.dtype == np.uint8 else grey_levels(values)
