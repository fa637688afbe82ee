"""`adautomix data`: get, add, verify or find datasets."""

import argparse
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from adautomix.cli.commands import path
from adautomix.data import added, catalog, download
from adautomix.errors import DataError


def add_parsers(below: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add `adautomix data` and its commands; `command` adds one of them."""
    group = below.add_parser(
        "data",
        help="get, add, verify or find datasets",
        description="Get, add, verify or find datasets.",
    )
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    usual = "folder or .npz of the dataset (default: the usual places are searched)"
    for name, function, what, place in (
        (
            "get",
            get,
            "download a dataset and verify it",
            "where to put it (default: ADAUTOMIX_DATA, else ~/.cache/adautomix)",
        ),
        ("verify", verify, "check a dataset's counts and digests", usual),
        ("where", where, "print where a dataset was found", usual),
    ):
        option = command(inner, name, function, what).add_argument
        option("name", metavar="DATASET", help="e.g. cifar100")
        option("--data", metavar="PATH", type=path, help=place)
    what = "give a folder of class folders a name for recipes"
    option = command(inner, "add", add, what).add_argument
    option("name", metavar="NAME", help="e.g. flowers; a digest of the images is added to it")
    option(
        "path",
        metavar="PATH",
        type=path,
        help="a folder with train/<class>/* and test/<class>/*, or with <class>/* alone, of which "
        "a fifth is for testing; or hf:NAME, a dataset of the Hugging Face hub or in a folder",
    )


def get(options: Namespace) -> None:
    """Download a dataset and verify it."""
    print(download.get(options.name, options.data))


def verify(options: Namespace) -> None:
    """Read every split and compare counts and digests with the catalogue."""
    for split, found in download.verify(options.name, options.data).items():
        print(f"{options.name} {split}: {found['images']} images, sha256 {found['sha256']}")
        if "mean" in found:
            print(f"  {found['classes']} classes, {found['names']}")
            print(f"  mean {found['mean']}, std {found['std']}, of pixels in [0, 1]")


def add(options: Namespace) -> None:
    """Measure a folder of images and give it a name for recipes."""
    row = added.add(options.name, options.path, download.home())
    for split, count in row.counts.items():
        print(f"{row.name} {split}: {count} images of {row.classes} classes")
    mean, std = (" ".join(f"{value:.4f}" for value in values) for values in (row.mean, row.std))
    kept = f"{row.side} pixels, kept in memory" if row.side else "read from disk when needed"
    print(f"  mean {mean}, std {std}, of pixels in [0, 1]; images {kept}")
    print(f"Train on it: adautomix train {row.name}/resnet18/adautomix --budget lite")


def where(options: Namespace) -> None:
    """Print where a dataset was found."""
    row = catalog.info(options.name)
    found = download.where(options.name, options.data)
    if found is None and options.name != "photodigits":
        raise DataError(download.missing(row))
    print(found or f"{row.title}: {row.get}")
