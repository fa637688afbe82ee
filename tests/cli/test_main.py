"""The command line as a user sees it: help, results, and one sentence when something is wrong."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adautomix import __version__, cli
from adautomix.cli import commands
from adautomix.errors import InputError
from adautomix.record import Run, Store, _document

TRAIN = ["train", "photodigits/thin/plain", "--budget", "smoke", "--device", "cpu"]
TRAIN += ["--set", "net.width=12"]


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    """No datasets, a wide terminal, and no wish for tracebacks."""
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("ADAUTOMIX_CIFAR100", "ADAUTOMIX_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A store with two runs, seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("store")
    for seed in ("0", "1"):
        assert cli.main([*TRAIN, "--set", "epochs=1", "--seed", seed, "--runs", str(folder)]) == 0
    return folder


@pytest.fixture
def runs(folder) -> list[Run]:
    return sorted(Store(folder).all(), key=lambda run: run.seed)


def said(capsys, words: list[str], status: int = 0) -> str:
    """What a command prints, on the stream that its exit status asks for."""
    assert cli.main(words) == status
    out, err = capsys.readouterr()
    if status == 0:
        return out
    assert out == ""
    assert "Traceback" not in err
    assert err.startswith("adautomix: ")
    assert err.count("\n") == 1
    return err.removeprefix("adautomix: ").rstrip("\n")


def help_of(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        cli.main([*words, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


COMMANDS = [
    (),
    ("train",),
    ("evaluate",),
    ("runs",),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "compare"),
    ("runs", "repeat"),
    ("runs", "publish"),
    ("experiment",),
    ("experiment", "list"),
    ("experiment", "status"),
    ("experiment", "run"),
    ("data",),
    ("data", "get"),
    ("data", "verify"),
    ("data", "where"),
    ("book",),
    ("doctor",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(capsys, words):
    text = help_of(capsys, *words)
    assert text.startswith(f"usage: {' '.join(['adautomix', *words])} [-h]")
    assert "==SUPPRESS==" not in text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("train",), "--budget {smoke,quick,lite,short,paper} what to spend (default: quick)"),
        (("train",), "--seed SEED of everything random (default: 0)"),
        (("train",), "--device {auto,cpu,cuda,cuda:1,mps} where to compute (default: auto)"),
        (("train",), "--precision {auto,fp32,bf16} of the forward pass (default: auto)"),
        (("train",), "--checkpoint-every TIME time between two checkpoints (default: 60s)"),
        (("train",), "goes on from there (default: no limit)"),
        (
            ("train",),
            "--runs PATH folder of the runs made here (default: ADAUTOMIX_RUNS, else ./runs)",
        ),
        (("evaluate",), "--device {auto,cpu,cuda,cuda:1,mps} where to compute (default: auto)"),
        (("book",), "for every notebook that has it (default: quick)"),
        (("data", "get"), "where to put it (default: ADAUTOMIX_DATA, else ~/.cache/adautomix)"),
        ((), "Exit status: 0 done, 1 something is missing or failed, 2 bad input, 3 stopped early"),
    ],
)
def test_help_shows_defaults(capsys, words, shown):
    assert shown in " ".join(help_of(capsys, *words).split())


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"adautomix {__version__}\n"


def test_training_says_where_the_record_is_and_what_came_out(capsys, tmp_path):
    words = [*TRAIN, "--set", "epochs=2", "--seed", "3", "--runs", str(tmp_path / "new")]
    lines = said(capsys, words).splitlines()
    (run,) = Store(tmp_path / "new").all()
    assert (run.seed, run.recipe["epochs"], run.recipe["net"]["width"]) == (3, 2, 12)
    best = 100 * run.metrics["classifier"]["top1_best"]
    assert lines[0] == f"Recorded: {run.path}"
    assert lines[1].startswith("classifier")
    assert f"best {best:.2f} %" in lines[1]
    assert lines[2].startswith("teacher")
    again = said(capsys, words).splitlines()
    assert again == [f"Already recorded: {run.path}", *lines[1:]]


def test_a_cheap_budget_says_which_recipe_it_runs(capsys, monkeypatch, runs):
    from adautomix.runs import runner

    monkeypatch.setattr(runner, "obtain", lambda job, run_options: runs[0])
    assert cli.main(["train", "cifar100/resnet18/cutmix", "--budget", "smoke"]) == 0
    assert capsys.readouterr().err == "At the budget smoke this is photodigits/thin/cutmix.\n"
    assert cli.main(TRAIN) == 0
    assert capsys.readouterr().err == ""


def test_options_reach_the_run(monkeypatch, runs, tmp_path):
    from adautomix.runs import runner

    seen = []
    monkeypatch.setattr(runner, "obtain", lambda *given: seen.append(given) or runs[0])
    words = ["--precision", "bf16", "--compile", "--time-limit", "25m", "--checkpoint-every", "2h"]
    assert (
        cli.main([*TRAIN, *words, "--data", "d", "--runs", str(tmp_path), "--set", "epochs=9"]) == 0
    )
    ((job, run_options),) = seen
    assert job.changes == ("net.width=12", "epochs=9")
    assert (run_options.numerics.precision, run_options.numerics.compile) == ("bf16", True)
    assert run_options.numerics.capture
    assert (run_options.time_limit, run_options.checkpoint_every) == (1500, 7200)
    assert (run_options.store, run_options.root) == (Store(tmp_path), Path("d"))
    assert cli.main([*TRAIN, "--eager", "--runs", str(tmp_path)]) == 0
    assert not seen[1][1].numerics.capture


def test_a_time_limit_ends_with_status_3_and_the_command_goes_on(capsys, tmp_path):
    words = [*TRAIN, "--set", "epochs=1", "--runs", str(tmp_path / "runs"), "--time-limit", "0.001"]
    sentence = said(capsys, words, status=3)
    assert sentence == (
        "stopped at the time limit after step 1 of 2; a checkpoint is kept, "
        "and the same command goes on from there."
    )
    assert len(list((tmp_path / "runs").glob("*/checkpoints/step-000000001"))) == 1
    assert said(capsys, words).startswith("Recorded: ")


def test_evaluation_repeats_the_recorded_accuracy(capsys, folder, runs):
    words = ["evaluate", "plain-photodigits-smoke-s1", "--device", "cpu", "--runs", str(folder)]
    lines = said(capsys, words).splitlines()
    for line, predictor in zip(lines, ("classifier", "teacher"), strict=True):
        metrics = runs[1].metrics[predictor]
        assert line.split()[:3] == [predictor, "top-1", f"{100 * metrics['top1_last']:.2f}"]
        assert f"top-5 {100 * metrics['top5_last']:6.2f} %" in line
        assert line.endswith("797 images")


def test_runs_are_listed_shown_and_compared(capsys, folder, runs):
    listed = said(capsys, ["runs", "list", "--runs", str(folder)]).splitlines()
    here = [line.split()[1] for line in listed if line.startswith("here")]
    assert here == [run.id for run in runs]
    assert f"classifier {100 * runs[0].metrics['classifier']['top1_median10']:.2f} %" in listed[0]
    assert listed[0].endswith(" net.width=12 epochs=1")
    own = said(capsys, ["runs", "list", "--here", "--runs", str(folder)])
    assert own.splitlines() == listed[: len(runs)]

    shown = said(capsys, ["runs", "show", "plain-photodigits-smoke-s0", "--runs", str(folder)])
    assert shown.startswith(f"{runs[0].id}   photodigits/thin/plain/net.width=12/epochs=1\n")
    assert f"command          {runs[0].provenance['command']}\n" in shown

    prefixes = [f"plain-photodigits-smoke-s{seed}" for seed in (0, 1)]
    table = said(capsys, ["runs", "compare", *prefixes, "--runs", str(folder)])
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[1:]}
    assert rows["seed"] == ["0", "1"]
    assert "budget" not in rows  # it does not differ
    assert rows["classifier.top1_last"] == [
        f"{run.metrics['classifier']['top1_last']:.4f}" for run in runs
    ]


def test_the_table_of_an_experiment_is_shown(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    heading, *rows = said(capsys, ["experiment", "show", "photodigits"]).splitlines()
    assert "recorded, quick, classifier (%)" in heading
    assert any(re.match(r"AdAutoMix +\d\d\.\d\d ± ", row) for row in rows)
    ece = said(capsys, ["experiment", "show", "evaluations", "--metric", "calibration/ece"])
    assert ece.splitlines()[-1].startswith("Expected calibration error")


@pytest.mark.parametrize("metric", ["brier/bier", "nothing", "calibration/bier"])
def test_a_metric_that_nobody_measures_is_refused_with_those_there_are(capsys, metric):
    words = ["experiment", "show", "evaluations", "--metric", metric]
    sentence = said(capsys, words, status=2)
    assert sentence.startswith(f"unknown metric '{metric}'")
    assert "calibration/ece" in sentence
    assert "top1_median10" in sentence


def test_runs_alone_lists_them(capsys, folder, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(folder))
    assert said(capsys, ["runs"]) == said(capsys, ["runs", "list"])


def test_recipes_that_differ_are_compared_by_field(capsys, folder, runs, tmp_path):
    for run in runs:
        document = json.loads((run.path / "run.json").read_text())
        other = Store(tmp_path / "two")
        other.write(document, run.curve())
    assert cli.main([*TRAIN, "--set", "epochs=2", "--runs", str(tmp_path / "two")]) == 0
    capsys.readouterr()
    ids = [run.id for run in Store(tmp_path / "two").all() if run.seed == 0]
    table = said(capsys, ["runs", "compare", *ids, "--runs", str(tmp_path / "two")])
    rows = {line.split()[0]: sorted(line.split()[1:]) for line in table.splitlines()[1:]}
    assert rows["recipe.epochs"] == ["1", "2"]
    assert "recipe.batch" not in rows


def test_runs_are_published_without_weights_if_they_can_be_made_again(
    capsys, folder, runs, tmp_path
):
    words = ["runs", "publish", runs[0].id, "--runs", str(folder), "--to", str(tmp_path / "kept")]
    document = json.loads((runs[0].path / "run.json").read_text())
    clean = {**document["provenance"], "commit": "0" * 40, "dirty": False}
    for facts in ({"commit": None, "dirty": None}, {"commit": "0" * 40, "dirty": True}):
        rewrite(runs[0], {**document, "provenance": {**clean, **facts}})
        assert cli.main(words) == 1
        assert "its source is no commit: commit the changes" in capsys.readouterr().err
        assert not (tmp_path / "kept").exists()
    rewrite(runs[0], {**document, "provenance": clean})
    assert said(capsys, words) == f"Recorded: {tmp_path / 'kept' / runs[0].id}\n"
    assert Store(tmp_path / "kept").match(runs[0].id).metrics == runs[0].metrics
    assert not list((tmp_path / "kept").rglob("*.safetensors"))
    rewrite(runs[0], document)


def rewrite(run: Run, document: dict) -> None:
    """Another run.json, with its digest."""
    sealed = _document.sealed(document, run.sha256)
    (run.path / "run.json").write_bytes(_document.dump(sealed))


def test_no_run_at_all_is_said(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "recorded", lambda: Store(tmp_path / "none"))
    assert said(capsys, ["runs"]).startswith("No run in ")


def test_a_run_of_the_package_is_found_too(capsys, folder, monkeypatch):
    monkeypatch.setattr(commands, "recorded", lambda: Store(folder))
    assert "top-1: last" in said(capsys, ["runs", "show", "plain-photodigits-smoke-s0"])
    listed = said(capsys, ["runs", "list"])
    assert [line.split()[0] for line in listed.splitlines()] == ["recorded", "recorded"]


def test_where_data_are(capsys, tmp_path):
    assert "made from files of scikit-learn" in said(capsys, ["data", "where", "photodigits"])
    assert "run `adautomix data get cifar100`" in said(capsys, ["data", "where", "cifar100"], 1)
    (tmp_path / "there").mkdir()
    words = ["data", "where", "cifar100", "--data", str(tmp_path / "there")]
    assert said(capsys, words) == f"{tmp_path / 'there'}\n"


def test_data_are_verified(capsys):
    lines = said(capsys, ["data", "verify", "photodigits"]).splitlines()
    assert [line.split(", ")[0] for line in lines] == [
        "photodigits train: 300 images",
        "photodigits validation: 700 images",
        "photodigits test: 797 images",
    ]


def test_the_doctor_reports(capsys):
    assert "adautomix data get cifar100" in said(capsys, ["doctor"])


def test_the_book_gets_its_parameters(capsys, monkeypatch):
    import adautomix.book

    seen = {}
    monkeypatch.setattr(adautomix.book, "build", lambda **given: seen.update(given) or Path("page"))
    words = ["--seeds", "0", "2", "--set", "device=cpu", "--set", "width=[1, 2]"]
    words += [
        "--only",
        "02",
        "calibration",
        "--skip-run",
        "--out",
        "out",
        "--budget",
        "short",
        "--live",
    ]
    assert said(capsys, ["book", *words]) == ""  # the book itself says where its pages are
    assert seen == {
        "budget": "short",
        "parameters": {"seeds": [0, 2], "device": "cpu", "width": [1, 2]},
        "notebooks": ["02", "calibration"],
        "execute": False,
        "output": Path("out"),
        "jobs": 2,
        "live": True,
    }
    assert "'device' sets no parameter" in said(capsys, ["book", "--set", "device"], 2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: COMMAND (see `adautomix --help`)."),
        (["trian"], "argument COMMAND: invalid choice: 'trian' (choose from"),
        (["train"], "the following arguments are required: RECIPE (see `adautomix train --help`)."),
        (
            [*TRAIN, "--sed", "3"],
            "unknown option of adautomix train '--sed': did you mean '--seed'?",
        ),
        (
            [*TRAIN, "--seeds=3"],
            "unknown option of adautomix train '--seeds': did you mean '--seed'?",
        ),
        ([*TRAIN, "--seed", "x"], "argument --seed: invalid int value: 'x' (see"),
        ([*TRAIN, "and", "more"], "unrecognized argument 'and' (see `adautomix train --help`)."),
        ([*TRAIN, "--budget", "smoek"], "unknown budget 'smoek': did you mean 'smoke'?"),
        ([*TRAIN, "--precision", "fp8"], "unknown precision 'fp8'"),
        ([*TRAIN, "--time-limit", "soon"], "a time is written like 90s, 25m or 1h30m, not 'soon'."),
        (["runs", "compare", "one"], "comparing needs two runs or more, not 1."),
        (["data", "get", "cifar10"], "unknown dataset 'cifar10': did you mean 'cifar100'?"),
        (["data", "verify", "cifar10"], "unknown dataset 'cifar10'"),
        (["data", "where", "cifar10"], "unknown dataset 'cifar10'"),
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(capsys, words, sentence):
    assert said(capsys, words, status=2).startswith(sentence)


@pytest.mark.parametrize("words", [["runs", "show", "nothing"], ["evaluate", "nothing"]])
def test_a_run_that_is_not_there_names_those_that_are(capsys, folder, runs, words):
    sentence = said(capsys, [*words, "--runs", str(folder)], status=1)
    assert sentence == (
        f"no run in {folder} starts with 'nothing'; there: {runs[0].id}, {runs[1].id}."
    )


def test_a_beginning_of_several_runs_is_not_enough(capsys, folder, runs):
    sentence = said(capsys, ["runs", "show", "plain", "--runs", str(folder)], status=1)
    assert sentence.startswith("2 runs start with 'plain', name one: ")


@pytest.mark.parametrize("where", ["option", "environment"])
def test_a_traceback_is_shown_on_request(capsys, monkeypatch, where):
    words = ["data", "where", "cifar10"]
    if where == "option":
        words.insert(1, "--traceback")
    else:
        monkeypatch.setenv("ADAUTOMIX_TRACEBACK", "1")
    assert cli.main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("adautomix: unknown dataset 'cifar10'")


def test_an_interruption_is_no_traceback(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "doctor", interrupted)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "adautomix: interrupted.\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90),
        ("90s", 90),
        ("25m", 1500),
        ("2h", 7200),
        ("0.5s", 0.5),
        ("1h30m", 5400),
        ("2h0.5m10", 7240),
    ],
)
def test_durations(text, value):
    assert commands.seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "s", "h", "0", "-1m", "nan", "1d", "1:30", "30m1h", "1.2.3s", "1h30x"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InputError, match="a time is written like 90s"):
        commands.seconds(text)


def process(root: Path, words: list[str], **streams) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "adautomix", *words]
    return subprocess.Popen(command, env=environment, cwd=root, text=True, **streams)


def test_a_process_ends_with_the_status_and_the_sentence(root):
    with process(root, ["data", "where", "cifar100"], stderr=subprocess.PIPE) as done:
        assert done.stderr.read().startswith("adautomix: CIFAR-100 is not in ")
    assert done.returncode == 1


def test_a_reader_who_leaves_early_is_no_error(root, folder):
    read, write = os.pipe()
    os.close(read)
    words = ["runs", "list", "--runs", str(folder)]
    with process(root, words, stdout=write, stderr=subprocess.PIPE) as done:
        os.close(write)
        assert done.stderr.read() == ""
    assert done.returncode == 0


@pytest.mark.parametrize("option", ["--runs", "--data"])
def test_an_empty_path_is_refused(capsys, option):
    sentence = said(capsys, ["train", "photodigits/thin/plain", option, ""], 2)
    assert sentence.startswith(f"argument {option}: the path is empty: name a folder")
