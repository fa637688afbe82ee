"""A process that is killed, again and again, leaves a run that ends as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adautomix.record import Run, Store

PACKAGE = Path(__file__).resolve().parents[2]

# Forks from a process that has imported everything, so that a life costs no start-up.
FORKED = """
import json, os, random, signal, sys, time
from pathlib import Path
from adautomix.cli import main
import adautomix.runs.runner

def life(folder):
    child = os.fork()
    if child == 0:
        os._exit(main([*sys.argv[2:], "--runs", folder]))
    return child

assert os.waitpid(life(sys.argv[1] + "/straight"), 0)[1] == 0
chance, steps = random.Random(0), set()
for _ in range(2):
    child = life(sys.argv[1] + "/killed")
    pattern = "killed/*/checkpoints/step-*"
    while not (found := {p.name for p in Path(sys.argv[1]).glob(pattern)} - steps):
        if os.waitpid(child, os.WNOHANG)[0]:
            sys.exit("the run ended before it was killed")
    time.sleep(chance.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    steps |= found
sys.exit(os.waitstatus_to_exitcode(os.waitpid(life(sys.argv[1] + "/killed"), 0)[1]))
"""


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(PACKAGE), "OMP_NUM_THREADS": "1"}


SMOKE = ["train", "photodigits/thin/adautomix", "--budget", "smoke", "--device", "cpu"]


def command(runs: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "adautomix", *SMOKE, *more, "--runs", str(runs)]


def checkpoints(runs: Path) -> set[str]:
    return {path.name for path in runs.glob("*/checkpoints/step-*")}


def only_run(runs: Path) -> Run:
    (run,) = Store(runs).all()
    assert sorted(path.name for path in run.path.iterdir()) == [
        "curve.csv",
        "mixed.npz",
        "run.json",
        "weights.safetensors",
    ]
    return run


def assert_same_result(run: Run, expected: Run) -> None:
    """Weights, metrics, curve and pictures, bit by bit; seconds differ."""
    weights, other = (load_file(r.path / "weights.safetensors") for r in (run, expected))
    assert weights.keys() == other.keys()
    assert all(torch.equal(weights[name], other[name]) for name in weights)
    assert (run.id, run.metrics, run.extras) == (expected.id, expected.metrics, expected.extras)
    assert run.curve().drop(columns="seconds").equals(expected.curve().drop(columns="seconds"))
    with np.load(run.path / "mixed.npz") as a, np.load(expected.path / "mixed.npz") as b:
        assert sorted(a) == sorted(b)
        assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_run_killed_twice_equals_the_run_that_was_not(tmp_path):
    settings = ["--set", "epochs=4", "--checkpoint-every", "0.001s"]
    words = [sys.executable, "-c", FORKED, str(tmp_path), *SMOKE, *settings]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same_result(only_run(tmp_path / "killed"), only_run(tmp_path / "straight"))


@pytest.mark.slow
def test_a_command_killed_at_ten_random_moments_equals_one_that_was_not(tmp_path):
    settings = ("--set", "epochs=60", "--checkpoint-every", "0.05s")
    started = time.monotonic()
    subprocess.run(command(tmp_path / "straight", *settings), env=environment(), check=True)
    wall = time.monotonic() - started
    straight = only_run(tmp_path / "straight")
    training = straight.provenance["seconds"]
    chance, reached = random.Random(0), set()
    for number in range(10):
        former = checkpoints(tmp_path / "killed")
        eager_grad = number % 2 == 0  # at the latest when it gets on; else somewhere after that
        born, limit = time.monotonic(), chance.uniform(0, wall - training) if eager_grad else wall
        with subprocess.Popen(command(tmp_path / "killed", *settings), env=environment()) as life:
            while time.monotonic() < born + limit and not checkpoints(tmp_path / "killed") - former:
                assert life.poll() is None
                time.sleep(0.01)
            time.sleep(0 if eager_grad else chance.uniform(0, 0.02 * training))
            life.send_signal(signal.SIGKILL)
        assert life.returncode == -signal.SIGKILL
        reached |= checkpoints(tmp_path / "killed")
    assert len(reached) >= 4
    assert Store(tmp_path / "killed").all() == []
    subprocess.run(command(tmp_path / "killed", *settings), env=environment(), check=True)
    assert_same_result(only_run(tmp_path / "killed"), straight)


@pytest.mark.slow
def test_sigterm_ends_a_command_with_status_3_and_the_same_command_finishes(tmp_path):
    settings = ("--set", "epochs=60", "--checkpoint-every", "0.05s")
    words = command(tmp_path / "runs", *settings)
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE, text=True) as life:
        while not checkpoints(tmp_path / "runs"):
            assert life.poll() is None
            time.sleep(0.05)
        life.send_signal(signal.SIGTERM)
        said = life.stderr.read()
    assert life.returncode == 3
    assert said.startswith("adautomix: stopped as asked after step ")
    assert said.endswith("the same command goes on from there.\n")
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Recorded: ")
    subprocess.run(command(tmp_path / "straight", *settings), env=environment(), check=True)
    assert_same_result(only_run(tmp_path / "runs"), only_run(tmp_path / "straight"))
