"""Checks of the data that figures take; each raises InputError with a readable message.

The functions of this package annotate arrays as `np.ndarray` and document the shape in the
docstring: the shape is checked here at run time, and not in tests alone.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from adautomix.errors import InputError

TOLERANCE = 1e-3


def require_shape(what: str, array: object, shape: Sequence[int | str]) -> np.ndarray:
    """Return `array` as a non-empty numpy array of `shape`, where a letter allows any size."""
    found = np.asarray(array)
    fits = found.ndim == len(shape) and all(
        isinstance(wanted, str) or size == wanted
        for size, wanted in zip(found.shape, shape, strict=True)
    )
    if not fits or found.size == 0:
        wanted = ", ".join(map(str, shape))
        raise InputError(f"{what} has shape {found.shape}; give a non-empty array ({wanted}).")
    return found


def require_images(what: str, images: object, leading: Sequence[int | str]) -> np.ndarray:
    """Return images as uint8 (*leading, h, w, 3), from uint8 or from floats in [0, 1]."""
    found = require_shape(what, images, (*leading, "h", "w", 3))
    if found.dtype == np.uint8:
        return found
    return np.round(require_unit(what, found) * 255).astype(np.uint8)


def require_unit(what: str, values: np.ndarray) -> np.ndarray:
    """Return floats in [0, 1], clipping rounding errors; InputError for other values."""
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"{what} is {values.dtype}; give uint8 pixels or floats in [0, 1].")
    low, high = float(np.min(values)), float(np.max(values))
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
        raise InputError(f"{what} runs from {low:.3g} to {high:.3g}; give finite values in [0, 1].")
    return np.clip(values, 0.0, 1.0)


def require_columns(what: str, frame: pd.DataFrame, columns: Collection[str]) -> None:
    """Raise InputError unless `frame` has all `columns` and at least one row."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        having = ", ".join(map(str, frame.columns))
        raise InputError(f"{what} has no column {', '.join(missing)}; it has {having}.")
    if frame.empty:
        raise InputError(f"{what} has no rows; give at least one.")


def require_some(what: str, values: Collection[object]) -> None:
    """Raise InputError if there is nothing to draw."""
    if len(values) == 0:
        raise InputError(f"{what} is empty; give at least one.")
