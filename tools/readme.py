"""Writes the headline table of README.md anew from the recorded runs: `python tools/readme.py`."""

import re
from dataclasses import replace
from pathlib import Path

from adautomix.results import experiments, registry

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def updated(text: str) -> str:
    """The text with every marked table made anew."""

    def table(match: re.Match) -> str:
        found = replace(experiments.obtain(match[2], run=False), local=()).table()
        title = registry.get(match[2]).title
        return f"{match[1]}**{title}.** {found.caption}\n\n{found.markdown()}{match[3]}"

    return BLOCK.sub(table, text)


if __name__ == "__main__":
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
