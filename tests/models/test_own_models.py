"""Models that are none of timm's: any for a hand-made rule, a tap by name where features count."""

import copy
from collections import namedtuple

import pytest
import timm
import torch
from torch import nn
from torch.nn.parallel import DataParallel

from adautomix.errors import InputError
from adautomix.methods import METHODS, AdAutoMix, AdAutoMixReleased, Fixed, Guided, Plain
from adautomix.mix import AttentiveCutMix, CutMix, PuzzleMix, SnapMix
from adautomix.models import Backbone, Net
from adautomix.rng import rng_for

CLASSES, SIDE = 5, 16
Pair = namedtuple("Pair", "logits aux")


class Own(nn.Module):
    """A network as people write them, without timm's methods; `wrap` is what it returns."""

    def __init__(self, wrap=lambda logits: logits):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.stage = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(12, CLASSES)
        self.wrap = wrap

    def forward(self, images):
        return self.wrap(self.head(self.pool(self.stage(self.stem(images))).flatten(1)))


class ChannelsLast(Own):
    """The same, but its stage gives "b h w d"."""

    def __init__(self):
        super().__init__()
        stage = self.stage
        self.stage = nn.Sequential(stage, Last())
        self.pool = nn.Sequential(First(), self.pool)


class Last(nn.Module):
    def forward(self, images):
        return images.movedim(1, -1)


class First(nn.Module):
    def forward(self, images):
        return images.movedim(-1, 1)


def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(6, 3, SIDE, SIDE, generator=generator)
    return images, torch.tensor([3, 0, 4, 1, 1, 2])


def own(kind=Own, *args):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(*args)


def step(config, model):
    method = config.build(model, SIDE)
    losses = method(*batch(), rng_for(0, 1))
    losses.total.backward()
    return losses.total.detach(), method


@pytest.mark.parametrize("config", [Plain(), Fixed(CutMix()), METHODS["me_ada"], METHODS["dada"]])
def test_a_linear_model_needs_no_tap_where_nothing_is_tapped(config):
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, CLASSES))
    if config == METHODS["me_ada"]:
        with pytest.raises(InputError, match="Sequential has no forward_features"):
            step(config, model)
        return
    total, _ = step(config, model)
    assert total.isfinite()
    assert model[1].weight.grad.norm() > 0


@pytest.mark.parametrize("kind", [Own, ChannelsLast])
def test_a_module_is_tapped_by_its_name(kind):
    model = own(kind)
    backbone = Backbone(model, tap="stage").eval()
    images = batch()[0]
    assert tuple(backbone.feature_shape(SIDE)) == (12, 4, 4)
    seen = backbone.forward_with_features(images)
    stage = own(Own).eval()
    torch.testing.assert_close(seen.features, stage.stage(stage.stem(images)))
    torch.testing.assert_close(seen.logits, stage(images))
    assert backbone.by_name is not None
    assert backbone.by_name.seen is None


def test_a_name_taps_a_timm_model_where_its_number_does():
    net = Net(width=8).build(CLASSES).eval()
    named = Backbone(net.model, tap="layer3").eval()
    for part in ("logits", "features"):
        found, wanted = (
            getattr(backbone.forward_with_features(batch()[0]), part) for backbone in (named, net)
        )
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("name", ["adautomix", "automix", "samix", "attentivecutmix"])
def test_methods_that_take_features_train_on_ones_own_network(name):
    total, method = step(METHODS[name], Backbone(own(), tap="stage"))
    assert total.isfinite()
    networks = [method.classifier.model, *([method.generator] if "auto" in name else [])]
    for network in networks:
        assert all(p.grad is not None for p in network.parameters())


def test_a_copy_has_a_tap_of_its_own():
    backbone = Backbone(own(), tap="stage").eval()
    twin = copy.deepcopy(backbone)
    with torch.no_grad():
        twin.model.stage[0].weight.mul_(2)
    one, two = (b.forward_with_features(batch()[0]).features for b in (backbone, twin))
    assert not torch.equal(one, two)
    assert torch.equal(two, twin.model.stage(twin.model.stem(batch()[0])))


@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda logits: {"loss": None, "logits": logits}, "logits"),
        (lambda logits: (logits, logits.mean()), 0),
        (lambda logits: Pair(logits, None), "logits"),
    ],
)
def test_the_logits_are_found_where_it_is_said(wrap, output):
    expected, _ = step(AdAutoMix(n=2), Backbone(own(), tap="stage"))
    found, _ = step(AdAutoMix(n=2), Backbone(own(Own, wrap), tap="stage", output=output))
    assert torch.equal(found, expected)


def part_compiled() -> nn.Module:
    model = own()
    model.stage = torch.compile(model.stage, backend="eager")
    return model


