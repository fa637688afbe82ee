"""Grad-CAM: against captum, on detectors whose evidence is known, and without a trace."""

import pytest
import torch
from torch import nn

from adautomix.errors import InputError
from adautomix.evaluate import cam_share, grad_cam
from adautomix.models import Backbone, Net, Teacher

CLASSES = 5


class Detector(nn.Module):
    """Class k sees the brightness of channel k, pixel by pixel, against that of the others."""

    num_classes = 3

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 8, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 3, bias=False)
        with torch.no_grad():
            self.look.weight.copy_(torch.eye(8, 3)[:, :, None, None])
            self.fc.weight.copy_((1.5 * torch.eye(8, 3) - 0.5).T)

    def forward_intermediates(self, images, indices, output_fmt):
        seen = self.norm(self.look(images)).relu()
        return seen, [seen for _ in indices]

    def forward_head(self, features):
        return self.fc(features.mean(dim=(2, 3)))

    def forward(self, images):
        return self.forward_head(self.forward_intermediates(images, [0], "NCHW")[0])


@pytest.fixture
def detector() -> Backbone:
    return Backbone(Detector(), tap=0)


@pytest.fixture(scope="module")
def resnet() -> Backbone:
    """A trained network's statistics are not the initial ones: a few batches pass through."""
    network = Net("resnet18", width=8).build(CLASSES)
    with torch.no_grad():
        for seed in range(3):
            network(pictures(8, seed))
    return network


def pictures(count=4, seed=0, side=32):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def lit(places, side=8):
    """Black images with a red and a green pixel each: [row, column] of both, for each image."""
    images = torch.zeros(len(places), 3, side, side)
    for image, (red, green) in zip(images, places, strict=True):
        image[0, red[0], red[1]] = 1
        image[1, green[0], green[1]] = 1
    return images


PLACES = [((1, 2), (6, 6)), ((7, 0), (0, 7)), ((3, 3), (3, 4))]


@pytest.mark.parametrize(("of", "where"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("layer", ["final", "norm", "look"])
def test_the_map_peaks_at_the_pixel_that_was_detected(detector, of, where, layer):
    maps = grad_cam(detector, lit(PLACES), torch.full((3,), of), layer=layer)
    for found, places in zip(maps, PLACES, strict=True):
        row, column = places[where]
        expected = torch.zeros(8, 8)
        expected[row, column] = 1
        assert torch.allclose(found, expected, atol=1e-6)


def test_each_image_is_asked_about_its_own_class(detector):
    images = lit(PLACES)
    mixed = grad_cam(detector, images, torch.tensor([0, 1, 0]))
    red, green = (grad_cam(detector, images, torch.full((3,), k)) for k in (0, 1))
    assert torch.equal(mixed, torch.stack([red[0], green[1], red[2]]))


def test_a_map_is_zero_where_nothing_speaks_for_the_class(detector):
    maps = grad_cam(detector, lit(PLACES), torch.tensor([2, 2, 2]))
    assert torch.equal(maps, torch.zeros(3, 8, 8))


@pytest.mark.parametrize(("layer", "module"), [("final", "layer4"), ("tap", "layer3")])
def test_the_maps_are_those_of_captum(resnet, layer, module):
    attr = pytest.importorskip("captum.attr")
    images, classes = pictures(), torch.tensor([0, 3, 4, 1])
    resnet.eval()
    theirs = attr.LayerGradCam(resnet, resnet.model.get_submodule(module)).attribute(
        images, classes, relu_attributions=True
    )
    resnet.train()
    large = attr.LayerAttribution.interpolate(theirs, (32, 32), "bilinear")[:, 0].detach()
    peaks = large.amax(dim=(1, 2), keepdim=True)
    assert (peaks > 0).sum() >= 3, "too few maps to compare"
    expected = torch.where(peaks > 0, large / peaks, 0)
    found = grad_cam(resnet, images, classes, layer=layer)
    assert torch.allclose(found, expected, atol=1e-4)


def test_final_and_the_last_stage_of_a_resnet_are_the_same(resnet):
    arguments = resnet, pictures(), torch.tensor([0, 1, 2, 3])
    assert torch.allclose(grad_cam(*arguments), grad_cam(*arguments, layer="layer4"), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "side", "options"),
    [
        ("resnet18", 24, {"width": 8}),
        ("convnext_atto", 64, {"stem": "timm"}),
        ("swin_tiny_patch4_window7_224", 224, {"stem": "timm"}),
        ("vit_tiny_patch16_224", 224, {"stem": "timm", "tap": 6}),
    ],
)
def test_any_backbone_gives_a_map_as_large_as_the_image(name, side, options):
    network = Net(name, **options).build(CLASSES)
    for layer in ("final", "tap"):
        maps = grad_cam(network, pictures(2, side=side), torch.tensor([0, 1]), layer=layer)
        assert maps.shape == (2, side, side)
        assert ((maps >= 0) & (maps <= 1 + 1e-6)).all()
        if layer == "tap" or not name.startswith("vit"):
            assert maps.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("name", "side", "layer", "sentence"),
    [
        ("crossvit_9_240", 240, "final", "the head of crossvit_9_240 takes 2 tensors of features"),
        ("crossvit_9_240", 240, "tap", "the layer 'tap' gives a list of features, not one tensor"),
        ("hrnet_w18_small", 64, "tap", "the layer 'tap' gives a list of features, not one tensor"),
        ("hrnet_w18_small", 64, "final", None),
    ],
)
def test_features_that_are_several_tensors_are_refused(name, side, layer, sentence):
    network = Net(name, stem="timm").build(CLASSES)
    given = network, pictures(2, side=side), torch.tensor([0, 1])
    if sentence is None:
        assert grad_cam(*given, layer=layer).amax(dim=(1, 2)).tolist() == pytest.approx([1, 1])
        return
    with pytest.raises(InputError, match=sentence):
        grad_cam(*given, layer=layer)
    assert not any(module._forward_hooks for module in network.modules())


