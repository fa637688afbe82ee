"""Transfer: the second training starts from the first's weights, with a head of its own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from adautomix import recipes
from adautomix.device import decide
from adautomix.errors import InputError, RecordError
from adautomix.models import Net
from adautomix.pages.transfer import FRESH, HALVES, Route, Transferred, obtain, transfer
from adautomix.pages.transfer_tables import summed as transfer_table
from adautomix.record import Run, Store
from adautomix.runs import runner
from adautomix.runs.job import RunOptions
from adautomix.runs.weights import WEIGHTS, start_network
from adautomix.train.weights_file import PREFIXES, load_body

SMALL = ("net.width=12", "epochs=1")
ROUTE = Route(pretraining=SMALL, finetuning=(*SMALL, "batch=10", "optim.lr=0"))  # moves nothing
HEAD = ("model.fc.weight", "model.fc.bias")
THIN = Net("resnet18", width=12)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("transfer"))


@pytest.fixture(scope="module")
def run_options(store: Store) -> RunOptions:
    return RunOptions(decide("cpu"), store, progress=False)


@pytest.fixture(scope="module")
def done(run_options: RunOptions) -> Transferred:
    return transfer("mixup", ROUTE, budget="smoke", options=run_options)


def weights(run, predictor: str = "classifier") -> dict[str, torch.Tensor]:
    prefix = PREFIXES[predictor]
    found = load_file(run.path / WEIGHTS)
    return {key.removeprefix(prefix): t for key, t in found.items() if key.startswith(prefix)}


def test_the_two_runs_are_recorded_and_the_second_names_the_first(done, store):
    first, second = done
    assert {run.id for run in store.all()} >= {first.id, second.id}
    assert first.id.startswith("mixup-photodigits.0-4-smoke-s0-")
    assert second.id.startswith("plain-photodigits.5-9-smoke-s0-")
    recipe = recipes.from_dict(second.recipe)
    assert recipe.net.pretrained == first.id
    assert recipe.data == "photodigits.5-9"
    assert second.provenance["command"].endswith(f"--set net.pretrained={first.id}")
    assert done.top1() == second.metrics["classifier"]["top1_median10"]
    assert done.top1("teacher") == second.metrics["teacher"]["top1_median10"]


def test_without_a_step_the_features_are_those_of_the_first_training(done):
    before, after = weights(done.first), weights(done.second)
    moved = [name for name in before if not torch.equal(before[name], after[name])]
    learned = [name for name in moved if "running_" not in name and "num_batches" not in name]
    assert sorted(learned) == sorted(HEAD), "a learning rate of 0 moves BatchNorm's averages alone"
    assert after["model.fc.weight"].shape == (5, 8 * THIN.width)


@pytest.mark.parametrize("predictor", ["classifier", "teacher"])
def test_a_network_starts_with_a_run_s_body_and_a_fresh_head(done, store, predictor):
    named = replace(THIN, pretrained=f"{done.first.id}:{predictor}")
    found = start_network(named, 7, seed=3, store=store).state_dict()
    fresh, there = THIN.build(7, seed=3).state_dict(), weights(done.first, predictor)
    assert all(torch.equal(found[name], fresh[name]) for name in HEAD)
    body = [name for name in found if name not in HEAD]
    assert all(torch.equal(found[name], there[name]) for name in body)
    assert not torch.equal(found["model.conv1.weight"], fresh["model.conv1.weight"])


def test_classifier_and_teacher_are_different_starts(done, store):
    names = (done.first.id, f"{done.first.id}:classifier", f"{done.first.id}:teacher")
    plain, same, teacher = (
        start_network(replace(THIN, pretrained=name), 5, store=store).state_dict() for name in names
    )
    assert all(torch.equal(plain[name], same[name]) for name in plain)
    assert not torch.equal(plain["model.conv1.weight"], teacher["model.conv1.weight"])
    by_teacher = replace(ROUTE, predictor="teacher").second(done.first.id, "smoke", 0)
    assert by_teacher.recipe().net.pretrained == f"{done.first.id}:teacher"
    assert by_teacher.id() != done.second.id


def test_what_is_recorded_is_read_not_trained(done, run_options, monkeypatch):
    monkeypatch.setattr(runner, "execute", lambda *_: pytest.fail("trained again"))
    again = transfer("mixup", ROUTE, budget="smoke", options=run_options)
    assert (again.first.id, again.second.id) == (done.first.id, done.second.id)


def test_fresh_weights_are_the_comparison(done, run_options):
    fresh = transfer(None, ROUTE, budget="smoke", options=run_options)
    assert fresh.first is None
    assert recipes.from_dict(fresh.second.recipe).net.pretrained is False
    expected = replace(recipes.from_dict(done.second.recipe), net=THIN)
    assert recipes.from_dict(fresh.second.recipe) == expected
    start = dict(THIN.build(5).named_parameters())
    assert all(torch.equal(weights(fresh.second)[name], t) for name, t in start.items())


def test_a_revived_run_has_its_own_weights_not_those_it_started_from(done):
    found = runner.evaluate_run(done.second, decide("cpu"))
    assert found["classifier"].top1 == done.second.metrics["classifier"]["top1_last"]


def test_the_default_route_is_from_one_half_of_the_digits_to_the_other():
    first, second = HALVES.first("adautomix", "quick", 1), HALVES.second("x", "quick", 1)
    assert (first.recipe().data, second.recipe().data) == ("photodigits.0-4", "photodigits.5-9")
    assert first.recipe().method == recipes.with_budget(recipes.get(first.name), "quick").method
    assert (second.recipe().per_class, second.recipe().net.pretrained) == (10, "x")
    assert second.recipe().net.name == first.recipe().net.name


@pytest.mark.parametrize(
    ("pretrained", "sentence"),
    [
        ("plain-photodigits-smoke-s0-00000000", "no run plain-.* to start from: train that one fi"),
        ("../elsewhere", "'../elsewhere' is no run id"),
        ("{id}:generator", "unknown predictor to start from 'generator': known: classifier, teach"),
    ],
)
def test_a_start_that_is_not_there_is_one_sentence(done, store, pretrained, sentence):
    net = replace(THIN, pretrained=pretrained.format(id=done.first.id))
    with pytest.raises((RecordError, InputError), match=sentence):
        start_network(net, 5, store=store)


def test_a_run_of_another_network_is_refused(done, store):
    with pytest.raises(RecordError, match=r"cannot start from .*Error\(s\) in loading"):
        start_network(replace(THIN, width=16, pretrained=done.first.id), 5, store=store)
    with pytest.raises(RecordError, match=r"it has no classifier\.model\.layer1\.2"):
        start_network(Net("resnet34", width=12, pretrained=done.first.id), 5, store=store)


def test_a_method_without_a_teacher_has_none_to_start_from(done, tmp_path: Path):
    there = load_file(done.first.path / WEIGHTS)
    file = tmp_path / WEIGHTS
    save_file({key: t for key, t in there.items() if key.startswith("classifier.")}, file)
    network = THIN.build(5)
    load_body(network, file)
    with pytest.raises(RecordError, match=r"weights of the teacher .*it has no teacher\.network"):
        load_body(network, file, "teacher")


def test_a_run_without_weights_says_how_to_make_them(done, tmp_path: Path):
    bare = Store(tmp_path)
    folder = bare.path(done.first.id)
    folder.mkdir()
    (folder / "run.json").write_bytes((done.first.path / "run.json").read_bytes())
    with pytest.raises(RecordError, match=r"lost its weights: delete .* and run `adautomix train"):
        start_network(replace(THIN, pretrained=done.first.id), 5, store=bare)


def test_a_network_built_alone_does_not_look_for_runs():
    with pytest.raises(InputError, match="pretrained='x' names a run, which only a recorded train"):
        replace(THIN, pretrained="x").build(5)


def test_an_unknown_predictor_has_no_accuracy(done):
    with pytest.raises(InputError, match="has no 'generator'; it has classifier, teacher"):
        done.top1("generator")
    nothing = replace(done.first, metrics={"teacher": {"top1_median10": 0.5}})
    with pytest.raises(InputError, match="has no 'classifier'; it has teacher"):
        _ = done._replace(first=nothing).source_top1


@pytest.fixture
def there(done, run_options, store, monkeypatch):
    """All that is recorded: fresh weights, and from MixUp's features."""
    transfer(None, ROUTE, budget="smoke", options=run_options)
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(store.root))


