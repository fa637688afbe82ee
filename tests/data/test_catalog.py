"""The catalogue: complete rows, no torch, unknown names with a hint."""

import re
import subprocess
import sys

import numpy as np
import pytest

from adautomix import data
from adautomix.data.catalog import CATALOG, dataset, info
from adautomix.data.cifar100 import CLASSES as CIFAR100_CLASSES
from adautomix.data.cifar100 import INFO as CIFAR100
from adautomix.errors import InputError


@pytest.mark.parametrize("row", CATALOG.values(), ids=CATALOG)
def test_every_row_has_a_digest_for_every_split_or_for_none(row):
    assert row.sha256.keys() in (row.counts.keys(), set())
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in row.sha256.values())


def test_unknown_dataset_is_named_with_the_nearest_known():
    with pytest.raises(InputError, match=r"unknown dataset 'cifar10'.*did you mean 'cifar100'"):
        info("cifar10")


def test_a_dataset_in_files_says_that_it_needs_them():
    with pytest.raises(InputError, match="CIFAR-100 is read from a folder or file: say which"):
        dataset("cifar100").read("train", None)


def test_class_names_are_alphabetical_so_that_position_is_label():
    assert len(set(CIFAR100_CLASSES)) == CIFAR100.classes
    assert list(CIFAR100_CLASSES) == sorted(CIFAR100_CLASSES)


def test_archive_and_md5_are_those_torchvision_knows():
    from torchvision.datasets import CIFAR100 as Official

    assert Official.url == CIFAR100.source
    assert {Official.filename: Official.tgz_md5} == CIFAR100.md5


def test_photodigits_mean_and_std_are_measured_on_train():
    pixels = data.load("photodigits", "train").images / 255
    row = info("photodigits")
    np.testing.assert_allclose(pixels.mean((0, 1, 2)), row.mean, atol=5e-5)
    np.testing.assert_allclose(pixels.std((0, 1, 2)), row.std, atol=5e-5)


@pytest.mark.parametrize(
    ("use", "absent"),
    [
        ("import adautomix.data.catalog", "pandas"),
        ("from adautomix import data; data.load('photodigits', 'test')", "torch"),
        ("from adautomix import data; data.load('photodigits', 'test')", "sklearn"),
    ],
)
def test_light_things_import_nothing_heavy(use, absent):
    code = f"import sys; {use}; print({absent!r} in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_package_offers_what_it_lists():
    assert {name for name in data.__all__ if getattr(data, name) is None} == set()
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        data.lod  # noqa: B018
