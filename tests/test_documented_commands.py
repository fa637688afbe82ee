"""Every command line that a page shows can be parsed: none speaks of an option that is gone."""

import re
import shlex

import pytest

from adautomix.cli.main import parser

PAGES = ["README.md", "book", "data/README.md", "data/runs/README.md", "notebooks"]
LINE = re.compile(r"^\s*(?:[A-Z_]+=\S+ )*(adautomix .*?)(?:\s+#.*|\s\|.*)?$", re.MULTILINE)
INLINE = re.compile(r"`(?:[A-Z_]+=\S+ )*(adautomix [^`…|]+)`")
FENCE = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def documented(root):
    """(page, command line) of each line in a bash block and each inline command."""
    for place in PAGES:
        top = root / place
        for page in [top] if top.is_file() else sorted(top.glob("*.[mi][dp]*")):
            text = page.read_text(encoding="utf-8")
            lines = [line for block in FENCE.findall(text) for line in LINE.findall(block)]
            for line in lines + INLINE.findall(text):
                yield page.name, line.strip()


def test_they_are_found(root):
    found = list(documented(root))
    assert len(found) > 15
    assert ("README.md", "adautomix doctor") in found


def test_each_can_be_parsed(root):
    for page, line in documented(root):
        words = shlex.split(line.replace("\\n", ""))[1:]
        if len(words) > 1 or words[0] in ("doctor", "book"):  # `adautomix train` names the command
            try:
                parser().parse_args(words)
            except (Exception, SystemExit) as error:
                pytest.fail(f"{page}: {line}: {error}")
