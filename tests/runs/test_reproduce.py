"""A record made again: the same bits, or the first that differ; never in the record's own place."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from adautomix import cli
from adautomix.device import decide
from adautomix.errors import InputError, RecordError
from adautomix.record import Run, Store
from adautomix.record.store import PICTURES
from adautomix.runs import reproduce
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.runner import obtain
from adautomix.runs.weights import WEIGHTS
from adautomix.storage import seals

CHEAP = Job("photodigits/thin/mixup", "smoke", 3, ("method.rule.alpha=0.4",))
ALL = ("curve", "metrics", "weights", "pictures")


@pytest.fixture
def here(tmp_path) -> RunOptions:
    return RunOptions(decide("cpu"), Store(tmp_path / "runs"), progress=False)


@pytest.fixture
def there(tmp_path) -> RunOptions:
    return RunOptions(store=Store(tmp_path / "again"), progress=False)


def test_a_run_comes_out_the_same_whatever_is_the_number_of_threads(here, there):
    run = obtain(CHEAP, here)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        found = reproduce.repeat(run, there)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert (found.compared, found.differences) == (ALL, ())
    assert found.again.path == there.store.path(run.id)
    assert found.again.provenance["device"] == run.provenance["device"]


def test_a_finished_repetition_is_made_again(here, there):
    run = obtain(CHEAP, here)
    first = reproduce.repeat(run, there).again
    (first.path / "curve.csv").write_text("epoch\n1\n")
    assert reproduce.repeat(run, there).differences == ()


def test_bf16_is_repeated_in_bf16(here, there):
    run = obtain(CHEAP, replace(here, numerics=decide("cpu", "bf16")))
    found = reproduce.repeat(run, there)
    assert found.differences == ()
    assert found.again.precisions == {"bf16"}


def otherwise(run: Run, curve: pd.DataFrame) -> Run:
    """The record as if the run had come out with another curve, and with the weights there now."""
    document = json.loads((run.path / "run.json").read_text())
    pictures = {PICTURES: (run.path / PICTURES).read_bytes()}
    there = {WEIGHTS: seals.of_file(run.path / WEIGHTS)} if (run.path / WEIGHTS).exists() else {}
    return Store(run.path.parent).write(document, curve, pictures, beside=there)


def test_every_difference_is_named(here, there):
    run = obtain(CHEAP, here)
    curve = run.curve()
    curve.loc[1, "train_mixed_ce"] += 1e-12
    weights = load_file(run.path / WEIGHTS)
    name = min(weights)
    save_file(weights | {name: weights[name] + 1e-6}, run.path / WEIGHTS)
    run = otherwise(run, curve)
    run = replace(run, metrics={"classifier": run.metrics["classifier"] | {"top1_last": 0.5}})
    curve, metrics, bytes_ = reproduce.repeat(run, there).differences
    assert curve.startswith("curve: 1 of ")
    assert "first in epoch 2 train_mixed_ce" in curve
    assert metrics.startswith("metrics: classifier.top1_last is 0.5, now 0.")
    assert bytes_ == f"weights: {name} differs."


def test_a_curve_of_another_length_is_a_difference(here, there):
    run = obtain(CHEAP, here)
    run = otherwise(run, run.curve().iloc[:1])
    (found,) = reproduce.repeat(run, there).differences
    assert found.startswith("curve: 1 lines of epoch, step, ")


def test_a_record_without_weights_is_compared_by_the_rest(here, there):
    run = obtain(CHEAP, here)
    (run.path / WEIGHTS).unlink()
    assert reproduce.repeat(run, there).compared == ("curve", "metrics", "pictures")


def test_a_record_is_not_repeated_onto_itself(here):
    run = obtain(CHEAP, here)
    with pytest.raises(InputError, match="is the record itself: repeat it in another folder"):
        reproduce.repeat(run, here)
    assert here.store.find(run.id) is not None


def test_a_record_that_this_version_would_make_otherwise_is_refused(here, there):
    run = replace(obtain(CHEAP, here), id="mixup-photodigits-smoke-s3-00000000")
    with pytest.raises(RecordError, match=r"would make mixup-.* use the commit of the record, "):
        reproduce.repeat(run, there)


def test_the_command_line_says_whether_the_bits_are_the_same(here, capsys):
    run = obtain(CHEAP, here)
    line = ["runs", "repeat", run.id[:20], "--runs", str(here.store.root)]
    assert cli.main(line) == 0
    assert capsys.readouterr().out == (
        f"{run.id}: the same to the last bit (curve, metrics, weights, pictures).\n"
    )
    assert [each.id for each in here.store.all()] == [run.id]
    (run.path / WEIGHTS).unlink()
    curve = run.curve()
    curve.loc[0, "train_mixed_ce"] = 9.0
    otherwise(run, curve)
    assert cli.main(line) == 1
    told = capsys.readouterr()
    assert told.out.startswith("curve: 1 of ")
    assert "came out otherwise than it is recorded, see " in told.err
    assert "of the commit and the versions that `adautomix runs show` names" in told.err


def test_a_run_of_several_parts_is_no_single_run(here, there):
    run = obtain(CHEAP, here)
    parts = [{"from_step": 0, "device": "cpu: x"}, {"from_step": 2, "device": "cpu: y"}]
    mixed = replace(run, provenance=run.provenance | {"segments": parts})
    with pytest.raises(RecordError, match="was made in 2 parts, on other devices or by other code"):
        reproduce.repeat(mixed, there)
