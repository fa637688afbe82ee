"""Where each table, figure and algorithm of the paper is in the book, and what holds of it."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from adautomix.figures import Table
from adautomix.pages.claim import Claim
from adautomix.pages.claims import CLAIMS
from adautomix.pages.verdict import NOT_TESTED, VERDICTS
from adautomix.record import recorded
from adautomix.results.cells import Cell, cells

NUMBERED = re.compile(r"(Table|Fig\.|Algorithm) (\d+)")


class Item(NamedTuple):
    """A table, figure or algorithm of the paper.

    Attributes:
        name: "Table 1", "Fig. 6", "Algorithm 1".
        what: what it has, in a few words.
        shown: chapter → labels of the tables and figures there that show the same.
    """

    name: str
    what: str
    shown: dict[str, tuple[str, ...]]

    @property
    def kind(self) -> str:
        """The name without its number."""
        return self.name.rpartition(" ")[0]


ITEMS = (
    Item(
        "Table 1",
        "accuracy on CIFAR-100, Tiny-ImageNet and ImageNet-1K",
        {"17-classification": ("tab:leads-1",), "03-cifar100": ("tab:table-1",)},
    ),
    Item("Table 2", "fine-grained accuracy", {"18-fine-grained": ("tab:leads-2",)}),
    Item(
        "Table 3",
        "accuracy after transfer",
        {"10-transfer": ("tab:leads-3", "tab:transfer")},
    ),
    Item(
        "Table 4",
        "corrupted images, FGSM",
        {"07-robustness": ("tab:corruption", "tab:fgsm")},
    ),
    Item("Table 5", "loss terms in two steps", {"14-ablations": ("tab:ablation-loss-terms",)}),
    Item("Table 6", "calibration error", {"06-calibration": ("tab:ece", "tab:ece-printed")}),
    Item(
        "Table 7",
        "accuracy by occluded share",
        {"08-occlusion": ("tab:occlusion", "tab:occlusion-printed")},
    ),
    Item("Table 8", "loss terms one by one", {"14-ablations": ("tab:ablation-loss-terms",)}),
    Item("Table 9", "λ", {"14-ablations": ("tab:ablation-concentration",)}),
    Item(
        "Table 10",
        "number of images: accuracy and time",
        {"14-ablations": ("tab:ablation-images",), "11-efficiency": ("tab:efficiency-n",)},
    ),
    Item(
        "Table 11",
        "other adversarial augmentation",
        {"14-ablations": ("tab:ablation-other-adversaries",)},
    ),
    Item(
        "Fig. 1",
        "accuracy by epoch; mixed images by method",
        {"03-cifar100": ("fig:table-1-curves",), "04-mixed-images": ("fig:painted",)},
    ),
    Item("Fig. 2", "the two networks", {"01-method": ("fig:who",)}),
    Item("Fig. 3", "the generator", {"01-method": ("fig:attention", "fig:anatomy")}),
    Item("Fig. 4", "reliability of four methods", {"06-calibration": ("fig:reliability",)}),
    Item(
        "Fig. 5",
        "accuracy by occluded share",
        {"08-occlusion": ("fig:occlusion-swin", "fig:occlusion-cub", "fig:occlusion")},
    ),
    Item(
        "Fig. 6",
        "α, β, number of images, λ",
        {
            "14-ablations": (
                *("fig:ablation-alpha", "fig:ablation-beta"),
                *("fig:ablation-images", "fig:ablation-concentration"),
            )
        },
    ),
    Item("Fig. 7", "reliability of all methods", {"06-calibration": ("fig:reliability",)}),
    Item("Fig. 8", "occluded images", {"08-occlusion": ("fig:dropped",)}),
    Item("Fig. 9", "accuracy against time", {"11-efficiency": ("fig:efficiency-accuracy",)}),
    Item(
        "Fig. 10",
        "with and without the adversary",
        {"14-ablations": ("fig:ablation-adversary",), "13-mechanism": ("tab:mechanism-verdicts",)},
    ),
    Item("Fig. 11", "class activation maps", {"09-cam": ("fig:cam",)}),
    Item("Fig. 12", "mixed images of CUB-200", {"19-ratios": ("fig:ratio-sets",)}),
    Item("Fig. 13", "mixed images of CIFAR-100", {"19-ratios": ("fig:ratio-sets",)}),
    Item(
        "Fig. 14",
        "mixed images at several epochs",
        {
            "19-ratios": ("fig:ratio-epochs", "tab:moved-by-epoch"),
            "13-mechanism": ("tab:mechanism-diversity",),
        },
    ),
    Item("Algorithm 1", "one step of training", {"16-algorithm": ("tab:algorithm",)}),
)
"""The tables, the figures and the algorithm of the paper, in its order."""


def claims_on(item: Item) -> list[Claim]:
    """Return the claims that the paper makes by a table or figure."""
    return [claim for claim in CLAIMS if item.name in named(claim.section)]


def named(section: str) -> set[str]:
    """Return the tables and figures that are named in the section of a claim.

    >>> sorted(named("4.6, Fig. 6 (a), Table 5"))
    ['Fig. 6', 'Table 5']
    """
    return {f"{kind} {number}" for kind, number in NUMBERED.findall(section)}


def table() -> Table:
    """Return the table of all items: where each is shown, and the verdicts on its claims."""
    there = {run.id for run in recorded().all() if run.budget == "paper"}
    rows = [
        {
            "in the paper": item.name,
            "what": item.what,
            "here": "; ".join(_linked(chapter, labels) for chapter, labels in item.shown.items()),
            "numbers": str(len(numbers) or ""),
            "of these run as in the paper": str(_made(numbers, there) if numbers else ""),
            "claims": counted(claims_on(item)),
        }
        for item in ITEMS
        for numbers in [[cell for cell in cells() if cell.place == item.name]]
    ]
    caption = (
        "Every table and figure of the paper: where it is here, how many numbers it prints, for "
        "how many of them a run by the paper's schedule is recorded, and its claims by verdict."
    )
    return Table(pd.DataFrame(rows), caption, "tab:whereabouts")


def counted(claims: Iterable[Claim]) -> str:
    """Return claims by verdict, "1 does not hold, 8 not tested"; blank for none."""
    counts = Counter(claim.found.verdict for claim in claims)
    return ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word])


def headline() -> dict[str, int]:
    """Return counts for prose: of tables, figures and claims, with a page and with a verdict."""
    found: dict[str, int] = {}
    for word, kind in {"tables": "Table", "figures": "Fig."}.items():
        of_kind = [item for item in ITEMS if item.kind == kind]
        tested = [
            item
            for item in of_kind
            if any(claim.found.verdict != NOT_TESTED for claim in claims_on(item))
        ]
        found |= {word: len(of_kind), f"{word}_judged": len(tested)}
    return found | {
        "claims": len(CLAIMS),
        "claims_shown": sum(bool(claim.page) for claim in CLAIMS),
        "claims_judged": sum(claim.found.verdict != NOT_TESTED for claim in CLAIMS),
    }


def _linked(chapter: str, labels: Iterable[str]) -> str:
    """Return a link to a chapter, and the numbers of the tables and figures there."""
    numbers = ", ".join(f"{{numref}}`{label}`" for label in labels)
    return f"{{doc}}`{chapter}` ({numbers})"


def _made(numbers: Iterable[Cell], there: set[str]) -> int:
    """Return how many of these have a record of their run, of the first seed."""
    return sum(bool(there) and cell.jobs()[-1].id() in there for cell in numbers if cell.run)
