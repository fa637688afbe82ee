"""Every number of the paper's tables, and the runs that would reproduce it.

`cells()` has a `Cell` for each number of Tables 1 to 11 but the printed gains, which are
differences, and for the rows of Fig. 6 and Fig. 10, which print no numbers. Nothing here imports
torch until jobs are asked for.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from adautomix.data.catalog import CATALOG
from adautomix.errors import InputError, unknown
from adautomix.names import REGISTRY
from adautomix.results import paper

if TYPE_CHECKING:
    from adautomix.runs.job import Job

DATA = {
    "CIFAR-100": "cifar100",
    "Tiny-ImageNet": "tinyimagenet",
    "ImageNet-1K": "imagenet",
    "CUB-200": "cub200",
    "FGVC-Aircraft": "aircraft",
    "Stanford-Cars": "cars",
}
"""The tables' datasets → names of the catalogue."""
NETS = {
    "ResNet-18": "resnet18",
    "ResNet-34": "resnet34",
    "ResNet-50": "resnet50",
    "ResNeXt-50": "resnext50",
    "Swin-T": "swin_tiny",
    "ConvNeXt-T": "convnext_tiny",
}
"""The tables' backbones → networks in the names of recipes."""
EVALUATED = {
    "corruption_top1_percent": "corruption",
    "fgsm_error_percent": "fgsm",
    "ece_percent": "calibration",
}
"""Metric → the evaluation that measures it; other numbers are in the record of training."""
TERMS = ("mce", "ace", "teacher_amce", "cosine")
LEFT_OUT = {
    "Base(N = 3)": TERMS,
    "+0.5Lmce + 0.5Lace": TERMS[2:],
    "-0.3Lamce + 0.7Lcosine": (),
    "Base": TERMS,
    "Base + 0.5Lace": ("mce", *TERMS[2:]),
    "Base + 0.5Lace + 0.5Lmce": TERMS[2:],
    "Base + 0.5Lace + 0.5Lmce - 0.3Lamce": TERMS[3:],
    "Base + 0.5Lace + 0.5Lmce - 0.3Lamce + 0.7Lcosine": (),
}
"""Rows of Tables 5 and 8 → the terms of Eq. 11 that they do not have. Table 5 prints what a row
adds to the row above it.
"""
WHY = {
    3: "Sec. 4.5 says that the features of a method are transferred, and not which training used "
    "it. Here it is the one on ImageNet-1K; the weights of its classifier are fine-tuned plainly "
    "with the settings of Sec. 4.1.2 for 100 epochs.",
    4: "The paper does not say how long these networks were trained. Here 200 epochs, as its "
    "accuracy of AdAutoMix on clean images is that of Table 5. Its FGSM and corruptions are those "
    "of Sec. 4.3; what the authors' script computes is `--fgsm-released`.",
    5: "Sec. 4.6 trains ResNet-18 for 200 epochs; ResNeXt-50 is taken to be trained as long.",
    6: "The caption says 200 epochs.",
    7: "The paper does not say which networks; here those of Tables 1 and 2, with which it agrees "
    "without occlusion for AdAutoMix alone.",
    8: "Sec. 4.6 trains for 200 epochs.",
    9: "λ is the concentration of the Dirichlet distribution here: as a ratio it could not exceed "
    "1. Sec. 4.6 says 200 epochs, but λ = 1 of ResNet-18 is printed as in Table 1, after 800 "
    "epochs, and of ResNeXt-50 as in Table 5, after 200. The rows are trained as long as the "
    "number at λ = 1 was.",
    10: "Sec. 4.6 says 200 epochs, but N = 1 and N = 3 are printed as in Table 1, after 800; so "
    "all rows are trained for 800. Seconds per iteration: `seconds` / `steps` of a run's record.",
    11: "The paper does not say how long. Here 200 epochs, as AdAutoMix's accuracy is that of "
    "Table 5. Its SAMix is spectral adversarial mixup for domain adaptation (Zhang et al., 2023); "
    "the package's `samix` is scenario-agnostic mixup, another method.",
}
"""Tables → what was chosen where the paper is silent or contradicts itself."""
NONE = "spectral adversarial mixup is not in the package"
"""Why the number of SAMix in Table 11 has no command."""
AXIS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Values of α and β: the paper prints none for Fig. 6, so these are ours."""


@dataclass(frozen=True)
class Cell:
    """A number of the paper, or a point of a figure, and what makes it again.

    Attributes:
        place: "Table 1" … "Table 11", "Fig. 6 (a)", "Fig. 10".
        row: the printed method, or the value that a row varies.
        dataset, backbone, metric: as in `data/paper`.
        value: the printed number; None in a figure.
        run: recipe and changes, "cifar100/resnet18/adautomix/epochs=200"; "" if there is none.
        start: the run whose weights `run` starts from; "" for none.
        evaluation: of the trained network; "" if the record of training has the number.
        condition: of the evaluation, "10% occluded"; "" for none.
        none: why there is no run; "" if there is one.
    """

    place: str
    row: str
    dataset: str
    backbone: str
    metric: str
    value: float | None
    run: str
    start: str = ""
    evaluation: str = ""
    condition: str = ""
    none: str = ""

    @property
    def table(self) -> int | None:
        """The number of the table; None for a figure."""
        kind, number, *_ = self.place.split()
        return int(number) if kind == "Table" else None

    def jobs(self, seed: int = 0) -> "list[Job]":
        """Return the jobs in the order in which they are made, at the paper's budget."""
        if not self.run:
            return []
        if not self.start:
            return [job_of(self.run, seed)]
        first = job_of(self.start, seed)
        return [first, job_of(f"{self.run}/net.pretrained={first.id()}", seed)]

    def commands(self, seed: int = 0) -> list[str]:
        """Return the commands that make the number of one seed; empty if there is no run."""
        made = self.jobs(seed)
        words = [job.command() for job in made]
        if made and self.evaluation:
            words.append(f"adautomix evaluate {made[-1].id()} --{self.evaluation}")
        return words


