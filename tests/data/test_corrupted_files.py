"""Corrupted sets on disk: the official files, the pictures of frost, and what is kept."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from adautomix.data import corrupted as module
from adautomix.data.cifar100 import INFO as CIFAR100
from adautomix.data.corrupted import (
    FROST_FILES,
    corrupted,
    frost_pictures,
    load_corrupted,
    official_folder,
    read_official,
)
from adautomix.data.image_set import ImageSet
from adautomix.errors import DataError, InputError

COUNT = 6
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(autouse=True)
def data_in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the machine's own data is read or written."""
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "home"))
    for name in ("FROST", "CIFAR100C", "CORRUPTED", "CORRUPTED_GB"):
        monkeypatch.delenv(f"ADAUTOMIX_{name}", raising=False)
    return tmp_path / "home"


@pytest.fixture
def clean() -> ImageSet:
    """Six images of three classes under the name of CIFAR-100."""
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
    row = replace(CIFAR100, classes=3, counts={"test": COUNT}, sha256={})
    return ImageSet(images, np.repeat(np.arange(3), 2), ("a", "b", "c"), row, "test")


@pytest.fixture
def official(tmp_path: Path, monkeypatch, clean) -> Path:
    """A small CIFAR-100-C whose pixels say their row, for the clean set above."""
    folder = tmp_path / "official" / "CIFAR-100-C"
    folder.mkdir(parents=True)
    pixels = np.broadcast_to(np.arange(30, dtype=np.uint8)[:, None, None, None], (30, 32, 32, 3))
    for name in ("fog", "snow"):
        np.save(folder / f"{name}.npy", pixels)
    np.save(folder / "labels.npy", np.tile([2, 0, 1, 1, 0, 2], 5).astype(np.uint8))
    monkeypatch.setitem(CIFAR100.sha256, "test", clean.sha256)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "frost"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for i, name in enumerate(FROST_FILES):
        pixels = rng.integers(0, 256, (200 + i, 190, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(folder / name)
    return folder


def test_official_rows_are_five_blocks_severity_one_first(official, clean) -> None:
    for severity in (1, 3, 5):
        data, origin = load_corrupted(clean, "fog", severity, root=official.parent)
        assert origin == "official"
        first = (severity - 1) * COUNT
        assert data.images[:, 0, 0, 0].tolist() == list(range(first, first + COUNT))
        assert data.labels.tolist() == [2, 0, 1, 1, 0, 2], "in the order of the files"
        assert data.split == f"test, fog {severity}"
        assert data.images.flags.writeable


def test_a_part_of_the_test_images_is_never_taken_from_the_official_files(official, clean) -> None:
    assert official_folder(clean, official.parent) == official
    assert official_folder(clean.subset(1), official.parent) is None
    assert load_corrupted(clean.subset(1), "fog", 1, root=official.parent).origin == "made here"


def test_the_environment_names_the_official_folder(official, clean, monkeypatch) -> None:
    assert official_folder(clean) is None
    monkeypatch.setenv("ADAUTOMIX_CIFAR100C", str(official))
    assert official_folder(clean) == official
    monkeypatch.setenv("ADAUTOMIX_CIFAR100C", str(official / "nowhere"))
    with pytest.raises(DataError, match=r"not at .*nowhere \(ADAUTOMIX_CIFAR100C\)"):
        official_folder(clean)


def test_a_truncated_official_file_is_one_sentence(official, clean) -> None:
    file = official / "fog.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"fog\.npy cannot be read as \.npy"):
        read_official(official, "fog", 1, clean.labels)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "fog.npy").unlink(), r"fog\.npy is missing: get CIFAR-100-C anew"),
        (lambda f: (f / "fog.npy").write_bytes(b""), r"fog\.npy cannot be read"),
        (lambda f: np.save(f / "fog.npy", np.zeros((30, 32, 32, 3))), "holds float64 of shape"),
        (lambda f: np.save(f / "fog.npy", np.zeros((24, 32, 32, 3), np.uint8)), r"\(24, 32, 32, 3"),
        (lambda f: (f / "labels.npy").unlink(), r"labels\.npy is missing"),
        (lambda f: np.save(f / "labels.npy", np.zeros(30, np.uint8)), "does not hold the labels"),
        (lambda f: np.save(f / "labels.npy", np.full(30, 1.7)), "holds float64 of shape"),
        (lambda f: (f / "fog.npy").write_bytes(EMPTY_ZIP), r"fog\.npy is an archive of arrays"),
    ],
)
def test_other_damage_is_one_sentence_too(official, clean, damage, sentence) -> None:
    damage(official)
    with pytest.raises(DataError, match=sentence):
        load_corrupted(clean, "fog", 1, root=official.parent)


