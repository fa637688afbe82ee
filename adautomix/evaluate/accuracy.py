"""Top-1 and top-5 accuracy and cross-entropy, by counts, exact over any batch size."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from adautomix.models import evaluating


class Accuracy(NamedTuple):
    """Fractions in [0, 1], the mean cross-entropy in nats, and the number of images."""

    top1: float
    top5: float
    loss: float
    n: int


@torch.no_grad()
def accuracy(
    predict: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]]
) -> Accuracy:
    """How often `predict` puts the true class first, and among the first five (or all).

    Among several processes (`torchrun`) each passes the batches of its own images, and all get the
    accuracy on all images.

    Args:
        predict: images "b c h w" to logits "b k"; a module is evaluated in evaluation mode.
        batches: (images, labels) pairs of any size.
    """
    parts = [torch.zeros(4)]
    with evaluating(predict):
        for images, labels in batches:
            logits = predict(images).float()
            ranked = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
            loss = F.cross_entropy(logits, labels, reduction="sum")
            number = torch.full_like(loss, len(labels))
            parts.append(torch.stack([ranked[:, 0].sum(), ranked.sum(), loss, number]))
    counts = torch.stack(parts[1:] or parts).cpu().double().sum(dim=0)
    if dist.is_available() and dist.is_initialized():
        counts = counts.to(parts[-1].device)
        dist.all_reduce(counts)
    top1, top5, loss, n = counts.tolist()
    if n == 0:
        return Accuracy(float("nan"), float("nan"), float("nan"), 0)
    return Accuracy(top1 / n, top5 / n, loss / n, int(n))
