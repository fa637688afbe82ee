"""Backbones: one forward shows what two would, the tap is as measured, weights follow the seed."""

import pytest
import timm
import torch
from torch import nn

from adautomix.errors import InputError
from adautomix.models import Backbone, Net, cifar_stem
from adautomix.models.net import narrow_layer

CLASSES = 7


def tiny(**changes):
    return Net(**{"name": "resnet18", "width": 8, **changes})


def images(side, count=2):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def check_sight(backbone, side, measured):
    """Logits and features in one forward are the model's own, of the size that is told."""
    backbone.eval()
    with torch.no_grad():
        seen = backbone.forward_with_features(images(side))
        expected = backbone.model(images(side))
        everything = backbone.model.forward_intermediates(
            images(side), output_fmt="NCHW", intermediates_only=True
        )
    torch.testing.assert_close(seen.logits, expected)
    torch.testing.assert_close(backbone(images(side)), expected)
    assert torch.equal(seen.features, everything[backbone.tap])
    assert tuple(backbone.feature_shape(side)) == measured == tuple(seen.features.shape[1:])


@pytest.mark.parametrize(
    ("name", "options", "tap", "side", "measured"),
    [
        ("resnet18", {}, -2, 32, (256, 2, 2)),
        ("convnext_atto", {}, -2, 64, (160, 4, 4)),
        ("vit_tiny_patch16_224", {"img_size": 64}, 6, 64, (192, 4, 4)),
    ],
)
def test_any_timm_model_shows_logits_and_features_at_once(name, options, tap, side, measured):
    model = timm.create_model(name, num_classes=CLASSES, **options)
    check_sight(Backbone(model, tap), side, measured)


