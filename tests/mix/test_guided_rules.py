"""One contract for every rule that is told what matters in each image."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adautomix.errors import InputError
from adautomix.mix import (
    GUIDED,
    AttentiveCutMix,
    GuidedRule,
    PuzzleMix,
    SnapMix,
    blend,
)
from adautomix.mix.importance import resized, shares
from adautomix.rng import rng_for

RULES = {name: rule() for name, rule in GUIDED.items()}
RULES |= {f"{name}-sample": replace(rule, per="sample") for name, rule in RULES.items()}
RULES |= {
    "puzzlemix-stay": PuzzleMix(transport=False),
    "puzzlemix-relaxed": PuzzleMix(solver="relaxed"),
    "puzzlemix-2-labels": PuzzleMix(labels=2, transport=False),
    "attentivecutmix-drawn": AttentiveCutMix(share=None),
}
MOVING = {name for name, rule in RULES.items() if getattr(rule, "transport", False)} | {
    name for name, rule in RULES.items() if isinstance(rule, SnapMix)
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
IN_PLACE = {name: rule for name, rule in RULES.items() if name not in MOVING}
each_rule_that_moves_no_pixel = pytest.mark.parametrize("rule", IN_PLACE.values(), ids=IN_PLACE)
CLOSE = {torch.float64: 1e-6, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
each_dtype = pytest.mark.parametrize("dtype", CLOSE, ids=str)
SHAPES = [(6, 3, 8, 8), (5, 1, 4, 12), (2, 4, 16, 6)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
each_shape_or_dtype = pytest.mark.parametrize(
    ("shape", "dtype"),
    [(shape, torch.float32) for shape in SHAPES]
    + [(SHAPES[0], dtype) for dtype in CLOSE if dtype != torch.float32],
    ids=str,
)


@pytest.fixture(autouse=True)
def with_its_library(request):
    """A rule that needs an optional library is skipped without it."""
    rule = getattr(request.node, "callspec", None) and request.node.callspec.params.get("rule")
    if isinstance(rule, PuzzleMix) and rule.solver == "graphcut":
        pytest.importorskip("maxflow")


def batch_of(shape=(6, 3, 8, 8), dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def maps_of(shape=(6, 3, 8, 8), cells=None):
    """What matters: at the size of the images, or on a grid of `cells`."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(shape[0], *(cells or shape[2:]), generator=generator) ** 3


@each_rule
def test_a_rule_is_a_frozen_value_that_names_its_guide(rule):
    assert isinstance(rule, GuidedRule)
    assert rule.guide in ("saliency", "attention", "cam")
    assert hash(rule) == hash(replace(rule))
    with pytest.raises(AttributeError):
        rule.alpha = 3.0


@each_rule
@each_shape_or_dtype
def test_masks_have_the_dtype_of_the_images_and_ratios_that_or_float32(rule, shape, dtype):
    images = batch_of(shape, dtype)
    mixed = rule(images, rng_for(0, 1), maps_of(shape))
    assert mixed.images.shape == images.shape
    assert mixed.ratios.shape == mixed.label_weights.shape == (shape[0], 2)
    assert mixed.masks.shape == (shape[0], 2, *shape[2:])
    assert mixed.images.dtype == mixed.masks.dtype == dtype
    at_least = torch.promote_types(dtype, torch.float32)
    assert mixed.ratios.dtype == mixed.label_weights.dtype == at_least
    assert mixed.partners.dtype == torch.int64
    for weights, near in ((mixed.ratios.double(), 1e-6), (mixed.masks.double(), CLOSE[dtype])):
        assert (weights >= 0).all()
        torch.testing.assert_close(
            weights.sum(1), torch.ones_like(weights[:, 0]), atol=near, rtol=0
        )
    areas = mixed.masks.double().mean(dim=(2, 3))
    torch.testing.assert_close(mixed.ratios.double(), areas, atol=CLOSE[dtype], rtol=0)


@each_rule
@each_shape_or_dtype
def test_with_image_i_painted_i_the_mean_pixel_is_the_sum_of_ratio_times_i(rule, shape, dtype):
    painted = torch.arange(shape[0], dtype=dtype)[:, None, None, None].expand(shape)
    mixed = rule(painted, rng_for(0, 2), maps_of(shape))
    expected = (mixed.ratios.double() * mixed.partners).sum(1)
    found = mixed.images.double().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found, expected, atol=shape[0] * CLOSE[dtype], rtol=0)


