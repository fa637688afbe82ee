"""Numbers that show where paper, published code and this package differ, computed here."""

import math

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from adautomix import data, figures
from adautomix.data.augment import normalise
from adautomix.data.loaders import on_device
from adautomix.errors import InputError
from adautomix.evaluate import object_coverage
from adautomix.figures import Table
from adautomix.methods import AlignMix
from adautomix.methods.adautomix_released import (
    RectifiedGenerator,
    beyond_margin,
    clean_rate,
    mixed_rate,
)
from adautomix.methods.align import sinkhorn
from adautomix.methods.openmixup import waiting_momentum_at
from adautomix.mix import FMix, GridMix, MixGenerator, SaliencyMix, SmoothMix
from adautomix.mix.fmix import along_one_axis, isotropic
from adautomix.mix.saliencymix import peaks, saliency
from adautomix.models import Net, momentum_at
from adautomix.pages.released_logs import logged_networks, logs_in_text
from adautomix.results import paper
from adautomix.results.outcome import Results
from adautomix.rng import StepRNG, initial_weights

DRAWS = 20_000
CLASSES, BETA = 100, 0.3
COSINE = 0.82, 1.0
"""Range of the similarity of an untrained teacher's two outputs, for `first_loss`."""


def game() -> dict[str, float]:
    """Return numbers on AdAutoMix and its released code, by name."""
    logged = paper.value("released_logs", metric="total_loss")
    computed = laws_of_ratio() | margins() | first_loss() | ratio_in_masks() | teachers()
    return {"loss_logged": logged, **computed, **logged_networks()}


def tables() -> dict[str, Table]:
    """Return the tables of the authors' logs and of the compared rules."""
    return {"logs": logs_in_text(), "rules": rules()}


def trained(results: Results, label: str) -> tuple[dict[str, float], dict[str, Table]]:
    """Return the means of an experiment for prose, and its table under a label."""
    return results.means(), {"table": results.table().numbered(label)}


def every_run(results: Results) -> Figure:
    """Return the figure of every run's classifier and teacher; a blank one without a run."""
    rows = results.by_run()
    if rows.empty:
        return figures.blank("no run: set train=True")
    return figures.accuracy_by_method(rows, ranked=False)


def rules() -> Table:
    """Return the table of measurements of the compared rules, as published and as here, in percent.

    They use test images of PhotoDigits. A rule whose optional library is missing is left out.
    """
    rows = []
    for measure in (saliency_peaks, saliency_kept, overhang, spectrum, smooth_labels, marginals):
        try:
            rule, what, published, here = measure()
        except InputError:
            continue
        rows.append((rule, what, f"{100 * published:.1f}", f"{100 * here:.1f}"))
    frame = pd.DataFrame(rows, columns=["rule", "what (%)", "as published", "here"])
    caption = "What the published code of a rule does, and the default here."
    return Table(frame, caption, "tab:rules-as-published")


def laws_of_ratio(n: int = 3) -> dict[str, float]:
    """Compare λ uniform on the simplex with the released λ, Beta variates divided by their sum.

    Returns the standard deviation of λ_1 and the probability that the largest λ exceeds 0.8.
    """
    laws = {"paper": StepRNG(0).ratios(DRAWS, n), "released": _divided(n)}
    return {
        f"ratio_{what}_{name}": float(value)
        for name, ratios in laws.items()
        for what, value in {
            "sd": ratios[:, 0].std(),
            "high": (ratios.amax(dim=1) > 0.8).float().mean(),
        }.items()
    }


def margins(n: int = 3, margin: float = 0.03) -> dict[str, float]:
    """Return the percentage of batches with constant masks, as released and in OpenMixup."""
    ratios = _divided(n)
    return {
        f"constant_{test}": 100 * float(beyond_margin(ratios, margin, test).float().mean())
        for test in ("released", "openmixup")
    }


def first_loss() -> dict[str, float]:
    """Return the expected total loss while all logits are near 0, by the signs of the objective.

    Each cross-entropy is then log k, the classifier's weights sum to 2, and over two steps the
    generator's terms average ((1 − β) log k ± (1 − β) cos) / 2, with + as released.
    """
    own, theirs = 2 * math.log(CLASSES), (1 - BETA) * math.log(CLASSES) / 2
    low, high = ((1 - BETA) * cosine / 2 for cosine in COSINE)
    return {
        "loss_released_low": own + theirs + low,
        "loss_released_high": own + theirs + high,
        "loss_opposite": own + theirs - (low + high) / 2,
    }


@torch.no_grad()
def ratio_in_masks() -> dict[str, float]:
    """Return the largest change of a mask when λ_1 changes from 1/3 to 0.8, paper and released.

    The generators have weights of standard deviation 1, and the features are noise.
    """
    rng = StepRNG(0)
    features, partners = rng.normal((8, 16, 4, 4)), rng.partners(8, 3)
    moved = {}
    for name, kind, embed in (
        ("paper", MixGenerator, True),
        ("released", RectifiedGenerator, False),
    ):
        with initial_weights(0, network=1):
            generator = kind(16, embed_ratio=embed, init=1.0)
        before, after = (
            generator(features, partners, torch.tensor([ratios]).expand(8, 3), (16, 16))
            for ratios in ([1 / 3, 1 / 3, 1 / 3], [0.8, 0.1, 0.1])
        )
        moved[f"mask_change_{name}"] = float((after - before).abs().max())
    return moved