def test_without_gradients_a_method_still_tells_its_losses():
    method = Plain().build(own(), SIDE)
    with torch.no_grad():
        assert not method(*batch(), rng_for(0, 1)).total.requires_grad


NONE = r"a map of shape \(batch, channels, height, width\): tap one of .* stem, stage"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Backbone(own(), tap="stag"), "unknown module to tap 'stag': did you mean 'stage'"),
        (lambda: Backbone(own(), tap="head").feature_shape(SIDE), rf"\(2, 5\), not {NONE}"),
        (lambda: Backbone(own(), tap=1.5), "tap must be a whole number .* or text, not 1.5"),
        (
            lambda: AdAutoMix().build(own(), SIDE),
            r"Own is none of timm's .* a map \(stem, stage\), e.g. Backbone\(model, tap='stem'\)",
        ),
        (lambda: AdAutoMix().build(Backbone(own(), output=0), SIDE), "tap='stem', output=0"),
        (lambda: AdAutoMixReleased().build(own(), SIDE), "Own is none of timm's"),
        (
            lambda: AdAutoMixReleased().build(Backbone(own(), tap="stage"), SIDE),
            "the tap 'stage' of Own is a module, but a second head needs",
        ),
        (lambda: step(Guided(AttentiveCutMix()), own()), "Own is none of timm's"),
        (lambda: step(Guided(SnapMix()), own()), "Own is none of timm's"),
        (
            lambda: step(Plain(), own(Own, lambda logits: (logits, logits))),
            r"Own returns a tuple of 0, 1: name its logits, e.g. Backbone\(model, output=0\)",
        ),
        (
            lambda: step(Plain(), own(Own, lambda logits: {"scores": logits})),
            r"Own returns a dict of 'scores': name .* Backbone\(model, output='scores'\)",
        ),
        (
            lambda: step(Plain(), Backbone(own(Own, lambda x: {"scores": x}), output="logits")),
            "returns a dict of 'scores', without 'logits'",
        ),
        (
            lambda: step(Plain(), own(Own, lambda logits: logits[:, :, None])),
            r"gives a tensor of shape \(6, 5, 1\), not logits of shape \(batch, classes\)",
        ),
        (
            lambda: Plain().build(DataParallel(own()), SIDE),
            r"model is wrapped in DataParallel: .* model.module, and wrap the method that is built",
        ),
        (
            lambda: Backbone(DataParallel(own()), tap="module.stage"),
            "model is wrapped in DataParallel: give model.module",
        ),
        (
            lambda: Fixed(CutMix()).build(torch.jit.trace(own(), batch()[0]), SIDE),
            "model .* is scripted or traced, .*: give the model itself",
        ),
        (lambda: Backbone(part_compiled(), tap="stage"), "module stage is compiled, which hides"),
        (
            lambda: step(AdAutoMix(n=2), Backbone(own(Own, torch.Tensor.detach), tap="stage")),
            r"depends on no weight that is trained: take torch\.no_grad\(\) and detach\(\) out",
        ),
        (lambda: step(Plain(), own(Own, torch.Tensor.detach)), "depends on no weight"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # torch.jit is deprecated
@pytest.mark.usefixtures("annotations_unchecked")
def test_models_that_cannot_be_used_are_one_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_puzzlemix_takes_any_model():
    pytest.importorskip("maxflow")
    total, _ = step(Guided(PuzzleMix()), own())
    assert total.isfinite()


@pytest.mark.parametrize(
    ("name", "tap", "side"), [("resnet18", "layer3", 32), ("swin_t", "features.5", 64)]
)
def test_networks_of_torchvision_are_tapped_by_name(name, tap, side):
    models = pytest.importorskip("torchvision.models")
    backbone = Backbone(getattr(models, name)(num_classes=CLASSES), tap=tap)
    assert (
        tuple(backbone.feature_shape(side))
        == {"resnet18": (256, 2, 2), "swin_t": (384, 4, 4)}[name]
    )


@pytest.mark.parametrize(
    ("name", "side"),
    [("hiera_tiny_224", 64), ("tresnet_m", 32), ("csatv2", 64), ("crossvit_9_240", 240)],
)
def test_families_of_timm_with_ways_of_their_own_give_the_logits_of_the_model(name, side):
    """Hiera's intermediates end at the tap, two fold pixels, CrossViT's head takes two tensors."""
    options = {"img_size": side} if name.startswith("hiera") else {}
    backbone = Backbone(timm.create_model(name, num_classes=CLASSES, **options)).eval()
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        seen = backbone.forward_with_features(images)
        torch.testing.assert_close(seen.logits, backbone.model(images))
    assert tuple(backbone.feature_shape(side)) == tuple(seen.features.shape[1:])
