"""From a job to its record: trained once, read afterwards, stopped and gone on with."""

import json
import os
import shlex
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from adautomix import cli, data, recipes
from adautomix.device import decide
from adautomix.errors import DataError, InputError, Interrupted, RecordError
from adautomix.record import Store, recorded, run_id
from adautomix.runs import runner
from adautomix.runs.job import Job, RunOptions
from adautomix.runs.weights import weights_of
from adautomix.train import Training, checkpoint

SHORT = Job("photodigits/thin/adautomix", "smoke", 0, ("epochs=3", "net.width=12"))  # 6 steps
CHEAP = Job("photodigits/thin/plain", "smoke", 0, ("net.width=12",))  # 4 steps


def run_options(store: Store, **changes) -> RunOptions:
    return RunOptions(decide("cpu"), store, progress=False, **changes)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory):
    """A run that nothing interrupted."""
    return runner.obtain(SHORT, run_options(Store(tmp_path_factory.mktemp("straight"))))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def assert_same_result(run, expected) -> None:
    """Weights, metrics, curve and pictures, bit by bit; seconds may differ."""
    weights, other = (load_file(r.path / runner.WEIGHTS) for r in (run, expected))
    assert weights.keys() == other.keys()
    assert all(torch.equal(weights[name], other[name]) for name in weights)
    assert (run.metrics, run.extras) == (expected.metrics, expected.extras)
    curves = [r.curve().drop(columns="seconds") for r in (run, expected)]
    assert curves[0].equals(curves[1])
    with np.load(run.path / "mixed.npz") as a, np.load(expected.path / "mixed.npz") as b:
        assert sorted(a) == sorted(b)
        assert all(np.array_equal(a[name], b[name]) for name in a)


def test_who_waits_for_another_process_says_so_until_it_is_done(store, monkeypatch):
    told = []
    monkeypatch.setattr(runner, "taken", lambda _: True)
    monkeypatch.setattr(runner, "notice", lambda text: (told.append(text), told.clear)[1])
    monkeypatch.setattr(runner, "note", lambda *_: told.append("in"))
    runner.execute(CHEAP, run_options(store))
    assert told == ["in"]  # the sentence was taken away when the folder was free


def test_what_is_recorded_is_read_not_trained(straight, monkeypatch):
    monkeypatch.setattr(runner, "execute", lambda *_: pytest.fail("trained again"))
    again = runner.obtain(SHORT, run_options(Store(straight.path.parent)))
    assert (again.id, again.metrics) == (straight.id, straight.metrics)


