"""Every claim of the paper is listed once, and what is said of it follows from records."""

import json
from dataclasses import replace
from statistics import fmean, stdev

import pytest

from adautomix.errors import InputError
from adautomix.pages import claim_checks, claims, verdicts
from adautomix.pages.claim import NOTHING, Claim, Found, Lead, Printed
from adautomix.pages.claim_checks import (
    each_term_helps,
    images_are_diverse,
    images_are_harder,
    objects_kept,
)
from adautomix.pages.compared import compared
from adautomix.pages.verdict import NOT_TESTED, VERDICTS
from adautomix.record import recorded
from adautomix.results import paper

CLAIMS = {claim.name: claim for claim in claims.CLAIMS}


def test_the_committed_file_is_what_the_records_say(root):
    written = (root / "data" / "claims.json").read_text(encoding="utf-8")
    assert written == verdicts.document(), "run `python tools/refresh.py`"


def test_each_claim_is_listed_once_and_says_what_would_settle_it(root):
    assert len(CLAIMS) == len(claims.CLAIMS)
    chapters = {path.stem.partition("-")[2] for path in (root / "notebooks").glob("*.ipynb")}
    for claim in claims.CLAIMS:
        assert claim.says.endswith(".")
        assert claim.section
        assert claim.settled_by
        assert not claim.page or claim.page in chapters
        assert claim.page or claim.evidence is None


def test_every_table_of_the_paper_has_a_claim():
    named = " ".join(claim.section for claim in claims.CLAIMS)
    assert all(f"Table {n}" in named for n in range(1, 12))
    columns = paper.table(1).groupby(["dataset", "backbone"]).ngroups
    assert sum(name.startswith("table-1-") for name in CLAIMS) == columns


def test_a_claim_shows_the_papers_best_two_numbers():
    first = CLAIMS["table-1-cifar-100-resnet-18"].printed
    assert first.in_words() == "82.32 (AdAutoMix), 82.04 (AutoMix)"
    assert CLAIMS["fgsm"].printed.in_words() == "75.66 (AdAutoMix), 80.52 (PuzzleMix)"
    assert len(Printed(7, {"backbone": "Swin-T", "occlusion": 0.5}).numbers()) == 4


def test_evidence_is_that_of_the_first_budget_with_common_seeds():
    lead = Lead("photodigits", ("smoke", "quick"), over=("mixup",))
    found = lead()
    assert found.scale == "PhotoDigits, quick"
    pool = {(run.name, run.budget, run.seed): run for run in recorded().all()}

    def top1(row: str, seed: int) -> float:
        return pool[f"photodigits/thin/{row}", "quick", seed].metric("classifier", "top1_median10")

    values = {
        row: [100 * top1(row, seed) for seed in range(found.seeds)]
        for row in ("adautomix", "mixup")
    }
    for row, label in {"adautomix": "AdAutoMix", "mixup": "MixUp"}.items():
        assert found.numbers[label] == pytest.approx((fmean(values[row]), stdev(values[row]), 3))
    differences = [a - b for a, b in zip(values["adautomix"], values["mixup"], strict=True)]
    assert found.lead["MixUp"].mean == pytest.approx(fmean(differences))
    assert {run.seed for run in pool.values() if run.id in found.records} == set(range(found.seeds))
    assert Lead("photodigits", ("smoke",))() is NOTHING


def test_of_an_error_less_is_better():
    more, less = (
        Lead("photodigits", ("quick",), over=("mixup",), less=less)() for less in (False, True)
    )
    assert less.lead["MixUp"].mean == -more.lead["MixUp"].mean
    assert less.numbers == more.numbers


def test_what_is_kept_of_the_objects_is_counted_from_one_over_n():
    found = objects_kept()
    runs = [
        r for r in recorded().all() if (r.name, r.budget) == ("photodigits/thin/mixup", "quick")
    ]
    expected = fmean(100 * (run.extras["kept_share"] - 1 / 2) for run in runs)
    assert found.numbers["MixUp"].mean == pytest.approx(expected)
    assert found.seeds == found.numbers["AdAutoMix"].n


