"""The page on the ablations: Tables 5, 8, 9, 10 and 11, Fig. 6 and 10, beside our runs."""

from collections.abc import Mapping
from itertools import pairwise

import pandas as pd
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.figures import Table
from adautomix.methods import AdAutoMix
from adautomix.pages.compared import Compared, compared, top1
from adautomix.pages.verdict import Judged, above, in_prose, judge
from adautomix.record import Run
from adautomix.results import compare, paper
from adautomix.results.ablations import ABLATIONS
from adautomix.results.mechanism import LETTER, WITHOUT
from adautomix.results.protocol import PREDICTORS
from adautomix.results.setting_grid import points

METHOD, MECHANISM = "adautomix", "mechanism"
CIFAR = {"dataset": "CIFAR-100", "backbone": "ResNet-18", "metric": "top1_percent"}
SWEEPS = {"concentration": ("λ", "concentration"), "images": ("N", "n")} | {
    name: (symbol, name) for name, symbol in {"alpha": "α", "beta": "β"}.items()
}
"""Experiment → the symbol of the value that it changes, and the field of AdAutoMix."""
TERMS = ("L_ace", "L_mce", "the teacher's L_amce", "L_cosine")
"""The terms in the order in which Table 8 adds them."""
CLAIMS = {
    "loss-terms": "every added term raises the accuracy (Tables 5, 8)",
    "concentration": "λ = 1 is the best (Table 9, Fig. 6 d)",
    "images": "three images are the best number (Table 10, Fig. 6 c)",
    "alpha": "α = 0.5 is the best (Fig. 6 a)",
    "beta": "β = 0.3 is the best (Fig. 6 b)",
    MECHANISM: "the adversary raises the accuracy (Fig. 10)",
    "other-adversaries": "AdAutoMix is ahead of other adversarial augmentation (Table 11)",
}
"""Experiment → what the paper says of it."""


def runs(budget: str) -> dict[str, Compared]:
    """Return the finished runs of each experiment in `CLAIMS`."""
    return {name: compared(name, budget) for name in CLAIMS}


def all_runs(every: Mapping[str, Compared]) -> list[Run]:
    """Return the runs of all experiments, each once."""
    return list({run.id: run for found in every.values() for run in found.every}.values())


def row_value(name: str, row: str) -> float:
    """Return the value that a row of a sweep has; plain training has N = 1."""
    if row == METHOD:
        return float(getattr(AdAutoMix(), SWEEPS[name][1]))
    return float(row.rpartition(" = ")[2]) if " = " in row else 1.0


def rows_of(name: str, found: Compared) -> list[str]:
    """Return the rows in the order of the paper's table."""
    rows = list(found.experiment.rows)
    if name in SWEEPS:
        return sorted(rows, key=lambda row: row_value(name, row))
    if name == "loss-terms":
        *terms, twice = rows[1:]
        return [*terms, METHOD, twice]
    return [row for row in rows if name != MECHANISM or row in (WITHOUT, METHOD, LETTER)]


def label(name: str, row: str, found: Compared) -> str:
    """Return a row's name in the tables of an experiment."""
    if name in SWEEPS and row == METHOD:
        return f"{SWEEPS[name][0]} = {row_value(name, row):g}, the default"
    if name == "loss-terms" and row == METHOD:
        return "Base + all four, AdAutoMix"
    return found.experiment.label(row)


def printed(name: str, found: Compared) -> dict[str, dict[str, float]]:
    """Return the paper's numbers by heading and row, in percent; empty where it prints none."""
    terms = rows_of("loss-terms", found)[:-1] if name == "loss-terms" else []
    if name == "loss-terms":
        wider = paper.select(5, backbone="ResNeXt-50")["value"]
        return {
            "paper, ResNet-18 (%)": dict(zip(terms, paper.table(8)["value"], strict=True)),
            "paper, ResNeXt-50 (%)": dict(zip(terms[::2], wider, strict=True)),
        }
    if name == "concentration":
        by_value = {row_value(name, row): row for row in found.experiment.rows}
        return {
            f"paper, {net} (%)": {by_value[r.ratio]: r.value for r in rows.itertuples()}
            for net, rows in paper.table(9).groupby("backbone", sort=False)
        }
    if name == "images":
        by_value = {row_value(name, row): row for row in found.experiment.rows}
        metrics = {"": CIFAR["metric"], ", top 5": "top5_percent"}
        return {
            f"paper, ResNet-18{words} (%)": {
                by_value[r.n]: r.value
                for r in paper.select(10, **(CIFAR | {"metric": metric})).itertuples()
            }
            for words, metric in metrics.items()
        }
    if name == "other-adversaries":
        names = {"plain": "Baseline", "mixup": "MixUp", "dada": "DADA", "me_ada": "ME-ADA"}
        names |= {METHOD: "AdAutoMix"}  # the paper's SAMix is another method than ours
        column = {row: paper.value(11, method=method, **CIFAR) for row, method in names.items()}
        return {"paper, ResNet-18 (%)": column}
    return {}


