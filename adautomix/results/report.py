"""Report of an experiment with a protocol: tables, figures, verdict and cost at one budget."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.device import decide
from adautomix.errors import InputError
from adautomix.evaluate.registry import settings_of
from adautomix.figures import Table
from adautomix.names import method_title
from adautomix.record import Run
from adautomix.results import compare, quotes
from adautomix.results.captions import (
    BEYOND,
    CAPTION,
    CONTRASTS,
    COST,
    MASKS,
    MIXING,
    MOVED,
    NUMBERS,
    PAIRED,
    PARTS,
)
from adautomix.results.execute import RunStatus, run_all, statuses
from adautomix.results.experiment import Experiment
from adautomix.results.protocol import PREDICTORS, Protocol
from adautomix.results.registry import get
from adautomix.results.setting_grid import SettingGrid, in_words, mask_summary, points, verdict
from adautomix.runs.job import RunOptions


@dataclass(frozen=True)
class Report:
    """An experiment with a protocol at one budget, as far as it was run.

    Attributes:
        experiment: the experiment.
        budget: budget of all runs.
        statuses: status of each of its runs.
    """

    experiment: Experiment
    budget: str
    statuses: Sequence[RunStatus]

    @property
    def protocol(self) -> Protocol:
        """The decision rules; InputError if the experiment has none."""
        if self.experiment.protocol is None:
            raise InputError(f"{self.experiment.title!r} has no protocol: it decides nothing.")
        return self.experiment.protocol

    @cached_property
    def found(self) -> SettingGrid:
        """The finished runs by row and schedule, with the experiment's evaluations."""
        settings = {
            name: settings_of(name, **changes)
            for name, changes in self.experiment.evaluations.items()
        }
        runs: dict[tuple[str, str], list[Run]] = {
            (row, schedule): []
            for row in self.experiment.rows
            for schedule in self.experiment.schedules
        }
        for each in self.statuses:
            if each.run is not None:
                run = each.run.evaluated_with(settings)
                runs[each.planned.row, each.planned.schedule].append(run)
        return SettingGrid(runs, self.protocol.reported, self.protocol.decides.metric)

    @property
    def runs(self) -> list[Run]:
        """All finished runs."""
        return [each.run for each in self.statuses if each.run is not None]

    def tables(self, label: str) -> dict[str, Table]:
        """Return all tables below by name, each with its caption and the label `<label>-<name>`."""
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
        """Return accuracy by method and setting; see `CAPTION`."""
        return self._named(self.found.table())

    def moved(self) -> pd.DataFrame:
        """Return each method's gain under other settings than its reported one; see `MOVED`."""
        return self._named(self.found.moved())

    def leads(self) -> pd.DataFrame:
        """Return the lead of `decides.method` over each other method, and its parts."""
        decides = self.protocol.decides
        return self._named(self.found.leads(decides.method, decides.settings))

    def by_seed(self) -> pd.DataFrame:
        """Return the deciding lead and its parts, a row for each seed with runs."""
        kept = {seed: self._lead_in(self.found.of_seed(seed)) for seed in self.found.seeds}
        rows = {
            str(seed): lead.str.removesuffix(" (1)") for seed, lead in kept.items() if lead.any()
        }
        frame = pd.DataFrame.from_dict(
            rows, orient="index", columns=self._lead_in(self.found).index
        )
        return frame.rename_axis("seed").reset_index()

    def by_number(self) -> pd.DataFrame:
        """Return the deciding lead and its parts, a row for each of `NUMBERS`."""
        rows = {
            heading: self._lead_in(replace(self.found, metric=metric))
            for heading, metric in NUMBERS.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("number").reset_index()

    def _lead_in(self, found: SettingGrid) -> pd.Series:
        """Return the lead of `decides.method` over `decides.against`, and its parts."""
        decides = self.protocol.decides
        return found.leads(decides.method, decides.settings).loc[decides.against]

    def contrasts(self) -> pd.DataFrame:
        """Return the contrasts of the protocol under the settings of `decides`."""
        cells = {str(where): where for where in self.protocol.decides.settings}
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
        """Return mask statistics at the end of the runs, for methods that mix; see `MIXING`."""
        rows = [
            {
                "method": f"{self._label(method)}, {schedule}",
                "largest mask": f"{found['mask_peak']:.2f}",
                "distance of area and λ": f"{found['area_gap']:.2f}",
                "loss of mixed images": f"{found['mixed_loss']:.2f} ({len(runs)})",
            }
            for (method, schedule), runs in self.found.runs.items()
            if (found := mask_summary(runs))
        ]
        return pd.DataFrame(rows, columns=["method", *MASKS])

    def beyond(self) -> pd.DataFrame:
        """Return the evaluations of all methods under the first deciding setting, in percent."""
        where = self.protocol.decides.settings[0]
        columns = {
            heading: replace(self.found, metric=metric).table()[str(where)].str.removesuffix(" †")
            for heading, metric in BEYOND.items()
        }
        return self._named(pd.DataFrame(columns))

    @property
    def beyond_caption(self) -> str:
        """Caption of `beyond`."""
        where = self.protocol.decides.settings[0]
        changed = [
            f"{name} {setting} = {value}"
            for name, changes in self.experiment.evaluations.items()
            for setting, value in changes.items()
        ]
        settings = f" Settings: {', '.join(changed)}." if changed else ""
        return (
            f"Beyond accuracy, all methods under the same setting ({where}), in percent: mean ± "
            "sample standard deviation (number of seeds). Corrupted is the mean over kinds and "
            f"severities, occluded that over the hidden shares, of which the first is 0.{settings}"
        )

    def by_run(self) -> pd.DataFrame:
        """Return the argument of `figures.accuracy_by_method`, a row for a method and schedule."""
        rows = [
            {
                "row": f"{self._label(method)}, {schedule}",
                "method": self.experiment.method_of(method),
                "seed": run.seed,
                **{name: run.metric(name, self.found.metric) for name in PREDICTORS},
            }
            for (method, schedule), runs in self.found.runs.items()
            for run in runs
        ]
        frame = pd.DataFrame(rows, columns=["row", "method", "seed", *PREDICTORS])
        return frame.assign(**{name: 100 * frame[name].astype(float) for name in PREDICTORS})

    def accuracies(self) -> Figure | None:
        """Return the figure of every run's classifier and teacher; None without runs."""
        runs = self.by_run()
        return figures.accuracy_by_method(runs, ranked=False) if len(runs) else None

    def curves(self) -> Figure | None:
        """Return the figure of test accuracy by epoch, a panel a schedule; None without runs.

        Variants of methods are left out.
        """
        panels: dict[str, dict[str, list[pd.DataFrame]]] = {}
        for (method, schedule), runs in self.found.runs.items():
            if runs and method not in self.experiment.variants:
                panels.setdefault(schedule, {})[method] = [run.curve() for run in runs]
        return figures.accuracy_panels(panels) if panels else None

    def cost(self) -> pd.DataFrame:
        """Return the mean minutes of a run by method, device and precision."""
        rows = [
            {
                "method": method_title(run.method),
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

        With it the mean of every setting that was run and what was mixed there in the end, by the
        names of `quotes.means`, and each of the contrasts in words, by those of `quotes.contrasts`.
        """
        decides = self.protocol.decides
        ours, theirs = self._label(decides.method), self._label(decides.against)
        parts = self.found.parts(decides.method, decides.against)
        split = f"The lead over {theirs} cannot be split yet."
        if parts.reported.n:
            whole, setting, own = map(in_words, parts)
            split = (
                f"As the paper reports them, the lead of {ours} over {theirs} is {whole} points: "
                f"{setting} by the setting and {own} by the method."
            )
        return {
            "progress": f"Runs made so far: {len(self.runs)} of {len(self.statuses)}.",
            "split": split,
            "verdict": verdict(self.found, decides),
            **quotes.means(self.found, self.experiment.rows),
            **quotes.contrasts(self.found, self.protocol),
        }

    def _label(self, row: str) -> str:
        """Return a row's name in tables and figures."""
        return self.experiment.label(row)

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with the rows' displayed names as first column."""
        return frame.rename(index=self._label).reset_index()


def report(
    name: str,
    budget: str,
    *,
    train: bool = False,
    device: str = "auto",
    data: str | Path | None = None,
    time_limit: float | None = None,
) -> Report:
    """Return the report of an experiment with a protocol at one budget.

    Args:
        name: a key of `adautomix.results.registry.EXPERIMENTS`.
        budget: one of the experiment's.
        train: make missing runs first.
        device, data: device, and folder or file of the dataset; see `RunOptions`.
        time_limit: seconds until training stops; the next call resumes it.
    """
    experiment = get(name)
    numerics = decide(device, experiment.precision(budget))
    options = RunOptions(numerics, root=data, time_limit=time_limit)
    if train:
        run_all(experiment, budget, options)
    return Report(experiment, budget, statuses(experiment, budget, options))
