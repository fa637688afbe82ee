"""`ImageSet`, one split of a dataset in memory: what every reader returns.

Nothing here imports torch. Images stay uint8 until they are normalised on the device.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
from jaxtyping import Int64

from adautomix.data.dataset_info import DatasetInfo
from adautomix.data.labelled import first_of_each, label_problems
from adautomix.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of a dataset in memory; its arrays are checked when it is created.

    Attributes:
        images: uint8 (s, h, w, 3), RGB, h = w = `info.side` pixels.
        labels: int64 (s,), positions in `classes`.
        classes: names of the classes.
        info: metadata of the dataset.
        split: name of the split.
        masks: bool (s, h, w), True on the labelled object; None where unknown.

    Raises DataError for a wrong dtype or shape, unequal lengths, no images, a label out of range,
    or two classes of the same name.
    """

    images: np.ndarray  # no shape annotation: `_problems` checks shapes with clearer messages
    labels: np.ndarray
    classes: tuple[str, ...]
    info: DatasetInfo
    split: str
    masks: np.ndarray | None = None

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise DataError(f"{self.info.title}, {self.split}: {problem}.")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.labels)

    def __repr__(self) -> str:
        return f"ImageSet({self.info.name!r}, {self.split!r}, {len(self)} images)"

    @cached_property
    def sha256(self) -> str:
        """Digest of the bytes of the images followed by those of the labels (little-endian)."""
        digest = sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, "<i8").data)
        return digest.hexdigest()

    def subset(self, per_class: int) -> "ImageSet":
        """Return the first `per_class` images of every class, in their present order.

        A smaller subset lies inside a larger one. Raises InputError when a class has fewer images.
        """
        return self.take(first_of_each(self, per_class))

    def take(self, positions: Int64[np.ndarray, " _"], split: str | None = None) -> "ImageSet":
        """Return a copy of the images at `positions`, in that order, as split `split`."""
        masks = None if self.masks is None else self.masks[positions]
        return replace(
            self,
            images=self.images[positions],
            labels=self.labels[positions],
            split=split or self.split,
            masks=masks,
        )


def _problems(data: ImageSet) -> list[str]:
    """Return the first fault of the arrays as a list of one clause; empty if there is none."""
    images, masks, side = data.images, data.masks, data.info.side
    if images.dtype != np.uint8:
        return [f"images must be uint8, got {images.dtype}"]
    if images.ndim != 4 or images.shape[1:] != (side, side, 3):
        return [f"images must have shape (s, {side}, {side}, 3), got {images.shape}"]
    if masks is not None and (masks.dtype != np.bool_ or masks.shape != images.shape[:3]):
        want = images.shape[:3]
        return [f"masks must be bool of shape {want}, got {masks.dtype} of shape {masks.shape}"]
    return label_problems(data, len(images))
