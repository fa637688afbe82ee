"""Accuracy under corruption: the counts of a slow loop, means by hand, and what was not run."""

import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from adautomix.data import photodigits
from adautomix.data.corrupted import corrupted
from adautomix.data.corruptions import KINDS, STANDARD
from adautomix.errors import DataError, InputError
from adautomix.evaluate import Corruption, corruption
from adautomix.evaluate.predict import NormalizedModel

COUNT = 12


@pytest.fixture(autouse=True)
def data_in_a_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path))
    monkeypatch.delenv("ADAUTOMIX_FROST", raising=False)


@pytest.fixture(scope="module")
def clean():
    return photodigits.read("test").take(np.arange(0, 797, 67))


@pytest.fixture(scope="module")
def predict():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    return NormalizedModel(network, (0.3, 0.3, 0.3), (0.25, 0.25, 0.25))


def made(names, share=0.5, **changes):
    """A result with one accuracy, `share` at severity 1 and falling by 0.1 a severity."""
    rows = {name: tuple(share - 0.1 * s for s in range(5)) for name in names}
    result = Corruption(rows, (1, 2, 3, 4, 5), 100, dict.fromkeys(names, "made here"), {})
    return replace(result, **changes)


def test_accuracy_is_that_of_a_slow_loop(clean, predict):
    found = corruption(predict, clean, names=["fog", "jpeg_compression"], severities=[2, 5])
    assert found.severities == (2, 5)
    assert found.n == len(clean) == COUNT
    for name, row in found.accuracy.items():
        for severity, value in zip((2, 5), row, strict=True):
            right = 0
            for i, image in enumerate(corrupted(clean.images, name, severity)):
                pixels = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)
                right += int(predict(pixels[None]).argmax()) == clean.labels[i]
            assert value == right / COUNT


def test_sets_that_processes_make_are_the_same(clean, predict, tmp_path, monkeypatch):
    asked = {"names": ["shot_noise", "fog", "glass_blur"], "severities": [3, 1]}
    alone = corruption(predict, clean, root=tmp_path / "alone", **asked)
    monkeypatch.setattr(import_module("adautomix.evaluate.corruption"), "MANY", 1)
    assert corruption(predict, clean, root=tmp_path / "ahead", **asked) == alone
    kept = [sorted(p.name for p in (tmp_path / n).rglob("*.npy")) for n in ("alone", "ahead")]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 6
    with pytest.raises(DataError, match="frost needs pictures that are not shipped"):
        corruption(predict, clean, names=["fog", "frost"], severities=[1])
    assert set(corruption(predict, clean, severities=[1]).left_out) == {"frost"}


def test_a_predictor_sees_pixels_in_the_unit_interval_and_every_image_once(clean):
    seen = []

    def spy(pixels):
        seen.append(pixels)
        return torch.eye(10)[torch.zeros(len(pixels), dtype=torch.long)]

    found = corruption(spy, clean, names=["contrast"], severities=[1])
    pixels = torch.cat(seen)
    assert pixels.shape == (COUNT, 3, 32, 32)
    assert pixels.dtype == torch.float32
    assert 0 <= pixels.min() < 0.2 < pixels.max() <= 1
    assert found.accuracy["contrast"] == ((clean.labels == 0).mean(),)


def test_all_but_frost_run_without_its_pictures_and_the_note_says_so(clean, predict):
    found = corruption(predict, clean, severities=[1])
    assert set(found.accuracy) == set(KINDS) - {"frost"}
    assert list(found.left_out) == ["frost"]
    assert found.note().startswith("18 of 19 corruptions, severities 1, 12 images each, 18 made")
    assert "without frost: frost needs pictures" in found.note()
    values = found.values()
    assert values["mean_run"] == pytest.approx(np.mean([row[0] for row in found.accuracy.values()]))
    assert "mean_15" not in values
    with pytest.raises(DataError, match="ADAUTOMIX_FROST"):
        corruption(predict, clean, names=["frost"])


def test_means_are_over_what_they_say():
    levels = {name: 0.5 + 0.01 * i for i, name in enumerate(KINDS)}
    rows = {
        name: (share, share - 0.1, share - 0.2, share - 0.3, share - 0.4)
        for name, share in levels.items()
    }
    values = replace(made(KINDS), accuracy=rows).values()
    assert values["fog"] == pytest.approx(levels["fog"] - 0.2)
    assert (
        values["mean_19"]
        == values["mean_run"]
        == pytest.approx(np.mean(list(levels.values())) - 0.2)
    )
    assert values["mean_15"] == pytest.approx(np.mean([levels[n] for n in STANDARD]) - 0.2)
    assert json.loads(json.dumps(values)) == values


def test_a_mean_of_fifteen_needs_all_of_them_at_every_severity():
    assert set(made(STANDARD).values()) == {*STANDARD, "mean_run", "mean_15"}
    assert "mean_15" not in made(STANDARD[1:]).values()
    short = made(KINDS, severities=(1,), accuracy=dict.fromkeys(KINDS, (0.5,)))
    assert set(short.values()) == {*KINDS, "mean_run"}
    with pytest.raises(InputError, match="not run: snow"):
        made(["fog"]).mean(["fog", "snow"])
    with pytest.raises(InputError, match="not run: any"):
        made([]).mean()


def test_relative_error_is_one_for_the_reference_and_a_mean_of_ratios():
    reference = made(STANDARD)
    assert reference.mce(reference) == pytest.approx(1)
    better = made(STANDARD, share=0.85)  # errors 0.35 against 0.7
    assert better.mce(reference) == pytest.approx(0.5)
    mixed = replace(reference, accuracy={**reference.accuracy, "fog": better.accuracy["fog"]})
    assert mixed.mce(reference) == pytest.approx((14 + 0.5) / 15)
    perfect = made(["fog"], accuracy={"fog": (1.0,) * 5})
    assert perfect.mce(reference, ["fog"]) == 0
    with pytest.raises(InputError, match="no error on fog"):
        reference.mce(perfect, ["fog"])
    with pytest.raises(InputError, match=r"\(1, 2, 3, 4, 5\) and \(1,\) cannot be compared"):
        reference.mce(replace(reference, severities=(1,)))
    with pytest.raises(InputError, match="not run"):
        made(["fog"]).mce(reference)


def test_the_frame_has_a_row_a_corruption_and_severity():
    frame = made(["fog", "snow"]).frame()
    assert list(frame.columns) == ["corruption", "severity", "accuracy", "origin"]
    assert len(frame) == 10
    assert frame.iloc[7].tolist() == ["snow", 3, pytest.approx(0.3), "made here"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"names": ["fogg"]}, "unknown corruption 'fogg': did you mean 'fog'"),
        ({"names": []}, "at least one corruption"),
        ({"severities": []}, "at least one corruption and one severity"),
        ({"severities": [0]}, "1, 2, 3, 4 or 5, not 0"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(clean, predict, wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        corruption(predict, clean, **wrong)