def test_a_model_of_one_channel_is_measured_with_one_channel():
    grey = timm.create_model("resnet18", num_classes=CLASSES, in_chans=1)
    assert tuple(Backbone(grey).feature_shape(32)) == (256, 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "side", "measured"),
    [
        (Net("resnet18"), 32, (256, 8, 8)),
        (Net("resnext50_32x4d"), 32, (1024, 8, 8)),
        (Net("swin_tiny_patch4_window7_224", stem="timm"), 224, (384, 14, 14)),
        (Net("convnext_tiny", stem="timm"), 224, (384, 14, 14)),
        (Net("convnext_tiny"), 32, (384, 8, 8)),
        (Net("vit_tiny_patch16_224", stem="timm", tap=6), 224, (192, 14, 14)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_networks_of_the_paper_show_logits_and_features_at_once(net, side, measured):
    check_sight(net.build(CLASSES), side, measured)


@pytest.mark.parametrize(
    ("tap", "measured"),
    [(-1, (64, 4, 4)), (-2, (32, 8, 8)), (-3, (16, 16, 16)), (1, (8, 32, 32)), (3, (32, 8, 8))],
)
def test_a_tap_counts_stages_as_timm_does(tap, measured):
    check_sight(tiny(tap=tap).build(CLASSES), 32, measured)


def test_the_cifar_stem_keeps_the_size_into_the_first_stage_and_a_thin_one_has_thin_channels():
    model = tiny(width=16).build(CLASSES).model
    seen = []
    model.layer1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    model(images(32))
    assert seen == [(2, 16, 32, 32)]
    assert [getattr(model, f"layer{i}")[-1].conv2.out_channels for i in (1, 2, 3, 4)] == [
        16,
        32,
        64,
        128,
    ]
    assert model.num_classes == CLASSES
    assert sum(isinstance(module, nn.MaxPool2d) for module in model.modules()) == 0


def test_without_a_width_channels_are_those_of_timm():
    ours, theirs = Net().build(CLASSES).model, timm.create_model("resnet18", num_classes=CLASSES)
    ours, theirs = ({k: v.shape for k, v in m.state_dict().items()} for m in (ours, theirs))
    changed = {name for name in theirs if ours[name] != theirs[name]}
    assert changed == {"conv1.weight"}
    assert ours["conv1.weight"] == (64, 3, 3, 3)
    assert ours.keys() == theirs.keys()


def test_the_cifar_stem_of_a_convnext_has_stride_1_and_the_weights_of_a_convnext():
    backbone = Net("convnext_atto", stem="cifar").build(CLASSES, seed=3)
    stem = backbone.model.stem[0]
    assert (stem.kernel_size, stem.stride, stem.padding) == ((3, 3), (1, 1), (1, 1))
    assert stem.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not stem.bias.any()
    check_sight(backbone, 32, (160, 8, 8))


def test_the_stem_of_timm_is_left_alone():
    model = Net(stem="timm").build(CLASSES).model
    assert model.conv1.kernel_size == (7, 7)
    assert isinstance(model.maxpool, nn.MaxPool2d)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_weights_are_a_function_of_the_seed_and_the_global_generator_is_untouched():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = tiny().build(CLASSES, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, tiny().build(CLASSES, seed=3))
    assert not same(first, tiny().build(CLASSES, seed=4))


def test_measuring_leaves_the_mode_the_buffers_and_the_gradients_alone():
    backbone = tiny().build(CLASSES).train()
    before = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    backbone.feature_shape(32)
    assert backbone.training
    assert backbone.model.bn1.training
    assert all(torch.equal(b, before[name]) for name, b in backbone.named_buffers())
    assert all(p.grad is None for p in backbone.parameters())
    backbone.eval().feature_shape(32)
    assert not backbone.training


def test_gradients_pass_through_both_logits_and_features():
    backbone = tiny().build(CLASSES)
    seen = backbone.forward_with_features(images(32))
    for output in (seen.logits, seen.features):
        (gradient,) = torch.autograd.grad(
            output.square().sum(), backbone.model.conv1.weight, retain_graph=True
        )
        assert gradient.norm() > 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Net("resnet81").build(3), "unknown timm model 'resnet81': did you mean 'resnet"),
        (lambda: Net(stem="cifra").build(3), "unknown stem 'cifra': did you mean 'cifar'"),
        (
            lambda: cifar_stem(timm.create_model("vit_tiny_patch16_224")),
            "the cifar stem is for ResNets and ConvNeXts; VisionTransformer has no .*: use stem='t",
        ),
        (lambda: cifar_stem(nn.Linear(2, 2)), "Linear has no conv1 and maxpool"),
        (
            lambda: Net("convnext_atto", width=8).build(3),
            "width=8 is for ResNets with the cifar stem, not for convnext_atto with stem 'cifar'",
        ),
        (
            lambda: Net(width=7).build(3),
            "width must be 8 or more, not 7: training narrower networks",
        ),
        (
            lambda: Net("resnet19").build(3),
            r"did you mean .*\? Known: see timm\.list_models\(\)\.$",
        ),
        (
            lambda: Net(width=15).check_side(33),
            "width must be 16 or more for images of 33 pixels, not 15: training narrower",
        ),
        (lambda: Net(stem="cifra", width=8).build(3), "unknown stem 'cifra'"),
        (lambda: Net(stem="timm", width=8).build(3), "not for resnet18 with stem 'timm'"),
        (
            lambda: Backbone(nn.Conv2d(3, 3, 1)).feature_shape(8),
            "the model Conv2d is none of timm's with forward_intermediates .*use a timm model",
        ),
        (
            lambda: tiny(tap=9).build(3).feature_shape(32),
            r"resnet18 fails on 32×32 images of 3 channel\(s\), with tap 9 .*: choose another tap",
        ),
        (
            lambda: Net("vit_tiny_patch16_224", stem="timm", tap=6).build(3).feature_shape(32),
            "vit_tiny_patch16_224 fails on 32×32 images .* with tap 6 .* image size",
        ),
    ],
)
def test_what_cannot_be_built_or_seen_is_one_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        wrong()


def test_a_failed_measurement_leaves_the_mode_alone():
    backbone = tiny(tap=9).build(CLASSES).train()
    with pytest.raises(InputError):
        backbone.feature_shape(32)
    assert backbone.training


@pytest.mark.parametrize(
    ("layer", "side", "narrow"),
    [
        (nn.Conv2d(3, 8, 3), 32, False),
        (nn.Conv2d(3, 7, 3), 32, True),
        (nn.Conv2d(3, 15, 3), 33, True),
        (nn.Conv2d(3, 16, 3), 33, False),
        (nn.Conv2d(16, 4, 1), 64, False),
        (nn.Conv2d(4, 4, 3, groups=4), 64, False),
        (nn.Linear(3, 4), 64, False),
    ],
    ids=str,
)
def test_a_narrow_layer_is_found_by_its_name(layer, side, narrow):
    model = nn.Sequential(nn.Identity(), nn.Sequential(layer))
    assert narrow_layer(model, side) == ("1.0" if narrow else None)