@each_rule_that_moves_no_pixel
@each_shape
def test_the_images_are_the_blend_of_the_masks(rule, shape):
    mixed = rule(batch_of(shape), rng_for(0, 2), maps_of(shape))
    assert torch.equal(mixed.images, blend(batch_of(shape), mixed.partners, mixed.masks))


@each_rule_that_moves_no_pixel
@each_dtype
def test_mixing_identical_images_changes_nothing(rule, dtype):
    images = batch_of(dtype=dtype)[:1].expand(6, 3, 8, 8)
    mixed = rule(images, rng_for(0, 4), maps_of())
    torch.testing.assert_close(mixed.images, images.contiguous(), atol=CLOSE[dtype], rtol=0)


@each_rule
def test_partners_are_oneself_first_and_somebody_else(rule):
    partners = rule(batch_of(), rng_for(0, 3), maps_of()).partners
    assert partners[:, 0].tolist() == list(range(6))
    assert (partners[:, 1] != partners[:, 0]).all()


@each_rule
def test_same_draw_same_batch_and_another_draw_another(rule):
    once, again, other = (rule(batch_of(), rng_for(0, step), maps_of()) for step in (5, 5, 6))
    pairs = zip(vars(once).values(), vars(again).values(), strict=True)
    assert all(a is b is None or torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(once.images, other.images)


@each_rule
def test_the_numbers_come_from_the_draw_alone(rule):
    before = torch.get_rng_state()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    rule(batch_of(), rng_for(0, 5), maps_of())
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@each_rule
def test_the_inputs_are_untouched(rule):
    images, maps = batch_of(), maps_of()
    rule(images, rng_for(0, 7), maps)
    assert torch.equal(images, batch_of())
    assert torch.equal(maps, maps_of())


@each_rule
def test_the_map_decides(rule):
    once, other = (rule(batch_of(), rng_for(0, 5), m) for m in (maps_of(), maps_of().flip(2)))
    assert torch.equal(once.partners, other.partners)
    assert not torch.equal(once.label_weights, other.label_weights) or not torch.equal(
        once.masks, other.masks
    )


@each_rule
def test_the_scale_of_a_map_does_not_matter_and_a_map_of_nothing_is_uniform(rule):
    maps = maps_of()
    once, large, nothing, uniform = (
        rule(batch_of(), rng_for(0, 5), m) for m in (maps, 4 * maps, 0 * maps, 0 * maps + 1)
    )
    for one, other in ((once, large), (nothing, uniform)):
        torch.testing.assert_close(one.images, other.images)
        torch.testing.assert_close(one.label_weights, other.label_weights)


@each_rule
def test_a_map_may_be_coarser_than_the_images(rule):
    mixed = rule(batch_of(), rng_for(0, 5), maps_of(cells=(4, 4)))
    assert mixed.masks.shape == (6, 2, 8, 8)
    assert torch.isfinite(mixed.images).all()


@each_rule
def test_a_batch_of_one_is_refused(rule):
    with pytest.raises(InputError, match="n = 2 different images from a batch of 1"):
        rule(batch_of()[:1], rng_for(0, 8), maps_of()[:1])


@pytest.mark.parametrize("rule", [PuzzleMix, AttentiveCutMix, SnapMix])
def test_a_wrong_per_or_alpha_is_refused(rule):
    options = {"share": None} if rule is AttentiveCutMix else {}
    with pytest.raises(InputError, match="per='batch' or per='sample', not per='pixel'"):
        rule(per="pixel", **options)(batch_of(), rng_for(0, 9), maps_of())
    with pytest.raises(InputError, match=r"must be positive, not 0\.0"):
        rule(alpha=0.0, **options)(batch_of(), rng_for(0, 9), maps_of())


def test_shares_are_of_the_sum_and_know_nothing_of_what_is_negative():
    maps = torch.tensor([[[1.0, 3.0]], [[-2.0, 5.0]], [[0.0, -1.0]]])
    expected = torch.tensor([[[0.25, 0.75]], [[0.0, 1.0]], [[0.5, 0.5]]])
    torch.testing.assert_close(shares(maps), expected)


def test_a_map_of_the_right_size_is_not_resized():
    maps = maps_of()
    assert resized(maps, (8, 8)) is maps
    assert resized(maps, (16, 16), mode="nearest")[0, 3, 5] == maps[0, 1, 2]
