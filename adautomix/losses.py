"""The losses of the paper: one function for each equation of Sec. 3.1, and L_cosine (Sec. 3.3.1).

All take logits, so the same function serves the classifier ψ_W and the teacher ψ_Ŵ. All but `ce`
return the mean over the batch. With float32 ratios the losses are float32; under autocast torch
computes logarithms and cosines in float32 on a GPU, but in the precision of the logits on a CPU.

`labels` are class numbers "b", or soft labels "b k": the share of each class, possibly weighted.
Where both can say the same, loss and gradient are the same.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from adautomix.data.labels import Labels, check_range, check_width, extremes


def ce(logits: Float[Tensor, "b k"], labels: Labels) -> Float[Tensor, " b"]:
    """L_ce (Eq. 1): −log of the probability of the true class, one value for each image.

    For soft labels y it is −Σ_k y_k log p_k.
    """
    if labels.ndim == 1:
        return F.cross_entropy(logits, _in_range(labels, logits), reduction="none")
    check_width(labels, logits.shape[1])
    return -(labels * logits.log_softmax(dim=1)).sum(dim=1)


def ace(
    logits: Float[Tensor, "b k"],
    labels: Labels,
    partners: Int[Tensor, "b n"],
    ratios: Float[Tensor, "b n"],
) -> Float[Tensor, ""]:
    """L_ace (Eq. 2): cross-entropy of the clean images of each set, Σ_n λ_n L_ce(ψ(x_n), y_n).

    `logits` and `labels` hold each image of the batch once; row i of `partners` holds the batch
    positions of the images of set i.
    """
    return (ratios * ce(logits, labels)[partners]).sum(dim=1).mean()


def mixed_ce(
    logits: Float[Tensor, "b k"],
    labels: Labels,
    partners: Int[Tensor, "b n"],
    ratios: Float[Tensor, "b n"],
) -> Float[Tensor, ""]:
    """L_ce(ψ(x̃), y_mix) with the mixed label y_mix = Σ_n λ_n y_n, y one-hot or soft.

    This is L_amce (Eq. 3) when x̃ is the generator's image x_mix, and L_mce (Eq. 4) when
    x̃ = Σ_n λ_n x_n. Cross-entropy is linear in the label, so the mixed label is not formed:
    −Σ_n λ_n log p(y_n).
    """
    return -(ratios * of_labels(logits.log_softmax(dim=1), labels, partners)).sum(dim=1).mean()


def of_labels(
    scores: Float[Tensor, "b k"], labels: Labels, partners: Int[Tensor, "b n"]
) -> Float[Tensor, "b n"]:
    """Return the score of each partner's class; for soft labels Σ_k y_k s_k."""
    if labels.ndim == 1:
        return scores.gather(1, _in_range(labels, scores)[partners])
    check_width(labels, scores.shape[1])
    return (scores[:, None] * labels[partners]).sum(dim=2)


def amce(
    logits: Float[Tensor, "b k"],
    labels: Labels,
    partners: Int[Tensor, "b n"],
    ratios: Float[Tensor, "b n"],
) -> Float[Tensor, ""]:
    """L_amce (Eq. 3): `logits` of the generator's image x_mix against the mixed label."""
    return mixed_ce(logits, labels, partners, ratios)


def mce(
    logits: Float[Tensor, "b k"],
    labels: Labels,
    partners: Int[Tensor, "b n"],
    ratios: Float[Tensor, "b n"],
) -> Float[Tensor, ""]:
    """L_mce (Eq. 4): `logits` of the plain interpolation Σ_n λ_n x_n against the mixed label."""
    return mixed_ce(logits, labels, partners, ratios)


def cosine(
    mixed: Float[Tensor, "b k"],
    clean: Float[Tensor, "b k"],
    partners: Int[Tensor, "b n"],
    ratios: Float[Tensor, "b n"],
) -> Float[Tensor, ""]:
    """L_cosine (Sec. 3.3.1): Σ_n λ_n cosine(ψ_Ŵ(x_mix), ψ_Ŵ(x_n)), in [−1, 1].

    Although written L, it is a similarity: the generator *maximises* it (Eq. 15), so that the
    teacher's logits ψ_Ŵ of the mixed image stay close to those of the images it was made from.
    """
    similarity = F.cosine_similarity(mixed[:, None], clean[partners], dim=-1)
    return (ratios * similarity).sum(dim=1).mean()


def _in_range(labels: Int[Tensor, " b"], logits: Float[Tensor, "b classes"]) -> Int[Tensor, " b"]:
    """Return the class numbers; InputError if they are on the CPU and one is out of range.

    On a GPU the host would have to wait for them; there torch stops with an assertion of its own.
    """
    if labels.device.type == "cpu" and not torch.compiler.is_compiling():
        low, high = extremes(labels, left_out=False).tolist()
        check_range(low, high, logits.shape[1])
    return labels
