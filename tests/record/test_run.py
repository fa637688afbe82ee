"""Runs on disk: what is written is found again, and nothing half-written is ever seen."""

import hashlib
import json
import re
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adautomix.errors import InputError, RecordError
from adautomix.record import Store, local, recorded, run_id
from adautomix.record.store import PICTURES

PLAIN = "photodigits/thin/plain"


# --- the id -------------------------------------------------------------------------------------


def test_id_ends_in_the_hash_of_recipe_budget_and_seed():
    text = '{"budget":"quick","recipe":{"a":[1,0.5],"b":null},"seed":3}'
    expected = hashlib.sha256(text.encode()).hexdigest()[:8]
    found = run_id({"b": None, "a": (1, 0.5)}, "quick", 3, method="cutmix", data="cifar100")
    assert found == f"cutmix-cifar100-quick-s3-{expected}"


def test_id_changes_with_each_part():
    def name(recipe: dict, budget: str, seed: int) -> str:
        return run_id(recipe, budget, seed, method="m", data="d")[-8:]

    names = {name({"a": a}, b, s) for a in (1, 2) for b in ("quick", "lite") for s in (0, 1)}
    assert len(names) == 8


@pytest.mark.parametrize(
    ("recipe", "budget", "seed", "method", "sentence"),
    [
        ({}, "fast", 0, "plain", "unknown budget 'fast'"),
        ({}, "quick", -1, "plain", "a seed is 0 or more, not -1"),
        ({}, "quick", 0, "../plain", r"method '\.\./plain' cannot name a folder"),
        ({"lr": float("nan")}, "quick", 0, "plain", "not plain JSON"),
        ({"lr": object()}, "quick", 0, "plain", "not plain JSON"),
    ],
)
def test_id_of_what_cannot_be_run_is_refused(recipe, budget, seed, method, sentence):
    with pytest.raises(InputError, match=sentence):
        run_id(recipe, budget, seed, method=method, data="d")


# --- writing and finding ------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
recipes = st.dictionaries(st.text(), plain, max_size=4)


@given(
    recipe=recipes,
    top1=st.floats(0, 1),
    loss=finite,
    values=st.lists(finite, min_size=1, max_size=4),
    provenance=recipes,
)
def test_what_is_written_is_found(recipe, top1, loss, values, provenance):
    metrics = {"classifier": {"top1_last": top1, "loss_last": loss}}
    name = run_id(recipe, "smoke", 7, method="plain", data="photodigits")
    document = {"id": name, "name": PLAIN, "recipe": recipe, "budget": "smoke", "seed": 7}
    document |= {"metrics": metrics, "provenance": provenance, "extras": {"x": loss}}
    rows = [{"epoch": epoch, "classifier_loss": value} for epoch, value in enumerate(values)]
    with tempfile.TemporaryDirectory() as folder:
        written = Store(Path(folder)).write(document, rows)
        found = Store(Path(folder)).find(name)
        curve = found.curve()
    assert found == written
    assert {key: getattr(found, key) for key in document} == document
    assert curve["classifier_loss"].to_list() == values


def test_files_hold_what_was_given(store, document, curve):
    made = document(note="π")
    run = store.write(made, pd.DataFrame(curve), files={"mixed.npz": b"images"})
    text = (run.path / "run.json").read_text(encoding="utf-8")
    assert {key: value for key, value in json.loads(text).items() if key != "sha256"} == made
    assert '"note": "π"' in text
    assert text.splitlines()[1:3] == ['  "schema": 1,', f'  "id": "{made["id"]}",']
    assert (run.path / "curve.csv").read_text().startswith("epoch,step,lr,train_total,")
    assert (run.path / "mixed.npz").read_bytes() == b"images"
    assert {path.name for path in run.path.iterdir()} == {"run.json", "curve.csv", "mixed.npz"}


def test_a_value_not_measured_in_an_epoch_is_blank(store, document):
    run = store.write(document(), [{"epoch": 1}, {"epoch": 2, "teacher_top1": 0.5}])
    assert run.curve()["teacher_top1"].isna().to_list() == [True, False]


def test_run_answers_by_name(run):
    one = run("cifar100/resnet18/adautomix/beta", top1=0.25)
    assert (one.data, one.method) == ("cifar100", "adautomix")
    assert one.metric("classifier", "top1_median10") == 0.25
    assert one.metric("classifier", "top9") is None
    assert one.metric("teacher", "top1_median10") is None
    assert one.metric("teacher", "calibration/ece") is None


def test_all_is_sorted_and_passes_over_what_is_no_run(store, run, document):
    runs = [run(seed=seed) for seed in (2, 0, 1)]
    (store.root / "README.md").write_text("not a run")
    (store.root / document(seed=9)["id"]).mkdir()  # unfinished
    (store.root / ".hidden").mkdir()
    assert [one.seed for one in store.all()] == [0, 1, 2]
    assert store.find(runs[0].id) == runs[0]
    assert store.find(document(seed=9)["id"]) is None
    assert store.find("plain-nothing") is None