@pytest.mark.usefixtures("there")
def test_what_is_there_is_read_by_name(done):
    words = {"route": ROUTE, "budget": "smoke", "run": False}
    frame = obtain((None, "mixup", "cutmix"), **words)
    assert frame["method"].to_list() == [FRESH, "mixup"], "of CutMix nothing was run"
    assert frame["seed"].to_list() == [0, 0]
    assert frame["target"][1] == 100 * done.top1()
    assert frame["source"][1] == 100 * done.first.metrics["classifier"]["top1_median10"]
    assert np.isnan(frame["source"][0])
    again = obtain((None, "mixup"), ROUTE, budget="smoke", device="cpu")
    pd.testing.assert_frame_equal(frame, again)
    assert obtain(("mixup",), **words | {"budget": "quick"}).empty
    assert obtain(("mixup",), **words | {"route": replace(ROUTE, predictor="teacher")}).empty


@pytest.mark.parametrize("budget", ["smoke", "quick"])
@pytest.mark.parametrize("start", [None, "x"])
def test_pairs_are_looked_up_under_the_names_that_they_are_recorded_by(budget, start):
    assert HALVES.first("mixup", budget, 0).recorded_name() == "/".join(
        [HALVES.family, "mixup", *HALVES._before()]
    )
    assert HALVES.second(start, budget, 0).recorded_name() == "/".join(
        [HALVES.family, "plain", *HALVES._after(start)]
    )


