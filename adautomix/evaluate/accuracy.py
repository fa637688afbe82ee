"""Top-1 and top-5 accuracy and cross-entropy, by counts, exact over any batch size."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from adautomix.data.labels import LEFT_OUT
from adautomix.evaluate.asking import asking, ranks


class Accuracy(NamedTuple):
    """Fractions in [0, 1], the mean cross-entropy in nats, and the number of images.

    Attributes:
        top1, top5: of the n images, how many have the true class first, and among the first five.
        loss: the mean over the n images.
        n: images that count.
        left_out: images that do not, since their label is −100.
    """

    top1: float
    top5: float
    loss: float
    n: int
    left_out: int = 0


@torch.no_grad()
def accuracy(predict: Callable[[Tensor], Tensor], batches: Iterable) -> Accuracy:
    """How often `predict` puts the true class first, and among the first five (or all).

    Of equal logits the one of the lowest class comes first, as `argmax` has it; every evaluation
    counts so, see `ranks`. Among several processes (`torchrun`) each passes the batches of its own
    images, and all get the accuracy on all images.

    Args:
        predict: images "b c h w" to logits "b k"; a module is evaluated in evaluation mode.
        batches: (images, labels) pairs of any size. Labels are integers of any width, of shape (b,)
            or (b, 1), or one-hot rows (b, k); soft ones are refused. Images of label −100, torch's
            `ignore_index`, count nowhere.

    Raises:
        InputError: other batches, labels that name no class, images with a NaN or an infinity, or
            something else than finite logits.
    """
    parts = [torch.zeros(5)]
    with asking(predict, together=True) as ask:
        for images, labels in ask.pairs(batches):
            found = ask(images, labels)
            logits, rank = found.logits.float(), ranks(found)
            loss = F.cross_entropy(logits, found.labels, ignore_index=LEFT_OUT, reduction="sum")
            gone = (found.labels == LEFT_OUT).sum()
            parts.append(
                torch.stack([(rank == 0).sum(), (rank < 5).sum(), loss, len(rank) - gone, gone])
            )
    counts = torch.stack(parts[1:] or parts).cpu().double().sum(dim=0)
    if dist.is_available() and dist.is_initialized():
        counts = counts.to(parts[-1].device)
        dist.all_reduce(counts)
    top1, top5, loss, n, left_out = counts.tolist()
    if n == 0:
        return Accuracy(float("nan"), float("nan"), float("nan"), 0, int(left_out))
    return Accuracy(top1 / n, top5 / n, loss / n, int(n), int(left_out))