def differences(
    name: str, found: Compared, predictor: str = "classifier"
) -> dict[str, compare.Paired]:
    """Return what the protocol compares: row → its difference from the row above, or the default.

    For the terms of the losses it is the row minus the one above it, else AdAutoMix minus the row.
    """
    measure = top1(predictor)
    if name == "loss-terms":
        steps = pairwise(rows_of(name, found)[:-1])
        return {row: found.lead(row, before, measure) for before, row in steps}
    return {row: found.lead(METHOD, row, measure) for row in rows_of(name, found) if row != METHOD}


def table(name: str, found: Compared) -> Table:
    """Return the table of an experiment: the paper's numbers, ours, and the differences."""
    given, leads = printed(name, found), differences(name, found)
    heading = "more than the row above" if name == "loss-terms" else "lead of the default"
    rows = [
        {"row": label(name, row, found)}
        | {title: _two(column.get(row)) for title, column in given.items()}
        | {f"{each} (%)": _accuracy(found, row, each) for each in PREDICTORS}
        | {f"{heading} (points)": points(leads[row]) if row in leads else ""}
        for row in rows_of(name, found)
    ]
    title = found.experiment.title
    caption = (
        f"{title}{'' if title.endswith('?') else '.'} PhotoDigits, quick: mean ± sample standard "
        "deviation (number of seeds); the difference of the classifiers with its 95 % interval "
        "over paired seeds. A blank cell was not run, or is not printed."
    )
    return Table(pd.DataFrame(rows), caption, f"tab:ablation-{name}")


def judged(name: str, found: Compared) -> Judged:
    """Return the verdict on what the paper says of an experiment."""
    leads = differences(name, found)
    if name == "loss-terms":
        return above({f"what {t} adds": leads[row] for t, row in zip(TERMS, leads, strict=True)})
    if name == MECHANISM:
        return above({"the lead over the same method without it": leads[WITHOUT]})
    others = {row: [each] for row, each in leads.items()}
    return judge(
        others, METHOD, label=lambda row: label(name, row, found).removesuffix(", the default")
    )


def verdicts(every: Mapping[str, Compared]) -> Table:
    """Return the table of claims and verdicts, one for each experiment."""
    rows = [
        {"the paper says": claim, "at this scale": in_prose(judged(name, every[name]))}
        for name, claim in CLAIMS.items()
    ]
    caption = "What the paper says of its ablations, and what our runs say of it."
    return Table(pd.DataFrame(rows), caption, "tab:ablation-verdicts")


def tables(every: Mapping[str, Compared]) -> dict[str, Table]:
    """Return the table of verdicts and that of each experiment, by the ends of their keys."""
    each = {name.replace("-", "_"): table(name, found) for name, found in every.items()}
    return {"verdicts_table": verdicts(every), **each}


def headline(every: Mapping[str, Compared]) -> dict[str, str | int | float]:
    """Return values for prose: how many runs there are, and how many claims have each verdict."""
    words = [judged(name, found).word for name, found in every.items()]
    planned = {
        each.job.id() for name, found in every.items() for each in found.experiment.planned("quick")
    }
    counts = {word: words.count(word) for word in dict.fromkeys(words)}
    return {
        "claims": len(words),
        "planned": len(planned),
        "there": len(all_runs(every)),
        "verdicts": ", ".join(f"{n} {word}" for word, n in counts.items()),
        "sweeps": len(SWEEPS),
        "tables": len(ABLATIONS),
        "adversary": AdAutoMix().adversary,
        "spectral": paper.value(11, method="SAMix"),
    }


def sweep(name: str, found: Compared) -> Figure:
    """Return the figure of the classifiers' accuracy by the value of a sweep."""
    symbol, field = SWEEPS[name]
    rows = [
        {"x": row_value(name, row), "y": 100 * y, "seed": seed}
        for row in found.experiment.rows
        for seed, y in found.values(row, top1("classifier")).items()
    ]
    frame = pd.DataFrame(rows, columns=["x", "y", "seed"])
    default = float(getattr(AdAutoMix(), field))
    if default not in set(frame["x"]):
        return figures.blank("no run is recorded")
    return figures.sensitivity(
        frame,
        xlabel=symbol,
        ylabel="test accuracy (%)",
        chosen=default,
        log_x=name == "concentration",
    )


def accuracies(name: str, found: Compared) -> Figure:
    """Return the figure of every run's accuracy, in the order of the table."""
    rows = [
        {"row": label(name, row, found), "method": run.method}
        | {each: top1(each)(run) for each in PREDICTORS}
        for row in rows_of(name, found)
        for run in found.runs[row]
    ]
    if not rows:
        return figures.blank("no run is recorded")
    frame = pd.DataFrame(rows)
    frame[[*PREDICTORS]] = 100 * frame[[*PREDICTORS]].astype(float)
    return figures.accuracy_by_method(frame, ranked=False)


def adversary_curves(found: Compared) -> Figure:
    """Return Fig. 10: the classifiers' accuracy over training, with and without the adversary."""
    curves = {row: [run.curve() for run in found.runs[row]] for row in (METHOD, WITHOUT)}
    curves = {row: made for row, made in curves.items() if made}
    if not curves:
        return figures.blank("no run is recorded")
    return figures.accuracy_curves(curves, predictors=("classifier",))


def _accuracy(found: Compared, row: str, predictor: str) -> str:
    mean = found.mean(row, top1(predictor))
    return f"{compare.mean_text(mean, 100)} ({mean.n})" if mean.n else ""


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
