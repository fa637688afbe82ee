"""Jobs of Slurm: one for each run that is missing; submitit's local executor stands for Slurm."""

import os
import signal
import time
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest

from adautomix.cli.main import main, parser
from adautomix.device import decide
from adautomix.errors import AdAutoMixError, InputError, Interrupted
from adautomix.record import Store
from adautomix.results import execute, submit
from adautomix.results.registry import get
from adautomix.runs.job import RunOptions

NAME, BUDGET = "photodigits", "smoke"


def run_options(folder: Path) -> RunOptions:
    return RunOptions(decide("cpu", "fp32"), Store(folder), progress=False)


def tasks(folder: Path, gpus: int = 1) -> list[submit.Task]:
    return submit.tasks(NAME, BUDGET, run_options(folder), "cpu", gpus, None)


def test_each_missing_run_is_a_task_that_makes_it_and_then_it_is_none(tmp_path):
    wanted = tasks(tmp_path)
    assert [each.job for each in wanted] == [each.job for each in get(NAME).planned(BUDGET)]
    first, *rest = wanted
    assert first() == first.job.id()
    assert tasks(tmp_path) == rest
    assert first() == first.job.id()  # given again, it reads the record


def test_several_gpus_train_a_run_together(tmp_path, monkeypatch):
    seen, statuses = [], [0, 3, 1]

    def run(words, check):
        seen.append(words)
        return CompletedProcess(words, statuses.pop(0))

    monkeypatch.setattr(submit.subprocess, "run", run)
    monkeypatch.setattr(execute, "run_one", lambda *_: seen.append("evaluated"))
    task = tasks(tmp_path, gpus=8)[0]
    task()
    (words, last) = seen
    assert last == "evaluated"
    launched = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=8",
        "-m",
        "adautomix",
    ]
    assert words[1:7] == launched
    parsed = parser().parse_args(words[7:])
    assert (parsed.recipe, parsed.runs, parsed.device) == (task.job.name, tmp_path, "cpu")
    for error in (Interrupted, AdAutoMixError):
        with pytest.raises(error, match=task.job.id()):
            task()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--gpus", "0"], "gpus must be 1 or more"),
        (["--time", "soon"], "a time is written like"),
        (["--sbatch", "mem"], "an option of sbatch is NAME=VALUE, not 'mem'"),
        (["--budget", "smok"], "unknown budget"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, words, sentence):
    line = ["experiment", "submit", NAME, "--runs", str(tmp_path), *words]
    assert main(line) == 2
    assert sentence in capsys.readouterr().err


def test_without_slurm_or_submitit_one_sentence_says_what_to_do(tmp_path, capsys):
    line = ["experiment", "submit", NAME, "--budget", BUDGET, "--runs", str(tmp_path)]
    assert main(line) == 2
    said = capsys.readouterr().err
    assert "pip install 'adautomix[slurm]'" in said or "there is no Slurm here" in said
    assert said.count("\n") == 1


def test_what_is_submitted_is_said(tmp_path, capsys, monkeypatch):
    given = []

    def hand_on(wanted, resources, folder):
        given.append((resources, folder))
        return [SimpleNamespace(job_id=f"7_{i}") for i in range(len(wanted))]

    monkeypatch.setattr(submit, "submit", hand_on)
    line = ["experiment", "submit", NAME, "--budget", BUDGET, "--runs", str(tmp_path)]
    assert main([*line, "--time", "90m", "--sbatch", "account=vision"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["7_0", get(NAME).planned(BUDGET)[0].job.id()]
    assert said[-1] == f"Logs: {tmp_path / 'slurm'}"
    assert given == [(submit.Resources(90, sbatch={"account": "vision"}), tmp_path / "slurm")]


def test_a_task_comes_back_as_it_was(tmp_path):
    pytest.importorskip("submitit")
    task = tasks(tmp_path)[0]
    again = task.checkpoint()
    assert (again.function, again.args, again.kwargs) == (task, (), {})


@pytest.mark.slow
def test_a_job_that_is_preempted_is_queued_again_and_makes_the_run(tmp_path):
    """submitit's local executor starts a job again as Slurm does."""
    pytest.importorskip("submitit")
    task = tasks(tmp_path)[0]
    (job,) = submit.submit([task], submit.Resources(minutes=30), tmp_path / "slurm", "local")
    log = job.paths.stdout
    while not log.exists() or "seed 0" not in log.read_text():
        assert not job.done()
        time.sleep(0.05)
    children = Path(f"/proc/{job.job_id}/task/{job.job_id}/children")  # of submitit's controller
    if not children.exists():
        pytest.skip("the job's process is looked for in /proc")
    os.kill(int(children.read_text()), signal.SIGUSR2)  # as Slurm does
    assert job.result() == task.job.id()
    assert "this job is preempted" in job.paths.stderr.read_text() + log.read_text()
    assert Store(tmp_path).find(task.job.id()) is not None


def test_resources_are_refused_that_slurm_could_not_give():
    with pytest.raises(InputError, match="minutes must be 1 or more"):
        submit.Resources(minutes=0)
