"""Evidence for claims that are not a lead in an accuracy: what the code does, costs, and keeps."""

from collections.abc import Mapping

import torch

from adautomix import data
from adautomix.mix import MixGenerator
from adautomix.names import method_title
from adautomix.pages import ablations, efficiency, mechanism, transfer
from adautomix.pages.claim import NOTHING, Found, in_percent
from adautomix.pages.compared import Compared, Measure, compared, top1
from adautomix.pages.verdict import FAILS, HOLDS, VERDICTS, Judged, judge
from adautomix.record import Run, bench, recorded
from adautomix.results import compare
from adautomix.results.experiment import EMBEDDED
from adautomix.rng import StepRNG

SETS = (2, 3, 5)
"""Numbers of images that `any_number_of_images` tries."""


def any_number_of_images() -> Found:
    """Whether one generator, with the same weights, makes masks for sets of several sizes.

    They must sum to 1 at every pixel.
    """
    generator, features = MixGenerator(8), torch.rand(6, 8, 4, 4)
    for n in SETS:
        rng = StepRNG(0)
        masks = generator(features, rng.partners(6, n), rng.ratios(6, n, 1.0), (16, 16))
        if masks.shape != (6, n, 16, 16) or not torch.allclose(masks.sum(dim=1), torch.ones(1)):
            return Found(FAILS, f"the masks of {n} images are none", "the code")
    counts = ", ".join(map(str, SETS))
    return Found(HOLDS, f"one set of weights makes the masks of {counts} images", "the code")


def cost_of_a_step() -> Found:
    """Whether a step costs what Table 10 says, as a multiple of a plain step, or less."""
    steps = max(bench.recorded("steps"), key=lambda each: each.provenance["when"])
    word, why = _split(efficiency.verdict(steps))
    return Found(word, why, steps.device, records=(steps.path.stem,))


def objects_kept() -> Found:
    """Whether AdAutoMix keeps more of the objects than hand-made rules do, relative to chance.

    Chance is 1/N, what masks keep that ignore the objects.
    """
    over = {row: _with_coverage(row) for row in ("adautomix", "mixup", "cutmix")}
    ours = over.pop("adautomix")
    lead = {row: compare.difference(_values(ours), _values(theirs)) for row, theirs in over.items()}
    said = judge({row: [each] for row, each in lead.items()})
    every = {"adautomix": ours} | over
    return Found(
        said.word,
        f"{said.reason}, in the share of the objects above 1/N",
        "PhotoDigits, quick",
        len(ours),
        {
            method_title(row): compare.summary_of(list(_values(r).values()))
            for row, r in every.items()
        },
        {method_title(row): each for row, each in lead.items() if each.n},
        tuple(sorted(run.id for runs in every.values() for run in runs)),
    )


def features_transfer() -> Found:
    """Whether features of AdAutoMix are worth more after fine-tuning than those of others."""
    route, runs = transfer.HALVES, recorded().all()
    pairs = {row: route.find(row, runs) for row in transfer.METHODS if row is not None}
    found = {
        row: {each.second.seed: 100 * each.top1() for each in made} for row, made in pairs.items()
    }
    ours = found.pop("adautomix")
    lead = {row: compare.difference(ours, theirs) for row, theirs in found.items()}
    said = judge({row: [each] for row, each in lead.items()})
    return Found(
        said.word,
        said.reason,
        f"{data.info(route.source).title} to {data.info(route.target).title}, quick",
        len(ours),
        {
            method_title(row): compare.summary_of(list(values.values()))
            for row, values in ({"adautomix": ours} | found).items()
        },
        {method_title(row): each for row, each in lead.items() if each.n},
        tuple(sorted({r.id for made in pairs.values() for pair in made for r in pair if r})),
    )


def each_term_helps() -> Found:
    """Whether each term that Table 8 adds raises the accuracy over the sum without it."""
    name = "loss-terms"
    found = compared(name, "quick", own=False)
    leads = ablations.differences(name, found)
    shown = {
        f"the sum before {term}": in_percent(each)
        for term, each in zip(ablations.TERMS, leads.values(), strict=True)
        if each.n
    }
    return _judged(ablations.judged(name, found), found, top1("classifier"), 100, shown)


def images_are_harder() -> Found:
    """Whether the classifier's loss is higher on the generator's images, and by the adversary."""
    found = compared("mechanism", "quick", own=False)
    return _judged(mechanism.judged(found)["harder"], found, mechanism.excess("constant"))


def images_are_diverse() -> Found:
    """Whether AdAutoMix's masks move more between epochs, and depend more on the images."""
    found = compared("mechanism", "quick", own=False)
    return _judged(mechanism.judged(found)["diverse"], found, mechanism.moved)


def _judged(
    said: Judged,
    found: Compared,
    measure: Measure,
    scale: int = 1,
    lead: Mapping[str, compare.Paired] | None = None,
) -> Found:
    """Return a verdict with the means of every row; nothing where it rests on no run."""
    if not said.why:
        return NOTHING
    values = {row: [scale * v for v in found.values(row, measure).values()] for row in found.runs}
    return Found(
        said.word,
        said.reason,
        "PhotoDigits, quick",
        max(map(len, values.values())),
        {
            found.experiment.label(row): compare.summary_of(each)
            for row, each in values.items()
            if each
        },
        lead or {},
        tuple(sorted(run.id for run in found.every)),
    )


def _with_coverage(row: str) -> list[Run]:
    """Return the recorded runs of a method on PhotoDigits whose object coverage is known."""
    return [
        run
        for run in recorded().all()
        if (run.name, run.budget) == (f"{EMBEDDED}/{row}", "quick") and "kept_share" in run.extras
    ]


def _values(runs: list[Run]) -> dict[int, float]:
    """Return seed → share of the objects kept less 1/N, in percentage points."""
    return {
        run.seed: 100 * (run.extras["kept_share"] - 1 / run.recipe["method"].get("n", 2))
        for run in runs
    }


def _split(words: str) -> tuple[str, str]:
    """Split a sentence that begins with a verdict into the verdict and the rest."""
    word = max((each for each in VERDICTS if words.startswith(each)), key=len)
    return word, words.removeprefix(word).lstrip(" ,:;")
