"""Reading of CSV files with exact float64 values."""

from io import BytesIO
from pathlib import Path

import pandas as pd


def read_csv(path: Path | BytesIO, **options: object) -> pd.DataFrame:
    """Read a CSV with exact float64 values in every version of pandas.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    return pd.read_csv(path, **exact_floats(pd.__version__), **options)


def exact_floats(version: str) -> dict[str, str]:
    """Return the options with which a version of pandas reads floats exactly.

    Before 3.1, by default, a third of all float64 values were wrong in the last bit. Since then
    they are exact, and choosing a precision gives a warning.
    """
    major, minor = (int(part) for part in version.split(".")[:2])
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}
