"""FMix: the two spectra by Fourier analysis and by a slow sum, the threshold by sorting."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from adautomix.errors import InputError
from adautomix.mix import FMix
from adautomix.mix.fmix import along_one_axis, highest, isotropic
from adautomix.rng import rng_for

HEIGHT, WIDTH = 12, 16


def power(fields):
    """Mean energy at each frequency, "h w", by numpy's full transform."""
    return (np.abs(np.fft.fft2(fields.double().numpy())) ** 2).mean(0)


def decayed(decay):
    """1 / f^(2 decay) at each frequency, f in cycles a pixel; the mean as one cycle."""
    expected = np.empty((HEIGHT, WIDTH))
    for i, j in np.ndindex(HEIGHT, WIDTH):
        row, column = min(i, HEIGHT - i) / HEIGHT, min(j, WIDTH - j) / WIDTH
        expected[i, j] = max(np.hypot(row, column), 1 / WIDTH) ** (-2 * decay)
    return expected


@pytest.mark.parametrize("decay", [0.0, 1.5, 3.0])
def test_the_energy_of_the_paper_s_image_depends_on_the_frequency_alone(decay):
    found = power(isotropic(rng_for(0, 1), (4000, HEIGHT, WIDTH), decay))
    ratio = found / (decayed(decay) * HEIGHT * WIDTH)
    assert np.abs(ratio - 1).max() < 0.15


def test_the_paper_s_image_has_the_energy_of_its_definition():
    """G = Re F⁻¹(Z / f^δ), Z complex and normal at every frequency (Sec. 4 of Harris et al.)."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, HEIGHT, WIDTH)) + 1j * rng.normal(size=(4000, HEIGHT, WIDTH))
    defined = power(torch.tensor(np.fft.ifft2(z * np.sqrt(decayed(3.0))).real))
    found = power(isotropic(rng_for(0, 1), (4000, HEIGHT, WIDTH), 3.0))
    assert np.abs(found / defined / (found / defined).mean() - 1).max() < 0.15


def test_the_published_image_varies_by_one_cycle_at_most_along_its_second_axis():
    found = power(along_one_axis(rng_for(0, 1), (500, 32, 32), 3.0))
    one_cycle = [0, 1, 31]
    assert found[:, one_cycle].sum() / found.sum() > 1 - 1e-6
    falls = (5**-6 + (5**2 + 1) ** -3) / (1 + 2**-3)  # real and imaginary parts
    assert found[5].sum() / found[1].sum() == pytest.approx(falls, rel=0.2)
    isotropic_one = power(isotropic(rng_for(0, 1), (500, 32, 32), 3.0))
    assert isotropic_one[:, one_cycle].sum() / isotropic_one.sum() < 0.99
    assert isotropic_one[2, 0] / isotropic_one[0, 2] == pytest.approx(1, abs=0.2)


def test_the_published_image_is_its_sum_over_frequencies():
    height, width = 6, 8
    found = along_one_axis(rng_for(0, 1), (2, height, width), 2.0)
    z = rng_for(0, 1).numpy.standard_normal((2, width // 2 + 1, 2, 2))
    slow = np.zeros((2, height, width))
    for b, y, x, k, cycle in np.ndindex(2, height, width, width // 2 + 1, 2):
        real = max(k / width, 1 / width) ** -2.0
        imaginary = max(np.hypot(k / width, 1 / height), 1 / width) ** -2.0
        coefficient = complex(z[b, k, cycle, 0] * real, z[b, k, cycle, 1] * imaginary)
        wave = np.exp(2j * np.pi * (k * y / height + cycle * x / width))
        slow[b, y, x] += (1 + cycle) * (coefficient * wave).real / (height * width)
    np.testing.assert_allclose(found, slow, atol=1e-5)


@given(st.integers(0, 1000), st.booleans())
def test_the_highest_pixels_are_those_that_sorting_finds(thousandths, upwards):
    field = torch.rand(1, 5, 7, generator=torch.Generator().manual_seed(thousandths))
    share = torch.tensor([thousandths / 1000])
    found = highest(field, share, torch.tensor([upwards]))[0]
    exact = float(np.float32(share[0]) * np.float32(35))  # rounded as the rule's float32 is
    count = int(np.ceil(exact)) if upwards else int(np.floor(exact))
    assert int(found.sum()) == count
    threshold = sorted(field.flatten().tolist(), reverse=True)[:count]
    assert sorted(field[0][found].tolist(), reverse=True) == threshold


@pytest.mark.parametrize("spectrum", ["2d", "one-axis"])
@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_ratio_is_beta_and_the_mask_binary(spectrum, alpha):
    rule = FMix(alpha, spectrum=spectrum, per="sample")
    mixed = rule(torch.zeros(1000, 1, 24, 24), rng_for(0, 1))
    assert set(mixed.masks.unique().tolist()) == {0.0, 1.0}
    numbers = rng_for(0, 1)
    numbers.partners(1000, 2)
    drawn = numbers.numpy.beta(alpha, alpha, 1000)
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    excess = mixed.ratios[:, 0].double().numpy() * 576 - np.floor(drawn * 576)
    assert np.abs(excess - excess.round()).max() < 1e-3
    assert 0.4 < excess.round().mean() < 0.6  # half of the counts are rounded up


def test_an_unknown_spectrum_and_a_negative_decay_are_refused():
    with pytest.raises(InputError, match=r"unknown spectrum of FMix '2D': .*one-axis"):
        FMix(spectrum="2D")
    with pytest.raises(InputError, match=r"must be 0 or more, not -1\.0"):
        FMix(decay=-1.0)
