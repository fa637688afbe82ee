"""Values of a wrong type, as a user meets them: without the type checks of the other tests."""

import json
import os
import re
import subprocess
import sys

import pytest

from adautomix import mix
from adautomix.methods import METHODS, AdAutoMix, AlignMix, AutoMix, Fixed, ManifoldMix, SAMix

SETTING = """
import json, sys, timm, torch
from torch import nn
from adautomix import AdAutoMix, rng_for, fit
from adautomix.results import experiments
from adautomix.pages import transfer
from adautomix.evaluate import *
from adautomix.data.augment import Augment
from adautomix.rng import FixedLambdaRNG
from adautomix.methods import METHODS, AutoMix, Fixed, Plain
from adautomix.mix import *
from adautomix.models import Backbone, Net, momentum_at
from adautomix.device import decide

pixels, labels = torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 1])
net = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
logits = torch.randn(4, 3)
predictions = Predictions(logits, labels)
model = timm.create_model("resnet18", num_classes=3, channels=(8, 8, 8, 8))
methods = {name: config.build(model, 32) for name, config in METHODS.items()}

def said(code):
    try:
        eval(code)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

print(json.dumps([said(code) for code in json.load(sys.stdin)]))
"""
IMAGES = r"images must be floating point of shape .*, not .*: convert and normalise them first"
DRAW = r"rng must be the random numbers of a step, e\.g\. rng_for\(seed=0, step=0\), not "
OBJECTS = r"objects are torch\.\w+ of shape .*: mark the pixels .*, bool of shape \(4, 8, 8\)"
METHOD = r"method must be the hyper-parameters of one, e\.g\. .*Fixed\(CutMix\(\)\), not"
WRONG = {
    "CutMix()(pixels[0], rng_for(0, 0))": IMAGES,
    "fit(model, [(pixels, labels)], method=Mixup(), epochs=1)": METHOD,
    "fit(model, [(pixels, labels)], method='mixup', epochs=1)": METHOD,
    "fit(model, [(pixels, labels)], method=AdAutoMix, epochs=1)": METHOD,
    "fit(model, [(pixels, labels)], method=Plain(), epochs=1.5)": r"epochs must be .*, not 1\.5",
    "fit(model, [(pixels, labels)], method=Plain(), epochs='3')": "epochs must be .*, not '3'",
    "fit(model, [(pixels, labels)], epochs=1, how='cpu')": "how must be of type How, not 'cpu'",
    "fit(model, [(pixels.numpy(), labels)], epochs=1)": r"a pair \(images, labels\) of tensors",
    "fit(model, 5, epochs=1)": "the loader has no length",
    "fit(model, [(pixels, labels)], 5, epochs=1)": "the test loader must be a DataLoader .* not 5",
    "fit('resnet18', [(pixels, labels)], epochs=1)": "model must be of type Module, not 'resnet18'",
    "Fixed('mixup')": "rule must be of type MixingRule, not 'mixup'",
    "Fixed(Mixup)": r"rule must be of type MixingRule, not <class .*, a class",
    "decide(None)": "device must be text, not None",
    "decide(precision=16)": "unknown precision '16'",
    "rng_for(1.0, 0)": r"seed must be a whole number \(int\), not 1\.0",
    "rng_for('1', 0)": "seed must be .*, not '1'",
    "rng_for(torch.tensor(1), 0)": r"seed must be .*, not tensor\(1\)",
    "rng_for(0, 2.5)": r"step must be .*, not 2\.5",
    "rng_for(0, 0, None)": "rank must be .*, not None",
    "FixedLambdaRNG(0, '0.5')": "the share of the first image must be .*, not '0.5'",
    "AdAutoMix().build(model, '8')": "side must be a whole number .*, not '8'",
    "AdAutoMix().build(model, 8, seed=0.5)": r"seed must be .*, not 0\.5",
    "AdAutoMix().build(model, 8, seed=-1)": "seed, step and rank must be 0 or more",
    "Backbone(model, tap=2.0)": "tap must be a whole number .* or text, not 2.0",
    "Backbone(model).feature_shape(0)": "the side of an image is 1 pixel or more, not 0",
    "Net().build('3')": "classes must be a whole number .*, not '3'",
    "Net().build(0)": "a network tells 1 class or more apart, not 0",
    "methods['adautomix'](pixels, labels, rng_for(0, 0), 'student')": (
        "unknown update 'student': known: both, classifier, generator"
    ),
    "momentum_at('x')": "progress must be a finite number, not 'x'",
    "experiments.obtain('photodigits', budget='smoke', seeds=3)": "seeds must be a list .*, not 3",
    "experiments.obtain('photodigits', budget='smoke', methods='mixup')": (
        "methods must be a list of names, .*, not 'mixup'"
    ),
    "transfer.obtain(budget='smoke', seeds=1.5)": r"seeds must be a list .*, not 1\.5",
    "AdAutoMix(n=2.5)": r"n must be a whole number \(int\), not 2\.5",
    "AutoMix(momentum=None)": "momentum must be a finite number, not None",
    "AdAutoMix(momentum=None)": "momentum must be a finite number, not None",
    "AdAutoMix(init=-1.0).build(model, 32)": "init, a standard deviation, must be 0 or more",
    "Mixup(alpha=float('inf'))": "alpha must be a finite number, not inf",
    "Mixup(alpha='1')": "alpha must be a finite number, not '1'",
    "AdAutoMix(classifier_updates=1.5)": r"classifier_updates must be a whole number .*, not 1\.5",
    "Augment()((255 * pixels).byte(), None)": DRAW,
    "momentum_at(7)": r"lies in \[0, 1\], not 7",
    "calibration(predictions, 2.5)": r"bins must be a whole number \(int\), not 2\.5",
    "calibration(Predictions(logits, labels + 0.7))": "labels are torch.float32, but class num",
    "calibration(Predictions(logits.numpy(), labels))": "logits must be .*, not a ndarray",
    "accuracy(net, None)": r"an evaluation goes through batches .* and got a NoneType",
    "accuracy(net, 24)": r"an evaluation goes through batches .* and got a int",
    "occlusion(net, [(pixels[0], labels[:3])])": IMAGES,
    "attacked_error(net, [(pixels[:, 0], labels)])": IMAGES,
    "cam_share(pixels[:, 0], pixels[:, :1, :, 0] > 0)": OBJECTS,
    "cam_share(pixels[:, 0], pixels[0, 0] > 0)": OBJECTS,
    "cam_share(pixels[:, 0], 255 * (pixels[:, 0] > 0).byte())": OBJECTS,
    "object_coverage(CutMix()(pixels, rng_for(0, 0)), pixels[:, 0, :1, :1] > 0)": OBJECTS,
    "object_coverage(CutMix()(pixels, rng_for(0, 0)), pixels[:, 0])": OBJECTS,
    "fgsm(net, pixels.numpy(), labels)": r"images must be a tensor, not a ndarray: give torch\.as_",
    "fgsm(net, pixels, labels.numpy())": "labels must be a tensor of class numbers, not a ndarray",
    "grad_cam(Backbone(model), pixels.numpy(), labels)": "images must be a tensor, not a ndarray",
    "grad_cam(Backbone(model), pixels, [0, 1, 2, 1])": "labels must be a tensor .*, not a list",
    "grad_cam(Backbone(model), pixels[0], labels)": IMAGES,
    "fgsm(net, pixels, labels, epsilon=8)": r"not be 8: it counts as the pixels do, e\.g\. 8/255",
}
for rule in (*mix.MIXERS.values(), *mix.GUIDED.values()):
    made, maps = f"{rule.__name__}()", ", torch.rand(4, 8, 8)" if hasattr(rule, "guide") else ""
    WRONG[f"{made}((255 * pixels).byte(), rng_for(0, 0){maps})"] = IMAGES
    WRONG[f"{made}(pixels[..., :0], rng_for(0, 0){maps})"] = IMAGES
    WRONG[f"{made}(pixels.numpy(), rng_for(0, 0){maps})"] = "must be a tensor .*, not ndarray"
    WRONG[f"{made}(pixels, None{maps})"] = WRONG[f"{made}(pixels, 0{maps})"] = DRAW
