"""A dataset of the library `datasets` becomes class folders and is added like any other."""

import io
import sys

import numpy as np
import PIL.Image
import pytest

from adautomix import cli, data
from adautomix.data import added, hugging_face
from adautomix.errors import DataError, InputError

NAMES = ["oak/elm", "ash", "fir"]


@pytest.fixture
def library(monkeypatch, tmp_path):
    """The library, offline and with a cache of the test's own; skipped where it is missing."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    return pytest.importorskip("datasets", reason="the extra `hf`")


def png(value: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def rows(library, count: int, first: int = 0, **changes):
    """A split whose image number i is of the grey level i and of class i modulo 3."""
    numbers = range(first, first + count)
    columns = {
        "picture": [{"bytes": png(i), "path": None} for i in numbers],
        "kind": [i % 3 for i in numbers],
    }
    kinds = {"picture": library.Image(), "kind": library.ClassLabel(names=NAMES)} | changes
    return library.Dataset.from_dict(columns, features=library.Features(kinds))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_saved_dataset_is_added_with_its_images_and_classes(library, tmp_path, home, capsys):
    splits = {"train": rows(library, 9), "validation": rows(library, 6, first=9)}
    library.DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    assert cli.main(["data", "add", "trees", f"hf:{tmp_path / 'saved'}"]) == 0
    (name,) = added.names(home)
    assert f"adautomix train {name}/" in capsys.readouterr().out
    for split, first, count in (("train", 0, 9), ("test", 9, 6)):
        held = data.load(name, split)
        assert held.classes == ("ash", "fir", "oak_elm")
        levels = held.images[:, 0, 0, 0].tolist()
        assert sorted(levels) == list(range(first, first + count))
        wanted = [NAMES[level % 3].replace("/", "_") for level in levels]
        assert [held.classes[label] for label in held.labels] == wanted
    assert added.find(name, home).INFO.get == f"adautomix data add trees hf:{tmp_path / 'saved'}"


def test_a_single_split_is_divided_like_one_folder_of_classes(library, tmp_path, home):
    rows(library, 90).save_to_disk(str(tmp_path / "saved"))
    row = added.add("trees", f"hf:{tmp_path / 'saved'}", home)
    assert sum(row.counts.values()) == 90
    assert 0 < row.counts["test"] < 45


def test_a_dataset_without_classes_is_refused_and_leaves_nothing(library, tmp_path, home):
    unlabelled = rows(library, 6, kind=library.Value("int64"))
    unlabelled.save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(DataError, match=r"has no column of the type ClassLabel, but picture, kind"):
        added.add("trees", f"hf:{tmp_path / 'saved'}", home)
    assert not list((home / "hf").iterdir())


def test_an_image_of_no_class_is_refused(library, tmp_path, home):
    split = rows(library, 4).cast_column("kind", library.Value("int64"))
    odd = split.map(lambda row: {"kind": -1 if row["kind"] == 2 else row["kind"]})
    odd = odd.cast_column("kind", library.ClassLabel(names=NAMES))
    odd.save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(DataError, match=r"image 2 is of no class \(-1\)"):
        added.add("trees", f"hf:{tmp_path / 'saved'}", home)


def test_what_cannot_be_loaded_is_one_sentence(library, tmp_path, home):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/state.json").write_text("{")
    with pytest.raises(DataError, match=r"^hf:\S+ cannot be loaded \([^\n]*folder of a copy\.$"):
        added.add("trees", f"hf:{tmp_path / 'saved'}", home)


def test_without_the_library_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"hf:beans needs the package datasets: .*adautomix\[hf\]"):
        hugging_face.folder("beans", "beans", tmp_path)
