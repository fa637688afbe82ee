"""Every evaluation of image files, read piece by piece, equals that of the images in memory."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import PIL.Image
import pytest

from adautomix.data import cub200
from adautomix.data.augment import ResizedCrop
from adautomix.data.evaluation import seen
from adautomix.data.file_set import FileSet
from adautomix.device import Numerics
from adautomix.evaluate.context import EvalContext
from adautomix.evaluate.registry import EVALUATIONS, make
from adautomix.methods import AdAutoMix
from adautomix.models import Net

CROP = ResizedCrop(side=32, shorter=36)
SETTINGS = {
    "corruption": {"corruptions": ("gaussian_noise", "fog"), "severities": (1, 5)},
    "mixing": {"batch": 6},
    "cam": {"pairs": 4},
}
FORKED = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> FileSet:
    """Twelve photograph-like JPEG files of three classes and of different sizes."""
    root, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    names = [f"{i}.jpg" for i in range(12)]
    for i, name in enumerate(names):
        small = PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        small.resize((40 + i, 60 - i)).save(root / name)
    row = replace(cub200.INFO, classes=3, counts={"test": 12})
    listed = np.array([name.encode() for name in names])
    return FileSet(root, listed, np.arange(12) % 3, ("a", "b", "c"), row, "test")


@pytest.fixture(scope="module")
def method():
    net = Net("resnet18", stem="cifar", width=8).build(3)
    return AdAutoMix(momentum=0.9).build(net, CROP.side).eval()


@FORKED
@pytest.mark.parametrize("name", EVALUATIONS)
def test_an_evaluation_of_files_is_that_of_their_pixels(files, method, name, monkeypatch):
    monkeypatch.setattr(import_module("adautomix.evaluate.corruption"), "PIECE", 5)
    evaluation = make(name, SETTINGS.get(name, {}))
    held = EvalContext(method.classifier, seen(files, CROP), Numerics(), method)
    read = EvalContext(method.classifier, files, Numerics(), method, CROP)
    expected, found = evaluation(held), evaluation(read)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, nan_ok=True), key
    assert expected
