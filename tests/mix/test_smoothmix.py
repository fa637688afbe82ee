"""SmoothMix: the bell by a slow loop and by the published construction, and who gets its label."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from adautomix.errors import InputError
from adautomix.mix import SmoothMix
from adautomix.mix.smoothmix import bell
from adautomix.rng import rng_for


@given(st.integers(250, 500), st.integers(0, 99), st.integers(0, 99))
def test_a_bell_is_that_of_a_slow_loop(sigma, row, column):
    height, width = 6, 9
    sigma, row, column = sigma / 1000, row / 100, column / 100
    found = bell(torch.tensor([sigma]), torch.tensor([[row], [column]]), height, width)[0]
    for i, j in np.ndindex(height, width):
        squared = ((i + 0.5) / height - row) ** 2 + ((j + 0.5) / width - column) ** 2
        assert float(found[i, j]) == pytest.approx(np.exp(-squared / (2 * sigma**2)), abs=1e-5)


@pytest.mark.parametrize(("down", "right"), [(-8, -8), (0, 3), (7, -2)])
def test_a_square_bell_at_a_pixel_s_edge_is_the_published_one(down, right):
    """There, coordinates of twice the side are rolled by whole pixels and their middle is cut."""
    side, sigma = 16, 5.0
    rows = np.roll(np.arange(2 * side), down)[side // 2 : -side // 2]
    columns = np.roll(np.arange(2 * side), right)[side // 2 : -side // 2]
    squared = (rows[:, None] - side + 0.5) ** 2 + (columns - side + 0.5) ** 2
    centre = torch.tensor([[side / 2 + down], [side / 2 + right]]) / side
    found = bell(torch.tensor([sigma / side]), centre, side, side)[0]
    np.testing.assert_allclose(found, np.exp(-squared / (2 * sigma**2)), rtol=1e-4)


def test_the_label_weighs_what_is_painted_unless_inverted():
    images = torch.rand(7, 3, 16, 16)
    share, inverted = (SmoothMix(labels)(images, rng_for(0, 1)) for labels in ("share", "inverted"))
    assert torch.equal(share.images, inverted.images)
    assert torch.equal(share.ratios, inverted.ratios)
    assert torch.equal(share.label_weights, share.ratios)
    assert torch.equal(inverted.label_weights, inverted.ratios.flip(1))


def test_the_partner_is_painted_on_43_percent_on_average():
    mixed = SmoothMix(per="sample")(torch.zeros(3000, 1, 32, 32), rng_for(0, 1))
    rng, slow = np.random.default_rng(0), []
    for _ in range(3000):
        middle, sigma = (np.arange(32) + 0.5) / 32, rng.uniform(0.25, 0.5)
        y, x = np.exp(-((middle - rng.uniform(size=(2, 1))) ** 2) / (2 * sigma**2))
        slow.append(np.outer(y, x).mean())
    assert float(mixed.ratios[:, 1].mean()) == pytest.approx(np.mean(slow), abs=0.01)
    assert float(mixed.ratios[:, 1].mean()) == pytest.approx(0.43, abs=0.01)
    assert float(mixed.ratios[:, 1].std()) == pytest.approx(np.std(slow), abs=0.01)


def test_an_unknown_weight_of_labels_is_refused():
    with pytest.raises(InputError, match="unknown weight of SmoothMix's labels 'swapped'"):
        SmoothMix(labels="swapped")
