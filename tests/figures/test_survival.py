"""How much of a digit survives: counts, running means and chance as given."""

import numpy as np
import pytest

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures.survival import running_mean


def test_every_method_has_a_panel_that_counts_every_image(rng) -> None:
    ratios = rng.random(500)
    kept = {"mixup": (ratios, ratios), "adautomix": (ratios, np.sqrt(ratios))}
    figure = figures.kept_against_ratio(kept)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["MixUp", "AdAutoMix"]
    for ax, (_, shares) in zip(figure.axes, kept.values(), strict=True):
        (cells,) = ax.collections
        assert cells.get_array().sum() == 500
        assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))
        assert [t.get_text() for t in ax.texts] == [f"mean {shares.mean():.2f}"]
        diagonal = ax.lines[0]
        assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 1]


def test_a_constant_mask_runs_along_the_diagonal(rng) -> None:
    ratios = rng.random(1000)
    x, y = running_mean(ratios, ratios)
    assert np.allclose(x, y)
    assert len(x) == 10


def test_the_running_mean_is_that_of_the_images_in_the_bin() -> None:
    ratios = np.array([0.11, 0.13, 0.18, 0.95, 0.97, 1.0, 0.5])
    shares = np.array([0.2, 0.4, 0.6, 1.0, 1.0, 0.7, 0.1])
    x, y = running_mean(ratios, shares)
    assert np.allclose(x, [0.14, 0.97333], atol=1e-4), "bins of fewer than three are left out"
    assert np.allclose(y, [0.4, 0.9])


def test_many_methods_are_set_in_rows_of_four(rng) -> None:
    pair = (rng.random(20), rng.random(20))
    figure = figures.kept_against_ratio({f"variant {i}": pair for i in range(6)})
    assert len(figure.axes) == 6
    assert figure.get_figwidth() == 7.5
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 4)


def test_one_image_can_be_drawn() -> None:
    figure = figures.kept_against_ratio({"mixup": (np.array([0.3]), np.array([0.3]))})
    assert figures.svg_bytes(figure)


def test_wrong_shares_are_refused_in_a_sentence(rng) -> None:
    ratios = rng.random(5)
    with pytest.raises(InputError, match="kept is empty"):
        figures.kept_against_ratio({})
    with pytest.raises(InputError, match=r"shares of 'mixup' has shape \(4,\); .* \(5\)"):
        figures.kept_against_ratio({"mixup": (ratios, ratios[:4])})
    with pytest.raises(InputError, match="ratios of 'mixup' runs from"):
        figures.kept_against_ratio({"mixup": (ratios + 1, ratios)})
