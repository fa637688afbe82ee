"""`adautomix evaluate` with evaluations: what is printed, recorded and refused."""

import json
import shutil

import pytest

from adautomix import cli
from adautomix.device import decide
from adautomix.record import Run, Store
from adautomix.runs import runner
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.weights import WEIGHTS


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    job = Job("photodigits/thin/plain", "smoke", 0, ("epochs=1",))
    store = Store(tmp_path_factory.mktemp("trained"))
    return runner.obtain(job, RunOptions(decide("cpu"), store, progress=False))


@pytest.fixture
def run(trained, tmp_path) -> Run:
    shutil.copytree(trained.path, tmp_path / "runs" / trained.id)
    return Store(tmp_path / "runs").match(trained.id)


def said(capsys, run: Run, *words: str, status: int = 0) -> str:
    """What `adautomix evaluate` prints, on the stream that its exit status asks for."""
    where = ["--runs", str(run.path.parent), "--device", "cpu"]
    assert cli.main(["evaluate", run.id, *words, *where]) == status
    out, err = capsys.readouterr()
    if status:
        assert out == ""
        return err
    return out


def test_evaluations_are_printed_recorded_and_then_only_read(capsys, run):
    words = ["--calibration", "--calibration-released", "--predictor", "teacher"]
    lines = said(capsys, run, *words).splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == ["calibration, teacher: recorded", "calibration_released, teacher: recorded"]
    entries = Store(run.path.parent).match(run.id).evaluations
    assert [(e["name"], e["predictor"]) for e in entries] == [
        ("calibration", "teacher"),
        ("calibration_released", "teacher"),
    ]
    shown = dict(line.split(maxsplit=1) for line in lines[1:] if line.startswith("  "))
    assert shown["n"] == "797"
    (run.path / WEIGHTS).unlink()
    again = said(capsys, run, *words)
    assert again == "\n".join(lines).replace(": recorded", ": already recorded") + "\n"


def test_both_predictors_are_evaluated_unless_one_is_named(capsys, run):
    lines = said(capsys, run, "--calibration").splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == ["calibration, classifier: recorded", "calibration, teacher: recorded"]
    assert said(capsys, run, "--predictor", "teacher").startswith("teacher ")
    assert said(capsys, run).startswith("classifier ")


def test_the_evaluations_of_a_run_are_listed(capsys, run):
    said(capsys, run, "--calibration", "--predictor", "classifier")
    assert cli.main(["runs", "show", run.id, "--runs", str(run.path.parent)]) == 0
    lines = capsys.readouterr().out.splitlines()
    ece = json.loads((run.path / "run.json").read_text())["evaluations"][0]["values"]["ece"]
    (line,) = [line for line in lines if line.startswith("evaluation ")]
    assert line.split(maxsplit=1)[1].startswith(f"calibration, classifier: ece {ece:.4f}, mce ")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["--pdg"], 2, "unknown option of adautomix evaluate '--pdg': did you mean '--pgd'?"),
        (["--fgsm", "--predictor", "techer"], 2, "unknown predictor of "),
        (["--predictor", "techer"], 2, "unknown predictor of "),
    ],
)
def test_bad_usage_is_one_sentence(capsys, run, words, status, sentence):
    err = said(capsys, run, *words, status=status)
    assert err.startswith(f"adautomix: {sentence}")
    assert err.count("\n") == 1


def test_without_weights_the_sentence_says_how_to_make_them(capsys, run):
    (run.path / WEIGHTS).unlink()
    err = said(capsys, run, "--all", status=1)
    assert "has lost its weights: delete " in err
    assert Store(run.path.parent).match(run.id).evaluations == []
