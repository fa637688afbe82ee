"""Reading evaluations from records, as the arguments of figures and tables, without torch.

`adautomix.runs.evaluate` computes them, by the metrics of `adautomix.evaluate`.

The runs of a method are the local ones, or, if there are none, those recorded at this budget.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import PIL.Image

from adautomix import data
from adautomix.errors import RecordError
from adautomix.names import REGISTRY, title_of
from adautomix.record import Run
from adautomix.results import compare, paper
from adautomix.results.outcome import Results

BINS = ("low", "high", "count", "confidence", "accuracy")


def frame(results: Results, name: str, predictor: str = "classifier") -> pd.DataFrame:
    """Return all values of an evaluation: a row for each method and seed; lists stay lists."""
    return pd.DataFrame(
        {"method": row, "seed": run.seed, "run": run.id} | entry["values"]
        for row, run, entry in _entries(results, name, predictor)
    )


def numbers(
    results: Results, columns: Mapping[str, str], predictor: str = "classifier"
) -> pd.DataFrame:
    """Return a table of text with a row for each method: mean ± sd over seeds.

    `columns` maps a heading to a metric as in `Run.metric`, e.g. "calibration/ece"; a heading that
    ends in "(%)" is shown in percent.
    """
    rows = []
    for method in results.experiment.rows:
        runs = results.runs(method)
        found = {name: compare.summary(runs, predictor, each) for name, each in columns.items()}
        cells = {name: _text(summary, name) for name, summary in found.items()}
        rows.append({"method": title_of(method)} | cells)
    return pd.DataFrame(rows, columns=["method", *columns])


def headline(
    results: Results, metrics: Mapping[str, str], predictor: str = "classifier"
) -> dict[str, float]:
    """Return values for prose, in percent, by "<name>_<method>"; NaN if not run."""
    found = {
        f"{name}_{method}": compare.summary(results.runs(method), predictor, metric).mean
        for name, metric in metrics.items()
        for method in results.experiment.rows
    }
    return {name: float("nan") if v is None else 100 * v for name, v in found.items()}


def reliability(results: Results, predictor: str = "classifier") -> dict[str, pd.DataFrame]:
    """Return the argument of `figures.reliability_diagrams`: bins of each method's first seed."""
    rows = frame(results, "calibration", predictor).groupby("method", sort=False).first()
    return {
        method: pd.DataFrame({name: row[f"bin_{name}"] for name in BINS}).astype(float)
        for method, row in rows.iterrows()
    }


def errors(
    results: Results, conditions: Mapping[str, str], predictor: str = "classifier"
) -> pd.DataFrame:
    """Return the argument of `figures.error_bars`; `conditions` maps a title to a metric."""
    rows = [
        {"method": method, "condition": title, "error": found.mean, "sd": found.sd}
        for title, metric in conditions.items()
        for method in results.experiment.rows
        if (found := compare.summary(results.runs(method), predictor, metric)).n
    ]
    return pd.DataFrame(rows, columns=["method", "condition", "error", "sd"])


def by_corruption(results: Results, predictor: str = "classifier") -> pd.DataFrame:
    """Return the argument of `figures.corruption_accuracy`, a row for each run and severity."""
    rows = []
    for method, _, entry in _entries(results, "corruption", predictor):
        values, settings = entry["values"], entry["settings"]
        rows.append((method, "clean", 0, values["clean"]))
        for name in settings["corruptions"]:
            pairs = zip(settings["severities"], values[name], strict=True)
            rows += [(method, name, severity, value) for severity, value in pairs]
    return pd.DataFrame(rows, columns=["method", "corruption", "severity", "accuracy"])


def by_severity(results: Results, predictor: str = "classifier") -> pd.DataFrame:
    """Return a table of text: the mean over the corruptions by method and severity."""
    table = 100 * by_corruption(results, predictor).pivot_table(
        index="method", columns="severity", values="accuracy", sort=False
    )
    table = table.rename(columns=lambda level: f"severity {level} (%)" if level else "clean (%)")
    table.insert(0, "method", [title_of(method) for method in table.index])
    return table.map(lambda cell: cell if isinstance(cell, str) else f"{cell:.1f}")


