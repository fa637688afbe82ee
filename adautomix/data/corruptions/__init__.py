"""The corruptions of CIFAR-10-C and CIFAR-100-C, made anew: the same distributions, for any images.

The benchmark was made without a seed, so nobody can make its bytes again. What is drawn here
follows the same distributions, with the same constants (`table.py`) and the same quirks: values are
cut, not rounded, to whole grey levels; glass blur copies instead of swapping; the offsets of glass
blur are -1 or 0; a grey pixel saturates to red. Each function cites its own.

No torch, no OpenCV and no scikit-image here. The tests compare with both where they are installed.
Images are square. Lengths in pixels are those for images of 32; see `adautomix.data.corrupted`.
"""

from collections.abc import Sequence
from importlib import import_module

import numpy as np
from jaxtyping import UInt8

from adautomix.data.corruptions.dice import Dice
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
    """The images corrupted, a generator of `dice` for each; `images` stay as they are.

    `pictures` are wanted by "frost" alone. Raises InputError for an unknown name or severity.
    """
    row = kind(name)
    check_severity(severity)
    function = getattr(import_module(f"{__name__}.{row.group}"), name)
    level = row.levels[severity - 1]
    more = {"pictures": pictures} if name == "frost" else {}
    values = function(images, level, dice, **more)
    if values.dtype == np.uint8:
        return values
    return np.clip(values, 0, 255).astype(np.uint8)
