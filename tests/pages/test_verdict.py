"""The verdict on a claim: what the intervals show, and what they leave open."""

import pytest

from adautomix.pages.verdict import above, best, in_prose, judge, listed
from adautomix.results.compare import Paired, difference

AHEAD = Paired(2.0, 0.1, 3, 1.0, 3.0)
BEHIND = Paired(-2.0, 0.1, 3, -3.0, -1.0)
EITHER = Paired(0.5, 1.0, 3, -1.0, 2.0)
LOWER = Paired(-0.5, 1.0, 3, -2.0, 1.0)
NOT_RUN = difference({}, {})
ONE, ONE_LOWER = difference({0: 2.0}, {0: 1.0}), difference({0: 1.0}, {0: 2.0})


@pytest.mark.parametrize(
    ("plain", "mixup", "verdict"),
    [
        (AHEAD, AHEAD, "holds at this scale: AdAutoMix is ahead of all others, shown over 3 paire"),
        (BEHIND, AHEAD, "does not hold at this scale: Vanilla is ahead of AdAutoMix, shown over 3"),
        (BEHIND, BEHIND, "does not hold at this scale: Vanilla and MixUp are ahead of AdAutoMix,"),
        (
            EITHER,
            AHEAD,
            "holds in part at this scale: a lead is shown over 3 paired seeds, but only",
        ),
        (NOT_RUN, AHEAD, "holds in part"),
        (
            EITHER,
            LOWER,
            "cannot be told at this scale (intervals over 3 paired seeds contain 0); by the means "
            "MixUp is ahead of AdAutoMix",
        ),
        (
            ONE,
            ONE_LOWER,
            "cannot be told at this scale (one seed of each method); MixUp is ahead of AdAutoMix",
        ),
        (
            ONE,
            ONE,
            "cannot be told at this scale (one seed of each method); AdAutoMix is ahead of all "
            "others",
        ),
        (
            EITHER,
            NOT_RUN,
            "cannot be told at this scale (intervals over 3 paired seeds contain 0); by the means "
            "AdAutoMix is ahead of Vanilla; MixUp was not run",
        ),
        (NOT_RUN, NOT_RUN, "cannot be told, as no run is recorded"),
    ],
)
def test_each_outcome_has_its_words(plain, mixup, verdict):
    assert best({"plain": [plain], "mixup": [mixup]}).startswith(verdict)


def test_a_lead_that_is_not_shown_everywhere_is_no_lead():
    assert best({"plain": [AHEAD, AHEAD]}).startswith("holds at")
    assert best({"plain": [AHEAD, EITHER]}).startswith("cannot be told")
    assert best({"plain": [AHEAD, BEHIND]}, at=" at some share") == (
        "does not hold at this scale: Vanilla is ahead of AdAutoMix at some share, shown over 3 "
        "paired seeds"
    )


def test_the_seeds_are_those_of_the_leads_that_are_named():
    behind = BEHIND._replace(n=2)
    assert judge({"plain": [BEHIND], "mixup": [behind]}).why.endswith("over 2 to 3 paired seeds")
    assert judge({"plain": [BEHIND], "mixup": [EITHER._replace(n=2)]}).why.endswith(
        "Vanilla is ahead of AdAutoMix, shown over 3 paired seeds"
    )


def test_names_are_listed_as_in_a_sentence():
    assert listed(["plain"]) == "Vanilla"
    assert listed(["plain", "mixup", "cutmix"]) == "Vanilla, MixUp and CutMix"


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        (AHEAD, AHEAD, "holds at this scale: one and other are above 0, over 3 paired seeds"),
        (
            AHEAD,
            EITHER,
            "holds in part at this scale: one is above 0, other is not settled, over 3 paired "
            "seeds",
        ),
        (
            AHEAD,
            BEHIND,
            "does not hold at this scale: one is above 0, other is below 0, over 3 paired seeds",
        ),
        (
            EITHER,
            LOWER,
            "cannot be told at this scale: one and other are not settled, over 3 paired seeds",
        ),
        (
            ONE,
            NOT_RUN,
            "cannot be told at this scale: one is not settled, by one seed; other was not run",
        ),
        (NOT_RUN, NOT_RUN, "cannot be told, as no run is recorded"),
    ],
)
def test_differences_are_above_zero_or_named(one, other, sentence):
    assert in_prose(above({"one": one, "other": other})) == sentence
