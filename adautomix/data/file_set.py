"""`FileSet`, one split of a dataset as image files on disk, which are read when they are needed.

Nothing here imports torch.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int64

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.image_set import ImageSet
from adautomix.data.labelled import first_of_each, label_problems
from adautomix.errors import DataError, first_line


@dataclass(frozen=True, eq=False)
class FileSet:
    """One split of a dataset as image files, with the same methods as `ImageSet`.

    Attributes:
        root: the folder that `files` start from.
        files: (s,) of numpy's bytes, the path of each image from `root`, UTF-8 with "/"; one array
            rather than a million objects, so that processes can share it.
        labels: int64 (s,), positions in `classes`.
        classes: names of the classes.
        info: metadata of the dataset.
        split: name of the split.
        left_out: files that are not in the set, since they cannot be read; see `data.readable`.

    Raises DataError for unequal lengths, no images, a label out of range, or two classes of the
    same name.
    """

    root: Path
    files: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    info: DatasetInfo
    split: str
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for problem in label_problems(self, len(self.files)):
            raise DataError(f"{self.info.title}, {self.split} in {self.root}: {problem}.")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def __repr__(self) -> str:
        return f"FileSet({self.info.name!r}, {self.split!r}, {len(self)} images)"

    def path(self, position: int) -> Path:
        """Return the path of one image."""
        return self.root / self.files[position].decode()

    @cached_property
    def sha256(self) -> str:
        """Digest of class, file name and number of bytes of every image, in order.

        The content of the files is not read: of ImageNet it is 140 GB. The folders are left out, so
        every layout of the same files has the same digest. Raises DataError for a missing file.
        """
        digest = sha256()
        for i, label in enumerate(self.labels.tolist()):
            path = self.path(i)
            try:
                size = path.stat().st_size
            except OSError as error:
                raise DataError(f"{path} cannot be read: {first_line(error)}.") from error
            digest.update(f"{self.classes[label]}/{path.name}\t{size}\n".encode())
        return digest.hexdigest()

    def subset(self, per_class: int) -> "FileSet":
        """Return the first `per_class` images of every class, in their present order.

        A smaller subset lies inside a larger one. Raises InputError when a class has fewer images.
        """
        return self.take(first_of_each(self, per_class))

    def take(self, positions: Int64[np.ndarray, " _"], split: str | None = None) -> "FileSet":
        """Return the images at `positions`, in that order, as split `split`."""
        return replace(
            self,
            files=self.files[positions],
            labels=self.labels[positions],
            split=split or self.split,
        )


Images = ImageSet | FileSet
"""One split of a dataset, in memory or on disk: what readers return."""


def in_order(data: FileSet) -> FileSet:
    """Return the images sorted by label, then by the sha256 of the file's name.

    The order is the same for every layout and unrelated to what the images show, so the first k
    images of a class serve as a random sample.
    """
    names = (PurePosixPath(path.decode()).name for path in data.files.tolist())
    keys = [
        (label, sha256(name.encode()).digest())
        for label, name in zip(data.labels.tolist(), names, strict=True)
    ]
    return data.take(np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64))
