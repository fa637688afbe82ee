"""A protocol run in order: skipped, gone on with, stopped, and what is said meanwhile."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adautomix import cli
from adautomix.device import decide
from adautomix.errors import DivergenceError, InputError, Interrupted
from adautomix.record import Run, Store, lock
from adautomix.record.lock import locked
from adautomix.results import execute, pace
from adautomix.results.experiment import Experiment, Planned
from adautomix.results.registry import EXPERIMENTS
from adautomix.results.report import Report
from adautomix.runs import runner
from adautomix.runs.evaluate import recorded_entry
from adautomix.runs.job import RunOptions
from adautomix.train import Training


def run_options(folder: Path, **changes) -> RunOptions:
    return RunOptions(decide("cpu", "fp32"), Store(folder), progress=False, **changes)


@pytest.fixture
def plan(small) -> Experiment:
    return small(evaluations={"calibration": {"bins": 10}})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A store in which seed 0 of the small experiment was run, four runs of four steps."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def finished(made, plan) -> Path:
    """The same, run when it is first asked for."""
    execute.run_all(plan, "smoke", run_options(made), [0], say=lambda line: None)
    return made


def test_every_run_is_made_and_evaluated(finished, plan):
    found = execute.statuses(plan, "smoke", run_options(finished), [0])
    assert [each.state for each in found] == ["done"] * 4
    assert execute.in_words(found) == "4 of 4 runs are there."
    for each in found:
        assert each.run.id == each.planned.job.id()
        for predictor in ("classifier", "teacher"):
            assert recorded_entry(each.run, "calibration", predictor, bins=10) is not None
    grid = Report(plan, "smoke", found).found
    assert [len(runs) for runs in grid.runs.values()] == [1, 1, 1, 1]
    assert (grid.table() != "").all(axis=None)


def test_what_is_there_is_not_made_again(finished, plan, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "execute", lambda *_: pytest.fail("trained again"))
    said = []
    execute.run_all(plan, "smoke", run_options(finished), [0], said.append)
    monkeypatch.setattr(execute, "recorded", lambda: Store(finished))
    shipped = run_options(tmp_path / "empty")
    execute.run_all(plan, "smoke", shipped, [0], said.append)
    found = execute.statuses(plan, "smoke", shipped, [0])
    assert ([each.state for each in found], said) == (["recorded"] * 4, [])
    assert not shipped.store.root.exists()


def test_a_run_in_another_precision_is_named_and_not_compared(finished, small):
    other = small(budgets={"smoke": "bf16"})
    here = replace(run_options(finished), numerics=decide("cpu", "bf16"))
    assert [each.run for each in execute.statuses(other, "smoke", here, [0])] == [None] * 4
    with pytest.raises(
        InputError, match="was made in fp32, and the experiment compares runs in bf16"
    ):
        execute.run_all(other, "smoke", here, [0], say=lambda line: None)
    anything = small(budgets={"smoke": "auto"})
    assert all(each.run for each in execute.statuses(anything, "smoke", here, [0]))


def test_an_interrupted_protocol_goes_on_to_the_same_bits(finished, plan, tmp_path, monkeypatch):
    update, here, said = Training.update, run_options(tmp_path / "here"), []

    def stopped(self, batch):
        losses = update(self, batch)
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return losses

    monkeypatch.setattr(Training, "update", stopped)
    with pytest.raises(Interrupted, match=r"stopped as asked after step 3 of 4;.*1 begun") as stop:
        execute.run_all(plan, "smoke", here, [0], said.append)
    assert "0 of 4 runs are there" in str(stop.value)
    assert stop.value.exit_status == 3
    first, *rest = execute.statuses(plan, "smoke", here, [0])
    assert (first.state, {each.state for each in rest}) == ("interrupted", {"missing"})
    monkeypatch.setattr(Training, "update", update)
    monkeypatch.setattr(execute, "_settle", _only(first.planned))
    execute.run_all(plan, "smoke", here, [0], said.append)
    id = first.planned.job.id()
    weights = [load_file(folder / id / runner.WEIGHTS) for folder in (here.store.root, finished)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    assert said[:2] == ["plain, cosine, seed 0: duration unknown"] * 2
    assert [line.rpartition(" ")[2] for line in said[2:]] == ["classifier", "teacher"]


def _only(wanted: Planned):
    """`_settle` for one run alone."""
    settle = execute._settle
    return lambda each, *rest: settle(each, *rest) if each.planned == wanted else None


@pytest.fixture
def budgeted(plan, finished, tmp_path, monkeypatch):
    """A function (durations by method, limit) → the runs begun, what was said and how it ended.

    Nothing is trained, and the clock moves by the duration of each run.
    """

    def go(
        durations: dict[str, float], limit: float, recorded: float | None = None
    ) -> tuple[list[str], list[str], str]:
        clock, begun, said = [100.0], [], []
        here = run_options(tmp_path / "here", time_limit=limit)

        def pretend(job, run_options):
            begun.append(job.recorded_name().removeprefix("photodigits/thin/"))
            clock[0] += min(durations[job.method], run_options.time_limit)
            if durations[job.method] > run_options.time_limit:
                raise Interrupted("stopped at the time limit after step 3 of 4.")
            shutil.copytree(finished / job.id(), here.store.path(job.id()), dirs_exist_ok=True)
            return here.store.find(job.id())

        monkeypatch.setattr(execute.time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(execute, "expected", lambda job, pool: recorded)
        monkeypatch.setattr(pace, "probe", lambda job, options: durations[job.method])
        monkeypatch.setattr(runner, "obtain", pretend)
        try:
            execute.run_all(plan, "smoke", here, [0], said.append)
        except Interrupted as stop:
            return begun, said, str(stop)
        return begun, said, ""

    return go


def test_the_time_limit_is_for_all_runs_together(budgeted):
    begun, said, end = budgeted({"plain": 4.0, "mixup": 4.0}, 10.0)
    assert begun == ["plain", "plain/schedule.floor=0.5", "mixup"]
    assert end == (
        "stopped at the time limit after step 3 of 4. 2 of 4 runs are there; the rest takes "
        "about 8 s."
    )
    assert [line for line in said if "measuring" in line] == [
        f"{method}, cosine, seed 0: measuring a few steps" for method in ("plain", "mixup")
    ]
    assert "mixup, cosine, seed 0: it will not end within the time limit" in said[-2]


def test_a_run_that_would_be_cut_waits_for_those_that_end(budgeted):
    begun, said, end = budgeted({"plain": 40.0, "mixup": 4.0}, 9.0)
    assert begun == ["mixup", "mixup/schedule.floor=0.5", "plain"], "the last is taken to the limit"
    assert end.endswith("2 of 4 runs are there; the rest takes about 1 min.")
    assert said.count("plain, cosine, seed 0: measuring a few steps") == 1


def test_a_record_of_a_slower_version_is_measured_again(budgeted):
    begun, said, end = budgeted({"plain": 4.0, "mixup": 2.0}, 100.0, recorded=1000.0)
    assert (len(begun), end) == (4, "")
    assert len([line for line in said if "measuring" in line]) == 2
    assert said[1] == "plain, cosine, seed 0: about 4 s"


def test_all_that_ends_in_time_keeps_the_order(budgeted):
    begun, _, end = budgeted({"plain": 4.0, "mixup": 1.0}, 100.0)
    assert (begun[0], begun[-1], end) == ("plain", "mixup/schedule.floor=0.5", "")


def test_a_probe_multiplies_what_a_step_and_an_evaluation_take(plan, tmp_path, monkeypatch):
    job, now = plan.planned("smoke")[0].job, [0.0]
    update, evaluated = Training.update, pace.accuracy_of

    def step(self, batch):
        now[0] += 1.0
        return update(self, batch)

    def evaluation(*given):
        now[0] += 100.0
        return evaluated(*given)

    monkeypatch.setattr(Training, "update", step)
    monkeypatch.setattr(pace, "accuracy_of", evaluation)
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    options = run_options(tmp_path / "here")
    predictors, steps, epochs = 2, 4, job.recipe().epochs
    assert pace.probe(job, options) == pace.WARM_UP + steps + epochs * predictors * 100.0
    assert not options.store.root.exists(), "nothing of it is kept"


def test_a_run_that_diverges_does_not_stop_the_others(plan, finished, tmp_path, monkeypatch):
    names, said = [], []

    def pretend(job, run_options):
        names.append(job.recorded_name().removeprefix("photodigits/thin/"))
        if len(names) == 2:
            raise DivergenceError("training diverged by step 3.")
        return Store(finished).find(job.id())

    monkeypatch.setattr(runner, "obtain", pretend)
    with pytest.raises(DivergenceError, match=r"^1 of the runs diverged \(plain, floor, seed 0\)"):
        execute.run_all(plan, "smoke", run_options(tmp_path / "here"), [0], said.append)
    assert names == ["plain", "plain/schedule.floor=0.5", "mixup", "mixup/schedule.floor=0.5"]
    assert "plain, floor, seed 0: training diverged by step 3." in said


def test_a_run_that_another_process_makes_is_left_to_it(plan, finished, tmp_path, monkeypatch):
    here, names, said = run_options(tmp_path / "here"), [], []
    pretend = lambda job, run_options: names.append(job) or Store(finished).find(job.id())  # noqa: E731
    monkeypatch.setattr(runner, "obtain", pretend)
    first = plan.planned("smoke")[0].job.id()
    with locked(here.store.path(first) / runner.CHECKPOINTS) as ours:
        assert ours
        lock._ours.clear()  # as another process sees it
        execute.run_all(plan, "smoke", here, [0], said.append)
    assert said[0] == "plain, cosine, seed 0: another process is at it"
    assert first not in [job.id() for job in names]
    assert len(names) == 3
    with locked(here.store.path(first) / runner.CHECKPOINTS) as free:
        assert free


def test_a_run_that_another_process_evaluates_is_left_to_it(small, finished, monkeypatch):
    plan, evaluated = small(evaluations={"calibration": {"bins": 12}}), []
    monkeypatch.setattr(execute, "evaluate", lambda run, *_, **__: evaluated.append(run.id) or run)
    first, *rest = [each.job.id() for each in plan.planned("smoke", [0])]
    with locked(finished / first / runner.WEIGHTS):
        lock._ours.clear()  # as another process sees it
        execute.run_all(plan, "smoke", run_options(finished), [0], say=lambda line: None)
    assert evaluated == [id for id in rest for _ in ("classifier", "teacher")]


def test_evaluations_that_are_missing_are_counted_and_each_that_is_made_is_said(
    small, finished, tmp_path
):
    plan = small(evaluations={"calibration": {"bins": 10}, "fgsm": {"per_class": 1}})
    here, said = run_options(shutil.copytree(finished, tmp_path / "here")), []
    found = execute.statuses(plan, "smoke", here, [0])
    assert execute.in_words(found) == "4 of 4 runs are there, 8 of 16 evaluations are missing."
    first = found[0].run.path
    (first / runner.WEIGHTS).rename(first / "elsewhere")
    execute.run_all(plan, "smoke", here, [0], said.append)
    assert said[:3] == [
        "plain, cosine, seed 0: 2 evaluations are missing, for want of its weights",
        "plain, floor, seed 0: fgsm of the classifier",
        "plain, floor, seed 0: fgsm of the teacher",
    ]
    found = execute.statuses(plan, "smoke", here, [0])
    assert execute.in_words(found) == "4 of 4 runs are there, 2 of 16 evaluations are missing."


def test_durations_come_from_runs_of_the_method_or_by_its_passes(plan, finished, tmp_path):
    planned = {each.row: each.job for each in plan.planned("smoke", [1])}
    plain = Store(finished).find(plan.planned("smoke")[0].job.id())
    took = [_lasting(plain, seconds) for seconds in (10.0, 90.0, 20.0)]
    assert execute.expected(planned["plain"], took) == 20.0
    released = replace(planned["plain"], name="photodigits/thin/adautomix")
    assert execute.expected(released, took) == pytest.approx(20.0 * 12 / 3)
    assert execute.expected(released, []) is None
    longer = replace(plain, recipe=plain.recipe | {"epochs": 3})
    assert execute.expected(planned["plain"], [longer]) is None
    elsewhere = replace(plain, provenance=plain.provenance | {"device": "cpu: another, 2 threads"})
    other = replace(plain, provenance=plain.provenance | {"precision": "bf16 (as asked)"})
    compared = execute._comparable([plain, elsewhere, other], "smoke", run_options(tmp_path))
    assert compared == [plain]


def _lasting(run: Run, seconds: float) -> Run:
    return replace(run, provenance=run.provenance | {"seconds": seconds})


def test_durations_become_known_as_runs_are_made(plan, finished, tmp_path, monkeypatch):
    """A run is copied from the finished ones where it would be trained."""
    here, said = run_options(tmp_path / "here"), []

    def pretend(job, run_options):
        shutil.copytree(finished / job.id(), run_options.store.root / job.id(), dirs_exist_ok=True)
        return run_options.store.find(job.id())

    monkeypatch.setattr(runner, "obtain", pretend)
    execute.run_all(plan, "smoke", here, [0], said.append)
    assert said[0] == "plain, cosine, seed 0: duration unknown"
    assert len(said) == 4
    assert all(": about " in line for line in said[1:])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "duration unknown"),
        (3.4, "about 3 s"),
        (600.0, "about 10 min"),
        (3599.0, "about 1 h 00 min"),
        (7500.0, "about 2 h 05 min"),
    ],
)
def test_durations_in_words(seconds, words):
    assert execute.duration(seconds) == words


def test_the_command_line(finished, small, capsys, monkeypatch):
    plan = small(evaluations={"calibration": {"bins": 10}})
    monkeypatch.setitem(EXPERIMENTS, "small", plan)
    where = ["--seeds", "0", "--device", "cpu", "--runs", str(finished)]
    assert cli.main(["experiment", "status", "small", *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["done"] * 4 + ["4"]
    assert lines[1].split()[:5] == ["done", "plain,", "floor,", "seed", "0"]
    assert "teacher" in lines[1]
    assert cli.main(["experiment", "run", "small", "--budget", "smoke", *where]) == 0
    assert capsys.readouterr().out == "4 of 4 runs are there.\n"
    monkeypatch.setitem(EXPERIMENTS, "small", small(evaluations={"fgsm": {}}))
    assert cli.main(["experiment", "status", "small", *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("2 of 2 evaluations missing")
    assert lines[-1] == "4 of 4 runs are there, 8 of 8 evaluations are missing."
    assert cli.main(["experiment", "status", "small", "--budget", "lite"]) == 2
    assert "unknown budget of the experiment 'lite': known: smoke" in capsys.readouterr().err
    assert cli.main(["experiment", "status", "smal"]) == 2
    assert "unknown experiment 'smal': did you mean 'small'" in capsys.readouterr().err


def test_the_options_of_the_command_line_reach_the_runs(small, tmp_path, monkeypatch):
    given = []
    monkeypatch.setitem(EXPERIMENTS, "small", small())
    monkeypatch.setattr(
        execute, "run_all", lambda plan, budget, options, seeds: given.append(options)
    )
    words = ["--compile", "--device", "cpu", "--precision", "bf16", "--time-limit", "12m"]
    assert cli.main(["experiment", "run", "small", *words, "--runs", str(tmp_path)]) == 0
    (options,) = given
    assert options.numerics == replace(decide("cpu", "bf16"), compile=True)
    assert (options.time_limit, options.store.root) == (720, tmp_path)


def test_every_experiment_is_listed(capsys):
    assert cli.main(["experiment", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*EXPERIMENTS]


def test_an_experiment_that_decides_nothing_is_run_likewise(tmp_path, capsys, monkeypatch):
    two = Experiment("Two", "photodigits/thin", ("plain", "mixup"))
    monkeypatch.setitem(EXPERIMENTS, "two", two)
    where = ["--budget", "smoke", "--device", "cpu", "--runs", str(tmp_path)]
    assert cli.main(["experiment", "run", "two", *where]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 runs are there."
    with pytest.raises(InputError, match="'Two' has no protocol: it decides nothing"):
        Report(two, "smoke", []).headline()