@lru_cache
def cells() -> tuple[Cell, ...]:
    """Return a cell for every number of Tables 1 to 11 and every row of Fig. 6 and Fig. 10."""
    return (*(cell for number in range(1, 12) for cell in _of_table(number)), *_of_figures())


def places() -> dict[str, list[Cell]]:
    """Return the cells by table or figure: "Table 1" … "Table 11", "Fig. 6", "Fig. 10"."""
    found: dict[str, list[Cell]] = {}
    for each in cells():
        found.setdefault(each.place.partition(" (")[0], []).append(each)
    return found


def select(place: str | None = None, row: str | None = None) -> list[Cell]:
    """Return the cells of a table or figure, "Table 2" or "Fig. 6", of one row, or all.

    Raises InputError for a place or row that there is none of.
    """
    found = list(cells())
    if place is not None:
        if place not in places():
            raise unknown("table or figure", place, places())
        found = places()[place]
    if row is not None:
        rows = dict.fromkeys(each.row for each in found)
        if row not in rows:
            raise unknown("row", row, rows)
        found = [each for each in found if each.row == row]
    return found


def _of_table(number: int) -> Iterator[Cell]:
    rows = paper.table(number)
    for line in rows[rows["method"] != "Gain"].to_dict("records"):
        evaluation = EVALUATED.get(line["metric"], "occlusion" if number == 7 else "")
        run, start = _run(number, line)
        yield Cell(
            f"Table {number}",
            _row(line),
            line["dataset"],
            line["backbone"],
            line["metric"],
            line["value"],
            run,
            start,
            evaluation,
            f"{line['occlusion']:.0%} occluded" if "occlusion" in line else "",
            "" if run else NONE,
        )


def _row(line: dict[str, Any]) -> str:
    """Return the label of a row: the method, or what varies."""
    for column, words in {"n": "N = {}", "ratio": "λ = {:g}"}.items():
        if column in line:
            return words.format(line[column])
    return line["method"]


def _run(number: int, line: dict[str, Any]) -> tuple[str, str]:
    """Return the run of a number and the run that it starts from, or "" for none."""
    family = f"{DATA[line['dataset']]}/{NETS[line['backbone']]}"
    if number == 3:
        return f"{family}/plain/epochs=100", f"imagenet/resnet50/{method_of(line['method'])}"
    if number == 9:
        long = () if line["backbone"] == "ResNet-18" else (SHORT,)
        varied = () if line["ratio"] == 1 else (f"method.concentration={line['ratio']:g}",)
        return "/".join([family, "adautomix", *varied, *long]), ""
    if number == 10:
        n = int(line["n"])
        usual = {1: "plain", 3: "adautomix"}
        return f"{family}/{usual.get(n, f'adautomix/method.n={n}')}", ""
    if number in (5, 8):
        return "/".join([family, "adautomix", *without(LEFT_OUT[line["method"]]), SHORT]), ""
    if number == 11 and line["method"] == "SAMix":
        return "", ""
    short = number in (4, 6, 11) and line["backbone"] != "Swin-T"  # whose recipe has 200 epochs
    return "/".join([family, method_of(line["method"]), *([SHORT] if short else [])]), ""


SHORT = "epochs=200"


def without(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Return the change of a recipe that leaves out these terms, or none."""
    return (f"method.without={json.dumps(terms)}",) if terms else ()


def method_of(title: str) -> str:
    """Return the registered name of a method as the tables call it."""
    titles = {entry.title: name for name, entry in REGISTRY.items()}
    return "plain" if title == "Baseline" else titles[title]


def _of_figures() -> Iterator[Cell]:
    """Yield the points of Fig. 6 and Fig. 10, of ResNet-18 on CIFAR-100."""
    here = "cifar100/resnet18/adautomix"
    points = {
        "Fig. 6 (a)": {f"α = {x:g}": f"{here}/method.alpha={x:g}/{SHORT}" for x in AXIS},
        "Fig. 6 (b)": {f"β = {x:g}": f"{here}/method.beta={x:g}/{SHORT}" for x in AXIS},
        "Fig. 6 (c)": {each.row: each.run for each in _of_table(10)},
        "Fig. 6 (d)": {each.row: each.run for each in _of_table(9) if each.backbone == "ResNet-18"},
        "Fig. 10": {
            "with the adversary": f"{here}/{SHORT}",
            "without the adversary": f"{here}/method.adversary=0/{SHORT}",
        },
    }
    for place, rows in points.items():
        for row, run in rows.items():
            yield Cell(place, row, "CIFAR-100", "ResNet-18", "top1_percent", None, run)


def job_of(run: str, seed: int = 0) -> "Job":
    """Return the job of a recipe and its changes after slashes, at the paper's budget.

    For an embedded dataset it is the budget quick. Raises InputError for a name without three
    parts.
    """
    from adautomix.runs.job import Job

    if run.count("/") < 2:
        raise InputError(
            f"a recipe is data/backbone/method, e.g. cifar100/resnet18/adautomix, not {run!r}."
        )
    data, net, method, *changes = run.split("/")
    budget = "quick" if data in CATALOG and CATALOG[data].embedded else "paper"
    return Job(f"{data}/{net}/{method}", budget, seed, tuple(changes))
