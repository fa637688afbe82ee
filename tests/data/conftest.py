"""A small CIFAR-like set and its three layouts on disk."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest


class Small(NamedTuple):
    """Arrays as an .npz holds them: images uint8, labels into `classes`, in no special order."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: list[str]


@pytest.fixture
def small() -> Small:
    """Three classes, 4 + 2 images each, shuffled; two training images are the same."""
    rng = np.random.default_rng(0)
    x_train = rng.integers(0, 256, (12, 32, 32, 3), np.uint8)
    x_train[4] = x_train[1]
    x_test = rng.integers(0, 256, (6, 32, 32, 3), np.uint8)
    y_train, y_test = np.arange(12) % 3, np.arange(6) % 3
    return Small(x_train, y_train, x_test, y_test, ["apple", "bear", "cloud"])


@pytest.fixture
def write_npz(tmp_path: Path) -> Callable[[Small], Path]:
    def write(data: Small) -> Path:
        path = tmp_path / "data.npz"
        np.savez(path, **data._asdict())
        return path

    return write


@pytest.fixture
def write_folders(tmp_path: Path) -> Callable[[Small], Path]:
    def write(data: Small) -> Path:
        for split in ("train", "test"):
            images, labels = getattr(data, f"x_{split}"), getattr(data, f"y_{split}")
            for s, (image, label) in enumerate(zip(images, labels, strict=True)):
                path = tmp_path / "folders" / split / data.classes[label] / f"{s:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                PIL.Image.fromarray(image).save(path)
        return tmp_path / "folders"

    return write


@pytest.fixture
def write_pickles(tmp_path: Path) -> Callable[[Small], Path]:
    def write(data: Small) -> Path:
        return official_pickles(data, tmp_path / "pickles")

    return write


def official_pickles(data: Small, root: Path) -> Path:
    """cifar-100-python/{train,test,meta} as Python 2 wrote them, opcode by opcode."""
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        images, labels = getattr(data, f"x_{split}"), getattr(data, f"y_{split}")
        flat = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)
        table = {b"data": _array(flat), b"fine_labels": _list(map(_int, labels))}
        (folder / split).write_bytes(_pickle(table))
    meta = {b"fine_label_names": _list(_text(name.encode()) for name in data.classes)}
    (folder / "meta").write_bytes(_pickle(meta))
    return root


def _pickle(table: dict[bytes, bytes]) -> bytes:
    items = b"".join(_text(key) + value for key, value in table.items())
    return b"\x80\x02}(" + items + b"u."


def _text(text: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(text)) + text


def _int(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _list(items) -> bytes:
    return b"](" + b"".join(items) + b"e"


def _array(array: np.ndarray) -> bytes:
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + 2 * _int(-1) + b"K\x00tb"
    shape = _int(array.shape[0]) + _int(array.shape[1]) + b"\x86"
    return empty + b"(K\x01" + shape + dtype + b"\x89" + _text(array.tobytes()) + b"tb"
