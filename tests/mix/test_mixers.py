"""One contract for every hand-crafted rule, then each rule against an oracle of its own."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
import timm.data.mixup
import torch
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from scipy import stats

from adautomix.errors import InputError
from adautomix.mix import (
    MIXERS,
    CutMix,
    Cutout,
    FMix,
    GridMix,
    MixingRule,
    Mixup,
    ResizeMix,
    SaliencyMix,
    SmoothMix,
    blend,
)
from adautomix.mix.cutmix import box
from adautomix.rng import rng_for

RULES = {name: rule() for name, rule in MIXERS.items()}
RULES |= {
    f"{name}-sample": replace(rule, per="sample")
    for name, rule in RULES.items()
    if "per" in {field.name for field in fields(rule)}
}
RULES |= {
    "cutmix-odd": CutMix(odd="kept"),
    "cutmix-drawn": CutMix(labels="drawn"),
    "cutmix-p": CutMix(p=0.5, per="sample"),
    "fmix-drawn": FMix(labels="drawn"),
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
MIXING = {name: rule for name, rule in RULES.items() if not isinstance(rule, Cutout)}
each_mixing_rule = pytest.mark.parametrize("rule", MIXING.values(), ids=MIXING)
IN_PLACE = {name: rule for name, rule in MIXING.items() if not isinstance(rule, ResizeMix)}
each_rule_that_moves_no_pixel = pytest.mark.parametrize("rule", IN_PLACE.values(), ids=IN_PLACE)
each_shape = pytest.mark.parametrize("shape", [(6, 3, 8, 8), (5, 1, 7, 12), (2, 4, 9, 4)])
each_dtype = pytest.mark.parametrize(
    ("dtype", "close"),
    [
        (torch.float64, 1e-6),
        (torch.float32, 1e-5),
        (torch.float16, 4e-3),
        (torch.bfloat16, 3e-2),
    ],
)


@pytest.fixture(autouse=True)
def with_its_library(request):
    """A rule that needs an optional library is skipped without it."""
    values = getattr(request.node, "callspec", None)
    if values is not None and isinstance(values.params.get("rule"), SaliencyMix):
        pytest.importorskip("cv2.saliency")


def batch_of(shape=(6, 3, 8, 8), dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


@each_rule
def test_a_rule_is_a_frozen_value(rule):
    assert isinstance(rule, MixingRule)
    assert hash(rule) == hash(replace(rule))
    with pytest.raises(AttributeError):
        rule.alpha = 3.0


@each_rule
@each_shape
@each_dtype
def test_masks_have_the_dtype_of_the_images_and_ratios_that_or_float32(rule, shape, dtype, close):
    images = batch_of(shape, dtype)
    mixed = rule(images, rng_for(0, 1))
    batch, _, height, width = shape
    n = mixed.partners.shape[1]
    assert mixed.images.shape == images.shape
    assert mixed.ratios.shape == (batch, n)
    assert mixed.masks.shape == (batch, n, height, width)
    assert mixed.images.dtype == mixed.masks.dtype == dtype
    at_least = torch.promote_types(dtype, torch.float32)
    assert mixed.ratios.dtype == mixed.label_weights.dtype == at_least
    assert mixed.partners.dtype == torch.int64
    for weights, near in ((mixed.ratios.double(), 1e-6), (mixed.masks.double(), close)):
        assert (weights >= 0).all()
        if isinstance(rule, Cutout):  # its hole shows nobody
            assert (weights <= 1).all()
            continue
        torch.testing.assert_close(
            weights.sum(1), torch.ones_like(weights[:, 0]), atol=near, rtol=0
        )


@each_rule
@each_shape
@each_dtype
def test_with_image_i_painted_i_the_mean_pixel_is_the_sum_of_ratio_times_i(
    rule, shape, dtype, close
):
    painted = torch.arange(shape[0], dtype=dtype)[:, None, None, None].expand(shape)
    mixed = rule(painted, rng_for(0, 2))
    expected = (mixed.ratios.double() * mixed.partners).sum(1)
    found = mixed.images.double().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found, expected, atol=shape[0] * close, rtol=0)


@each_rule
def test_partners_are_oneself_first_and_somebody_else(rule):
    partners = rule(batch_of(), rng_for(0, 3)).partners
    assert partners[:, 0].tolist() == list(range(6))
    assert (partners[:, 1:] != partners[:, :1]).all()


@each_rule
@each_dtype
def test_the_ratios_are_the_mean_masks(rule, dtype, close):
    mixed = rule(batch_of(dtype=dtype), rng_for(0, 2))
    areas = mixed.masks.double().mean(dim=(2, 3))
    torch.testing.assert_close(mixed.ratios.double(), areas, atol=close, rtol=0)


@each_rule_that_moves_no_pixel
@each_shape
def test_the_images_are_the_blend_of_the_masks(rule, shape):
    mixed = rule(batch_of(shape), rng_for(0, 2))
    assert torch.equal(mixed.images, blend(batch_of(shape), mixed.partners, mixed.masks))


@each_rule_that_moves_no_pixel
@each_dtype
def test_mixing_identical_images_changes_nothing(rule, dtype, close):
    images = batch_of(dtype=dtype)[:1].expand(6, 3, 8, 8)
    torch.testing.assert_close(
        rule(images, rng_for(0, 4)).images, images.contiguous(), atol=close, rtol=0
    )


@each_rule
def test_same_draw_same_batch_and_another_draw_another(rule):
    once, again, other = (rule(batch_of(), rng_for(0, step)) for step in (5, 5, 6))
    pairs = zip(vars(once).values(), vars(again).values(), strict=True)
    assert all(a is b is None or torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(once.images, other.images)


@each_mixing_rule
def test_another_draw_brings_other_partners(rule):
    once, other = (rule(batch_of(), rng_for(0, step)).partners for step in (5, 6))
    assert not torch.equal(once, other)


@each_rule
def test_the_numbers_come_from_the_draw_alone(rule):
    before = torch.get_rng_state()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    rule(batch_of(), rng_for(0, 5))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@each_rule
def test_the_input_is_untouched(rule):
    images = batch_of()
    rule(images, rng_for(0, 7))
    assert torch.equal(images, batch_of())


@each_mixing_rule
def test_a_batch_of_one_is_refused(rule):
    with pytest.raises(InputError, match="n = 2 different images from a batch of 1"):
        rule(batch_of()[:1], rng_for(0, 8))


@pytest.mark.parametrize("rule", [Mixup, CutMix, FMix, GridMix, ResizeMix, SmoothMix])
def test_one_ratio_a_batch_or_one_a_sample(rule):
    images = batch_of((32, 1, 64, 64))
    per_batch, per_sample = (rule(per=per)(images, rng_for(0, 9)) for per in ("batch", "sample"))
    assert (per_batch.ratios == per_batch.ratios[0]).all()
    assert len(per_sample.ratios[:, 0].unique()) > 16
    with pytest.raises(InputError, match="per='batch' or per='sample', not per='pixel'"):
        rule(per="pixel")(images, rng_for(0, 9))


@pytest.mark.parametrize("rule", [Mixup, CutMix, FMix, GridMix])
def test_a_concentration_that_is_not_positive_is_refused(rule):
    with pytest.raises(InputError, match=r"must be positive, not 0\.0"):
        rule(alpha=0.0)(batch_of(), rng_for(0, 1))


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_the_ratio_of_mixup_is_beta(alpha):
    mixed = Mixup(alpha, per="sample")(batch_of((4000, 1, 1, 1)), rng_for(0, 1))
    own = mixed.ratios[:, 0].double()
    assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert (mixed.masks[:, 0, 0, 0] == mixed.ratios[:, 0]).all()


def slow_area(rng, alpha, height, width):
    """The share of an image that CutMix leaves to itself, by counting pixels."""
    side = (1 - rng.beta(alpha, alpha)) ** 0.5
    painted = 1
    for length in (height, width):
        half, centre = int(length * side) // 2, int(rng.integers(length))
        painted *= len([p for p in range(length) if centre - half <= p < centre + half])
    return 1 - painted / (height * width)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (11, 30)])
def test_the_ratios_of_cutmix_are_distributed_as_those_of_a_slow_loop(alpha, height, width):
    rng = np.random.default_rng(0)
    slow = [slow_area(rng, alpha, height, width) for _ in range(2000)]
    rule = CutMix(alpha, per="sample")
    found = rule(batch_of((2000, 1, height, width)), rng_for(0, 1)).ratios[:, 0].double()
    assert stats.ks_2samp(found, slow).pvalue > 0.01
    assert stats.ks_2samp(found, [ratio**1.2 for ratio in slow]).pvalue < 0.01


@given(st.integers(1, 999), st.integers(0, 8), st.integers(0, 13))
def test_a_box_is_that_of_a_slow_loop(thousandths, row, column):
    height, width = 9, 14
    centres = torch.tensor([[(row + 0.3) / height], [(column + 0.8) / width]])
    found = box(torch.tensor([thousandths / 1000]), centres, height, width)[0]
    side = (1 - thousandths / 1000) ** 0.5
    half = [int(height * side) // 2, int(width * side) // 2]
    for i in range(height):
        for j in range(width):
            inside = abs(i + 0.5 - row) < half[0] and abs(j + 0.5 - column) < half[1]
            assert found[i, j] == float(inside)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 45)])
def test_boxes_are_those_of_torchvision(height, width):
    transforms = pytest.importorskip("torchvision.transforms.v2")
    theirs = transforms.CutMix(num_classes=10)
    images = torch.zeros(2, 3, height, width)
    for seed in range(40):
        torch.manual_seed(seed)
        x1, y1, x2, y2 = theirs.make_params([images])["box"]
        torch.manual_seed(seed)  # the same three numbers, in torchvision's order
        own = theirs._dist.sample(()).reshape(1)
        column, row = (torch.randint(length, (1,)) for length in (width, height))
        expected = torch.zeros(height, width)
        expected[y1:y2, x1:x2] = 1
        centres = torch.stack([(row + 0.5) / height, (column + 0.5) / width])
        assert torch.equal(box(own, centres, height, width)[0], expected)


def test_an_odd_side_loses_a_pixel_as_in_torchvision_but_not_in_newer_timm(monkeypatch):
    own, side, middle = 0.5664, 32, 16
    assert int(side * (1 - own) ** 0.5) == 21
    centres = torch.full((2, 1), (middle + 0.5) / side)
    here = box(torch.tensor([own]), centres, side, side)[0]
    assert here.sum() == 20**2

    theirs = pytest.importorskip("torchvision.transforms.v2").CutMix(num_classes=10)
    monkeypatch.setattr(theirs, "_dist", SimpleNamespace(sample=lambda shape: torch.tensor(own)))
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.full(size, middle))
    found = theirs.make_params([torch.zeros(2, 3, side, side)])
    x1, y1, x2, y2 = found["box"]
    assert (x2 - x1, y2 - y1) == (20, 20)
    assert found["lam_adjusted"] == pytest.approx(1 - float(here.mean()))

    monkeypatch.setattr(np.random, "randint", lambda low, high, size: middle)
    corners, ratio = timm.data.mixup.cutmix_bbox_and_lam((2, 3, side, side), own)
    longest = 21 if Version(timm.__version__) >= Version("1.0.29") else 20
    assert (corners[1] - corners[0], corners[3] - corners[2]) == (longest, longest)
    assert ratio == 1 - longest**2 / side**2


@given(st.integers(0, 1000), st.integers(0, 8))
def test_odd_sides_are_kept_where_wanted_and_even_ones_are_the_same(thousandths, row):
    length, own = 9, torch.tensor([thousandths / 1000])
    centres = torch.full((2, 1), (row + 0.5) / length)
    side = int(length * (1 - thousandths / 1000) ** 0.5)
    shorter, kept = (box(own, centres, length, length, odd)[0] for odd in ("shorter", "kept"))
    first, behind = row - side // 2, row + side - side // 2
    assert kept.amax(dim=0).tolist() == [float(first <= i < behind) for i in range(length)]
    assert (kept >= shorter).all()
    assert torch.equal(kept, shorter) == (side % 2 == 0 or behind > length)


@pytest.mark.parametrize("per", ["batch", "sample"])
def test_cutmix_mixes_with_probability_p_and_as_before_at_1(per):
    images = batch_of((64, 1, 16, 16))
    plain = [CutMix(per=per)(images, rng_for(0, step)) for step in range(200)]
    half = [CutMix(per=per, p=0.5)(images, rng_for(0, step)) for step in range(200)]
    cut = torch.stack([mixed.masks[:, 1].bool().any(dim=(1, 2)) for mixed in half])
    could = torch.stack([mixed.masks[:, 1].bool().any(dim=(1, 2)) for mixed in plain])
    assert not (cut & ~could).any()
    assert float(cut.sum() / could.sum()) == pytest.approx(
        0.5, abs=0.12 if per == "batch" else 0.02
    )
    for one, other, mixes in zip(plain, half, cut, strict=True):
        assert torch.equal(one.images[mixes], other.images[mixes])
        assert torch.equal(other.images[~mixes], images[~mixes])
        assert (other.ratios[~mixes] == torch.tensor([1.0, 0.0])).all()
        assert bool(mixes.any()) == bool(mixes.all()) or per == "sample"
    never = CutMix(per=per, p=0.0)(images, rng_for(0, 0))
    assert torch.equal(never.images, images)


@pytest.mark.parametrize("rule", [CutMix, FMix])
@pytest.mark.parametrize("per", ["batch", "sample"])
def test_labels_are_weighed_by_what_is_shown_or_by_what_was_drawn(rule, per):
    images = batch_of((32, 1, 16, 16))
    rules = (rule(per=per, labels=labels) for labels in ("shown", "drawn"))
    shown, drawn = (each(images, rng_for(0, 1)) for each in rules)
    assert torch.equal(shown.images, drawn.images)
    assert torch.equal(shown.ratios, drawn.ratios)
    assert shown.weights is None
    own = rng_for(0, 1)
    own.partners(32, 2)
    expected = own.beta(1.0, (32 if per == "sample" else 1,)).expand(32)
    assert torch.equal(drawn.label_weights, torch.stack([expected, 1 - expected], dim=1))
    gap = shown.ratios[:, 0] - drawn.label_weights[:, 0]
    if rule is FMix:
        assert gap.abs().max() < 1 / 16**2
    else:  # clipped and rounded boxes show more of the image
        assert gap.min() > -1e-6
        assert gap.max() > 0.01


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: CutMix(p=1.5), r"p of CutMix must lie in \[0, 1\], not 1\.5"),
        (lambda: CutMix(odd="even"), "treatment of odd sides 'even'"),
        (lambda: CutMix(labels="exact"), "weight of CutMix's labels 'exact'"),
        (lambda: FMix(labels="exact"), "weight of FMix's labels 'exact'"),
    ],
)
def test_an_option_that_there_is_not_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_the_cut_box_shows_the_partner_and_the_rest_oneself():
    images = batch_of((8, 3, 16, 16))
    mixed = CutMix(per="sample")(images, rng_for(0, 1))
    assert set(mixed.masks.unique().tolist()) == {0.0, 1.0}
    for b in range(8):
        own, other = mixed.partners[b].tolist()
        cut = mixed.masks[b, 1].bool()
        assert torch.equal(mixed.images[b][:, cut], images[other][:, cut])
        assert torch.equal(mixed.images[b][:, ~cut], images[own][:, ~cut])