def test_the_record_says_what_ran_and_where(straight):
    document = json.loads((straight.path / "run.json").read_text())
    assert straight.id == run_id(straight.recipe, "smoke", 0, "adautomix", "photodigits")
    assert straight.name == "photodigits/thin/adautomix/epochs=3/net.width=12"
    assert recipes.from_dict(document["recipe"]) == SHORT.recipe()
    origin = document["provenance"]
    assert origin["command"].startswith(
        "adautomix train photodigits/thin/adautomix --budget smoke --seed 0 "
        "--set epochs=3 --set net.width=12"
    )
    assert origin["steps"] == 6
    assert origin["seconds"] == pytest.approx(straight.curve()["seconds"].iloc[-1], abs=1e-3)
    assert origin["cpu_seconds"] > 0
    assert 0 < origin["waiting_for_data"] < 1
    assert origin["device"].startswith("cpu: ")
    assert origin["device"].endswith(f", {torch.get_num_threads()} threads")
    assert origin["precision"].startswith("fp32 (cpu default)")
    assert origin["versions"]["torch"] == torch.__version__.split("+")[0]
    assert origin["peak_memory_mib"] > 0
    train_set = data.load("photodigits", "train", per_class=4)
    test_set = data.load("photodigits", "test")
    assert origin["data_sha256"] == {"train": train_set.sha256, "test": test_set.sha256}
    assert {"mask_peak", "area_gap", "kept_share"} == set(straight.extras)
    assert sorted(path.name for path in straight.path.iterdir()) == [
        "curve.csv",
        "mixed.npz",
        "run.json",
        "weights.safetensors",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ""),
        ({"precision": "fp32"}, ""),  # as here by default
        ({"precision": "bf16"}, " --precision bf16"),
        ({"precision": "bf16", "compile": True}, " --precision bf16 --compile"),
        ({"capture": False}, " --eager"),
    ],
)
def test_the_command_says_what_is_not_this_machine_s_default(monkeypatch, options, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    numerics = decide("cpu", **options)
    base = "adautomix train photodigits/thin/plain --budget smoke --seed 0 --set net.width=12"
    assert CHEAP.command(numerics) == base + words
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert CHEAP.command(numerics) == f"{base} --device cpu{words}"


def test_the_recorded_command_makes_the_same_bits(store, tmp_path):
    """In bfloat16, which is no default on a CPU."""
    precise = RunOptions(decide("cpu", "bf16"), store, progress=False)
    first = runner.obtain(CHEAP, precise)
    program, *words = shlex.split(first.provenance["command"])
    assert program == "adautomix"
    device = [] if "--device" in words else ["--device", "cpu"]
    assert cli.main([*words, *device, "--runs", str(tmp_path / "again")]) == 0
    again = Store(tmp_path / "again").find(first.id)
    weights = [load_file(run.path / runner.WEIGHTS) for run in (first, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    assert again.provenance["precision"] == first.provenance["precision"]
    plain = runner.obtain(CHEAP, run_options(Store(tmp_path / "fp32")))
    other = load_file(plain.path / runner.WEIGHTS)
    assert not all(torch.equal(weights[0][name], other[name]) for name in other)


def test_settings_are_not_chosen_on_images_that_were_trained_on(store):
    changes = ("evaluate_on=validation", "per_class=31")
    with pytest.raises(InputError, match="31 training images a class include the validation"):
        runner.obtain(replace(CHEAP, changes=changes), run_options(store))
    assert not store.root.exists()


def test_the_curve_has_one_row_an_epoch(straight):
    curve = straight.curve()
    assert curve["epoch"].tolist() == [1, 2, 3]
    assert curve["step"].tolist() == [2, 4, 6]
    assert curve["seconds"].is_monotonic_increasing
    terms = {f"train_{term}" for term in ("amce", "mce", "ace", "teacher_amce", "cosine")}
    measured = {f"{p}_{q}" for p in ("classifier", "teacher") for q in ("top1", "top5", "loss")}
    assert set(curve) == {"epoch", "step", "seconds", "lr", *terms, *measured}
    assert not curve.isna().any().any()


def test_the_metrics_are_those_of_the_curve(straight):
    for predictor in ("classifier", "teacher"):
        for quantity in ("top1", "top5"):
            values = straight.curve()[f"{predictor}_{quantity}"].tolist()
            found = straight.metrics[predictor]
            assert found[f"{quantity}_last"] == values[-1]
            assert found[f"{quantity}_best"] == max(values)
            assert found[f"{quantity}_median10"] == sorted(values)[1]


def test_final_metrics_by_hand():
    values = [0.9, 0.1, 0.5, 0.2, 0.6, 0.3, 0.7, 0.4, 0.8, 0.35, 0.55, 0.45]
    curve = [{"epoch": 0, "lr": 0.1}]  # not measured
    curve += [{"epoch": 1, "classifier_top1": v, "classifier_loss": 3.0} for v in values]
    assert runner.final_metrics(curve) == {
        "classifier": {
            "top1_last": 0.45,
            "top1_best": 0.9,
            "top1_median10": (0.45 + 0.5) / 2,  # of 0.5 0.2 0.6 0.3 0.7 0.4 0.8 0.35 0.55 0.45
        }
    }


def test_another_change_budget_or_seed_is_another_run():
    others = [
        replace(SHORT, changes=("epochs=4", "net.width=12")),
        replace(SHORT, changes=()),
        replace(SHORT, seed=1),
        replace(SHORT, budget="quick"),
        replace(SHORT, name="photodigits/thin/mixup"),
    ]
    assert len({job.id() for job in [SHORT, *others]}) == 6
    assert SHORT.id() == replace(SHORT, changes=("net.width=12", "epochs=3")).id()


def test_cheap_budgets_move_a_recipe_to_photodigits():
    job = Job("cifar100/resnet18/cutmix", "quick")
    assert (job.base, job.recorded_name()) == ("photodigits/thin/cutmix",) * 2
    assert job.recipe().data == "photodigits"
    full = Job("cifar100/resnet18/cutmix", "short", changes=("epochs=5",))
    assert full.recorded_name() == "cifar100/resnet18/cutmix/epochs=5"
    assert full.id().startswith("cutmix-cifar100-short-s0-")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("method.adversary=1",), "/method.adversary=1"),
        (("method.adversary=1.0", "epochs = 3"), "/method.adversary=1/epochs=3"),
        (("method.adversary=1e0",), "/method.adversary=1"),
        (("method.n=4", "method.n=3"), ""),
        (("method.embed_ratio=no",), "/method.embed_ratio=false"),
        (("optim.generator_lr=0.5", "optim.generator_lr=null"), ""),
        (("data=photodigits.0-4",), "/data=photodigits.0-4"),
    ],
)
def test_a_run_is_named_by_what_was_changed_and_not_by_how_it_was_said(changes, words):
    job = Job("photodigits/thin/adautomix", changes=changes)
    assert job.recorded_name() == f"photodigits/thin/adautomix{words}"
    again = Job("photodigits/thin/adautomix", changes=tuple(words.split("/")[1:]))
    assert (again.id(), again.recorded_name()) == (job.id(), job.recorded_name())


