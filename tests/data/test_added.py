"""A folder of one's own becomes a dataset: measured, named by its content, read and trained on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from adautomix import cli, data, recipes
from adautomix.data import added
from adautomix.data.file_set import FileSet
from adautomix.data.image_set import ImageSet
from adautomix.errors import DataError, InputError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


def fill(folder, sides, count=4, seed=0):
    """Class folders a and b of PNG files; the sides are taken in turn."""
    rng = np.random.default_rng(seed)
    for name in "ab":
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (sides[i % len(sides)], sides[0], 3), np.uint8)
            PIL.Image.fromarray(pixels).save(folder / name / f"{name}{seed}_{i}.png")
    return folder


def splits(root, sides=(8,), test="test"):
    fill(root / "train", sides)
    fill(root / test, sides, count=2, seed=1)
    return root


@pytest.mark.parametrize("test", ["test", "val"])
def test_small_images_are_kept_in_memory(tmp_path, home, test):
    row = added.add("mine", splits(tmp_path / "it", test=test), home)
    assert row.name.startswith("mine-")
    assert (row.classes, row.side, row.counts) == (2, 8, {"train": 8, "test": 4})
    train = data.load(row.name, "train")
    assert isinstance(train, ImageSet)
    assert train.classes == ("a", "b")
    np.testing.assert_allclose(train.images.mean((0, 1, 2)) / 255, row.mean, atol=5e-5)
    np.testing.assert_allclose(train.images.std((0, 1, 2)) / 255, row.std, atol=5e-5)
    assert len(data.load(row.name, "train", per_class=2)) == 4


def test_images_of_different_sizes_stay_on_disk(tmp_path, home):
    row = added.add("mine", splits(tmp_path / "it", (8, 9)), home)
    assert row.side == 0
    assert isinstance(data.read(row.name, "test"), FileSet)
    with pytest.raises(InputError, match=r"differ in size.*adautomix\.data\.read\('mine-"):
        data.load(row.name, "test")


def test_the_name_follows_the_images(tmp_path, home):
    one = added.add("mine", splits(tmp_path / "it"), home)
    assert added.add("mine", tmp_path / "it", home) == one
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "it/train/a/more.png")
    other = added.add("mine", tmp_path / "it", home)
    assert added.names(home) == sorted([one.name, other.name])
    assert one.name != other.name
    with pytest.raises(DataError, match="9 images, expected 8"):
        data.load(one.name, "train")


def test_a_changed_image_is_noticed(tmp_path, home):
    row = added.add("mine", splits(tmp_path / "it"), home)
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "it/train/a/a0_0.png")
    with pytest.raises(DataError, match=r"have changed since it was added: .*data add mine"):
        data.load(row.name, "train")


def test_one_folder_of_classes_is_divided_by_the_names_of_files(tmp_path, home):
    row = added.add("mine", fill(tmp_path / "it", (8,), count=60), home)
    train, test = (added.one_folder(tmp_path / "it", split) for split in added.SPLITS)
    assert set(train.files).isdisjoint(test.files)
    assert len(train.files) + len(test.files) == 120 == sum(row.counts.values())
    assert 12 <= row.counts["test"] <= 36  # a fifth of them is 24


def test_its_recipes_are_known_by_its_name(tmp_path, home):
    row = added.add("mine", splits(tmp_path / "it"), home)
    recipe = recipes.get(f"{row.name}/resnet18/plain")
    assert (recipe.data, recipe.batch, recipe.augment.padding) == (row.name, 8, 1)
    with pytest.raises(InputError, match="unknown recipe"):
        recipes.get(f"{row.name}/resnet18/unplain")


@pytest.mark.parametrize("sides", [(8,), (40, 50)], ids=["memory", "files"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_it_can_be_trained_on_evaluated_and_verified(tmp_path, home, capsys, sides):
    splits(tmp_path / "it", sides)
    assert cli.main(["data", "add", "mine", str(tmp_path / "it")]) == 0
    (name,) = added.names(home)
    assert f"adautomix train {name}/resnet18/adautomix --budget lite" in capsys.readouterr().out
    changes = ["--set", "epochs=1", "--set", "net.width=12", "--set", "batch=4"]
    job = [f"{name}/resnet18/adautomix", "--budget", "lite", "--device", "cpu", *changes]
    if len(sides) > 1:
        job += ["--set", "augment.side=16", "--set", "augment.shorter=16"]
    assert cli.main(["train", *job]) == 0, capsys.readouterr().err
    (run,) = [word for word in capsys.readouterr().out.split() if f"{name}-" in word][:1]
    assert cli.main(["evaluate", run.rsplit("/")[-1], "--calibration"]) == 0
    assert cli.main(["evaluate", run.rsplit("/")[-1]]) == 0
    assert "4 images" in capsys.readouterr().out
    assert cli.main(["data", "verify", name]) == 0
    shown = capsys.readouterr().out
    assert f"{name} train: 8 images, sha256" in shown
    assert ("mean" in shown) == (len(sides) > 1)
    assert cli.main(["data", "where", name]) == 0
    assert str(tmp_path / "it") in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "Mine", "a/b", "a-b", "../a"])
def test_a_name_that_cannot_be_used_is_refused(tmp_path, home, name):
    with pytest.raises(InputError, match="cannot name a dataset"):
        added.add(name, splits(tmp_path / "it"), home)


def test_what_cannot_be_added_leaves_nothing(tmp_path, home):
    root = splits(tmp_path / "it")
    (root / "train/a/a0_1.png").write_bytes(b"no image")
    (root / "train/b/b0_2.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2 of 8 images cannot be read: .*a0_1.*b0_2"):
        added.add("mine", root, home)
    with pytest.raises(DataError, match=r"nothing-here does not exist"):
        added.add("mine", tmp_path / "nothing-here", home)
    (root / "train/c").mkdir()
    with pytest.raises(DataError, match=r"train/c has no images"):
        added.add("mine", root, home)
    fill(root / "train/c/deeper", (8,))
    with pytest.raises(DataError, match=r"class 'c' is in one of train and test, not in both"):
        added.add("mine", root, home)
    assert not added.names(home)


KNOWN = sorted(Path(added.__file__).with_name("known").glob("*.json"))


@pytest.mark.parametrize("file", KNOWN, ids=lambda path: path.stem)
def test_the_datasets_of_experiments_are_known_where_they_are_not_added(home, file):
    assert recipes.get(f"{file.stem}/resnet18/plain").data == file.stem
    with pytest.raises(DataError, match=rf"run .adautomix data add {file.stem[:-9]} PATH"):
        data.read(file.stem, "train")


@pytest.mark.parametrize("file", KNOWN, ids=lambda path: path.stem)
def test_of_a_known_dataset_only_the_place_is_this_machine_s(home, tmp_path, file):
    content = json.loads(file.read_text())
    content["info"] |= {"title": "mine", "path": str(tmp_path), "source": str(tmp_path)}
    (home / "added").mkdir(parents=True)
    (home / "added" / file.name).write_text(json.dumps(content))
    found, known = data.info(file.stem), json.loads(file.read_text())["info"]
    assert (found.title, found.source) == (known["title"], known["source"])
    assert found.path == str(tmp_path)


def test_damaged_facts_are_one_sentence(tmp_path, home):
    row = added.add("mine", splits(tmp_path / "it"), home)
    (home / "added" / f"{row.name}.json").write_text("{")
    with pytest.raises(DataError, match=r"cannot be read .*remove it and add the dataset again"):
        data.info(row.name)


def test_an_unreadable_file_is_named_by_verify(tmp_path, home):
    row = added.add("mine", splits(tmp_path / "it", (8, 9)), home)
    file = tmp_path / "it/test/a/a1_0.png"
    content = file.read_bytes()
    file.write_bytes(content[:40] + bytes(len(content) - 40))
    with pytest.raises(DataError, match=r"1 of 4 images cannot be read: .*a1_0\.png"):
        data.verify(row.name)


def test_a_dataset_that_has_moved_is_asked_for(tmp_path, home):
    row = added.add("mine", splits(tmp_path / "it"), home)
    (tmp_path / "it").rename(tmp_path / "there")
    with pytest.raises(DataError, match=rf"is not in {tmp_path / 'it'}: run .adautomix data add"):
        data.load(row.name, "train")
    assert len(data.load(row.name, "train", root=tmp_path / "there")) == 8
    assert replace(row, path="") != row
