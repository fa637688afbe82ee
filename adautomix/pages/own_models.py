"""The table of timm's families on the page on models of one's own, from the recorded benchmark.

Nothing here imports torch.
"""

import pandas as pd

from adautomix.pages.efficiency import latest


def families() -> str:
    """Return the table as Markdown, a row a model in the order of the record, under its title."""
    bench = latest("models")
    versions = bench.provenance["versions"]
    rows = bench.rows.sort_values(["family", "model"])
    lines = [
        f"**{len(rows)} models of {rows['family'].nunique()} families of timm {versions['timm']}, "
        f"each in one step of AdAutoMix under torch {versions['torch']}: {_counted(rows)}.**",
        "",
        "| family | model | images (px) | features at the tap | trains with AdAutoMix |",
        "|:--|:--|--:|:--|:--|",
    ]
    for row in rows.itertuples():
        tapped = f', `tap="{row.tap}"`' if isinstance(row.tap, str) else ""
        why = f" ({row.why})" if row.why else ""
        lines.append(
            f"| {row.family} | `{row.model}` | {row.side} | {row.features or ''} | "
            f"{row.verdict}{tapped}{why} |"
        )
    return "\n".join(lines) + "\n"


def _counted(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
