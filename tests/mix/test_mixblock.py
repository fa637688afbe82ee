"""The mix blocks against explicit attention loops in numpy, and what λ can do in them."""

import numpy as np
import pytest
import torch

from adautomix.errors import InputError
from adautomix.mix import ContentMixBlock, MixBlock, blend
from adautomix.mix.mixblock import adaptive_ratio
from adautomix.rng import rng_for

BATCH, CHANNELS, HEIGHT, WIDTH = 5, 6, 3, 4
SIZE = (6, 12)
each_block = pytest.mark.parametrize("kind", [MixBlock, ContentMixBlock])


def block(kind=MixBlock, **options):
    """In float64, with weights so large that masks are far from ½, and biases that are not 0."""
    torch.manual_seed(0)
    made = kind(CHANNELS, **{"init": 0.7, **options}).double()
    for parameter in made.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, std=0.7)
    return made


def pairs():
    numpy_rng, rng = np.random.default_rng(0), rng_for(0, 1)
    features = torch.tensor(numpy_rng.normal(size=(BATCH, CHANNELS, HEIGHT, WIDTH)))
    return features, rng.partners(BATCH, 2), rng.ratios(BATCH, 2).double()


def numbers(tensor):
    return tensor.detach().numpy()


def attended(q, k, v):
    """Row by row: for each position of q the softmax over the positions of k, applied to v."""
    found = np.zeros(len(q))
    for i, query in enumerate(q):
        scores = np.array([query @ key for key in k]) / np.sqrt(len(query))
        weights = np.exp(scores - scores.max())
        found[i] = weights @ v / weights.sum()
    return found.reshape(HEIGHT, WIDTH)


def slow_logits(made, features, partners, ratios):
    """AutoMix: λ and 1 − λ as channel C + 1 of the two images, one convolution for q and k."""
    weight = numbers(made.projection.weight)[:, :, 0, 0]
    if made.embed_ratio:
        weight = np.concatenate([weight, numbers(made.ratio_weight)[:, None]], axis=1)
    bias, found = numbers(made.projection.bias), []
    for own, theirs in zip(partners[:, 0], partners[:, 1], strict=True):
        row = len(found)
        images = []
        for which, ratio in ((own, ratios[row, 0]), (theirs, ratios[row, 1])):
            image = features[which].numpy().reshape(CHANNELS, -1)
            if made.embed_ratio:
                image = np.concatenate([image, np.full((1, image.shape[1]), float(ratio))])
            images.append((weight @ image).T + bias)
        found.append(attended(images[0][:, :-1], images[1][:, :-1], images[1][:, -1]))
    return np.array(found)


def slow_content_logits(made, features, partners, ratios):
    """SAMix: scaled features, q and k of the two images' channels together, a two-layer v."""
    width = made.width
    own_q, own_k, their_q, their_k = np.split(numbers(made.projection.weight)[:, :, 0, 0], 4)
    query, key = np.hstack([own_q, their_q]), np.hstack([own_k, their_k])
    hidden, found = [], []
    for row in range(BATCH):
        scaled = [
            features[partners[row, i]].numpy().reshape(CHANNELS, -1)
            * (1 + float(slow_adaptive(ratios[row, i], made.flatness)))
            for i in range(2)
        ]
        both = np.concatenate(scaled)
        found.append(((query @ both).T + numbers(made.query_bias), (key @ both).T))
        hidden.append(numbers(made.hidden.weight)[:, :, 0, 0] @ scaled[1])
    hidden = np.array(hidden)  # b e l
    norm = made.value[0]
    mean, var = hidden.mean(axis=(0, 2)), hidden.var(axis=(0, 2))
    normal = (hidden - mean[:, None]) / np.sqrt(var + norm.eps)[:, None]
    normal = normal * numbers(norm.weight)[:, None] + numbers(norm.bias)[:, None]
    content = np.where(normal > 0, normal, np.exp(normal) - 1)
    values = np.einsum("e,bel->bl", numbers(made.value[2].weight).reshape(width), content)
    return np.array([attended(q, k, v) for (q, k), v in zip(found, values, strict=True)])


def slow_adaptive(ratio, k):
    k = k + 1
    return 1 / (k - 2 / 3) * (4 / 3 * ratio**3 - 2 * ratio**2 + k * ratio)


@pytest.mark.parametrize("embed_ratio", [True, False])
@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_logits_are_one_image_attending_to_the_other(embed_ratio, reduction):
    made = block(embed_ratio=embed_ratio, reduction=reduction)
    slow = slow_logits(made, *pairs())
    np.testing.assert_allclose(numbers(made.logits(*pairs())), slow, rtol=1e-9, atol=1e-12)
    assert slow.std() > 0.1


@pytest.mark.parametrize("reduction", [1, 2])
@pytest.mark.parametrize("flatness", [0.25, 2.0])
def test_content_logits_see_both_images_in_q_and_k(reduction, flatness):
    made = block(ContentMixBlock, reduction=reduction, flatness=flatness)
    slow = slow_content_logits(made, *pairs())
    np.testing.assert_allclose(numbers(made.logits(*pairs())), slow, rtol=1e-9, atol=1e-12)
    assert slow.std() > 0.1