def by_share(
    results: Results, predictor: str = "classifier", name: str = "occlusion"
) -> pd.DataFrame:
    """Return the argument of `figures.occlusion_curves`, a row for each method, share and seed."""
    rows = [
        (method, share, entry["values"][f"dropped_{round(100 * share):02d}"])
        for method, _, entry in _entries(results, name, predictor)
        for share in entry["settings"]["shares"]
    ]
    return pd.DataFrame(rows, columns=["method", "share", "accuracy"])


def chance(results: Results) -> float:
    """Return the chance level on the dataset of the runs: one over its number of classes."""
    runs = [run for method in results.experiment.rows for run in results.runs(method)]
    if not runs:
        raise RecordError("there is no run, so no dataset to guess on.")
    return 1 / data.info(runs[0].recipe["data"]).classes


def printed_by_share(dataset: str, backbone: str) -> pd.DataFrame:
    """Return the paper's Table 7 in the form of `by_share`, with the keys of registered methods."""
    keys = {each.title: key for key, each in REGISTRY.items()}
    rows = paper.select(7, dataset=dataset, backbone=backbone, metric="top1_percent")
    rows = rows[rows["method"] != "Gain"]
    method = rows["method"].map(lambda name: keys.get(name, name))
    return pd.DataFrame(
        {"method": method, "share": rows["occlusion"], "accuracy": rows["value"] / 100}
    )


def class_maps(
    results: Results, predictor: str = "classifier", root: str | None = None
) -> dict[str, object]:
    """Return the arguments of `figures.cam_grid`: the maps of each method's first seed."""
    rows = frame(results, "cam", predictor).groupby("method", sort=False).first()
    run = results.runs(rows.index[0])[0]
    first, second = (rows[f"shown_{which}"].iloc[0] for which in ("first", "second"))
    images = _as_seen(run, np.array([*first, *second]), root)
    pairs, shape = len(first), (len(first), 2)
    pixels = (images.images[:pairs].astype(int) + images.images[pairs:] + 1) // 2
    names = [images.classes[label] for label in images.labels]
    return {
        "mixed": {method: pixels.astype(np.uint8) for method in rows.index},
        "maps": {
            method: _enlarged(row["shown_maps"], (*shape, int(row["shown_cells"])), images)
            for method, row in rows.iterrows()
        },
        "classes": [list(pair) for pair in zip(names[:pairs], names[pairs:], strict=True)],
        "probabilities": {
            method: np.reshape(row["shown_probabilities"], shape) for method, row in rows.iterrows()
        },
    }


def _as_seen(run: Run, positions: np.ndarray, root: str | None) -> data.ImageSet:
    """Return images of the split that a run was evaluated on, as its network saw them."""
    images = data.read(run.recipe["data"], run.recipe["evaluate_on"], root=root).take(positions)
    side = run.recipe.get("augment", {}).get("side")
    if isinstance(images, data.ImageSet) and side is None:
        return images
    from adautomix.data.evaluation import seen  # with torch
    from adautomix.recipes import from_dict

    return seen(images, from_dict(run.recipe).augment)


def _enlarged(
    per_mille: list[int], shape: tuple[int, int, int], images: data.ImageSet
) -> np.ndarray:
    """Return maps (pairs, 2, h, w) in [0, 1] from the recorded cells."""
    pairs, n, cells = shape
    small = np.reshape(per_mille, (pairs * n, cells, cells)).astype(np.float32) / 1000
    size = (images.info.side,) * 2
    large = [
        np.array(PIL.Image.fromarray(m).resize(size, PIL.Image.Resampling.BILINEAR)) for m in small
    ]
    return np.clip(np.reshape(large, (pairs, n, *size)), 0, 1)


def _entries(results: Results, name: str, predictor: str) -> list[tuple[str, Run, dict]]:
    """Return method, run and entry of every run with an evaluation; RecordError if none has it."""
    found = [
        (method, run, entry)
        for method in results.experiment.rows
        for run in results.runs(method)
        if (entry := run.evaluation(name, predictor)) is not None
    ]
    if not found:
        raise RecordError(f"no run holds the evaluation {name!r} of its {predictor}.")
    return found


def _text(summary: compare.Summary, heading: str) -> str:
    """Return the text of a cell: percent with one digit, other values with three."""
    scale, digits = (100, 1) if heading.endswith("(%)") else (1, 3)
    return compare.mean_text(summary, scale, digits)
