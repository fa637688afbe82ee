"""Numbers in CSV files: read as they were written, to the last bit."""

import warnings

import numpy as np
import pandas as pd
import pytest

from adautomix.record import _tables


def hard_floats() -> np.ndarray:
    """Floats of all sizes with all their digits, and those between 0 and 1 that curves hold."""
    rng = np.random.default_rng(0)
    of_all_sizes = rng.integers(0, 2**63, 2000, dtype=np.uint64).view(np.float64)
    return np.concatenate([rng.random(2000), of_all_sizes[np.isfinite(of_all_sizes)]])


def test_every_float_is_read_as_it_was_written(tmp_path):
    written = hard_floats()
    path = tmp_path / "curve.csv"
    path.write_text("value\n" + "".join(f"{float(value)!r}\n" for value in written))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = _tables.read_csv(path)["value"]
    assert read.dtype == np.float64
    assert read.to_numpy().tobytes() == written.tobytes()


def test_what_pandas_writes_is_exact_too(tmp_path):
    written = pd.DataFrame({"epoch": range(4), "loss": [0.1 + 0.2, 1 / 3, np.nan, 5e-324]})
    written.to_csv(tmp_path / "curve.csv", index=False)
    pd.testing.assert_frame_equal(
        _tables.read_csv(tmp_path / "curve.csv"), written, check_exact=True
    )


@pytest.mark.parametrize(
    ("version", "asks"),
    [
        ("2.2.3", True),
        ("3.0.6", True),
        ("3.1.0", False),
        ("3.1.0rc0", False),
        ("3.10.1", False),
        ("4.0.0.dev0+1", False),
    ],
)
def test_versions_that_read_floats_wrongly_are_asked_not_to(version, asks):
    assert (_tables.exact_floats(version) == {"float_precision": "round_trip"}) == asks
