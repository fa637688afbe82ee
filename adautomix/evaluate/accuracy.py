"""Top-1 and top-5 accuracy and cross-entropy, counted exactly for any batch size."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from adautomix import processes
from adautomix.data.augment import Geometry
from adautomix.data.evaluation import evaluation_batches
from adautomix.data.file_set import Images
from adautomix.data.labels import LEFT_OUT
from adautomix.device import Numerics
from adautomix.evaluate.checked_predict import checked_predict, ranks
from adautomix.models import evaluating


class Accuracy(NamedTuple):
    """Accuracy and mean cross-entropy of a classifier.

    Attributes:
        top1, top5: fraction of the n images whose true class is first, and among the first five.
        loss: mean cross-entropy over the n images, in nats.
        n: number of images with a label.
        left_out: number of images left out, since their label is −100.
    """

    top1: float
    top5: float
    loss: float
    n: int
    left_out: int = 0


@torch.no_grad()
def accuracy(predict: Callable[[Tensor], Tensor], batches: Iterable) -> Accuracy:
    """Compute top-1 and top-5 accuracy and cross-entropy.

    Of equal logits the lowest class comes first, as for `argmax`; see `ranks`, which every
    evaluation uses. With several processes (`torchrun`) each passes the batches of its own images,
    and all get the accuracy over all images.

    Args:
        predict: images "b c h w" to logits "b k"; a module is run in evaluation mode.
        batches: (images, labels) pairs of any size. Labels are integers of any width, of shape (b,)
            or (b, 1), or one-hot rows (b, k); soft labels are refused. Images of label −100,
            torch's `ignore_index`, are left out.

    Raises:
        InputError: other batches, labels that are not classes, images with NaN or infinite values,
            or other results of `predict` than finite logits.
    """
    parts = [torch.zeros(5)]
    with checked_predict(predict, together=True) as checked:
        for images, labels in checked.pairs(batches):
            found = checked(images, labels)
            logits, rank = found.logits.float(), ranks(found)
            loss = F.cross_entropy(logits, found.labels, ignore_index=LEFT_OUT, reduction="sum")
            gone = (found.labels == LEFT_OUT).sum()
            parts.append(
                torch.stack([(rank == 0).sum(), (rank < 5).sum(), loss, len(rank) - gone, gone])
            )
    counts = torch.stack(parts[1:] or parts).cpu().double().sum(dim=0)
    if processes.count() > 1:
        counts = counts.to(processes.meeting_place())
        dist.all_reduce(counts)
    top1, top5, loss, n, left_out = counts.tolist()
    if n == 0:
        return Accuracy(float("nan"), float("nan"), float("nan"), 0, int(left_out))
    return Accuracy(top1 / n, top5 / n, loss / n, int(n), int(left_out))


def accuracy_of(
    module: nn.Module, test_set: Images, numerics: Numerics, augment: Geometry
) -> Accuracy:
    """Compute the accuracy of one predictor on one split, as `augment` shows its images.

    Several processes divide the images among them, and all get the accuracy over all images.
    """
    share = processes.rank(), processes.count()
    batches = evaluation_batches(test_set, augment=augment, device=numerics.device, share=share)
    with evaluating(module):
        return accuracy(numerics.predictor(module), batches)
