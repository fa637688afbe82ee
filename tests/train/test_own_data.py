"""`fit` on loaders of every kind: mappings, longer tuples, pixels, soft labels, no length."""

import csv
import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from adautomix import AdAutoMix, CutMix, Fixed, Plain, fit
from adautomix.data.augment import normalise
from adautomix.data.labels import Targets
from adautomix.device import decide
from adautomix.errors import InputError, RecordError
from adautomix.models import Net
from adautomix.recipes import SGD, from_dict, get, override, to_dict
from adautomix.train.fitting import How
from adautomix.train.watch import CSVLog, TensorBoardLog

CLASSES, SIDE, BATCHES = 3, 16, 4
MEAN_STD = ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def how(**changes) -> How:
    return How(SGD(lr=0.05), numerics=decide("cpu"), progress=False, **changes)


def pixels() -> list[tuple[torch.Tensor, torch.Tensor]]:
    source = torch.Generator().manual_seed(0)
    return [
        (
            torch.randint(0, 256, (6, 3, SIDE, SIDE), generator=source).to(torch.uint8),
            torch.randint(0, CLASSES, (6,), generator=source),
        )
        for _ in range(BATCHES)
    ]


def pairs() -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(normalise(images, *MEAN_STD), labels) for images, labels in pixels()]


def trained(loader, method=None, epochs=1, test=None, **changes) -> torch.Tensor:
    """The head's weights after a training, always from the same network."""
    model = Net(width=8).build(CLASSES)
    settings = method or AdAutoMix(n=2)
    fit(model, loader, test, method=settings, epochs=epochs, how=how(**changes))
    return model.model.fc.weight.detach()


@pytest.fixture(scope="module")
def expected() -> torch.Tensor:
    return trained(pairs())


class Named(dict):
    """A mapping that is none of Python's own, as the batches of some libraries are."""


def test_mappings_are_read_by_their_keys(expected):
    loader = [Named(label=y, more="text", image=x) for x, y in pairs()]
    found = trained(loader, test=loader, keys=("image", "label"))
    assert torch.equal(found, expected)


def test_a_mapping_without_the_key_names_those_it_has():
    loader = [{"img": x, "label": y} for x, y in pairs()]
    with pytest.raises(InputError, match="train loader: it has no 'image', only 'img', 'label'"):
        trained(loader, keys=("image", "label"))
    with pytest.raises(InputError, match="not a mapping of 'img', 'label'"):
        trained(loader)
    for kind in (tuple, list):
        sentence = rf"a mapping .*, not a {kind.__name__} of 2: leave how\.keys out"
        with pytest.raises(InputError, match=sentence):
            trained([kind(pair) for pair in pairs()], keys=("image", "label"))


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("pixel_values", "labels"), r'\("pixel_values", "labels"\)'),
        (("img", "fine_label"), r'\("img", "fine_label"\)'),
        (("image", "Target"), r'\("image", "Target"\)'),
        (("x", "y"), r'\("x", …\)'),
    ],
)
def test_a_mapping_s_own_keys_are_suggested(names, keys):
    loader = [{"id": torch.arange(6), **dict(zip(names, pair, strict=True))} for pair in pairs()]
    with pytest.raises(InputError, match=rf"which how=How\(keys={keys}\) names the two, not"):
        trained(loader)
    with pytest.raises(InputError, match=rf"only 'id', .* by how=How\(keys={keys}\)"):
        trained(loader, keys=("images", "classes"))


def test_what_comes_after_images_and_labels_is_left_alone(expected):
    loader = [(x, y, torch.arange(6), {"path": "a"}) for x, y in pairs()]
    assert torch.equal(trained(loader, test=loader), expected)


def test_pixels_are_normalised_on_request_and_else_refused(expected):
    assert torch.equal(trained(pixels(), mean_std=MEAN_STD), expected)
    floats = [(x / 255, y) for x, y in pixels()]
    torch.testing.assert_close(trained(floats, mean_std=MEAN_STD), expected)
    with pytest.raises(InputError, match=r"not torch.uint8 .* how=How\(mean_std="):
        trained(pixels(), method=Fixed(CutMix()))


@pytest.mark.parametrize(
    ("loader", "mean_std", "sentence"),
    [
        (pairs, MEAN_STD, "pixels in .0, 1., but they run from -[0-9.]+ to"),
        (pixels, ((0.5,), (0.2,)), r"for 1 channel\(s\), but the images have 3"),
        (lambda: [(x[0], y) for x, y in pixels()], MEAN_STD, r"not \(3, 16, 16\)"),
        (pixels, ((0.5,), (0.2, 0.3)), "mean_std must hold a mean and a positive standard"),
        (pixels, ((0.5,), (0.0,)), "mean_std must hold a mean and a positive standard"),
        (pixels, ((128.0,) * 3, (64.0,) * 3), r"that of pixels in \[0, 1\], .*: divide by 255"),
        (
            lambda: [(x.permute(0, 2, 3, 1), y) for x, y in pixels()],
            MEAN_STD,
            r"the channels seem to come last: give images\.permute\(0, 3, 1, 2\)",
        ),
    ],
)
def test_images_that_cannot_be_normalised_are_one_sentence(loader, mean_std, sentence):
    with pytest.raises(InputError, match=sentence):
        trained(loader(), mean_std=mean_std)


