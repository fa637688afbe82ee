"""The prose of the pages: what was measured is glued and never typed, and pages have one shape."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*NOTEBOOKS, *sorted((ROOT / "book").glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)

TYPED = {
    "log.md": "a diary: every number was typed when it was measured, and the page says so",
}
"""Pages that may type what was measured, with the reason."""
ALLOWED = {
    "cluster.md": {"30 s": "how long torchrun waits for a process to end"},
    "how-made.md": {"1.6 MB": "the size of a vendored file"},
    "run-it.md": {"5 to 80 minutes": "what to expect of a budget, by method"},
}
"""Single numbers that a page may type, with the reason."""

# No prose: what is set by hand stands in code or in a formula, what was measured in a role.
NOT_PROSE = [
    r"(?s)^<!-- table: .*?<!-- end -->$",  # made from records by tools/refresh.py
    r"(?s)^(`{3,}|:{3,})\{(?:prf:\w+|math|code|literalinclude|glue:\w+|package)\}.*?^\1$",
    r"(?s)^```.*?^```$",
    r"^ {4}.*$",  # a command
    r"^:[\w-]+:.*$",  # an option of a directive
    r"(?s)\\begin\{align\}.*?\\end\{align\}",
    r"\$\$[^$]*\$\$",
    r"\$[^$]*\$",
    r"\{[\w:.]+\}`[^`]*`",
    r"`[^`]*`",
    r"\]\([^)]*\)",  # the target of a link
]
PLACE = r"(?:[A-Z]\.)?\d[\d.]*"
PLACES = [
    rf"(?:Sec|Eq|Fig|App|Algorithm|Tables?)\.?(?: |&nbsp;){PLACE}(?:,? (?:and |to )?{PLACE})*",
    r"\b[A-Z]\.\d[\d.]*",  # a section of the appendix
    r"\d+\.\d+\.\d+",  # a version
    r"95 % intervals?",
]
NUMBER = r"(?<![\w.,-])[+−]?\d[\d,]*(?:\.\d+)?"
UNIT = r"(?:points?|seconds?|minutes?|hours?|days?|ms|s|times|MiB|MB|GB|nats?|of)\b"
MEASURED = re.compile(
    rf"{NUMBER}(?: (?:to|and|or) {NUMBER})* {UNIT}"
    rf"|{NUMBER} ?%|{NUMBER}×(?!\d)"
    r"|(?<![\w.,-])[+−]?\d+\.\d+"
    r"|(?<![\w.,-])[+−]\d+"
)


def typed_results(text: str) -> list[str]:
    """Numbers of a text that look measured: with decimals, a sign, or a unit of a result."""
    for pattern in [*NOT_PROSE, *PLACES]:
        text = re.sub(pattern, " ", text, flags=re.MULTILINE)
    return [found.group().strip() for found in MEASURED.finditer(text)]


def text_of(page: Path) -> str:
    """The Markdown of a page; of a notebook with the captions and alternative texts of figures."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    parts = []
    for cell in json.loads(text)["cells"]:
        shown = cell["metadata"].get("mystnb", {})
        if cell["cell_type"] == "markdown":
            parts.append("".join(cell["source"]))
        parts += [shown.get("figure", {}).get("caption", ""), shown.get("image", {}).get("alt", "")]
    return "\n\n".join(filter(None, parts))


@each_page
def test_no_page_types_a_result(page: Path) -> None:
    if page.name in TYPED:
        pytest.skip(TYPED[page.name])
    found = typed_results(text_of(page))
    assert [each for each in found if each not in ALLOWED.get(page.name, {})] == []


