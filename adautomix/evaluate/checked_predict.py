"""Checked calls of a predict function, and the rank of the true class, for all evaluations.

Shapes and types are checked at once. Checking values would make the host wait for the device in
every batch, so faults are counted on the device and reported at the end, before any result.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from jaxtyping import Int
from torch import Tensor

from adautomix import processes
from adautomix.data.labels import LEFT_OUT, check_range, extremes, unchecked_numbers
from adautomix.errors import InputError
from adautomix.evaluate import checks
from adautomix.evaluate.predict import Predict, Predictions
from adautomix.models import evaluating

LARGEST = torch.iinfo(torch.int64).max


class CheckedPredict:
    """A predict function with checks, and counts of faults in its images, labels and logits.

    Made by `checked_predict`.
    """

    def __init__(self, predict: Predict):
        self.predict = predict
        self.images = self.predictions = self.classes = 0
        self.of_images: list[Tensor] = []  # number of bad images in each batch
        self.of_logits: list[Tensor] = []  # bad rows of logits, smallest and largest label; a call

    def pairs(self, batches: Iterable) -> Iterator[tuple[Tensor, object]]:
        """Yield images and labels of every batch that is not empty."""
        for batch in checks.check_batches(batches):
            images, labels = checks.check_pair(batch)
            if len(images):
                self.images += len(images)
                self.of_images.append(checks.not_finite(images))
                yield images, labels

    def __call__(self, images: Tensor, labels: object) -> Predictions:
        """Return the logits and class numbers; labels out of range become `LEFT_OUT`.

        Raises InputError for results that are not logits, or labels of another shape or dtype;
        labels out of range are reported by `raise_faults`.
        """
        logits = checks.check_logits(self.predict(images), images)
        classes = logits.shape[1]
        if classes != (self.classes or classes):
            raise InputError(
                f"the predict function gave {self.classes} logits an image, and then {classes}."
            )
        numbers = unchecked_numbers(labels, classes).to(logits.device)
        checks.check_count(numbers, images)
        self.classes, self.predictions = classes, self.predictions + len(images)
        bad = checks.not_finite(logits.detach().float())  # in float32, as the metrics use them
        self.of_logits.append(torch.cat([bad[None], extremes(numbers, left_out=True)]))
        inside = (numbers >= 0) & (numbers < classes)
        return Predictions(logits, numbers.where(inside, LEFT_OUT))

    def raise_faults(self, *, together: bool = False) -> None:
        """Raise an error if any image, label or logit had a value that cannot be used.

        Args:
            together: among several processes, raise in all if any of them had one.

        Raises:
            InputError: images with NaN or infinite values; labels that are not classes.
            NotFiniteError: logits with NaN or infinite values.
        """
        rows = self._counts()
        if together and processes.count() > 1:
            rows = _of_all_processes(rows)
        images, bad_images, predictions, bad_logits = rows[:, :4].sum(dim=0).tolist()
        checks.refuse_images(bad_images, images)
        checks.refuse_logits(bad_logits, predictions)
        if predictions:
            low, high, classes = rows[:, 4].min(), rows[:, 5].max(), rows[:, 6].max()
            check_range(int(low), int(high), int(classes))

    def _counts(self) -> Int[Tensor, "1 7"]:
        """Return counts: images, bad images, rows of logits, bad rows, label range, classes."""
        bad_images, bad_logits, low, high = 0, 0, LARGEST, -LARGEST
        if self.of_images:
            bad_images = int(torch.stack(self.of_images).sum())
        if self.of_logits:
            bad, lows, highs = torch.stack(self.of_logits).cpu().unbind(dim=1)
            bad_logits, low, high = int(bad.sum()), int(lows.min()), int(highs.max())
        return torch.tensor(
            [[self.images, bad_images, self.predictions, bad_logits, low, high, self.classes]]
        )


@contextmanager
def checked_predict(predict: Predict, *, together: bool = False) -> Iterator[CheckedPredict]:
    """Yield `predict` with checks; a module is in evaluation mode inside the block.

    The block's end calls `CheckedPredict.raise_faults`, so a result must be computed after it.
    """
    with evaluating(predict):
        checked = CheckedPredict(predict)
        yield checked
        checked.raise_faults(together=together)


def ranks(predictions: Predictions) -> Int[Tensor, " b"]:
    """Return the number of classes ranked before the true one: 0 for a correct prediction.

    Logits are ranked in float32, and of equal ones the lowest class comes first: 0 means that
    `argmax` (the first maximum) is the label. Classes are counted, not sorted, so the result is the
    same on every device. It is 2⁶³ − 1 for an image that is left out.
    """
    logits, kept = predictions.logits.float(), predictions.labels != LEFT_OUT
    true = predictions.labels.where(kept, 0)[:, None]
    own = logits.gather(1, true)
    lower = torch.arange(logits.shape[1], device=logits.device) < true
    before = (logits > own) | ((logits == own) & lower)
    return before.sum(dim=1).where(kept, LARGEST)


@torch.no_grad()
def predictions(predict: Predict, batches: Iterable) -> Predictions:
    """Compute all logits of a split, float32, on the CPU, in the order of the batches.

    Args:
        predict: images "b c h w" to logits "b k"; a module is run in evaluation mode.
        batches: (images, labels) pairs of any size; for the labels see `accuracy`.

    Raises:
        InputError: see `accuracy`; or no images.
    """
    logits, labels = [], []
    with checked_predict(predict) as checked:
        for pair in checked.pairs(batches):
            found = checked(*pair)
            logits.append(found.logits.float().cpu())
            labels.append(found.labels.cpu())
    if not logits:
        raise InputError("there are no images to evaluate: the batches are empty.")
    return Predictions(torch.cat(logits), torch.cat(labels))


def _of_all_processes(row: Int[Tensor, "1 m"]) -> Int[Tensor, "world m"]:
    row = row.to(processes.meeting_place())
    rows = [torch.empty_like(row) for _ in range(processes.count())]
    dist.all_gather(rows, row)
    return torch.cat(rows).cpu()