def test_a_verdict_is_one_of_five_words():
    with pytest.raises(InputError, match=r"a verdict is one of holds, .*, not 'perhaps'"):
        Found("perhaps", "")
    made = [
        Claim(str(i), "It is.", "1", "it", evidence=lambda word=word: Found(word, "so it is"))
        for i, word in enumerate((*VERDICTS, VERDICTS[0]))
    ]
    assert verdicts.headline(made) == {
        "claims": 6,
        "holds": 2,
        "holds_in_part": 1,
        "does_not_hold": 1,
        "cannot_be_told": 1,
        "not_tested": 1,
        "tested": 5,
    }


def test_tables_have_a_row_for_each_claim_and_each_lead():
    shown = verdicts.tested_table(claims.CLAIMS, "tab:x").frame
    assert list(shown["verdict"]) == [claim.found.verdict for claim in claims.CLAIMS]
    assert set(shown.loc[shown["verdict"] == NOT_TESTED, "run here"]) == {""}
    rows = verdicts.leads(verdicts.judged(), "tab:x").frame
    assert len(rows) == sum(len(claim.found.lead) for claim in claims.CLAIMS)
    assert (
        rows.iloc[:, 2].str.fullmatch(r"[+-]\d+\.\d( \[[+-]\d+\.\d, [+-]\d+\.\d\])? \(\d\)").all()
    )


def test_the_page_has_the_verdicts_their_leads_and_what_is_open():
    judged = verdicts.judged(["4.1"])
    found = verdicts.tables(judged, ["4.1"])
    assert found["verdicts"].frame["claim"].to_list() == [claim.says for claim in judged]
    assert found["open"].frame.equals(verdicts.open_table(["4.1"]).frame)
    assert found["leads"].name == "tab:claims-leads"


def test_claims_of_some_sections_can_be_shown():
    some = [*verdicts.judged(["4.1"]), *verdicts.judged(["A.8"])]
    assert [c.name for c in verdicts.judged(["4.1", "A.8"])] == [c.name for c in some]
    rows = sum(len(verdicts.open_table([s]).frame) for s in ("4.5", "4.6"))
    assert rows == len(verdicts.open_table(["4.5", "4.6"]).frame) > 0
    assert len(verdicts.judged()) + len(verdicts.open_table().frame) == len(claims.CLAIMS)
    with pytest.raises(InputError, match=r"unknown section 'B\.9'"):
        verdicts.judged(["B.9"])


def test_an_entry_has_the_ids_of_its_runs_and_survives_json():
    claim = replace(CLAIMS["table-1-cifar-100-resnet-18"])
    entry = claim.document()
    assert json.loads(json.dumps(entry)) == entry
    known = {run.id for run in recorded().all()}
    assert entry["records"]
    assert set(entry["records"]) <= known
    assert entry["paper"]["numbers"]["AdAutoMix"] == 82.32


def test_claims_on_terms_and_masks_rest_on_recorded_runs_alone():
    for check, name in {
        each_term_helps: "loss-terms",
        images_are_harder: "mechanism",
        images_are_diverse: "mechanism",
    }.items():
        planned = {run.id for run in compared(name, "quick", own=False).every}
        found = check()
        assert set(found.records) <= planned
        assert (found is NOTHING) == (found.verdict == NOT_TESTED)


def test_a_term_is_a_lead_over_the_sum_before_it(made_runs, monkeypatch):
    order = ["Base", "Base + L_ace", "Base + L_ace + L_mce"]
    order += ["Base + L_ace + L_mce + teacher's L_amce", "adautomix"]
    top1 = {row: 0.8 + 0.01 * i for i, row in enumerate(order)}
    made_runs("loss-terms", lambda row, seed: {"top1": top1.get(row)})
    monkeypatch.setattr(claim_checks, "compared", lambda name, *_, **__: compared(name, "smoke"))
    found = each_term_helps()
    assert (found.verdict, found.seeds, len(found.records)) == ("holds", 3, 15)
    assert list(found.lead) == [
        *("the sum before L_ace", "the sum before L_mce"),
        *("the sum before the teacher's L_amce", "the sum before L_cosine"),
    ]
    assert [lead.mean for lead in found.lead.values()] == pytest.approx([1.0] * 4)
    assert found.numbers["Base"].mean == pytest.approx(80)
