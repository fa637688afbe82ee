"""Readers for three layouts of CIFAR-100 on disk.

(a) The official pickles, a folder `cifar-100-python` or its parent; (b) a folder with
`train/<class>/*.png` and `test/<class>/*.png`; (c) one `.npz` with x_train, y_train, x_test, y_test
and, if the labels are not the official ones, classes.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.read_image import read_rgb
from adautomix.errors import DataError, first_line
from adautomix.fields import shown

Raw = tuple[np.ndarray, np.ndarray, list[str]]
"""Images, labels and class names as a file holds them; `ImageSet` checks dtypes and shapes."""
Reader = Callable[[Path, str, DatasetInfo, Sequence[str]], Raw]
FILES = ("train", "test")
"""The splits that the official files have."""


def read(root: Path, split: str, info: DatasetInfo, names: Sequence[str]) -> Raw:
    """Read one split in the layout found at `root`.

    Args:
        root: the folder or the .npz.
        split: "train" or "test".
        info: metadata of the dataset.
        names: the official class names, used for an .npz without `classes`.

    Raises DataError when no layout is found, and for a file that is damaged or of other content.
    """
    return _reader(root)(root, split, info, names)


def _reader(root: Path) -> Reader:
    if root.is_file() and root.suffix == ".npz":
        return _from_npz
    if (root / "cifar-100-python").is_dir() or (root / "meta").is_file():
        return _from_pickles
    if (root / "train").is_dir():
        return _from_folders
    raise DataError(
        f"no CIFAR-100 in {root}: expected a .npz, the folder cifar-100-python, or"
        " train/<class>/*.png and test/<class>/*.png."
    )


def _from_npz(path: Path, split: str, info: DatasetInfo, official: Sequence[str]) -> Raw:
    wanted = (f"x_{split}", f"y_{split}")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            missing = [name for name in wanted if name not in arrays]
            if missing:
                raise DataError(f"{path} has no array {missing[0]!r}.")
            images, labels = arrays[wanted[0]], arrays[wanted[1]].reshape(-1)
            named = "classes" in arrays
            names = arrays["classes"].ravel().tolist() if named else official
    except DataError:
        raise
    except Exception as error:  # a damaged archive can raise almost anything
        raise DataError(f"{path} cannot be read as .npz: {first_line(error)}.") from error
    return images, _whole(labels, path), _texts(names, path)


def _from_folders(root: Path, split: str, info: DatasetInfo, official: Sequence[str]) -> Raw:
    folders = {
        part: {path.name for path in (root / part).glob("*") if path.is_dir()} for part in FILES
    }
    for part, other in (("train", "test"), ("test", "train")):
        for name in sorted(folders[other] - folders[part]):
            raise DataError(f"{root / part} has no folder for class {name!r}, {other} has one.")
    names = sorted(folders[split])
    if not names:
        raise DataError(f"{root / split} has no class folders.")
    files = [sorted((root / split / name).glob("*.png")) for name in names]
    for name, found in zip(names, files, strict=True):
        if not found:
            raise DataError(f"{root / split / name} has no .png file.")
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(found) for found in files])
    with ThreadPoolExecutor() as pool:
        paths = (path for found in files for path in found)
        images = list(pool.map(partial(read_rgb, side=info.side), paths))
    return np.stack(images), labels, names


def _from_pickles(root: Path, split: str, info: DatasetInfo, official: Sequence[str]) -> Raw:
    inner = root / "cifar-100-python"
    folder = inner if inner.is_dir() else root
    table, meta = _unpickle(folder / split), _unpickle(folder / "meta")
    try:
        flat, labels = table["data"], np.atleast_1d(table["fine_labels"])
        names = list(meta["fine_label_names"])
        images = flat.reshape(-1, 3, info.side, info.side).transpose(0, 2, 3, 1)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{folder} does not hold CIFAR-100's pickles: {error!r}.") from error
    images, names = np.ascontiguousarray(images), _texts(names, folder / "meta")
    return images, _whole(labels, folder / split), names


def _texts(names: Sequence[object], path: Path) -> list[str]:
    """Return the class names; DataError for one that is not a string."""
    texts = []
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"{path}: class names must be text, found {shown(name)}.")
        texts.append(name)
    return texts


def _whole(labels: np.ndarray, path: Path) -> Int64[np.ndarray, "*s"]:
    """Return labels of any integer type as int64; DataError, with an example, for other types."""
    if labels.dtype.kind in "iu":
        largest = np.iinfo(np.int64).max
        return (labels if labels.dtype != np.uint64 else labels.clip(max=largest)).astype(np.int64)
    odd = [x for x in labels.ravel().tolist() if not isinstance(x, int) or x.bit_length() > 63]
    odd.sort(key=lambda label: isinstance(label, float) and label % 1 == 0)  # show 1.7, not 1.0
    found = f", such as {shown(odd[0])}" if odd else ""
    raise DataError(f"{path}: labels must be whole numbers, got {labels.dtype}{found}.")


class _Unpickler(pickle.Unpickler):
    """Unpickler that builds only numpy arrays, so that an altered file cannot run code."""

    def find_class(self, module: str, name: str) -> object:
        if name == "_reconstruct" and module in {"numpy.core.multiarray", "numpy._core.multiarray"}:
            return lambda kind, shape, code: np.ndarray.__new__(kind, shape, code)
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):  # Python 2 wrote 0 and 1 for False and True
            return lambda code, align, copy: np.dtype(code, bool(align), bool(copy))
        if (module, name) == ("_codecs", "encode"):
            return lambda text, coding: text.encode(coding)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _unpickle(path: Path) -> dict:
    try:
        table = _Unpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing.") from error
    except Exception as error:  # a damaged pickle can raise almost anything
        raise DataError(
            f"{path} cannot be read as a CIFAR-100 pickle: {first_line(error)}."
        ) from error
    if not isinstance(table, dict):
        raise DataError(f"{path} holds a {type(table).__name__}, expected a dict.")
    return table