def test_no_exception_outlives_its_number() -> None:
    for name, numbers in ALLOWED.items():
        assert set(numbers) <= set(typed_results(text_of(ROOT / "book" / name)))
    assert all(typed_results(text_of(ROOT / "book" / name)) for name in TYPED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The classifier reaches 82.3 % here.", ["82.3 %"]),
        ("It has 96% of the area.", ["96%"]),
        ("A step takes 3.9 times as long, +1.2 points.", ["3.9 times", "+1.2 points"]),
        ("AdAutoMix leads in 13 of 16 logs, after 3 to 5 minutes.", ["13 of", "3 to 5 minutes"]),
        ("The loss is 0.31; it is 4× that of before.", ["0.31", "4×"]),
        ("It reaches {glue:text}`a_b:.1f` % after 800 epochs with $\\beta = 0.3$.", []),
        ("Table 4, Sec. 4.2, Eq. 5 to 7, Tables 5, 8 and 11, A.2, Fig. 1(b), a 95 % interval", []),
        ("CIFAR-100, 1,797 digits, 32 × 32 pixels, MathJax 3.2.2, of 2024, `lr=0.1`", []),
        ("```bash\nmake 3.5\n```\n\n    sleep 0.5\n", []),
    ],
)
def test_a_typed_result_is_seen(text: str, found: list[str]) -> None:
    assert typed_results(text) == found


OPENING = re.compile(
    r"\(chap:[\w-]+\)=\n# .+\n\nThe (?:claim|question)\n: (?P<claim>.+)\n\n"
    r"What we did\n: (?P<did>.+)\n\nWhat we found\n: (?P<found>.+)",
    re.DOTALL,
)
LONGEST_OPENING = 45
ROLE = re.compile(r"\{[\w:.]+\}`[^`]*`|\$[^$]*\$")
SENTENCE_END = re.compile(r"(?<!\bSec)(?<!\bFig)(?<!\bEq)(?<!\bApp)[.?!](?= [A-Z]|$)")


def faults_of_shape(cells: list[str]) -> list[str]:
    """What keeps a notebook, as the sources of its cells, from the shape that all pages have.

    It opens with claim, work and finding, a short sentence each, and ends with how to read it, the
    verdict and the colophon.
    """
    opening = OPENING.fullmatch(cells[0].strip())
    faults = [] if opening else ["it does not open with claim, what we did, what we found"]
    for name, text in opening.groupdict().items() if opening else ():
        words = ROLE.sub("X", " ".join(text.split()))
        if len(SENTENCE_END.findall(words)) != 1:
            faults.append(f"{name}: not one sentence")
        if len(words.split()) > LONGEST_OPENING:
            faults.append(f"{name}: more than {LONGEST_OPENING} words")
    headings = re.findall(r"^## (.+)$", "\n\n".join(cells), re.MULTILINE)
    if headings[-2:] != ["How to read it", "Verdict"]:
        faults.append("it does not end with how to read it, and the verdict")
    if not cells[-1].startswith("notebook.colophon("):
        faults.append("its last cell is no colophon")
    return faults


@each_notebook
def test_every_page_has_one_shape(notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert faults_of_shape(["".join(cell["source"]) for cell in cells]) == []


GOOD = [
    "(chap:x)=\n# X\n\nThe claim\n: A is b (Sec. 3).\n\nWhat we did\n: We ran it.\n\n"
    "What we found\n: It is\n  {glue:text}`x:.1f` %.",
    "## How to read it\n\nWith care.\n\n## Verdict\n\nIt holds.",
    "notebook.colophon()",
]


@pytest.mark.parametrize(
    ("cell", "old", "new", "fault"),
    [
        (0, "What we did", "What we do", "does not open"),
        (0, "We ran it.", "We ran it. Twice.", "did: not one sentence"),
        (0, "A is b", "A is b" + " and c" * 40, "claim: more than"),
        (1, "## Verdict", "## The end", "the verdict"),
        (1, "## How to read it", "## Reading", "how to read it"),
        (2, "notebook.colophon()", "", "no colophon"),
    ],
)
def test_another_shape_is_seen(cell: int, old: str, new: str, fault: str) -> None:
    assert faults_of_shape(GOOD) == []
    changed = list(GOOD)
    changed[cell] = changed[cell].replace(old, new)
    assert any(fault in found for found in faults_of_shape(changed))