def test_the_command_can_be_pasted_into_a_shell():
    job = Job("cifar100/resnet18/plain", "quick", 3, ("method.momentum=null", "net.name=a b"))
    assert job.command() == (
        "adautomix train cifar100/resnet18/plain --budget quick --seed 3 "
        "--set method.momentum=null --set 'net.name=a b'"
    )


def test_the_same_seed_gives_the_same_run_and_another_seed_another(straight, store):
    again = runner.obtain(SHORT, run_options(store))
    assert_same_result(again, straight)
    a, b = (runner.obtain(replace(CHEAP, seed=seed), run_options(store)) for seed in (0, 1))
    assert a.curve()["train_ce"].tolist() != b.curve()["train_ce"].tolist()


def test_kept_weights_reproduce_the_last_accuracies_exactly(straight):
    found = runner.evaluate_run(straight, decide("cpu"))
    last = straight.curve().iloc[-1]
    for predictor in ("classifier", "teacher"):
        assert found[predictor].n == 797
        assert found[predictor].top1 == straight.metrics[predictor]["top1_last"]
        assert found[predictor].top5 == straight.metrics[predictor]["top5_last"]
        assert found[predictor].loss == last[f"{predictor}_loss"]


def test_a_run_without_weights_says_how_to_make_them(straight, store):
    document = json.loads((straight.path / "run.json").read_text())
    bare = store.write(document, straight.curve())
    with pytest.raises(RecordError) as error:
        runner.evaluate_run(bare, decide("cpu"))
    assert str(error.value) == (
        f"the run {bare.id} has lost its weights: "
        f"delete {bare.path} and run `{straight.provenance['command']}`."
    )
    (bare.path / runner.WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(RecordError, match="cannot read the weights"):
        runner.evaluate_run(bare, decide("cpu"))


def test_a_run_that_came_without_weights_needs_nothing_deleted():
    with pytest.raises(RecordError, match="recorded without weights: make them with `adautomix "):
        weights_of(recorded().all()[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_at_a_step_with_a_checkpoint(straight, store, monkeypatch, number):
    update, former = Training.update, signal.getsignal(number)

    def signalled(self, batch):
        if self.step == 2:
            os.kill(os.getpid(), number)
        return update(self, batch)

    monkeypatch.setattr(Training, "update", signalled)
    with pytest.raises(Interrupted) as error:
        runner.obtain(SHORT, run_options(store))
    assert str(error.value) == (
        "stopped as asked after step 3 of 6; a checkpoint is kept, "
        "and the same command goes on from there."
    )
    assert signal.getsignal(number) == former
    folder = store.path(SHORT.id()) / runner.CHECKPOINTS
    assert sorted(path.name for path in folder.iterdir()) == ["job.json", "step-000000003"]
    assert store.find(SHORT.id()) is None
    monkeypatch.setattr(Training, "update", update)
    assert_same_result(runner.obtain(SHORT, run_options(store)), straight)
    assert not folder.exists()


def test_a_second_ctrl_c_stops_at_once(store, monkeypatch):
    def interrupted(self, batch):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Training, "update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runner.obtain(SHORT, run_options(store))


def test_a_time_limit_stops_and_the_same_command_finishes(straight, store):
    late = run_options(store, time_limit=1e-9)
    for step in range(1, 6):
        with pytest.raises(Interrupted, match=f"at the time limit after step {step} of 6;") as stop:
            runner.obtain(SHORT, late)
        assert stop.value.exit_status == 3
    assert_same_result(runner.obtain(SHORT, late), straight)


def test_a_run_that_goes_on_otherwise_says_who_made_which_steps(straight, store):
    assert "segments" not in straight.provenance
    late = run_options(store, time_limit=1e-9)
    for step in (1, 2):
        with pytest.raises(Interrupted, match=f"after step {step} of 6"):
            runner.obtain(SHORT, late)
    otherwise = replace(late, numerics=decide("cpu", "bf16"), time_limit=None)
    found = runner.obtain(SHORT, otherwise).provenance
    assert [each["from_step"] for each in found["segments"]] == [0, 2]
    assert [each["precision"][:4] for each in found["segments"]] == ["fp32", "bf16"]
    for name in ("commit", "dirty", "device", "precision"):
        assert found["segments"][-1][name] == found[name]
    assert found["segments"][-1]["torch"] == found["versions"]["torch"]


@pytest.mark.parametrize(("every", "steps"), [(0.0, [1, 2, 3]), (60.0, [])])
def test_checkpoints_are_taken_as_often_as_asked(store, monkeypatch, every, steps):
    saved = []
    monkeypatch.setattr(checkpoint, "save", lambda training, folder: saved.append(training.step))
    runner.obtain(CHEAP, run_options(store, checkpoint_every=every))
    assert saved == steps


def test_what_a_kill_just_after_recording_left_is_removed(straight, store):
    document = json.loads((straight.path / "run.json").read_text())
    run = store.write(document, straight.curve())
    (run.path / runner.CHECKPOINTS / "step-000000006").mkdir(parents=True)
    assert runner.obtain(SHORT, run_options(store)).id == run.id
    assert not (run.path / runner.CHECKPOINTS).exists()


def test_missing_data_leave_no_folder(store, monkeypatch, tmp_path):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("ADAUTOMIX_CIFAR100", raising=False)
    with pytest.raises(DataError, match="run `adautomix data get cifar100`"):
        runner.obtain(Job("cifar100/resnet18/plain", "lite"), run_options(store))
    assert not store.root.exists()


def test_a_folder_that_cannot_be_made_is_said_before_training(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Training, "update", lambda *_: pytest.fail("trained"))
    with pytest.raises(RecordError, match=r"cannot make the folder .*--runs or ADAUTOMIX_RUNS"):
        runner.obtain(SHORT, run_options(Store(tmp_path / "file")))


def test_an_unknown_recipe_or_a_negative_seed_is_refused(store):
    with pytest.raises(InputError, match="unknown recipe 'photodigits/thin/cutmx': did you mean"):
        runner.obtain(Job("photodigits/thin/cutmx", "smoke"), run_options(store))
    with pytest.raises(InputError, match="a seed is 0 or more, not -1"):
        runner.obtain(Job(SHORT.name, "smoke", -1), run_options(store))