def test_pixels_that_nothing_normalises_are_warned_of():
    floats = [(x.float(), y) for x, y in pixels()]
    with pytest.warns(UserWarning, match="images run from 0 to 255, as pixels do .* by 255 and"):
        trained(floats, method=Plain())


def test_a_network_that_has_learnt_from_pixels_predicts_for_pixels():
    done = fit(
        Net(width=8).build(CLASSES), pixels(), method=Plain(), epochs=1, how=how(mean_std=MEAN_STD)
    )
    images = pixels()[0][0]
    plain = fit(Net(width=8).build(CLASSES), pairs(), method=Plain(), epochs=1, how=how())
    assert torch.equal(done.predict(images), plain.predict(normalise(images, *MEAN_STD)))


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield from (item for pair in pairs() for item in zip(*pair, strict=True))


def test_a_loader_without_a_length_takes_the_steps_that_are_stated(expected):
    assert torch.equal(trained(DataLoader(Endless(), 6), steps=BATCHES), expected)
    assert torch.equal(trained((pair for pair in pairs()), steps=BATCHES), expected)
    with pytest.raises(InputError, match=r"after 4 of 5 batches: .* how=How\(steps"):
        trained(pairs(), steps=5)
    with pytest.raises(InputError, match="steps must be 1 or more, not 0"):
        how(steps=0)


def test_an_iterator_goes_on_where_it_stopped():
    twice = [*pairs(), *reversed(pairs())]
    in_two_epochs = trained((pair for pair in twice), epochs=2, steps=BATCHES)
    assert torch.equal(in_two_epochs, trained(twice))


def test_soft_labels_train_as_the_numbers_they_say(expected):
    loader = [(x, nn.functional.one_hot(y, CLASSES)) for x, y in pairs()]
    torch.testing.assert_close(trained(loader, test=loader), expected)
    top1 = fit(Net(width=8).build(CLASSES), pairs(), pairs(), epochs=1, how=how()).accuracy
    votes = [(x, 0.4 * nn.functional.one_hot(y, CLASSES) + 0.2) for x, y in pairs()]
    asked = fit(Net(width=8).build(CLASSES), pairs(), votes, epochs=1, how=how()).accuracy
    assert asked == top1
    smoothed = [(x, 0.7 * nn.functional.one_hot(y, CLASSES) + 0.1) for x, y in pairs()]
    found = trained(pairs(), targets=Targets(smoothing=0.3))
    torch.testing.assert_close(found, trained(smoothed))
    assert not torch.allclose(found, expected)


def test_a_recipe_may_smooth_labels_and_keeps_its_id_where_it_does_not():
    recipe = get("cifar100/resnet18/mixup")
    assert "targets" not in to_dict(recipe)
    smoothed = override(recipe, "targets.smoothing=0.1")
    assert smoothed.targets == Targets(smoothing=0.1)
    assert from_dict(to_dict(smoothed)) == smoothed


def test_every_epoch_is_logged_by_a_function_of_ones_own():
    rows: list[dict] = []
    done = fit(
        Net(width=8).build(CLASSES),
        pairs(),
        pairs(),
        method=Plain(),
        epochs=2,
        how=how(log=rows.append),
    )
    assert rows == done.curve.to_dict("records")


def test_a_csv_file_has_the_rows_of_the_newest_training(tmp_path):
    log = CSVLog(tmp_path / "new" / "curve.csv")
    for loader in (pairs()[:2], pairs()):
        trained(loader, test=pairs(), method=Plain(None), epochs=2, log=log)
    with open(log.path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "8"]
    assert {"epoch", "lr", "train_ce", "classifier_top1"} <= rows[0].keys()
    assert math.isfinite(float(rows[1]["train_ce"]))
    assert [path.name for path in log.path.parent.iterdir()] == ["curve.csv"]


def test_a_csv_file_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(RecordError, match=r"curve\.csv cannot be written .*: choose another file"):
        CSVLog(tmp_path / "file" / "curve.csv")({"epoch": 1, "step": 1})
    assert (tmp_path / "file").read_text() == "kept"


def test_tensorboard_has_every_column_over_the_steps(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained(pairs(), method=Plain(None), epochs=2, log=TensorBoardLog(tmp_path))
    seen = EventAccumulator(str(tmp_path)).Reload()
    assert {"epoch", "lr", "train/ce"} <= set(seen.Tags()["scalars"])
    assert [event.step for event in seen.Scalars("train/ce")] == [4, 8]


def test_tensorboard_is_missed_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="needs tensorboard: pip install tensorboard, or use CSV"):
        TensorBoardLog(tmp_path)


def test_datasets_of_hugging_face_are_taken(expected):
    datasets = pytest.importorskip("datasets")
    import numpy as np
    from PIL import Image

    each = [item for pair in pixels() for item in zip(*pair, strict=True)]
    rows = {
        "image": [Image.fromarray(np.asarray(x.permute(1, 2, 0))) for x, _ in each],
        "label": [int(y) for _, y in each],
    }
    names = datasets.ClassLabel(names=["a", "b", "c"])
    features = datasets.Features({"image": datasets.Image(), "label": names})
    made = datasets.Dataset.from_dict(rows, features=features).with_format("torch")
    found = trained(DataLoader(made, 6), keys=("image", "label"), mean_std=MEAN_STD)
    assert torch.equal(found, expected)
