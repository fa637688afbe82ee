"""Writes anew what is committed and computed from records: `python tools/refresh.py`.

These are the tables of README.md and of pages of the book, and data/claims.json.
"""

import re
from dataclasses import replace
from pathlib import Path

from adautomix.pages import cluster, own_models, verdicts
from adautomix.results import experiments, registry

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "book" / "own-models.md", ROOT / "book" / "cluster.md")
CLAIMS = ROOT / "data" / "claims.json"
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def updated(text: str) -> str:
    """The text with every marked table made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}{table(match[2])}{match[3]}", text)


def table(name: str) -> str:
    """The table of an experiment, of the claims that were tested, of models, or of recipes."""
    if name == "claims":
        return verdicts.markdown()
    if name == "timm-families":
        return own_models.families()
    if name == "recipes":
        return cluster.table()
    found = replace(experiments.obtain(name, run=False), local=()).table()
    return f"**{registry.get(name).title}.** {found.caption}\n\n{found.markdown()}"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
    CLAIMS.write_text(verdicts.document(), encoding="utf-8")
