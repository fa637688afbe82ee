"""An exported run, loaded by timm: the same logits; and a card that says what the record says."""

import json
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import timm
import torch
from huggingface_hub import ModelCard

import adautomix.models.timm_entry  # noqa: F401, timm's registry has the CIFAR networks then
from adautomix import cli, data
from adautomix.data.evaluation import evaluation_batches
from adautomix.device import decide
from adautomix.errors import DataError, InputError, RecordError
from adautomix.record import Run, Store, recorded
from adautomix.runs import export as exporting
from adautomix.runs import runner
from adautomix.runs.job import Job, RunOptions

CHANGES = {"cifar": ("net.width=8",), "timm": ("net.stem=timm", "net.width=null")}


@pytest.fixture(scope="module", params=CHANGES)
def run(request, tmp_path_factory: pytest.TempPathFactory) -> Run:
    job = Job("photodigits/thin/mixup", "smoke", 0, CHANGES[request.param])
    store = Store(tmp_path_factory.mktemp("runs"))
    return runner.obtain(job, RunOptions(decide("cpu"), store, progress=False))


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory) -> Path:
    return exporting.export(run, tmp_path_factory.mktemp("exported") / "model")


def test_timm_loads_both_networks_with_the_same_logits(run, folder):
    method, recipe = runner.revive(run, decide("cpu"))
    images = next(evaluation_batches(data.load(recipe.data, "test"), batch=8)).images
    for predictor, where in {"classifier": folder, "teacher": folder / "teacher"}.items():
        model = timm.create_model(f"local-dir:{where}", pretrained=True).eval()
        network = method.eval().predictors()[predictor]
        own = getattr(network, "network", network).model.state_dict()
        assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
        torch.testing.assert_close(model(images), network(images))  # in another memory format
    logits = [network(images) for network in method.predictors().values()]
    assert not torch.allclose(*logits)


def test_timm_knows_how_images_are_prepared(run, folder):
    model = timm.create_model(f"local-dir:{folder}", pretrained=True)
    found, info = timm.data.resolve_model_data_config(model), data.info("photodigits")
    assert tuple(found["input_size"]) == (3, info.side, info.side)
    assert (tuple(found["mean"]), tuple(found["std"])) == (info.mean, info.std)
    assert json.loads((folder / "config.json").read_text())["label_names"][3] == "3"


def test_the_hub_reads_the_results_of_both_networks_from_the_card(run, folder):
    card = ModelCard.load(folder / "README.md")
    results = {
        (each.dataset_config, each.metric_name): each.metric_value
        for each in card.data.eval_results
    }
    for predictor in ("classifier", "teacher"):
        top1 = run.metrics[predictor]["top1_last"]
        assert results[predictor, "top-1 accuracy"] == pytest.approx(top1)
        assert f"{100 * top1:.2f} %" in card.text
    assert run.provenance["command"] in card.text
    assert run.id in card.text


def test_an_evaluation_that_was_recorded_is_on_the_card():
    run = recorded().match("adautomix-cifar100-lite-s0-1e3a5470")
    info = data.info("cifar100")
    found = exporting.evaluation_results(run, info, ["classifier"])
    ece = [each for each in found if each.metric_name == "expected calibration error"]
    assert ece[0].metric_value == run.metric("classifier", "calibration/ece")


def test_a_folder_that_is_there_is_kept(run, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="mine is there already: name a new folder"):
        exporting.export(run, tmp_path / "mine")
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def test_nothing_half_written_stays(run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(exporting, "save_file", full)
    with pytest.raises(RecordError, match=r"cannot write .*: make room or choose another folder"):
        exporting.export(run, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_weights_says_how_to_make_them(tmp_path):
    run = recorded().match("adautomix-cifar100-lite-s0-1e3a5470")
    with pytest.raises(RecordError, match="was recorded without weights: make them with"):
        exporting.export(run, tmp_path / "model")


def test_the_command_exports_and_pushes(run, tmp_path, monkeypatch, capsys):
    calls = []

    class Hub:
        def create_repo(self, repository, **options):
            calls.append((repository, options))
            return f"https://hub/{repository}"

        def upload_folder(self, *, repo_id, folder_path):
            calls.append((repo_id, sorted(p.name for p in Path(folder_path).iterdir())))

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    to = tmp_path / "model"
    words = [
        "export",
        run.id,
        "--to",
        str(to),
        "--runs",
        str(run.path.parent),
        "--push",
        "me/digits",
    ]
    assert cli.main(words) == 0
    assert calls == [
        ("me/digits", {"private": True, "exist_ok": True}),
        ("me/digits", ["README.md", "config.json", "model.safetensors", "teacher"]),
    ]
    said = capsys.readouterr().out
    assert "Pushed to https://hub/me/digits" in said
    assert f'timm.create_model("local-dir:{to}", pretrained=True)' in said
    own = json.loads((to / "config.json").read_text())["architecture"] == "adautomix_net"
    assert ("import adautomix.models.timm_entry" in said) == own


def test_a_push_that_fails_is_one_sentence(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("no route to the hub\nsecond line")

    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: SimpleNamespace(create_repo=fail))
    with pytest.raises(DataError, match=r"could not be pushed to a/b .no route to the hub.: check"):
        exporting.push(tmp_path, "a/b")
    with pytest.raises(InputError, match="--push takes a repository as user/model, not 'digits'"):
        exporting.push(tmp_path, "digits")