@each_block
def test_masks_are_the_sigmoid_of_upsampled_logits_and_sum_to_one(kind):
    made = block(kind, upsampling="nearest")
    masks, logits = made(*pairs(), SIZE).detach(), numbers(made.logits(*pairs()))
    for b, i, j in np.ndindex(BATCH, *SIZE):
        logit = logits[b, i * HEIGHT // SIZE[0], j * WIDTH // SIZE[1]]
        assert float(masks[b, 1, i, j]) == pytest.approx(1 / (1 + np.exp(-logit)))
    torch.testing.assert_close(masks.sum(1), torch.ones(BATCH, *SIZE).double())


@each_block
def test_bilinear_is_smoother_than_nearest_and_the_same_on_the_grid(kind):
    near, smooth = (block(kind, upsampling=how) for how in ("nearest", "bilinear"))
    grid = (HEIGHT, WIDTH)
    torch.testing.assert_close(near(*pairs(), grid), smooth(*pairs(), grid))
    steps = [made(*pairs(), SIZE).diff(dim=2).abs().amax() for made in (near, smooth)]
    assert steps[1] < steps[0]


@torch.no_grad()
def test_a_ratio_embedded_in_v_is_added_to_the_logits():
    made, (features, partners, ratios) = block(), pairs()
    before = made.logits(features, partners, ratios)
    made.ratio_weight[-1] += 5.0
    after = made.logits(features, partners, ratios)
    torch.testing.assert_close(after, before + 5.0 * ratios[:, 1, None, None])


@torch.no_grad()
def test_a_ratio_in_k_has_no_effect_and_one_in_q_has():
    made, (features, partners, ratios) = block(), pairs()
    made.ratio_weight[-1] = 0.0
    before = made.logits(features, partners, ratios)
    theirs, mine = ratios.clone(), ratios.clone()
    theirs[:, 1] += 1.0
    mine[:, 0] += 1.0
    torch.testing.assert_close(made.logits(features, partners, theirs), before)
    assert not torch.allclose(made.logits(features, partners, mine), before)


def test_the_ratios_change_the_masks_only_where_they_are_told():
    features, partners, ratios = pairs()
    for made, told in (
        (block(), True),
        (block(embed_ratio=False), False),
        (block(ContentMixBlock), True),
    ):
        once, other = (made(features, partners, r, SIZE) for r in (ratios, ratios.flip(1)))
        assert torch.equal(once, other) != told


def test_the_adaptive_ratio_keeps_0_half_and_1_and_is_flat_between():
    ratios = torch.linspace(0, 1, 11, dtype=torch.float64)
    rows = torch.stack([ratios, 1 - ratios], dim=1)
    for flatness in (0.0, 0.25, 3.0):
        found = adaptive_ratio(rows, flatness)
        torch.testing.assert_close(found.sum(1), torch.ones_like(ratios))
        torch.testing.assert_close(found[[0, 5, 10], 0], ratios[[0, 5, 10]])
        torch.testing.assert_close(found[:, 0], slow_adaptive(ratios, flatness))
        assert (found[:, 0].diff() > 0).all()
    slope = (adaptive_ratio(rows + 1e-6) - adaptive_ratio(rows))[5, 0] / 1e-6
    assert float(slope) == pytest.approx(0.25 / (1 / 3 + 0.25), rel=1e-4)


@each_block
def test_a_gradient_reaches_every_parameter(kind):
    made = block(kind)
    target = torch.rand(BATCH, 2, *SIZE, generator=torch.Generator().manual_seed(0))
    (made(*pairs(), SIZE) * target).sum().backward()
    assert all(parameter.grad.norm() > 1e-6 for parameter in made.parameters())


@torch.no_grad()
@each_block
def test_small_weights_start_from_masks_near_one_half(kind):
    torch.manual_seed(0)
    made = kind(CHANNELS).double()
    assert (made(*pairs(), SIZE) - 1 / 2).abs().max() < 0.02
    assert all(
        torch.isin(p, torch.tensor([0.0, 1.0])).all()
        for p in made.parameters()
        if p.ndim == 1 and p is not getattr(made, "ratio_weight", None)
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: MixBlock(8, upsampling="nearst"), "upsampling 'nearst': did you mean 'nearest'"),
        (lambda: MixBlock(8, reduction=9), r"reduction must lie in 1\.\.8, not 9"),
        (lambda: MixBlock(8)(*pairs(), SIZE), "made for features of 8 channels, not 6"),
        (lambda: ContentMixBlock(8)(*pairs(), SIZE), "made for features of 8 channels, not 6"),
    ],
)
def test_what_cannot_be_built_or_fed_is_one_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        wrong()


@each_block
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_the_mixed_images_stay_so(kind, dtype):
    features, partners, ratios = pairs()
    masks = block(kind).to(dtype)(features.to(dtype), partners, ratios.float(), SIZE)
    torch.testing.assert_close(masks.sum(1).float(), torch.ones(BATCH, *SIZE), atol=0.02, rtol=0)
    assert blend(torch.rand(BATCH, 3, *SIZE).to(dtype), partners, masks).dtype == dtype
