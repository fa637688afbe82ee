"""What a rehearsal on a GPU makes of torch's warnings, with stand-ins for CUDA's functions."""

import warnings
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from adautomix.train.recorder import CUDAGraphs


@pytest.fixture
def recorder(monkeypatch):
    stream = SimpleNamespace(wait_stream=lambda other: None)
    modes = []

    def set_mode(mode):
        modes.append(mode)
        warnings.warn(
            "Synchronization debug mode is a prototype feature and does not yet detect all "
            "synchronizing operations",
            stacklevel=1,
        )

    stand_ins = {
        "Stream": lambda device: stream,
        "current_stream": lambda device: stream,
        "stream": lambda given: nullcontext(),
        "graph_pool_handle": lambda: None,
        "get_sync_debug_mode": lambda: 0,
        "set_sync_debug_mode": set_mode,
    }
    for name, function in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, function)
    yield CUDAGraphs("cuda")
    assert modes == ["warn", 0]


def test_that_the_mode_is_a_prototype_is_no_wait(recorder):
    assert recorder.rehearse(lambda: 5) == (5, None)


def test_a_wait_is_told_and_not_shown(recorder):
    def work():
        warnings.warn("called a synchronizing CUDA operation (Triggered internally)", stacklevel=1)
        return 5

    assert recorder.rehearse(work) == (5, "the host waits for the device within it")


def test_other_warnings_are_shown_as_ever(recorder):
    with pytest.warns(UserWarning, match="something else"):
        found = recorder.rehearse(lambda: warnings.warn("something else", stacklevel=1))
    assert found == (None, None)
