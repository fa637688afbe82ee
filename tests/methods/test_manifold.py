"""Manifold Mixup against forwards that are split by hand, on toys and on timm's own models."""

import copy
import subprocess
import sys

import pytest
import timm
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn

from adautomix.errors import InputError
from adautomix.methods import Fixed, ManifoldMix
from adautomix.methods.manifold import StageMix, mix_rows, stages
from adautomix.mix import Mixup
from adautomix.models import Backbone, Net
from adautomix.rng import rng_for

BATCH, SIDE, CLASSES = 6, 32, 5
SWIN = {"img_size": 32, "window_size": 2, "embed_dim": 8, "depths": (1,) * 4, "num_heads": (1,) * 4}


class Toy(nn.Module):
    """Three stages behind a stem, named as timm names them; no BatchNorm."""

    def __init__(self):
        super().__init__()
        self.act1 = nn.Tanh()
        widths = (3, 4, 6, 8)
        for i in range(3):
            stage = nn.Sequential(nn.Conv2d(widths[i], widths[i + 1], 3, 2, 1), nn.Tanh())
            setattr(self, f"layer{i + 1}", stage)
        self.head = nn.Linear(8, CLASSES)
        names = ("act1", "layer1", "layer2", "layer3")
        self.feature_info = [{"module": name} for name in names]

    def parts(self):
        return [self.act1, self.layer1, self.layer2, self.layer3]

    def forward_intermediates(self, x, indices, output_fmt):
        seen = []
        for part in self.parts():
            x = part(x)
            seen.append(x)
        return x, [seen[i] for i in indices]

    def forward_head(self, x):
        return self.head(x.mean(dim=(2, 3)))

    def forward(self, x):
        return self.forward_head(self.forward_intermediates(x, [-1], "NCHW")[0])


def parts_of(model):
    """Stem, stages and rest of a timm model, written down by hand."""
    if isinstance(model, Toy):
        return model.parts(), model.forward_head
    kind = type(model).__name__
    if kind == "ResNet":
        stem = nn.Sequential(model.conv1, model.bn1, model.act1, model.maxpool)
        return [stem, model.layer1, model.layer2, model.layer3, model.layer4], model.forward_head
    if kind == "ConvNeXt":
        rest = lambda x: model.forward_head(model.norm_pre(x))  # noqa: E731
        return [model.stem, *model.stages], rest
    if kind == "SwinTransformer":
        return [model.patch_embed, *model.layers], lambda x: model.forward_head(model.norm(x))
    assert kind == "VisionTransformer"

    def tokens(x):
        return model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(x))))

    return [tokens, *model.blocks], lambda x: model.forward_head(model.norm(x))


