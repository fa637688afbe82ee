"""Values of a wrong type, as a user meets them: without the type checks of the other tests."""

import json
import os
import re
import subprocess
import sys

import pytest

from adautomix import mix

SETTING = """
import json, sys, timm, torch
from torch import nn
from adautomix import AdAutoMix, draw_for, experiments, fit
from adautomix.evaluate import Answers, calibration, fgsm
from adautomix.methods import AutoMix, Plain
from adautomix.mix import *
from adautomix.models import momentum_at

pixels, labels = torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 1])
net = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
answers = Answers(torch.randn(4, 3), labels)
model = timm.create_model("resnet10t", num_classes=3)

def said(code):
    try:
        eval(code)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

print(json.dumps([said(code) for code in json.load(sys.stdin)]))
"""
IMAGES = r"images must be floating point of shape .*, not .*: convert and normalise them first"
METHOD = r"method must be the hyper-parameters of one, e\.g\. .*Fixed\(CutMix\(\)\), not"
WRONG = {
    "CutMix()(pixels[0], draw_for(0, 0))": IMAGES,
    "fit(model, [(pixels, labels)], method=Mixup(), epochs=1)": METHOD,
    "fit(model, [(pixels, labels)], method='mixup', epochs=1)": METHOD,
    "fit(model, [(pixels, labels)], method=AdAutoMix, epochs=1)": METHOD,
    "fit(model, [(pixels, labels)], method=Plain(), epochs=1.5)": "a whole number, not 1.5",
    "experiments.obtain('photodigits', budget='smoke', seeds=3)": (
        r"seeds must be a list, not 3: with papermill, -y 'seeds: \[3\]'"
    ),
    "experiments.obtain('photodigits', budget='smoke', methods='mixup')": (
        "methods must be a list, not 'mixup'"
    ),
    "AdAutoMix(n=2.5)": "n = 2 or more images, not 2.5",
    "AutoMix(momentum=None)": "not be None: the teacher takes part",
    "AdAutoMix(momentum=None)": "not be None: the teacher takes part",
    "AdAutoMix(init=-1.0).build(model, 32)": "init, a standard deviation, must be 0 or more",
    "Mixup(alpha=float('inf'))(pixels, draw_for(0, 0))": "must be positive, not inf: give a finite",
    "momentum_at(7)": r"lies in \[0, 1\], not 7",
    "calibration(answers, 2.5)": "bins is 2.5; give .* a whole number",
    "calibration(Answers(answers.logits, torch.eye(3)[labels]))": "one class number an image",
    "fgsm(net, pixels, labels, epsilon=8)": r"not be 8: it counts as the pixels do, e\.g\. 8/255",
}
for rule in mix.MIXERS.values():
    WRONG[f"{rule.__name__}()((255 * pixels).byte(), draw_for(0, 0))"] = IMAGES
for rule in mix.GUIDED.values():
    guided = f"{rule.__name__}()((255 * pixels).byte(), draw_for(0, 0), torch.rand(4, 8, 8))"
    WRONG[guided] = IMAGES


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
