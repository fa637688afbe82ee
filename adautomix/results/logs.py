"""Numbers of the authors' training logs, as a table."""

import pandas as pd

from adautomix.results import paper


def logs(
    backbone: str = "ResNet-18", dataset: str = "CIFAR-100", epochs: int = 200
) -> pd.DataFrame:
    """Return top-1 of classifier and teacher in percent, and learning rates, of the authors' logs.

    The numbers were not measured here; they are those of `data/paper/released_logs.csv`.
    """
    rows = paper.select("released_logs", backbone=backbone, dataset=dataset, epochs=epochs)
    top1 = rows[rows["metric"] == "top1_percent"].pivot(
        index="method", columns="predictor", values="value"
    )
    rates = rows[rows["metric"] != "top1_percent"].pivot(
        index="method", columns="metric", values="value"
    )
    found = top1.reindex(list(dict.fromkeys(rows["method"])))
    shown = pd.DataFrame(index=found.index)
    shown["classifier (%)"] = [f"{value:.2f}" for value in found["classifier"]]
    shown["teacher (%)"] = ["" if value != value else f"{value:.2f}" for value in found["teacher"]]
    shown["learning rate"] = [
        f"{first:g} to {last:g}"
        for first, last in rates.loc[found.index, ["lr_first", "lr_last"]].itertuples(index=False)
    ]
    return shown.reset_index()
