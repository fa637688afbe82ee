"""Datasets of a reader's own: `add` measures a folder and gives it a name for recipes.

The facts are kept in `added/NAME-DIGEST.json` under the folder of datasets, and NAME-DIGEST is the
dataset's name; DIGEST, the first 8 digits of a digest, so names the data in recipes and ids of
runs. The images stay where they are. Nothing here imports torch.
"""

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from adautomix.data import hugging_face, listings, tinyimagenet
from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.decode import in_memory
from adautomix.data.file_set import FileSet, Images
from adautomix.data.hugging_face import PREFIX
from adautomix.data.listings import Listing
from adautomix.data.measure import measure
from adautomix.errors import DataError, InputError, first_line
from adautomix.storage.files import replace_all

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
SMALL = 64
"""Largest side of the images that are kept in memory."""
SPLITS = ("train", "test")
TESTED = 51
"""Of one folder of classes, an image is for testing if the sha256 of its file's name starts with a
byte below this: a fifth of the images.
"""
# Facts of datasets on which the package has experiments, for machines where they are not added.
_KNOWN = Path(__file__).with_name("known")


def one_folder(root: Path, split: str) -> Listing | None:
    """List a split of `<class>/*`, divided by the sha256 of the files' names; see `TESTED`."""
    found = listings.folder_listing(root, ".")
    if found is None:
        return None
    names = (PurePosixPath(file).name for file in found.files)
    tested = [sha256(name.encode()).digest()[0] < TESTED for name in names]
    kept = [i for i, test in enumerate(tested) if test == (split == "test")]
    files, labels = [found.files[i] for i in kept], [found.labels[i] for i in kept]
    return Listing(files, labels, found.classes)


LAYOUTS = (tinyimagenet.official, listings.class_folders(), one_folder)


@dataclass(frozen=True)
class Added:
    """A dataset that was added: its metadata, the names of its classes, and its reader."""

    INFO: DatasetInfo
    classes: tuple[str, ...]

    def read(self, split: str, root: Path | None, per_class: int | None = None) -> Images:
        """Read one split. Raises DataError where it is not what it was when it was added."""
        data = _held(listings.read(self.INFO, LAYOUTS, split, root))
        if (data.classes, data.sha256) != (self.classes, self.INFO.sha256[split]):
            raise DataError(
                f"{self.INFO.title}, {split} in {root}: classes or files have changed since it was "
                f"added: add it again, {self.INFO.get}."
            )
        return data if per_class is None else data.subset(per_class)


def add(name: str, source: str | Path, home: Path) -> DatasetInfo:
    """Measure the images in a folder, keep the facts under `home`, and return them.

    Args:
        name: small letters, digits and _.
        source: "hf:" and a dataset as in `hugging_face.folder`, which is written to `home` first,
            or a folder with `train/<class>/*` and `test/<class>/*` (or `val`), a folder of classes
            alone, which is divided by the files' names, or one in the layout of Tiny-ImageNet.
        home: the folder of datasets.

    Raises InputError for a name that cannot be used, DataError for a folder of no such layout, or
    one with a class without images or an unreadable image.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a dataset: use small letters, digits and _, a letter first."
        )
    path, given = _found(name, str(source), home)
    sets = {split: _listed(name, path, split, given) for split in SPLITS}
    train, test = sets.values()
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))[0]
        raise DataError(f"{path}: class {odd!r} is in one of train and test, not in both.")
    row = _measured(name, path, sets)
    content = {"info": asdict(row), "classes": train.classes}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        folder = home / "added"
        folder.mkdir(parents=True, exist_ok=True)
        replace_all(folder, {f"{row.name}.json": text.encode()})
    except OSError as error:
        raise DataError(f"{home / 'added'} cannot be written: {first_line(error)}.") from error
    return row


def _found(name: str, source: str, home: Path) -> tuple[Path, str]:
    """Return the folder of a source, and what to add it by again."""
    if source.startswith(PREFIX):
        return hugging_face.folder(source.removeprefix(PREFIX), name, home), source
    path = Path(source)
    if not path.exists():
        raise DataError(f"{path} does not exist: name the folder that holds the class folders.")
    return path.resolve(), str(path.resolve())


def find(name: str, home: Path) -> Added | None:
    """Return a dataset that was added or is known, or None. Raises DataError for damaged facts.

    Of a known one that was added, only the place of its images is this machine's.
    """
    if "/" in name:
        return None
    own, known = (_read(folder / f"{name}.json") for folder in (home / "added", _KNOWN))
    if own is None or known is None:
        return own or known
    return replace(known, INFO=replace(known.INFO, path=own.INFO.path))


def _read(file: Path) -> Added | None:
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        facts: dict[str, Any] = content["info"]
        known = {field.name for field in fields(DatasetInfo)}
        row = DatasetInfo(**{key: _tuple(facts[key]) for key in known & facts.keys()})
        return Added(row, tuple(content["classes"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} cannot be read ({first_line(error)}): remove it and add the dataset again."
        ) from error


def names(home: Path) -> list[str]:
    """Return the names of all datasets that were added."""
    return sorted(file.stem for file in (home / "added").glob("*.json"))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _listed(name: str, path: Path, split: str, given: str) -> FileSet:
    blank = DatasetInfo(
        name=name,
        title=name,
        classes=0,
        side=0,
        counts=dict.fromkeys(SPLITS, 0),
        train_per_class=0,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        padding=0,
        source=str(path),
        sha256={},
        licence="not known",
        citation="none",
        get=f"adautomix data add {name} {given}",
        path=str(path),
    )
    return listings.read(blank, LAYOUTS, split, path, check=False)


def _measured(name: str, path: Path, sets: dict[str, FileSet]) -> DatasetInfo:
    """Return the metadata, with what the pixels of the training images say."""
    train = sets["train"]
    found, other = measure(train), measure(sets["test"])
    side = found.side if found.side == other.side and found.side <= SMALL else 0
    each = [train.labels.tolist().count(label) for label in range(len(train.classes))]
    row = replace(
        train.info,
        classes=len(train.classes),
        side=side,
        counts={split: len(data) for split, data in sets.items()},
        train_per_class=min(each),
        mean=found.mean,
        std=found.std,
        padding=min(4, side // 8),
    )
    digests = {split: _held(replace(data, info=row)).sha256 for split, data in sets.items()}
    whole = sha256("".join(digests.values()).encode()).hexdigest()
    return replace(row, name=f"{name}-{whole[:8]}", sha256=digests)


def _held(data: FileSet) -> Images:
    """Return the images in memory where they are small."""
    return in_memory(data) if data.info.side else data