def test_a_store_that_is_not_there_is_empty(tmp_path):
    assert Store(tmp_path / "none").all() == []


def test_ids_do_not_leave_the_store(store):
    for name in ("../x", "a/b", "", ".hidden"):
        with pytest.raises(InputError, match="no run id"):
            store.find(name)


def test_match_finds_by_unique_prefix(store, run):
    first, second = run("photodigits/thin/plain"), run("photodigits/thin/cutmix")
    assert store.match("pl") == first
    assert store.match(second.id) == second
    both = f"{second.id}, {first.id}."
    with pytest.raises(RecordError, match=f"2 runs start with '', name one: {both}"):
        store.match("")
    with pytest.raises(RecordError, match=f"starts with 'mixup'; there: {both}"):
        store.match("mixup")
    with pytest.raises(RecordError, match="no run at all"):
        Store(store.root / "none").match("x")


def test_stores_are_where_they_are_said_to_be(root, tmp_path, monkeypatch):
    assert recorded().root == root / "data" / "runs"
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    assert local().root == tmp_path
    monkeypatch.delenv("ADAUTOMIX_RUNS")
    assert local().root == Path("runs")


def test_every_recorded_run_can_be_read():
    for run in recorded().all():
        assert len(run.curve()) > 0
        run.check(weights=True)
        assert run.provenance["commit"], f"{run.id} does not say which commit made it"
        if run.recipe["data"] != "photodigits":
            assert not (run.path / PICTURES).exists(), f"{run.id} holds images that are not ours"


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics": {"classifier": {"top1_last": 81.0}}}, "top1_last is 81.0, not a fraction"),
        ({"metrics": {"teacher": {"top5_best": -0.1}}}, "top5_best is -0.1, not a fraction"),
        ({"metrics": {"classifier": {"loss_last": float("nan")}}}, "nan, not a finite number"),
        ({"metrics": {"classifier": {"top1_last": "0.8"}}}, "'0.8', not a number"),
        ({"metrics": {"classifier": {"top1_last": True}}}, "True, not a number"),
        ({"metrics": {"classifier": 0.8}}, "metrics.classifier is 0.8, not an object"),
        ({"extras": {"kept": float("inf")}}, "extras.kept is inf, not a finite number"),
        ({"provenance": {"seconds": float("nan")}}, "not JSON compliant"),
        ({"provenance": {"path": Path("x")}}, "not JSON serializable"),
        ({"id": "plain-photodigits-quick-s0-00000000"}, "should end in '-quick-s0-"),
        ({"name": "plain"}, "not data/backbone/method"),
        ({"schema": 0}, "its schema is 0"),
        ({"metrics": None}, "metrics is None, not of type dict"),
        ({"evaluations": [{"name": "fgsm"}]}, r"evaluations\[0\].predictor is missing"),
    ],
)
def test_an_unsound_document_is_not_written(store, document, curve, changes, sentence):
    with pytest.raises(RecordError, match=sentence):
        store.write(document() | changes, curve)
    assert not store.root.exists()


@pytest.mark.parametrize("missing", ["id", "name", "recipe", "budget", "seed", "metrics"])
def test_a_document_without_a_required_key_is_not_written(store, document, curve, missing):
    made = document()
    del made[missing]
    with pytest.raises(RecordError, match=f"{missing} is missing"):
        store.write(made, curve)


@pytest.mark.parametrize(("rows", "why"), [([], "no rows"), ([{"step": 1}], "no column 'epoch'")])
def test_a_run_without_a_curve_is_not_written(store, document, rows, why):
    with pytest.raises(RecordError, match=why):
        store.write(document(), rows)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"schema": 1', "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "its schema is None"),
        (b'{"schema": 1, "seed": NaN}', "holds NaN"),
        (b'{"schema": 1}', "id is missing"),
        (b'{"schema": 2, "id": 5}', r"newer adautomix \(schema 2, this one reads 1\); upgrade"),
    ],
)
def test_an_unreadable_record_is_named_with_a_remedy(store, run, content, sentence):
    path = run().path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=sentence) as caught:
        store.all()
    assert str(caught.value).startswith(f"{path}: ")
    assert re.search(r"restore it, or move its folder away|upgrade adautomix", str(caught.value))


def test_a_record_edited_by_hand_is_refused(store, run):
    one = run()
    text = (one.path / "run.json").read_text()
    (one.path / "run.json").write_text(text.replace('"alpha": 0.5', '"alpha": 0.6'))
    with pytest.raises(RecordError, match="recipe, budget and seed say so"):
        store.find(one.id)


def test_a_renamed_folder_is_refused(store, run):
    one = run()
    one.path.rename(store.root / f"x{one.id}")
    with pytest.raises(RecordError, match="unlike its folder"):
        store.all()


def test_a_lost_curve_is_named(run):
    one = run()
    (one.path / "curve.csv").unlink()
    with pytest.raises(RecordError, match=r"curve\.csv: cannot be read"):
        one.curve()
