"""Image datasets of the Hugging Face library `datasets`, written out as class folders.

`adautomix data add NAME hf:SOURCE` then adds the folder like any other, so that training needs
neither the library nor a network. The files are written as the dataset holds them, byte for byte.
"""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image

from adautomix.data.listings import SUFFIXES, TEST, TRAIN
from adautomix.errors import DataError, InputError, first_line
from adautomix.storage.files import workplace

PREFIX = "hf:"


def folder(source: str, name: str, home: Path) -> Path:
    """Write a dataset as class folders to `home`/hf/`name`, whole or not at all, and return that.

    Args:
        source: a name on the Hugging Face hub, with a configuration after a second colon where it
            has several ("user/name:configuration"), or a folder: one that `save_to_disk` wrote, or
            that `load_dataset` takes.
        name: of the new folder; an earlier one of this name is replaced.
        home: the folder of datasets.

    Raises InputError where the library is not installed, DataError for a dataset that cannot be
    loaded, or has no column of images or of classes.
    """
    splits = _loaded(source)
    train = next((splits[key] for key in TRAIN if key in splits), None)
    if train is None:
        raise DataError(f"{PREFIX}{source} has no split 'train', but {', '.join(splits)}.")
    test = next((splits[key] for key in TEST if key in splits), None)
    parts = {"": train} if test is None else {"train": train, "test": test}
    target = home / "hf" / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with workplace(target.parent) as place:
            for part, rows in parts.items():
                _write(rows, place / name / part, source)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(place / name, target)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {first_line(error)}.") from error
    return target


def _loaded(source: str) -> dict[str, Any]:
    """Return the splits of a dataset by name."""
    try:
        import datasets
    except ImportError:
        raise InputError(
            f"{PREFIX}{source} needs the package datasets: pip install adautomix[hf]."
        ) from None
    local = Path(source).expanduser()
    try:
        if (local / "dataset_dict.json").is_file() or (local / "state.json").is_file():
            found = datasets.load_from_disk(str(local))
        elif local.is_dir():
            found = datasets.load_dataset(str(local))
        else:
            path, _, configuration = source.partition(":")
            found = datasets.load_dataset(path, configuration or None)
    except Exception as error:  # the library raises many kinds, also of a network
        raise DataError(
            f"{PREFIX}{source} cannot be loaded ({first_line(error)}): without a network, give the "
            "folder of a copy."
        ) from error
    return dict(found) if isinstance(found, dict) else {"train": found}


def _write(rows: Any, place: Path, source: str) -> None:
    """Write a split as class folders."""
    from datasets import ClassLabel, Image

    image, label = (_column(rows, kind, source) for kind in (Image, ClassLabel))
    names = [each.replace("/", "_") for each in rows.features[label].names]
    if len(set(names)) < len(names) or not all(each.strip(". ") for each in names):
        raise DataError(f"{PREFIX}{source}: its classes cannot name folders: {', '.join(names)}.")
    rows = rows.select_columns([image, label]).cast_column(image, Image(decode=False))
    width = len(str(len(rows)))
    for number, row in enumerate(rows):
        if not 0 <= row[label] < len(names):
            raise DataError(f"{PREFIX}{source}: image {number} is of no class ({row[label]}).")
        content = row[image]["bytes"] or Path(row[image]["path"]).read_bytes()
        file = place / names[row[label]] / f"{number:0{width}d}{_suffix(row[image], content)}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def _column(rows: Any, kind: type, source: str) -> str:
    """Return the name of the first column of a kind."""
    columns: Iterator[str] = (
        name for name, feature in rows.features.items() if isinstance(feature, kind)
    )
    found = next(columns, None)
    if found is None:
        raise DataError(
            f"{PREFIX}{source} has no column of the type {kind.__name__}, but "
            f"{', '.join(rows.features)}: cast_column can give it one."
        )
    return found


def _suffix(image: dict[str, Any], content: bytes) -> str:
    """Return the end of a file's name: the image's own, or that of its format."""
    own = Path(image["path"] or "").suffix.lower()
    if own in SUFFIXES:
        return own
    try:
        with PIL.Image.open(io.BytesIO(content)) as opened:
            return f".{str(opened.format).lower()}"
    except Exception:  # a damaged file is named when the folder is added
        return SUFFIXES[0]