def test_what_is_made_is_kept_and_read_again(
    clean, data_in_a_temporary_folder, monkeypatch
) -> None:
    made = load_corrupted(clean, "contrast", 2)
    assert made.origin == "made here"
    assert np.array_equal(made.data.images, corrupted(clean.images, "contrast", 2))
    assert np.array_equal(made.data.labels, clean.labels)
    there = {path.name: path for path in data_in_a_temporary_folder.rglob("*") if path.is_file()}
    assert there.keys() == {"contrast-2.npy", "contrast-2.sha256"}
    monkeypatch.setattr(module, "corrupted", None)  # a call would fail
    assert np.array_equal(load_corrupted(clean, "contrast", 2).data.images, made.data.images)
    there["contrast-2.sha256"].unlink()  # as an earlier version kept them
    assert np.array_equal(load_corrupted(clean, "contrast", 2).data.images, made.data.images)


def test_other_images_seeds_and_versions_are_kept_apart(clean, monkeypatch) -> None:
    first = load_corrupted(clean, "gaussian_noise", 1).data.images
    other = load_corrupted(clean, "gaussian_noise", 1, seed=1).data.images
    assert not np.array_equal(first, other)
    changed = replace(clean, images=255 - clean.images)
    assert not np.array_equal(load_corrupted(changed, "gaussian_noise", 1).data.images, first)
    monkeypatch.setattr(module, "VERSION", 99)
    monkeypatch.setattr(module, "corrupted", lambda images, *_, **__: images)
    assert np.array_equal(load_corrupted(clean, "gaussian_noise", 1).data.images, clean.images)


def test_a_damaged_kept_file_is_made_anew(clean, data_in_a_temporary_folder) -> None:
    wanted = load_corrupted(clean, "contrast", 2).data.images
    (file,) = data_in_a_temporary_folder.rglob("*.npy")
    whole = file.read_bytes()
    one_pixel = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
    for damage in (whole[:-5], b"", b"no array", one_pixel, EMPTY_ZIP):
        file.write_bytes(damage)
        assert np.array_equal(load_corrupted(clean, "contrast", 2).data.images, wanted)
        assert file.read_bytes() == whole


