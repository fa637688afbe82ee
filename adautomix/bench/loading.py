"""Suite `loading`: images per second from JPEG files, beside torchvision's usual loaders.

The files have the size of ImageNet's, 500 × 375 pixels and about 110 kB. All loaders crop, resize
and normalise for training at 224 px with two worker processes, and they take turns. The system
keeps the files in memory, so no disk is measured.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from mmap import PAGESIZE
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

from adautomix.bench.options import BenchOptions, Row
from adautomix.data import imagenet, listings, read_image
from adautomix.data.augment import ResizedCrop
from adautomix.data.file_batches import FileBatches
from adautomix.errors import InputError

SIZE = (500, 375)
KILOBYTES = 110
WORKERS, SIDE = 2, 224
PICTURES, COPIES, BATCH = 32, 32, 64
"""Number of different pictures, of files with each, and of images in a batch."""
OURS = "adautomix"
MIB = 2**20

Epoch = Callable[[], object]


def loading(options: BenchOptions) -> list[Row]:
    """Return a row for each loader: images per second, and the memory of its workers.

    `ratio` is to the faster of torchvision's two, which crop Pillow's image or the tensor.
    `grown_mib` is what the memory grew by from the first epoch to the last; None where the system
    does not tell.
    """
    pictures, copies, batch = (4, 2, 4) if options.tiny else (PICTURES, COPIES, BATCH)
    with TemporaryDirectory() as folder:
        kilobytes = _write(Path(folder), _contents(options.photos, pictures), copies)
        epochs = _epochs(Path(folder), batch, options.numerics.device)
        workers = _started(epochs)
        before = {name: _resident_mib(pids) for name, pids in workers.items()}
        timings = options.time(epochs)
        grown = {name: _growth(pids, before[name]) for name, pids in workers.items()}
    best = min((name for name in epochs if name != OURS), key=timings.median)
    return [
        {
            "loader": name,
            "decoder": "simplejpeg" if name == OURS and read_image.simplejpeg else "Pillow",
            "pictures": "noise" if options.photos is None else "photographs",
            "kilobytes": kilobytes,
            "images_per_second": pictures * copies // batch * batch / timings.median(name),
            "ratio": timings.ratio(best, to=name),
            "workers_mib": before[name],
            "grown_mib": grown[name],
        }
        for name in epochs
    ]


def _epochs(root: Path, batch: int, device: str) -> dict[str, Epoch]:
    """Return functions that load an epoch, by the name of the loader."""
    crop = [v2.RandomResizedCrop(SIDE), v2.RandomHorizontalFlip()]
    mean, std = list(imagenet.INFO.mean), list(imagenet.INFO.std)
    end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    ways = {
        "torchvision, Pillow's crop": [*crop, v2.ToImage(), *end],
        "torchvision, crop of the tensor": [v2.ToImage(), *crop, *end],
    }
    theirs = {name: _theirs(root, v2.Compose(way), batch, device) for name, way in ways.items()}
    data = listings.read(imagenet.INFO, imagenet.LAYOUTS, "train", root, check=False)
    crops = ResizedCrop(side=SIDE)
    ours = FileBatches(data, batch, seed=0, augment=crops, device=device, workers=WORKERS)
    return theirs | {OURS: lambda: _drain(ours.epoch(0))}


def _theirs(root: Path, transform: Callable, batch: int, device: str) -> Epoch:
    loader = DataLoader(
        datasets.ImageFolder(root / "train", transform),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
        pin_memory=device != "cpu",
    )
    return lambda: _drain(
        (images.to(device, non_blocking=True), labels.to(device, non_blocking=True))
        for images, labels in loader
    )


def _drain(batches: Iterable) -> None:
    for _ in batches:
        pass


def _write(root: Path, contents: list[bytes], copies: int) -> float:
    """Write class folders of JPEG files and return their mean size in kB."""
    for name in "ab":
        (root / "train" / name).mkdir(parents=True)
    for i in range(len(contents) * copies):
        path = root / "train" / "ab"[i % 2] / f"{i}.JPEG"
        path.write_bytes(contents[i % len(contents)])
    return sum(map(len, contents)) / len(contents) / 1000


def _contents(photos: Path | None, count: int) -> list[bytes]:
    """Return JPEG files of noise, or of photographs that are enlarged or reduced to `SIZE`."""
    return [_jpeg(picture) for picture in islice(_pictures(photos), count)]


def _pictures(photos: Path | None) -> Iterator[PIL.Image.Image]:
    if photos is None:
        numbers = np.random.default_rng(0)
        while True:
            yield _noise(numbers)
    found = list(listings.images_in(photos, "."))
    if not found:
        raise InputError(f"{photos} holds no images: name a folder of photographs.")
    for number in range(PICTURES):
        pixels = read_image.read_rgb(photos / found[number * len(found) // PICTURES])
        yield PIL.ImageOps.fit(PIL.Image.fromarray(pixels), SIZE, PIL.Image.Resampling.BICUBIC)


def _noise(numbers: np.random.Generator) -> PIL.Image.Image:
    """Return coloured noise of all scales, strongest at the coarsest, as photographs have it."""
    width, height = SIZE
    pixels = np.full((height, width, 3), 128.0)
    for scale in (2, 4, 8, 16, 32, 64):
        cells = numbers.normal(size=(height // scale + 2, width // scale + 2, 3))
        layers = (PIL.Image.fromarray(layer.astype(np.float32)) for layer in cells.T)
        sized = [layer.resize((height, width), PIL.Image.Resampling.BICUBIC) for layer in layers]
        pixels += 75 * (scale / 64) ** 0.5 * np.stack([np.array(each).T for each in sized], 2)
    return PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _jpeg(picture: PIL.Image.Image) -> bytes:
    """Return a JPEG file of the highest usual quality that keeps it within `KILOBYTES`."""
    for quality in (95, 90, 85, 75):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        if file.tell() <= 1000 * KILOBYTES:
            break
    return file.getvalue()


def _started(epochs: dict[str, Epoch]) -> dict[str, list[int]]:
    """Load an epoch with each loader and return the processes that it started."""
    found: dict[str, list[int]] = {}
    for name, epoch in epochs.items():
        others = {child.pid for child in active_children()}
        epoch()
        pids = (child.pid for child in active_children())
        found[name] = [pid for pid in pids if pid is not None and pid not in others]
    return found


def _growth(pids: list[int], before: float | None) -> float | None:
    after = _resident_mib(pids)
    return None if before is None or after is None else after - before


def _resident_mib(pids: list[int]) -> float | None:
    """Return the memory of processes that they do not share; None where it is not known."""
    try:
        files = [Path(f"/proc/{pid}/statm").read_text().split() for pid in pids]
    except OSError:  # not Linux
        return None
    pages = sum(int(resident) - int(shared) for _, resident, shared, *_ in files)
    return pages * PAGESIZE / MIB