def test_features_without_a_grid_are_refused(resnet):
    with pytest.raises(InputError, match=r"features of shape \(4, 5\) do not lie on a grid"):
        grad_cam(resnet, pictures(), torch.zeros(4, dtype=torch.int64), layer="fc")


@pytest.mark.parametrize("layer", ["final", "tap"])
@pytest.mark.parametrize("training", [True, False])
def test_nothing_of_the_network_changes(resnet, layer, training):
    resnet.train(training)
    before = {name: tensor.clone() for name, tensor in resnet.state_dict().items()}
    with torch.no_grad():
        logits = resnet.eval()(pictures())
    resnet.train(training)
    images = pictures()
    maps = grad_cam(resnet, images, torch.tensor([0, 1, 2, 3]), layer=layer)
    assert resnet.training == training
    assert all(torch.equal(before[name], t) for name, t in resnet.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in resnet.parameters())
    assert not maps.requires_grad
    assert images.grad is None
    assert not resnet.model.layer3._forward_hooks
    with torch.no_grad():
        assert torch.equal(resnet.eval()(pictures()), logits)
    resnet.train()


def test_a_hook_is_removed_when_the_network_fails(resnet):
    with pytest.raises(RuntimeError):
        grad_cam(resnet, torch.zeros(2, 4, 32, 32), torch.tensor([0, 1]), layer="layer1")
    assert not resnet.model.layer1._forward_hooks
    assert resnet.training


@pytest.mark.parametrize("layer", ["final", "tap"])
def test_a_teacher_s_frozen_weights_and_no_grad_are_no_obstacle(resnet, layer):
    arguments = pictures(), torch.tensor([0, 1, 2, 3])
    teacher = Teacher(resnet)
    with torch.no_grad():
        found = grad_cam(teacher.network, *arguments, layer=layer)
    assert torch.allclose(found, grad_cam(resnet, *arguments, layer=layer), atol=1e-6)


def test_a_layer_or_class_that_is_not_there_is_one_sentence(resnet, detector):
    images, classes = pictures(), torch.tensor([0, 1, 2, 3])
    with pytest.raises(InputError, match="unknown layer of resnet18 'layer5': did you mean 'layer"):
        grad_cam(resnet, images, classes, layer="layer5")
    with pytest.raises(InputError, match="unknown layer"):
        grad_cam(resnet, images, classes, layer="")
    with pytest.raises(
        InputError, match=r"run from 0 to 7, but the model has 5 classes \(0 to 4\)"
    ):
        grad_cam(resnet, images, torch.tensor([0, 1, 2, 7]))
    with pytest.raises(InputError, match=r"does not say which module its tap is.*look, norm, fc"):
        grad_cam(detector, lit(PLACES), torch.tensor([0, 0, 0]), layer="tap")
    detector.model.idle = nn.Identity()
    with pytest.raises(InputError, match="'idle' takes no part in Detector's logits"):
        grad_cam(detector, lit(PLACES), torch.tensor([0, 0, 0]), layer="idle")


def test_the_share_of_a_map_on_the_object_by_hand():
    maps = torch.tensor([[[1.0, 0.5], [0.5, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
    objects = torch.tensor([[[True, True], [False, False]], [[True, True], [True, False]]])
    assert cam_share(maps, objects).tolist() == [0.75, 0.0]


def test_a_constant_map_has_the_share_of_the_area_and_an_empty_one_none():
    objects = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.3
    found = cam_share(torch.full((3, 8, 8), 0.4), objects)
    assert torch.allclose(found, objects.float().mean(dim=(1, 2)))
    assert cam_share(torch.zeros(3, 8, 8), objects).isnan().all()