def test_the_kept_sets_are_where_the_environment_says(clean, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ADAUTOMIX_CORRUPTED", str(tmp_path / "elsewhere"))
    load_corrupted(clean, "contrast", 2)
    assert [file.name for file in (tmp_path / "elsewhere").rglob("*.npy")] == ["contrast-2.npy"]
    assert not (tmp_path / "home").exists()


def test_the_sets_read_least_lately_make_room(
    clean, data_in_a_temporary_folder, monkeypatch
) -> None:
    def names() -> set[str]:
        return {file.stem for file in data_in_a_temporary_folder.rglob("*.npy")}

    def age(name: str, seconds: int) -> None:
        (file,) = data_in_a_temporary_folder.rglob(f"{name}.npy")
        os.utime(file, (seconds, seconds))

    load_corrupted(clean, "contrast", 1)
    load_corrupted(replace(clean, images=255 - clean.images), "contrast", 2)  # another folder
    age("contrast-1", 1000)
    age("contrast-2", 2000)
    load_corrupted(clean, "contrast", 1)  # read, so it is newer now
    (file,) = data_in_a_temporary_folder.rglob("contrast-1.npy")
    size = file.stat().st_size
    monkeypatch.setenv("ADAUTOMIX_CORRUPTED_GB", str(2.5 * size / 1e9))
    load_corrupted(clean, "contrast", 3)
    assert names() == {"contrast-1", "contrast-3"}
    assert len(list(data_in_a_temporary_folder.rglob("*.sha256"))) == 2
    monkeypatch.setenv("ADAUTOMIX_CORRUPTED_GB", str(0.5 * size / 1e9))
    load_corrupted(clean, "contrast", 4)  # larger than all that is allowed: nothing is removed
    assert names() == {"contrast-1", "contrast-3"}


@pytest.mark.parametrize("given", ["much", "-1", "nan"])
def test_a_limit_that_is_no_number_is_one_sentence(clean, monkeypatch, given) -> None:
    monkeypatch.setenv("ADAUTOMIX_CORRUPTED_GB", given)
    with pytest.raises(
        InputError, match=f"must be a number of gigabytes, 0 or more, not '{given}'"
    ):
        load_corrupted(clean, "contrast", 2)


def test_a_folder_that_cannot_be_written_costs_no_result(clean, tmp_path) -> None:
    root = tmp_path / "file"
    root.write_text("not a folder")
    assert len(load_corrupted(clean, "contrast", 2, root=root).data) == COUNT


def test_nothing_half_written_stays(clean, data_in_a_temporary_folder, monkeypatch) -> None:
    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    assert len(load_corrupted(clean, "contrast", 2).data) == COUNT
    assert [path for path in data_in_a_temporary_folder.rglob("*") if path.is_file()] == []


def test_frost_reads_its_pictures_from_a_folder_or_the_environment(
    clean, pictures, monkeypatch
) -> None:
    given = corrupted(clean.images, "frost", 3, frost=pictures)
    assert not np.array_equal(given, clean.images)
    monkeypatch.setenv("ADAUTOMIX_FROST", str(pictures))
    assert np.array_equal(corrupted(clean.images, "frost", 3), given)
    assert np.array_equal(load_corrupted(clean, "frost", 3).data.images, given)
    shapes = [picture.shape for picture in frost_pictures()]
    assert shapes == [(40, 38, 3), (40, 38, 3), (40, 38, 3), (41, 38, 3), (41, 38, 3)]


def test_other_pictures_of_frost_are_kept_apart(clean, pictures, tmp_path) -> None:
    first = load_corrupted(clean, "frost", 3, frost=pictures).data.images
    other = tmp_path / "white"
    other.mkdir()
    for name in FROST_FILES:
        PIL.Image.new("RGB", (200, 200), "white").save(other / name)
    assert not np.array_equal(load_corrupted(clean, "frost", 3, frost=other).data.images, first)


def test_without_its_pictures_frost_is_one_sentence(clean, pictures) -> None:
    with pytest.raises(DataError, match="not shipped: point ADAUTOMIX_FROST at a folder with"):
        load_corrupted(clean, "frost", 1)
    PIL.Image.new("RGB", (200, 160)).save(pictures / FROST_FILES[1])
    with pytest.raises(DataError, match=r"frost2\.png is too small: .* 32x32"):
        corrupted(clean.images, "frost", 1, frost=pictures)
    with pytest.raises(DataError, match=r"frost1\.png cannot be read as a picture"):
        frost_pictures(pictures / "nowhere")


def test_unknown_names_and_severities_are_refused_before_anything_is_read(clean) -> None:
    with pytest.raises(InputError, match="unknown corruption 'snoww'"):
        load_corrupted(clean, "snoww", 1)
    with pytest.raises(InputError, match="not 7"):
        load_corrupted(clean, "snow", 7)
