"""What the doctor says of a machine."""

import platform

import pytest
import torch

from adautomix.cli import doctor
from adautomix.record import Store


def test_versions_device_and_runs_are_said():
    said = doctor.report()
    assert f"python       {platform.python_version()}" in said
    assert f"torch        {torch.__version__.split('+')[0]}" in said
    assert f"{torch.get_num_threads()} threads" in said
    assert "auto chooses " in said
    assert "made here    0 in " in said


def test_the_processor_is_told_and_whether_it_trains(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    lines = doctor.report().splitlines()
    (cpu,) = [line for line in lines if line.startswith("  CPU ")]
    assert cpu.endswith(torch.backends.cpu.get_cpu_capability())
    assert lines[lines.index(cpu) + 1].strip() == "a step of training ends well"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert f"{cpu}, oneDNN limited to AVX2" in doctor.report()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("raise ValueError", "an error or wrong numbers"),
        ("print(False)", "an error or wrong numbers"),
    ],
)
def test_a_step_that_fails_is_said_and_kills_nobody(code, why, monkeypatch):
    monkeypatch.setattr(doctor, "TRAIN_A_STEP", code)
    assert f"training fails here ({why}): " in doctor.report()


def test_a_missing_dataset_comes_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path))
    monkeypatch.delenv("ADAUTOMIX_CIFAR100", raising=False)
    lines = doctor.report().splitlines()
    assert "  photodigits  embedded, its digests agree" in lines
    assert "  cifar100     missing; get it with: adautomix data get cifar100" in lines
    (tmp_path / "cifar100").mkdir()
    assert f"  cifar100     {tmp_path / 'cifar100'}" in doctor.report().splitlines()


def test_a_wrong_path_is_said_and_not_raised(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_CIFAR100", str(tmp_path / "typo"))
    (line,) = [line for line in doctor.report().splitlines() if "cifar100 " in line]
    assert f"{tmp_path / 'typo'} (ADAUTOMIX_CIFAR100): no such file" in line


def test_runs_are_counted(tmp_path, monkeypatch, document, curve):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    for seed in range(3):
        Store(tmp_path).write(document(seed=seed), curve)
    assert f"made here    3 in {tmp_path}" in doctor.report()
