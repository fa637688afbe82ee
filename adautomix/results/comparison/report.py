"""What a page shows of a protocol at one budget: tables of text, curves, the verdict, the cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.device import decide
from adautomix.figures import Table
from adautomix.figures.style import method_name
from adautomix.record import Run
from adautomix.results import compare
from adautomix.results.comparison import quotes
from adautomix.results.comparison.execute import RunStatus, run_all, statuses, treatments_of
from adautomix.results.comparison.plan import Protocol, read
from adautomix.results.comparison.treatments import (
    PREDICTORS,
    Treatments,
    in_words,
    painted,
    points,
    verdict,
)
from adautomix.runs.job import RunOptions

CAPTION = (
    "{number}, in percent: mean ± sample standard deviation (number of seeds); † is how the paper "
    "reports the method. A blank cell was not run."
)
MOVED = (
    "What each method gains, in percentage points, over the cell in which it is reported (†), with "
    "its 95 % interval over paired seeds (number of seeds)."
)
COST = "What a run took, in minutes: mean over the runs of a method (number of runs)."
BEYOND = {
    "calibration error": "calibration/ece",
    "error under FGSM": "fgsm/error",
    "accuracy, corrupted": "corruption/mean_run",
    "accuracy, occluded": "occlusion/mean",
}
"""Headings → metrics, all fractions."""
PAINTED = ("largest mask", "distance of area and λ", "loss of mixed images")
NUMBERS = {
    "median of the last ten epochs": "top1_median10",
    "last epoch": "top1_last",
    "best epoch, chosen by these test images": "top1_best",
}
"""Headings → numbers that one may report of a run."""
PAIRED = "in percentage points, with its 95 % interval over paired seeds (number of seeds)"
MIXING = (
    "What is mixed in the end, mean over seeds (number of seeds): the largest mask of a pixel, the "
    "distance of a mask's area from λ, and the training loss of the mixed images."
)
CONTRASTS = f"Difference between two rows, {PAIRED}."
PARTS = "The second and third column add up to the first."


@dataclass(frozen=True)
class Report:
    """A protocol at one budget as far as it was run.

    Attributes:
        protocol: which.
        budget: of every number here.
        standings: how far each of its runs has come.
    """

    protocol: Protocol
    budget: str
    statuses: Sequence[RunStatus]

    @cached_property
    def found(self) -> Treatments:
        """The finished runs by method and schedule."""
        return treatments_of(self.protocol, self.statuses)

    @property
    def runs(self) -> list[Run]:
        """Every finished run."""
        return [each.run for each in self.statuses if each.run is not None]

    def tables(self, label: str) -> dict[str, Table]:
        """Every table below by its name, with its caption and the label `<label>-<name>`."""
        decides = self.protocol.decides
        ours, theirs = self._label(decides.method), self._label(decides.against)
        lead = f"Lead of {ours} over {theirs}"
        shown = {
            "accuracy": (self.table(), CAPTION.format(number=compare.WORDS[decides.metric])),
            "moved": (self.moved(), MOVED),
            "leads": (self.leads(), f"Lead of {ours} over each other method, {PAIRED}. {PARTS}"),
            "seeds": (self.by_seed(), f"{lead}, seed by seed, in percentage points. {PARTS}"),
            "beyond": (self.beyond(), self.beyond_caption),
            "numbers": (self.by_number(), f"{lead} by numbers one may report of a run, {PAIRED}."),
            "contrasts": (self.contrasts(), CONTRASTS),
            "mixing": (self.mixing(), MIXING),
            "cost": (self.cost(), COST),
        }
        return {
            name: Table(frame, caption, f"{label}-{name}")
            for name, (frame, caption) in shown.items()
        }

    def table(self) -> pd.DataFrame:
        """Accuracy by method and cell; see `CAPTION`."""
        return self._named(self.found.table())

    def moved(self) -> pd.DataFrame:
        """What each method gains in another cell than the one it is reported in."""
        return self._named(self.found.moved())

    def leads(self) -> pd.DataFrame:
        """The deciding method's lead over each of the others, and its parts."""
        decides = self.protocol.decides
        return self._named(self.found.leads(decides.method, decides.alike))

    def by_seed(self) -> pd.DataFrame:
        """The lead over the method that decides and its parts, one row a seed that has runs."""
        kept = {seed: self._lead_in(self.found.of_seed(seed)) for seed in self.found.seeds}
        rows = {
            str(seed): lead.str.removesuffix(" (1)") for seed, lead in kept.items() if lead.any()
        }
        frame = pd.DataFrame.from_dict(
            rows, orient="index", columns=self._lead_in(self.found).index
        )
        return frame.rename_axis("seed").reset_index()

    def by_number(self) -> pd.DataFrame:
        """The lead over the method that decides and its parts, by each of `NUMBERS`."""
        rows = {
            heading: self._lead_in(replace(self.found, metric=metric))
            for heading, metric in NUMBERS.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("number").reset_index()

    def _lead_in(self, found: Treatments) -> pd.Series:
        """The deciding method's lead over the one that it is held against."""
        decides = self.protocol.decides
        return found.leads(decides.method, decides.alike).loc[decides.against]

    def contrasts(self) -> pd.DataFrame:
        """The differences that the protocol names, in the cells of `decides.alike`: `CONTRASTS`."""
        cells = {str(where): where for where in self.protocol.decides.alike}
        rows = [
            {"what": what, "difference": f"{self._label(a)} − {self._label(b)}"}
            | {
                heading: points(self.found.difference(a, where, b, where))
                for heading, where in cells.items()
            }
            for what, (a, b) in self.protocol.contrasts.items()
        ]
        return pd.DataFrame(rows, columns=["what", "difference", *cells])

    def mixing(self) -> pd.DataFrame:
        """What the runs of every method that mixes paint in the end; see `MIXING`."""
        rows = [
            {
                "method": f"{self._label(method)}, {schedule}",
                "largest mask": f"{found['mask_peak']:.2f}",
                "distance of area and λ": f"{found['area_gap']:.2f}",
                "loss of mixed images": f"{found['mixed_loss']:.2f} ({len(runs)})",
            }
            for (method, schedule), runs in self.found.runs.items()
            if (found := painted(runs))
        ]
        return pd.DataFrame(rows, columns=["method", *PAINTED])

    def beyond(self) -> pd.DataFrame:
        """The evaluations of every method in the first cell of `decides.alike`, in percent."""
        where = self.protocol.decides.alike[0]
        columns = {
            heading: replace(self.found, metric=metric).table()[str(where)].str.removesuffix(" †")
            for heading, metric in BEYOND.items()
        }
        return self._named(pd.DataFrame(columns))

    @property
    def beyond_caption(self) -> str:
        """How to read `beyond`."""
        where = self.protocol.decides.alike[0]
        changed = [
            f"{name} {setting} = {value}"
            for name, changes in self.protocol.evaluations.items()
            for setting, value in changes.items()
        ]
        settings = f" Settings: {', '.join(changed)}." if changed else ""
        return (
            f"Beyond accuracy, all methods treated alike ({where}), in percent: mean ± sample "
            "standard deviation (number of seeds). Corrupted is the mean over kinds and "
            f"severities, occluded that over the hidden shares, of which the first is 0.{settings}"
        )

    def by_run(self) -> pd.DataFrame:
        """The argument of `figures.accuracy_by_method`; its rows are methods by schedules."""
        rows = [
            {
                "row": f"{self._label(method)}, {schedule}",
                "method": self.protocol.trains(method),
                "seed": run.seed,
                **{name: run.metric(name, self.found.metric) for name in PREDICTORS},
            }
            for (method, schedule), runs in self.found.runs.items()
            for run in runs
        ]
        frame = pd.DataFrame(rows, columns=["row", "method", "seed", *PREDICTORS])
        return frame.assign(**{name: 100 * frame[name].astype(float) for name in PREDICTORS})

    def accuracies(self) -> Figure | None:
        """Every run's classifier and teacher, a line for each method and schedule; None if none."""
        runs = self.by_run()
        return figures.accuracy_by_method(runs, ranked=False) if len(runs) else None

    def curves(self, schedule: str) -> Figure | None:
        """Test accuracy of every method under one schedule, classifier solid and teacher dashed.

        Without variants, whose lines would lie among those of their methods; None without runs.
        """
        methods = [each for each in self.protocol.methods if each not in self.protocol.variants]
        runs = {method: self.found.runs[method, schedule] for method in methods}
        curves = {method: [run.curve() for run in made] for method, made in runs.items() if made}
        return figures.accuracy_curves(curves) if curves else None

    def cost(self) -> pd.DataFrame:
        """Minutes of a run, mean over its seeds and schedules, by method and device."""
        rows = [
            {
                "method": method_name(run.method),
                "on": run.provenance["device"],
                "precision": run.provenance["precision"].split(" ")[0],
                "minutes": run.provenance["seconds"] / 60,
            }
            for run in self.runs
        ]
        frame = pd.DataFrame(rows, columns=["method", "on", "precision", "minutes"])
        by = ["method", "on", "precision"]
        means = frame.groupby(by, sort=False)["minutes"].agg(["mean", "size"]).reset_index()
        means["minutes (runs)"] = [
            f"{each:.1f} ({size})" for each, size in zip(means["mean"], means["size"], strict=True)
        ]
        return means[[*by, "minutes (runs)"]]

    def headline(self) -> dict[str, str | float]:
        """What prose quotes: how far it has come, the parts of the reported lead, the verdict.

        With it the mean of every cell that was run, in percent, as <row>_<schedule>_<predictor>,
        what was painted there in the end, as <row>_<schedule>_<what `painted` has>, and each of
        the contrasts in words, as <its name>_<schedule>_<predictor>.
        """
        decides = self.protocol.decides
        ours, theirs = self._label(decides.method), self._label(decides.against)
        parts = self.found.parts(decides.method, decides.against)
        split = f"The lead over {theirs} cannot be split yet."
        if parts.reported.n:
            whole, treatment, own = map(in_words, parts)
            split = (
                f"As the paper reports them, the lead of {ours} over {theirs} is {whole} points: "
                f"{treatment} by the treatment and {own} by the method."
            )
        return {
            "progress": f"{len(self.runs)} of {len(self.standings)} runs are there.",
            "split": split,
            "verdict": verdict(self.found, decides),
            **quotes.means(self.found, self.protocol.methods),
            **quotes.contrasts(self.found, self.protocol),
        }

    def _label(self, row: str) -> str:
        """A row's name as a reader sees it."""
        return row if row in self.protocol.variants else method_name(row)

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows by the names that a reader sees, as the first column."""
        return frame.rename(index=self._label).reset_index()


def report(
    protocol: str | Path,
    budget: str,
    *,
    train: bool = False,
    device: str = "auto",
    data: str | Path | None = None,
    time_limit: float | None = None,
) -> Report:
    """A protocol at one budget, from the records; `train` makes what is missing first."""
    plan = read(protocol)
    numerics = decide(device, plan.budgets.get(budget, "auto"))
    options = RunOptions(numerics, root=data, time_limit=time_limit)
    if train:
        run_all(plan, budget, options)
    return Report(plan, budget, statuses(plan, budget, options))
