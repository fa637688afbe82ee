"""How every evaluation asks a predict function: one place for what is checked and what is right.

Shapes and types are looked at at once. To look at values, the host would wait for the device in
every batch; they are noted there and judged at the end, before any number is told.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from jaxtyping import Int
from torch import Tensor

from adautomix.data.labels import LEFT_OUT, check_range, extremes, unchecked_numbers
from adautomix.errors import InputError
from adautomix.evaluate import checks
from adautomix.evaluate.predict import Predict, Predictions
from adautomix.models import evaluating

LARGEST = torch.iinfo(torch.int64).max


class Asked:
    """A predict function in an evaluation, and what was noted of its images, labels and answers.

    `asking` makes it.
    """

    def __init__(self, predict: Predict):
        self.predict = predict
        self.images = self.predictions = self.classes = 0
        self.of_images: list[Tensor] = []  # bad ones in each batch
        self.of_answers: list[Tensor] = []  # bad ones, least and largest label, for each question

    def pairs(self, batches: Iterable) -> Iterator[tuple[Tensor, object]]:
        """Images and labels of every batch but empty ones."""
        for batch in checks.check_batches(batches):
            images, labels = checks.check_pair(batch)
            if len(images):
                self.images += len(images)
                self.of_images.append(checks.not_finite(images))
                yield images, labels

    def __call__(self, images: Tensor, labels: object) -> Predictions:
        """Logits as they are said, and class numbers; `LEFT_OUT` also for what names no class."""
        logits = checks.check_logits(self.predict(images), images)
        classes = logits.shape[1]
        if classes != (self.classes or classes):
            raise InputError(
                f"the predict function gave {self.classes} logits an image, and then {classes}."
            )
        numbers = unchecked_numbers(labels, classes).to(logits.device)
        checks.check_count(numbers, images)
        self.classes, self.predictions = classes, self.predictions + len(images)
        bad = checks.not_finite(logits.detach().float())  # as they are counted
        self.of_answers.append(torch.cat([bad[None], extremes(numbers, left_out=True)]))
        inside = (numbers >= 0) & (numbers < classes)
        return Predictions(logits, numbers.where(inside, LEFT_OUT))

    def judge(self, *, together: bool = False) -> None:
        """One sentence for values that cannot be counted, if any were noted.

        Args:
            together: by several processes, each of which hears what any of them noted.

        Raises:
            InputError: images with a NaN or an infinity; labels that name no class.
            NotFiniteError: logits with a NaN or an infinity.
        """
        rows = self._noted()
        if together and dist.is_available() and dist.is_initialized():
            rows = _of_all_processes(rows, (self.of_answers or [rows])[-1].device)
        images, bad_images, predictions, bad_answers = rows[:, :4].sum(dim=0).tolist()
        checks.refuse_images(bad_images, images)
        checks.refuse_logits(bad_answers, predictions)
        if predictions:
            low, high, classes = rows[:, 4].min(), rows[:, 5].max(), rows[:, 6].max()
            check_range(int(low), int(high), int(classes))

    def _noted(self) -> Int[Tensor, "1 7"]:
        """Images, bad ones, answers, bad ones, least and largest label, classes."""
        bad_images, bad_answers, low, high = 0, 0, LARGEST, -LARGEST
        if self.of_images:
            bad_images = int(torch.stack(self.of_images).sum())
        if self.of_answers:
            bad, lows, highs = torch.stack(self.of_answers).cpu().unbind(dim=1)
            bad_answers, low, high = int(bad.sum()), int(lows.min()), int(highs.max())
        return torch.tensor(
            [[self.images, bad_images, self.predictions, bad_answers, low, high, self.classes]]
        )


@contextmanager
def asking(predict: Predict, *, together: bool = False) -> Iterator[Asked]:
    """A predict function to ask, in evaluation mode if it is a module.

    At the end all is judged that was noted, see `Asked.judge`: a number comes after this.
    """
    with evaluating(predict):
        asked = Asked(predict)
        yield asked
        asked.judge(together=together)


def ranks(predictions: Predictions) -> Int[Tensor, " b"]:
    """How many classes are put before the true one: 0 where the answer is right.

    Put first is the largest logit, in float32, and among equal ones that of the lowest class: so
    0 says that `argmax` is the label, by its contract in torch and numpy. It is counted, not
    sorted, so it is the same on every device. Without a label to count, 2⁶³ − 1.
    """
    logits, kept = predictions.logits.float(), predictions.labels != LEFT_OUT
    true = predictions.labels.where(kept, 0)[:, None]
    own = logits.gather(1, true)
    lower = torch.arange(logits.shape[1], device=logits.device) < true
    before = (logits > own) | ((logits == own) & lower)
    return before.sum(dim=1).where(kept, LARGEST)


@torch.no_grad()
def predictions(predict: Predict, batches: Iterable) -> Predictions:
    """All logits of a split in float32 on the host, in the order of the batches.

    Args:
        predict: images "b c h w" to logits "b k"; a module is run in evaluation mode.
        batches: (images, labels) pairs of any size; for the labels see `accuracy`.

    Raises:
        InputError: see `accuracy`; or no images.
    """
    logits, labels = [], []
    with asking(predict) as ask:
        for pair in ask.pairs(batches):
            found = ask(*pair)
            logits.append(found.logits.float().cpu())
            labels.append(found.labels.cpu())
    if not logits:
        raise InputError("there are no images to evaluate: the batches are empty.")
    return Predictions(torch.cat(logits), torch.cat(labels))


def _of_all_processes(row: Int[Tensor, "1 m"], device: torch.device) -> Int[Tensor, "world m"]:
    rows = [torch.empty_like(row, device=device) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, row.to(device))
    return torch.cat(rows).cpu()
