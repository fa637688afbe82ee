"""Data that looks like the real thing, and the style undone after every test."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from adautomix import figures


@pytest.fixture(autouse=True)
def styled() -> Iterator[None]:
    """The book's style, for one test."""
    with mpl.rc_context():
        figures.use()
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def masks(rng: np.random.Generator) -> np.ndarray:
    """Three masks (n, h, w) that sum to one at every pixel."""
    weights = rng.random((3, 8, 8))
    return weights / weights.sum(axis=0)


@pytest.fixture
def parents(rng: np.random.Generator) -> np.ndarray:
    """Three images (n, h, w, 3)."""
    return rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def curve() -> pd.DataFrame:
    """Four epochs of a run with a teacher and two loss terms."""
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3, 4],
            "train_amce": [2.0, 1.5, 1.2, 1.1],
            "train_cosine": [0.2, 0.4, 0.5, 0.6],
            "classifier_top1": [0.1, 0.4, 0.6, 0.7],
            "teacher_top1": [0.1, 0.3, 0.6, 0.72],
        }
    )
