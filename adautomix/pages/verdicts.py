"""The verdicts on the paper's claims as tables, as numbers for prose, and as `data/claims.json`.

`python tools/refresh.py` writes the file; a test compares it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from adautomix.errors import unknown
from adautomix.figures import Table
from adautomix.pages.claim import Claim
from adautomix.pages.claims import CLAIMS
from adautomix.pages.verdict import NOT_TESTED, VERDICTS
from adautomix.results import compare


def document() -> str:
    """Return the text of `data/claims.json`."""
    return json.dumps([claim.document() for claim in CLAIMS], indent=1, ensure_ascii=False) + "\n"


def headline(claims: Sequence[Claim] = CLAIMS) -> dict[str, int]:
    """Return the number of claims, and of each verdict with "_" between its words, for prose."""
    counts = Counter(claim.found.verdict for claim in claims)
    named = {verdict.replace(" ", "_"): counts[verdict] for verdict in VERDICTS}
    return {"claims": len(claims), **named, "tested": len(claims) - counts[NOT_TESTED]}


def tables(judged: Sequence[Claim], sections: Sequence[str] | None = None) -> dict[str, Table]:
    """Return the tables of the page: verdicts, the leads that they rest on, and what is open."""
    return {
        "verdicts": tested_table(judged, "tab:claims"),
        "leads": leads(judged, "tab:claims-leads"),
        "open": open_table(sections),
    }


def tested_table(claims: Sequence[Claim], label: str) -> Table:
    """Return the table: claim, the paper's numbers, what was run, verdict and reason."""
    rows = [
        {
            "claim": claim.says,
            "section": claim.section,
            "the paper's numbers": "" if claim.printed is None else claim.printed.in_words(),
            "run here": _scale(claim),
            "verdict": claim.found.verdict,
            "because": claim.found.why,
        }
        for claim in claims
    ]
    columns = ["claim", "section", "the paper's numbers", "run here", "verdict", "because"]
    frame = pd.DataFrame(rows, columns=columns)
    return Table(frame, "Claims, evidence and verdicts, at the scale that was run.", label)


def judged(sections: Sequence[str] | None = None) -> list[Claim]:
    """Return the claims that something was run for; those of some sections, or all."""
    return [claim for claim in _of(sections) if claim.found.verdict != NOT_TESTED]


def open_table(sections: Sequence[str] | None = None) -> Table:
    """Return the table of the claims that nothing was run for, with what would settle each."""
    rows = [
        {
            "claim": claim.says,
            "section": claim.section,
            "the paper's numbers": "" if claim.printed is None else claim.printed.in_words(),
            "what would settle it": claim.settled_by,
        }
        for claim in _of(sections)
        if claim.found.verdict == NOT_TESTED
    ]
    columns = ["claim", "section", "the paper's numbers", "what would settle it"]
    return Table(pd.DataFrame(rows, columns=columns), "Claims not tested yet.", "tab:claims-open")


def _of(sections: Sequence[str] | None) -> list[Claim]:
    """Return the claims whose section begins with one of these words, in order; None for all.

    Raises InputError for a section without a claim.
    """
    for section in sections or ():
        if not any(claim.section.startswith(section) for claim in CLAIMS):
            raise unknown("section", section, sorted({claim.section for claim in CLAIMS}))
    starts = ("",) if sections is None else tuple(sections)
    return [claim for claim in CLAIMS if claim.section.startswith(starts)]


def markdown() -> str:
    """Return the claims that were tested as a table of plain Markdown, for README.md."""
    frame = tested_table(judged(), "tab:claims").frame.drop(columns=["section", "because"])
    lines = [list(frame), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _scale(claim: Claim) -> str:
    """Return on what a claim was tested, with the number of seeds."""
    found = claim.found
    if not found.seeds:
        return found.scale
    return f"{found.scale}, {found.seeds} seed{'s' if found.seeds > 1 else ''}"


def leads(claims: Sequence[Claim], label: str) -> Table:
    """Return the table of the leads that verdicts rest on, with their 95 % intervals."""
    rows: list[dict[str, Any]] = [
        {"claim": claim.says, "over": over, "lead (points) [95 %] (seeds)": _interval(lead)}
        for claim in claims
        for over, lead in claim.found.lead.items()
    ]
    columns = ["claim", "over", "lead (points) [95 %] (seeds)"]
    frame = pd.DataFrame(rows, columns=columns)
    return Table(frame, "AdAutoMix's leads, positive where it is better.", label)


def _interval(lead: compare.Paired) -> str:
    """Return a lead as "+1.0 [-0.2, +2.2] (3)"; without an interval for one seed."""
    within = "" if lead.low is None else f" [{lead.low:+.1f}, {lead.high:+.1f}]"
    return f"{lead.mean:+.1f}{within} ({lead.n})"