def test_photodigits_has_no_larger_budget_than_quick(monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "obtain", lambda job, _: asked.append(job.budget) or done_as(job))
    obtain((None,), budget="short", device="cpu")
    assert asked == ["quick"]
    with pytest.raises(InputError, match="unknown budget 'shrot': did you mean 'short'"):
        obtain((None,), budget="shrot", device="cpu")


def done_as(job):
    """A run of a job that nobody trained."""
    metrics = {"classifier": {"top1_median10": 0.5}}
    rest = {"metrics": metrics, "provenance": {}, "evaluations": [], "extras": {}}
    names = {"id": job.id(), "name": job.recorded_name(), "path": Path()}
    return Run(
        budget=job.budget, seed=job.seed, recipe=recipes.to_dict(job.recipe()), **names, **rest
    )


def test_of_two_recordings_the_latest_counts(done):
    older = replace(done.second, provenance=done.second.provenance | {"when": "2020-01-01"})
    older = replace(older, metrics={"classifier": {"top1_median10": 0.123}})
    for order in ([older, done.second], [done.second, older]):
        (found,) = ROUTE.find("mixup", [done.first, *order])
        assert found.second is done.second


def test_a_start_of_another_seed_is_no_pair(done):
    other = replace(done.second, seed=done.second.seed + 1)
    assert ROUTE.find("mixup", [done.first, other]) == []


def test_the_table_has_paired_differences_and_blanks():
    rows = [(FRESH, 0, np.nan, 20.0), ("plain", 0, 90.0, 50.0), ("plain", 1, 92.0, 54.0)]
    rows += [("mixup", 0, 91.0, 53.0), ("mixup", 1, 95.0, 59.0), ("cutmix", 7, 80.0, 40.0)]
    frame = pd.DataFrame(rows, columns=["method", "seed", "source", "target"])
    table = transfer_table(frame)
    assert table.to_numpy().tolist() == [
        ["fresh weights", "1", "", "20.0", "-30.0"],
        ["Vanilla", "2", "91.0 ± 1.4", "52.0 ± 2.8", ""],
        # 4 ± t(0.975, 1) · √2 / √2, and t(0.975, 1) = 12.706
        ["MixUp", "2", "93.0 ± 2.8", "56.0 ± 4.2", "+4.0 [-8.7, +16.7]"],
        ["CutMix", "1", "80.0", "40.0", ""],
    ]
    assert list(table.columns)[-1] == "more than Vanilla"
    empty = transfer_table(frame[:0])
    assert list(empty.columns) == list(table.columns)
    assert empty.empty


def test_reading_needs_no_torch(without_torch):
    without_torch(
        "from adautomix.pages import transfer, transfer_tables\n"
        "transfer_tables.summed(transfer.obtain(run=False))"
    )
