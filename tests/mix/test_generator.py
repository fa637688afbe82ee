"""The generator against a slow transcription of Eq. 5 to 7: N² products, a convolution per set."""

import numpy as np
import pytest
import torch

from adautomix.errors import InputError
from adautomix.mix import MixGenerator, blend
from adautomix.mix.generator import ORDERS, UPSAMPLING
from adautomix.rng import rng_for

BATCH, CHANNELS, HEIGHT, WIDTH = 5, 6, 3, 4
SIZE = (7, 10)


def generator(**options):
    """In float64, with weights so large that masks are far from 1/N, and biases that are not 0."""
    torch.manual_seed(0)
    made = MixGenerator(CHANNELS, **{"init": 0.7, **options}).double()
    torch.nn.init.normal_(made.qkv.bias, std=0.7)
    return made


def sets(n, seed=0):
    numpy_rng, rng = np.random.default_rng(seed), rng_for(seed, 1)
    features = torch.tensor(numpy_rng.normal(size=(BATCH, CHANNELS, HEIGHT, WIDTH)))
    return features, rng.partners(BATCH, n), rng.ratios(BATCH, n).double()


def softmax(values, axis):
    weights = np.exp(values - values.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


def convolution(made, features, ratio):
    """A 1×1 convolution of z_n with λ_n as channel C + 1: q (e, l), k (e, l) and v (1, l)."""
    weight = made.qkv.weight.detach().numpy()[:, :, 0, 0]
    image = features.reshape(CHANNELS, -1)
    if made.embed_ratio:
        weight = np.concatenate([weight, made.ratio_weight.detach().numpy()[:, None]], axis=1)
        image = np.concatenate([image, np.full((1, image.shape[1]), ratio)])
    result = weight @ image + made.qkv.bias.detach().numpy()[:, None]
    return np.split(result, [made.width, 2 * made.width])


def slow_logits(made, features, partners, ratios):
    """P_n of Eq. 5 for every set."""
    batch, n = partners.shape
    found = np.zeros((batch, n, HEIGHT * WIDTH))
    for b in range(batch):
        qkv = [
            convolution(made, features[partners[b, i]].numpy(), float(ratios[b, i]))
            for i in range(n)
        ]
        for own in range(n):
            products = np.zeros((HEIGHT * WIDTH, HEIGHT * WIDTH))
            for other in range(n):
                if other != own:
                    products += qkv[own][0].T @ qkv[other][1]
            attention = softmax(products / np.sqrt(made.width), axis=1)
            found[b, own] = attention @ qkv[own][2][0]
    return found.reshape(batch, n, HEIGHT, WIDTH)


def slow_upsample(maps, how):
    """Nearest or bilinear with pixel centres at halves, for one map (h, w)."""
    large = np.zeros(SIZE)
    for i, j in np.ndindex(SIZE):
        if how == "nearest":
            large[i, j] = maps[i * HEIGHT // SIZE[0], j * WIDTH // SIZE[1]]
            continue
        y = min(max((i + 0.5) * HEIGHT / SIZE[0] - 0.5, 0), HEIGHT - 1)
        x = min(max((j + 0.5) * WIDTH / SIZE[1] - 0.5, 0), WIDTH - 1)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                share = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
                large[i, j] += share * maps[row, column]
    return large


def slow_masks(made, *sets):
    logits = slow_logits(made, *sets)
    maps = logits if made.order == "upsample-softmax" else softmax(logits, axis=1)
    large = np.array([[slow_upsample(m, made.upsampling) for m in per_set] for per_set in maps])
    return softmax(large, axis=1) if made.order == "upsample-softmax" else large


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("embed_ratio", [True, False])
@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_logits_are_eq_5(n, embed_ratio, reduction):
    made = generator(embed_ratio=embed_ratio, reduction=reduction)
    assert made.width == CHANNELS // reduction
    slow = slow_logits(made, *sets(n))
    np.testing.assert_allclose(made.logits(*sets(n)).detach(), slow, rtol=1e-9, atol=1e-12)
    assert slow.std() > 0.1


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("upsampling", UPSAMPLING)
@pytest.mark.parametrize("order", ORDERS)
def test_masks_are_eq_6_in_either_order(n, upsampling, order):
    made = generator(upsampling=upsampling, order=order)
    slow = slow_masks(made, *sets(n))
    np.testing.assert_allclose(made(*sets(n), SIZE).detach(), slow, rtol=1e-9)
    assert slow.max() > 0.6


def test_on_the_grid_of_the_tap_the_order_does_not_matter():
    once, other = (generator(order=order) for order in ORDERS)
    grid = (HEIGHT, WIDTH)
    torch.testing.assert_close(once(*sets(3), grid), other(*sets(3), grid))
    assert not torch.allclose(once(*sets(3), SIZE), other(*sets(3), SIZE))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ORDERS)
def test_one_generator_makes_distributions_over_any_number_of_images(n, order):
    masks = generator(order=order)(*sets(n), SIZE)
    assert masks.shape == (BATCH, n, *SIZE)
    assert (masks > 0).all()
    torch.testing.assert_close(masks.sum(1), torch.ones(BATCH, *SIZE).double())


def test_permuting_the_images_of_a_set_permutes_its_masks():
    made = generator()
    features, partners, ratios = sets(4)
    order = torch.tensor([2, 0, 3, 1])
    masks = made(features, partners, ratios, SIZE)
    permuted = made(features, partners[:, order], ratios[:, order], SIZE)
    torch.testing.assert_close(permuted, masks[:, order])
    assert not torch.allclose(permuted, masks)


def test_a_set_does_not_depend_on_the_rest_of_the_batch():
    made = generator()
    features, partners, ratios = sets(3)
    three = features[partners[2]]
    alone = made(three, torch.arange(3).expand(3, 3), ratios[2].expand(3, 3), SIZE)
    torch.testing.assert_close(alone[0], made(features, partners, ratios, SIZE)[2])


def test_the_ratios_change_the_masks_only_where_they_are_embedded():
    features, partners, ratios = sets(3)
    for embed_ratio in (True, False):
        made = generator(embed_ratio=embed_ratio)
        once, other = (made(features, partners, r, SIZE) for r in (ratios, ratios.roll(1, dims=1)))
        assert torch.equal(once, other) != embed_ratio


def test_without_embedding_there_is_no_weight_for_it():
    assert generator(embed_ratio=False).ratio_weight is None
    assert len(list(generator(embed_ratio=False).parameters())) == 2


def part(made, name):
    """The rows of the convolution that make q, k or v."""
    first = {"q": 0, "k": made.width, "v": 2 * made.width}[name]
    return slice(first, first + (1 if name == "v" else made.width))


@torch.no_grad()
def test_a_ratio_embedded_in_k_has_no_effect():
    made = generator()
    before = made.logits(*sets(3))
    made.ratio_weight[part(made, "k")] += 5.0
    torch.testing.assert_close(made.logits(*sets(3)), before)
    made.ratio_weight[part(made, "q")] += 5.0
    assert not torch.allclose(made.logits(*sets(3)), before)


@torch.no_grad()
def test_a_ratio_embedded_in_v_is_added_to_the_logits():
    made = generator()
    features, partners, ratios = sets(3)
    before = made.logits(features, partners, ratios)
    made.ratio_weight[part(made, "v")] += 5.0
    after = made.logits(features, partners, ratios)
    torch.testing.assert_close(after, before + 5.0 * ratios[:, :, None, None])


@pytest.mark.parametrize("order", ORDERS)
def test_a_gradient_reaches_all_that_can_have_an_effect(order):
    """All but λ in k and the biases of k and v, which a softmax forgets."""
    made = generator(order=order)
    target = torch.rand(BATCH, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    (made(*sets(3), SIZE) * target).sum().backward()
    weight = made.qkv.weight.grad.flatten(1).norm(dim=1)
    assert (weight > 1e-6).all()
    for gradient, idle in ((made.ratio_weight.grad, "k"), (made.qkv.bias.grad, "kv")):
        for name in "qkv":
            rows = gradient[part(made, name)].abs()
            assert (rows < 1e-12).all() if name in idle else (rows > 1e-6).all()


def test_a_gradient_reaches_the_features_and_the_ratios():
    features, partners, ratios = sets(3)
    masks = generator()(features.requires_grad_(), partners, ratios.requires_grad_(), SIZE)
    masks[:, 0].square().sum().backward()
    assert (features.grad.flatten(1).norm(dim=1) > 1e-6).all()
    assert (ratios.grad.abs() > 1e-9).all()


@torch.no_grad()
def test_attention_rows_sum_to_one_and_weigh_v_into_the_logits():
    made = generator()
    attention = made.attention(*sets(3))
    length = HEIGHT * WIDTH
    assert attention.shape == (BATCH, 3, length, length)
    torch.testing.assert_close(attention.sum(-1), torch.ones(BATCH, 3, length).double())
    v = made.attend_to(*sets(3))[2]
    logits = (attention @ v).squeeze(-1).unflatten(2, (HEIGHT, WIDTH))
    torch.testing.assert_close(logits, made.logits(*sets(3)))


@torch.no_grad()
def test_small_weights_start_from_masks_near_one_over_n():
    torch.manual_seed(0)
    made = MixGenerator(CHANNELS).double()
    assert (made(*sets(4), SIZE) - 1 / 4).abs().max() < 0.02
    assert (made.qkv.bias == 0).all()


@pytest.mark.parametrize("embed_ratio", [True, False])
def test_init_is_the_standard_deviation_of_the_weights(embed_ratio):
    torch.manual_seed(0)
    made = MixGenerator(256, init=0.03, embed_ratio=embed_ratio)
    weights = [made.qkv.weight] + ([made.ratio_weight] if embed_ratio else [])
    for weight in weights:
        assert weight.std().item() == pytest.approx(0.03, rel=0.15)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            lambda: MixGenerator(8, upsampling="nearst"),
            "upsampling 'nearst': did you mean 'nearest'",
        ),
        (lambda: MixGenerator(8, order="softmax"), "unknown order of softmax and upsampling"),
        (lambda: MixGenerator(8, reduction=0), r"reduction must lie in 1\.\.8, not 0"),
        (lambda: MixGenerator(8, reduction=9), r"reduction must lie in 1\.\.8, not 9"),
        (
            lambda: MixGenerator(8).double()(*sets(2), SIZE),
            "made for features of 8 channels, not 6: build it with .* Backbone.feature_shape",
        ),
    ],
)
def test_what_cannot_be_built_or_fed_is_one_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        wrong()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("embed_ratio", [True, False])
def test_in_half_precision_the_mixed_images_stay_so(dtype, embed_ratio):
    features, partners, ratios = sets(3)
    made = generator(embed_ratio=embed_ratio).to(dtype)
    masks = made(features.to(dtype), partners, ratios.float(), SIZE)
    torch.testing.assert_close(masks.sum(1).float(), torch.ones(BATCH, *SIZE), atol=0.02, rtol=0)
    images = torch.rand(BATCH, 3, *SIZE).to(dtype)
    assert blend(images, partners, masks).dtype == dtype
