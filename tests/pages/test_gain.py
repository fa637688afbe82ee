"""The page on who earns the gain: what it quotes, and which tables it shows."""

from dataclasses import replace

import pytest

from adautomix import figures, recipes
from adautomix.pages import gain
from adautomix.results import paper
from adautomix.results.report import report


@pytest.fixture
def reported(monkeypatch, tmp_path):
    """The report at a budget, of the recorded runs alone."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    return lambda budget: report("reporting", budget, device="cpu")


def test_the_claim_is_judged_by_the_rule_of_the_protocol(reported, monkeypatch):
    lite = reported("lite")
    words = gain.headline(lite)
    assert words.items() >= lite.headline().items()
    phrase = words["verdict"].partition(":")[0]
    assert words["claim"] == gain.WORDS[phrase]
    monkeypatch.setattr(gain, "outcome", lambda found, decision: gain.NOT_EARNED)
    assert gain.headline(lite)["claim"] == "does not hold under the same setting"
    short = reported("short")
    assert f": {len(short.runs)} of" in gain.headline(short)["progress"]


def test_what_is_quoted_is_the_paper_s_and_the_package_s():
    found = gain.quoted()
    where = {"dataset": "CIFAR-100", "backbone": "ResNet-18"}
    assert found["paper_adautomix"] == paper.value(1, method="AdAutoMix", **where)
    assert found["paper_vanilla"] == paper.value(1, method="Vanilla", **where)
    assert found["adversary"] == recipes.get("photodigits/thin/adautomix").method.adversary


def test_of_blank_tables_the_first_is_enough(reported):
    short = reported("short")
    assert 0 < len(short.runs) < 3
    shown = [each.name for each in gain.tables(short, "tab:x")]
    assert shown[0] == "tab:x-accuracy"
    assert "tab:x-seeds" not in shown
    blank = replace(short, statuses=())
    assert [each.name for each in gain.tables(blank, "tab:x")] == ["tab:x-accuracy"]
    lite = reported("lite")
    assert len(gain.tables(lite, "tab:x")) == len(lite.tables("tab:x"))
    assert ":name: tab:gain-logs\n" in figures.markdown_table(*gain.logs_table())
