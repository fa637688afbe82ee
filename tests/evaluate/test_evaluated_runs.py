"""Evaluations of a run: computed once, read afterwards, and the same numbers again."""

import json
from dataclasses import fields

import pytest
import torch

from adautomix.errors import InputError, RecordError
from adautomix.evaluate.registry import EVALUATIONS, settings_of
from adautomix.record import Store, _document
from adautomix.runs import runner
from adautomix.runs.evaluate import evaluate, recorded_entry
from adautomix.runs.weights import WEIGHTS

FEW = {
    "fgsm": {"per_class": 2},
    "fgsm_released": {"per_class": 2},
    "clamp_released": {"per_class": 2},
    "pgd": {"per_class": 2, "steps": 2},
    "corruption": {"per_class": 2, "severities": (1, 5), "corruptions": ("brightness", "contrast")},
    "occlusion": {"per_class": 2, "shares": (0.0, 0.5)},
    "occlusion_released": {"per_class": 2, "shares": (0.0, 0.5)},
    "cam": {"pairs": 20, "shown": 2},
}
"""Settings that make a test fast, by name."""
each_name = pytest.mark.parametrize("name", EVALUATIONS)


@each_name
def test_computed_again_the_numbers_are_the_same_bits(copy, run_options, name):
    settings = FEW.get(name, {})
    first, second = (
        recorded_entry(
            evaluate(copy(store), [name], ["teacher"], run_options, **settings),
            name,
            "teacher",
            **settings,
        )
        for store in ("first", "second")
    )
    assert first["values"] == second["values"]
    assert json.loads(json.dumps(first["values"])) == first["values"]
    assert first["settings"] == settings_of(name, **settings)
    assert all(not isinstance(value, str) for value in first["values"].values())


@each_name
def test_every_setting_is_plain_json_and_makes_the_evaluation_again(name):
    settings = settings_of(name)
    assert json.loads(json.dumps(settings)) == settings
    assert settings_of(name, **settings) == settings
    assert set(settings) == {field.name for field in fields(EVALUATIONS[name]())}


def test_what_is_recorded_is_read_without_weights(run, run_options, monkeypatch):
    done = evaluate(run, ["calibration", "cam"], None, run_options)
    assert len(done.evaluations) == 4  # of the classifier and of the teacher
    (run.path / WEIGHTS).unlink()
    monkeypatch.setattr(runner, "revive", lambda *_: pytest.fail("computed again"))
    again = evaluate(run, ["calibration", "cam"], ["teacher", "classifier"], run_options)
    assert again.evaluations == done.evaluations


def test_without_weights_the_sentence_says_how_to_make_them(run, run_options):
    (run.path / WEIGHTS).unlink()
    with pytest.raises(RecordError, match=r"has lost its weights: delete .* and run `adautomix"):
        evaluate(run, ["cam"], ["classifier"], run_options)
    assert Store(run.path.parent).match(run.id).evaluations == []


def test_the_settings_are_part_of_the_identity(run, run_options):
    for bins in (15, 5, 5):
        run = evaluate(run, ["calibration"], ["classifier"], run_options, bins=bins)
    assert [entry["settings"]["bins"] for entry in run.evaluations] == [15, 5]
    assert len(recorded_entry(run, "calibration", "classifier", bins=5)["values"]["bin_count"]) == 5
    assert recorded_entry(run, "calibration", "classifier") is run.evaluations[0]
    assert recorded_entry(run, "calibration", "classifier", bins=7) is None
    assert recorded_entry(run, "calibration", "teacher") is None


def test_classifier_and_teacher_are_evaluated_apart(run, run_options):
    done = evaluate(run, ["calibration"], None, run_options)
    found = {entry["predictor"]: entry["values"] for entry in done.evaluations}
    assert set(found) == {"classifier", "teacher"}
    assert found["classifier"]["nll"] != found["teacher"]["nll"]
    for predictor, values in found.items():
        assert values["accuracy"] == pytest.approx(run.metrics[predictor]["top1_last"], abs=1e-9)


def test_an_entry_says_where_it_came_from(run, run_options):
    done = evaluate(run, ["fgsm"], ["teacher"], run_options)
    few = evaluate(run, ["fgsm"], ["teacher"], run_options, per_class=2)
    usual, changed = (entry["provenance"] for entry in few.evaluations)
    assert usual["command"] == f"adautomix evaluate {run.id} --fgsm --predictor teacher"
    assert changed["command"].startswith("adautomix.runs.evaluate.evaluate(run, ['fgsm'], ['te")
    assert usual["data_sha256"] == {"test": run.provenance["data_sha256"]["test"]}
    assert usual["device"].startswith("cpu: ")
    assert usual["versions"]["torch"] == torch.__version__.split("+")[0]
    assert 0 < usual["seconds"] < 60
    assert done.metric("teacher", "fgsm/clean_error") == pytest.approx(
        1 - run.metrics["teacher"]["top1_last"], abs=1e-9
    )


def test_adopted_runs_keep_their_evaluations(run, run_options, tmp_path):
    done = evaluate(run, ["calibration"], ["classifier"], run_options)
    document = json.loads((run.path / "run.json").read_text())
    document["provenance"] |= {"commit": "0" * 40, "dirty": False}
    sealed = _document.sealed(document, run.sha256)
    (run.path / "run.json").write_bytes(_document.dump(sealed))
    kept = Store(tmp_path / "kept").publish(Store(run.path.parent).match(run.id))
    assert kept.evaluations == done.evaluations
    assert not (kept.path / WEIGHTS).exists()


@pytest.mark.parametrize(
    ("names", "predictors", "settings", "sentence"),
    [
        (["calibratoin"], ["teacher"], {}, "unknown evaluation 'calibratoin': did you mean 'calib"),
        (["fgsm"], ["techer"], {}, "unknown predictor of .*'techer': did you mean 'teacher'"),
        (["fgsm"], None, {"epsilom": 1}, "unknown setting of fgsm 'epsilom': did you mean 'epsil"),
        (["fgsm"], None, {"epsilon": -1.0}, "epsilon must lie in"),
        (["occlusion"], None, {"per_class": 1, "shares": (2.0,)}, r"lie in \[0, 1\]"),
        (["cam"], None, {"pairs": 0}, "pairs must be 1 or more, not 0"),
        (["corruption"], None, {"corruptions": ("fgo",)}, "'fgo'"),
    ],
)
def test_bad_input_is_one_sentence_and_records_nothing(
    run, run_options, names, predictors, settings, sentence
):
    with pytest.raises(InputError, match=sentence):
        evaluate(run, names, predictors, run_options, **settings)
    assert Store(run.path.parent).match(run.id).evaluations == []