MODELS = {
    "toy": Toy,
    "thin resnet18": lambda: Net("resnet18", width=8).build(CLASSES).model,
    "test_resnet": lambda: timm.create_model("test_resnet", num_classes=CLASSES),
    "test_convnext": lambda: timm.create_model("test_convnext", num_classes=CLASSES),
    "test_vit": lambda: timm.create_model("test_vit", num_classes=CLASSES, img_size=SIDE),
    "tiny swin": lambda: timm.create_model(
        "swin_tiny_patch4_window7_224", num_classes=CLASSES, **SWIN
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def backbone(request):
    torch.manual_seed(0)
    return Backbone(MODELS[request.param]()).double().eval()


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return Backbone(Toy()).double()


def batch_of(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH, 3, SIDE, SIDE, generator=generator).to(dtype)
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator)


def sets_of(count=2):
    rng = rng_for(0, 1)
    return rng.partners(BATCH, count), rng.ratios(BATCH, count).double()


def test_mixing_after_a_stage_is_the_forward_split_by_hand(backbone):
    (images, _), (partners, ratios) = batch_of(), sets_of()
    parts, rest = parts_of(backbone.model)
    stage_mix = StageMix(backbone, layers=min(len(parts), 5))
    for layer in range(1, min(len(parts), 5)):
        hidden = images
        for part in parts[: layer + 1]:
            hidden = part(hidden)
        shares = ratios.reshape(BATCH, 2, *[1] * (hidden.ndim - 1))
        hidden = torch.stack(
            [sum(shares[b, n] * hidden[partners[b, n]] for n in range(2)) for b in range(BATCH)]
        )
        for part in parts[layer + 1 :]:
            hidden = part(hidden)
        found = stage_mix(backbone, images, partners, ratios, layer)
        torch.testing.assert_close(found, rest(hidden))
        assert not torch.allclose(found, backbone(images), atol=1e-6)


def test_stages_are_those_of_the_model_without_its_stem(backbone):
    parts, _ = parts_of(backbone.model)
    assert [id(stage) for stage in stages(backbone)] == [id(part) for part in parts[1:]]


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_gradients_are_those_of_the_hand_split_forward(toy, layer):
    (images, labels), (partners, ratios) = batch_of(), sets_of()
    method = ManifoldMix(layers=4).build(toy, SIDE)
    shown = mix_rows(images, partners, ratios) if layer == 0 else images
    losses = method.compute(shown, labels, partners, ratios, layer)
    losses.total.backward()
    hidden = images
    for depth, part in enumerate([nn.Identity(), *toy.model.parts()[1:]]):
        hidden = part(toy.model.act1(hidden) if depth == 1 else hidden)
        if depth == layer:
            hidden = (
                ratios[:, :1, None, None] * hidden
                + ratios[:, 1:, None, None] * (hidden[partners[:, 1]])
            )
    target = (F.one_hot(labels, CLASSES)[partners] * ratios[..., None]).sum(1)
    expected = F.cross_entropy(toy.model.forward_head(hidden), target)
    torch.testing.assert_close(losses.total, expected)
    parameters = list(toy.parameters())
    for parameter, by_hand in zip(
        parameters, torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(parameter.grad, by_hand)


@pytest.mark.parametrize("step", range(4))
def test_a_step_at_layer_0_is_mixups_step_bit_by_bit(step):
    images, labels = batch_of(torch.float32)
    steps = []
    for config in (ManifoldMix(layers=1), Fixed(Mixup(alpha=2.0))):
        method = config.build(Net("resnet18", width=8).build(CLASSES), SIDE).train()
        total = method(images, labels, rng_for(0, step)).total
        total.backward()
        steps.append([total, *(p.grad for p in method.classifier.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*steps, strict=True))


def record(method, monkeypatch):
    """The arguments of every call of `compute` from now on."""
    seen, compute = [], method.compute
    monkeypatch.setattr(method, "compute", lambda *given: seen.append(given) or compute(*given))
    return seen


def test_each_layer_is_drawn_equally_often_and_images_are_mixed_at_layer_0_alone(toy, monkeypatch):
    method = ManifoldMix(layers=3).build(toy, SIDE)
    seen = record(method, monkeypatch)
    images, labels = batch_of()
    images = images[:, :, :8, :8].contiguous()
    for step in range(300):
        method(images, labels, rng_for(0, step))
    layers = [given[-1] for given in seen]
    assert stats.chisquare([layers.count(layer) for layer in range(3)]).pvalue > 0.01
    assert all(torch.equal(given[0], images) == (given[-1] > 0) for given in seen)


def test_nothing_is_mixed_after_the_call_nor_after_an_error(backbone):
    (images, _), (partners, ratios) = batch_of(), sets_of()
    clean = backbone(images)
    stage_mix = StageMix(backbone, layers=2)
    assert not torch.allclose(stage_mix(backbone, images, partners, ratios, 1), clean)
    assert torch.equal(backbone(images), clean)
    with pytest.raises(IndexError):
        stage_mix(backbone, images, partners + BATCH, ratios, 1)
    assert torch.equal(backbone(images), clean)


def test_a_copy_of_the_method_mixes_by_itself_and_its_weights_have_no_new_names(toy):
    names = list(toy.state_dict())
    method = ManifoldMix().build(toy, SIDE)
    assert list(toy.state_dict()) == names
    twin = copy.deepcopy(method)
    assert twin.stage_mix is not method.stage_mix
    (images, labels), sets = batch_of(), sets_of()
    totals = [m.compute(images, labels, *sets, 2).total for m in (method, twin)]
    assert torch.equal(*totals)
    clean = toy(images)
    twin.stage_mix.wanted = (2, *sets)
    assert torch.equal(toy(images), clean)
    assert torch.equal(method.teacher(images), clean)
    assert not torch.allclose(twin.classifier(images), clean)


@pytest.mark.parametrize("shape", [(BATCH, 3), (BATCH, 7, 4), (BATCH, 2, 5, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_rows_are_mixed_as_in_a_loop(shape, dtype):
    partners, ratios = sets_of(3)
    features = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = mix_rows(features, partners, ratios)
    assert found.dtype == dtype
    wide = features.double()
    for b in range(BATCH):
        expected = sum(float(ratios[b, n]) * wide[partners[b, n]] for n in range(3))
        torch.testing.assert_close(
            found[b].double(), expected, atol=1e-12 if dtype == torch.float64 else 0.05, rtol=0
        )


COMPILED = """
import torch
from torch._dynamo.testing import CompileCounter
from adautomix.rng import draw_for
from adautomix.methods import ManifoldMix
from adautomix.models import Net

method = ManifoldMix().build(Net("resnet18", width=8).build(5), 16).eval()
images, labels = torch.randn(6, 3, 16, 16), torch.arange(6) % 5
partners, ratios = rng_for(0, 1).partners(6, 2), rng_for(0, 1).ratios(6, 2)
plain = [method.compute(images, labels, partners, ratios, layer).total for layer in range(3)]
graphs = CompileCounter()
method.compile_step(backend=graphs, fullgraph=True)
for layer in (0, 1, 2, 2, 1, 0):
    found = method.compute(images, labels, partners, ratios, layer).total
    torch.testing.assert_close(found, plain[layer])
print(graphs.frame_count)
"""


@pytest.mark.slow
def test_compiled_there_is_one_graph_for_each_layer(root):
    """In a process of its own: the shape checks of the tests cannot be compiled."""
    command = [sys.executable, "-c", COMPILED]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3"], done.stderr


def test_mixed_shows_the_partners_and_ratios_of_the_step(toy, monkeypatch):
    method = ManifoldMix(per="sample").build(toy, SIDE)
    images, labels = batch_of()
    seen = record(method, monkeypatch)
    method(images, labels, rng_for(0, 7))
    shown = method.mixed(images, rng_for(0, 7))
    assert torch.equal(seen[0][2], shown.partners)
    assert torch.equal(seen[0][3], shown.ratios)
    assert len(shown.ratios[:, 0].unique()) == BATCH
    assert torch.equal(shown.masks[..., 0, 0], shown.ratios)


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (0, "must be 1 or more, not 0"),
        (5, "mixes after stage 4, but timm names 3 stages in Toy: use layers=4 or fewer"),
    ],
)
def test_layers_that_the_model_has_not_are_one_sentence(toy, layers, sentence):
    with pytest.raises(InputError, match=sentence):
        ManifoldMix(layers=layers).build(toy, SIDE)


def test_a_model_without_stages_can_only_mix_images(toy):
    toy.model.feature_info = []
    with pytest.raises(InputError, match="timm names 0 stages in Toy: use layers=1 or fewer"):
        ManifoldMix().build(toy, SIDE)
    images, labels = batch_of()
    method = ManifoldMix(layers=1).build(toy, SIDE)
    assert torch.isfinite(method(images, labels, rng_for(0, 1)).total)