for rule in mix.GUIDED.values():
    for maps in (
        "None",
        "torch.rand(3, 8, 8)",
        "torch.rand(4, 1, 8, 8)",
        "torch.ones(4, 8, 8).int()",
    ):
        WRONG[f"{rule.__name__}()(pixels, rng_for(0, 0), {maps})"] = (
            r"importance must be floating point .* a map for each of the 4 images, not "
        )
for name in METHODS:
    method = f"methods['{name}']"
    WRONG[f"{method}(pixels, labels, None)"] = WRONG[f"{method}(pixels, labels, 0)"] = DRAW
    WRONG[f"{method}(pixels.numpy(), labels, rng_for(0, 0))"] = "must be a tensor .*, not ndarray"
    if isinstance(METHODS[name], Fixed | ManifoldMix | AlignMix | AutoMix | SAMix | AdAutoMix):
        WRONG[f"{method}.mixed(pixels, None)"] = DRAW


@pytest.fixture(scope="module")
def sentences() -> dict[str, str]:
    """What each of `WRONG` raises in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SETTING],
        input=json.dumps(list(WRONG)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(WRONG, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_type_is_one_sentence(sentences: dict[str, str], code: str) -> None:
    assert re.match(f"InputError: .*{WRONG[code]}", sentences[code] or "nothing was raised")
    assert "\n" not in sentences[code]
