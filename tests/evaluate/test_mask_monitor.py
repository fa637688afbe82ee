"""The probe mixes the same images every time, and its numbers are those of a slow computation."""

import io

import numpy as np
import pytest
import torch

from adautomix import data
from adautomix.data.image_set import ImageSet
from adautomix.evaluate.mask_monitor import SETS, MaskMonitor
from adautomix.methods import AdAutoMix, AdAutoMixReleased, Fixed, Plain
from adautomix.mix import CutMix, Mixup
from adautomix.models import Net


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    """250 images, so that the probe takes two rounds of 100 and leaves 50."""
    return data.load("photodigits", "test").take(np.arange(250))


@pytest.fixture(scope="module")
def methods() -> dict:
    net = Net("resnet18", width=8)
    configs = {"adautomix": AdAutoMix(), "mixup": Fixed(Mixup()), "cutmix": Fixed(CutMix())}
    return {name: config.build(net.build(10, seed=1), 32) for name, config in configs.items()}


def pictures(monitor: MaskMonitor, notes: dict) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(monitor.files(notes)["mixed.npz"])) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", ["adautomix", "mixup", "cutmix"])
def test_the_same_images_are_mixed_every_time(digits, methods, name):
    first, second = {}, {}
    MaskMonitor(digits).look(methods[name], first, 0)
    torch.manual_seed(7)
    MaskMonitor(digits).look(methods[name], second, 3)
    for what in ("parents", "ratios"):
        assert torch.equal(first[what], second[what])
    for what in ("mixed", "masks"):
        assert torch.equal(first[f"{what}_0"], second[f"{what}_3"])


def test_a_picture_follows_the_generator(digits, methods):
    notes, monitor = {}, MaskMonitor(digits)
    monitor.look(methods["adautomix"], notes, 0)
    generator = methods["adautomix"].generator
    former = {name: value.clone() for name, value in generator.state_dict().items()}
    with torch.no_grad():
        for p in generator.parameters():
            p.add_(0.3)
    monitor.look(methods["adautomix"], notes, 1)
    generator.load_state_dict(former)
    assert not torch.equal(notes["masks_0"], notes["masks_1"])


@pytest.mark.parametrize("name", ["adautomix", "mixup", "cutmix"])
def test_a_picture_is_the_sum_of_its_parents_under_the_masks(digits, methods, name):
    notes, monitor = {}, MaskMonitor(digits)
    monitor.look(methods[name], notes, 0)
    kept = pictures(monitor, notes)
    n = 3 if name == "adautomix" else 2
    assert kept["parents"].shape == (SETS, n, 32, 32, 3)
    assert kept["masks_0"].shape == (SETS, n, 32, 32)
    assert (kept["mixed_0"].shape, kept["mixed_0"].dtype) == ((SETS, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(kept["ratios"].sum(axis=1), 1, rtol=1e-6)
    expected = (kept["parents"] * (kept["masks_0"] / 255)[..., None]).sum(axis=1)
    assert np.abs(expected - kept["mixed_0"]).max() < 2.5  # masks are kept in 255 steps
    in_the_set = {image.tobytes() for image in digits.images}
    assert all(image.tobytes() in in_the_set for image in kept["parents"].reshape(-1, 32, 32, 3))


@pytest.mark.parametrize("name", ["adautomix", "mixup", "cutmix"])
def test_the_numbers_are_those_of_a_slow_computation(digits, methods, name):
    monitor, peaks, gaps, shares = MaskMonitor(digits), [], [], []
    for i, chosen in enumerate(monitor.rounds):
        mixed = monitor._mix(methods[name], i)
        for b, (masks, ratios) in enumerate(zip(mixed.masks, mixed.ratios, strict=True)):
            masks = masks.double().numpy()
            peaks.append(masks.max(axis=0).mean())
            for n, mask in enumerate(masks):
                gaps.append(abs(mask.mean() - float(ratios[n])))
                drawn = digits.masks[chosen[int(mixed.partners[b, n])]]
                shares.append(mask[drawn].sum() / drawn.sum())
    found = monitor.describe(methods[name])
    expected = {"mask_peak": peaks, "area_gap": gaps, "kept_share": shares}
    assert found == {key: pytest.approx(np.mean(v), abs=1e-5) for key, v in expected.items()}
    notes: dict = {}
    monitor.finish(methods[name], notes)
    assert notes["kept"].shape == notes["kept_ratios"].shape == (200 * mixed.masks.shape[1],)
    np.testing.assert_allclose(notes["kept"].flatten().float(), shares, atol=1e-3)


def test_a_method_may_mix_another_number_of_images_each_time(digits):
    config = AdAutoMixReleased(n=3, random_n=True)
    method = config.build(Net("resnet18", width=8).build(10), digits.info.side)
    monitor, notes = MaskMonitor(digits), {}
    monitor.sets *= 4  # two of them might draw the same number
    mixes = [monitor._mix(method, i) for i in range(len(monitor.sets))]
    assert {mixed.masks.shape[1] for mixed in mixes} == {2, 3}
    monitor.finish(method, notes)
    assert len(notes["kept"]) == len(notes["kept_ratios"]) == sum(m.ratios.numel() for m in mixes)
    kept = [float(monitor._kept(mixed, i).mean()) for i, mixed in enumerate(mixes)]
    assert monitor.describe(method)["kept_share"] == pytest.approx(np.mean(kept), rel=1e-5)


def test_rounds_are_disjoint_and_of_the_set(digits):
    rounds = MaskMonitor(digits).rounds
    assert [len(chosen) for chosen in rounds] == [100, 100]
    assert len(set(np.concatenate(rounds).tolist())) == 200
    few = MaskMonitor(digits.take(np.arange(7))).rounds
    assert [len(chosen) for chosen in few] == [7]


def test_what_is_there_already_is_not_mixed_again(digits, methods):
    notes = {"mixed_2": torch.zeros(1)}
    MaskMonitor(digits).look(methods["mixup"], notes, 2)
    assert notes.keys() == {"mixed_2"}


def test_a_method_that_mixes_nothing_leaves_no_picture(digits):
    plain, notes = Plain().build(Net("resnet18", width=8).build(10), 32), {}
    monitor = MaskMonitor(digits)
    monitor.look(plain, notes, 0)
    monitor.finish(plain, notes)
    assert (notes, monitor.files(notes), monitor.describe(plain)) == ({}, {}, {})


def test_where_objects_are_unknown_only_masks_are_described(digits, methods):
    from dataclasses import replace

    monitor, notes = MaskMonitor(replace(digits, masks=None)), {}
    assert set(monitor.describe(methods["mixup"])) == {"mask_peak", "area_gap"}
    monitor.finish(methods["mixup"], notes)
    assert notes == {}


def test_looking_changes_nothing_in_the_method(digits, methods):
    method = methods["adautomix"].train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    MaskMonitor(digits).look(method, {}, 0)
    MaskMonitor(digits).describe(method)
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    assert method.training


def test_pictures_are_taken_at_the_start_early_and_at_the_end():
    assert MaskMonitor.epochs(150) == {0, 15, 45, 150}
    assert MaskMonitor.epochs(2) == {0, 1, 2}
