"""A step never makes the host wait for the GPU; run with -m gpu."""

import pytest
import torch

from adautomix.bench.case import Case, Trial
from adautomix.device import decide
from adautomix.methods import METHODS
from adautomix.models import Net
from adautomix.train.captured import REHEARSALS

ON_THE_HOST = ("saliencymix", "puzzlemix")
"""Rules that look at the images on the processor."""


@pytest.mark.gpu
@pytest.mark.parametrize("name", [name for name in METHODS if name not in ON_THE_HOST])
def test_a_step_waits_for_nothing(name):
    case = Case(name, batch=8, side=16, classes=5, net=Net("resnet18", width=8))
    trial = Trial(case, decide("cuda"))
    for _ in range(REHEARSALS + 2):  # what is sent once is sent, and the step is recorded
        trial.step()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):  # within an epoch
            trial.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
def test_a_wait_would_be_seen():
    value = torch.ones((), device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        with pytest.raises(RuntimeError, match="synchroniz"):
            value.item()
    finally:
        torch.cuda.set_sync_debug_mode("default")