def teachers(n: int = 3, momentum: float = 0.1) -> dict[str, float]:
    """Return values of ξ: as released at a tenth of the run and at its end, the paper's at its end.

    Also the percentage of clean images in the released teacher's BatchNorm statistics, i.e. their
    share of what one step adds, which is the share in the long run.
    """
    mixed = mixed_rate(momentum, n)
    clean = clean_rate(momentum, n) * (1 - mixed)
    return {
        "momentum_tenth": waiting_momentum_at(0.1),
        "momentum_end": waiting_momentum_at(1.0),
        "momentum_end_paper": momentum_at(1.0),
        "clean_statistics": 100 * clean / (clean + mixed),
    }


Measured = tuple[str, str, float, float]
"""The rule, what is measured, the published code's value, and this package's."""


def saliency_peaks() -> Measured:
    """Measure how often SaliencyMix's peak is on the digit."""
    images, objects = _digits()
    found = []
    for levels in ("floats", "bytes"):
        row, column = (peaks(saliency(images, levels)) * images.shape[-1]).long()
        found.append(float(objects[torch.arange(len(objects)), row, column].float().mean()))
    published, here = found
    return "SaliencyMix", "saliency peaks that lie on the digit", published, here


def saliency_kept() -> Measured:
    """Measure the coverage of the partner's digit by SaliencyMix."""
    images, objects = _digits()
    kept = []
    for rule in (SaliencyMix(peak="first", levels="floats"), SaliencyMix()):
        shares = [
            object_coverage(rule(images, StepRNG(0, step)), objects)[:, 1].mean()
            for step in range(8)
        ]
        kept.append(float(torch.stack(shares).mean()))
    published, here = kept
    return "SaliencyMix", "the partner's digit that is painted", published, here


def overhang(side: int = 32) -> Measured:
    """Measure how often GridMix's region is larger than the image."""
    found = []
    for kind in ("wrap", "clip"):
        grid = GridMix(overhang=kind).grid(StepRNG(0), DRAWS, side, side)
        found.append(float(((grid.height > side) | (grid.width > side)).float().mean()))
    published, here = found
    return "GridMix", "regions that are larger than the image", published, here


def spectrum(side: int = 32) -> Measured:
    """Measure FMix's share of energy above one cycle along the second axis."""
    found = []
    for make in (along_one_axis, isotropic):
        power = torch.fft.fft2(make(StepRNG(0), (500, side, side), FMix().decay)).abs().square()
        power[:, 0, 0] = 0  # the mean
        found.append(float(power[:, :, 2:-1].sum() / power.sum()))
    published, here = found
    return "FMix", "energy finer than one cycle along the second axis", published, here


def smooth_labels() -> Measured:
    """Measure the distance of SmoothMix's label weights from the areas shown."""
    images, found = torch.zeros(2_000, 1, 8, 8), []
    for labels in ("inverted", "share"):
        mixed = SmoothMix(labels=labels, per="sample")(images, StepRNG(0))
        found.append(float((mixed.label_weights - mixed.ratios)[:, 0].abs().mean()))
    published, here = found
    return "SmoothMix", "distance of label and painted share", published, here


@torch.no_grad()
def marginals() -> Measured:
    """Measure how far the weights that form a feature of AlignMix are from a sum of 1."""
    images, _ = _digits(40)
    model = Net("resnet18", width=16).build(10).train().model
    final = model.forward_features(images).flatten(2).mT
    config = AlignMix()
    plan = sinkhorn(final, final.roll(1, 0), config.epsilon, config.iterations, config.tolerance)
    sums = plan.exp().sum(dim=2) * plan.shape[1], plan.softmax(dim=2).sum(dim=2)
    published, here = (float((each - 1).abs().mean()) for each in sums)
    return "AlignMix", "distance of the weights of a feature from a sum of 1", published, here


def _divided(n: int) -> Tensor:
    """Return λ as released for N > 2: Beta(1, 1) variates divided by their sum, "draws n"."""
    drawn = StepRNG(0).beta(1.0, (DRAWS, n))
    return drawn / drawn.sum(dim=1, keepdim=True)


def _digits(count: int = 200) -> tuple[Tensor, Tensor]:
    """Return normalised test images of PhotoDigits, and the masks of their digits."""
    test = data.load("photodigits", "test")
    part = test.take(StepRNG(0, stream="evaluate").permutation(len(test)).numpy()[:count])
    images, _ = on_device(part, "cpu")
    return normalise(images, part.info.mean, part.info.std), torch.from_numpy(part.masks)
