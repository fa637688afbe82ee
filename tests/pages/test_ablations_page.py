"""The page on the ablations: the paper's numbers in their rows, and verdicts that are known."""

import pytest

from adautomix import figures
from adautomix.pages import ablations
from adautomix.pages.compared import compared
from adautomix.results import paper
from adautomix.results.ablations import ABLATIONS

TERMS = ["Base", "Base + L_ace", "Base + L_ace + L_mce", "Base + L_ace + L_mce + teacher's L_amce"]


def ranked(*order):
    """Accuracies that rise by a point from each row to the next, and scatter over the seeds."""
    return lambda row, seed: {
        "top1": 0.8 + 0.01 * order.index(row) + 0.001 * seed if row in order else None
    }


def test_every_number_of_the_paper_stands_in_its_row(made_runs):
    every = ablations.runs("smoke")
    shown = {
        name: ablations.table(name, found).frame.set_index("row") for name, found in every.items()
    }
    terms, ratios = shown["loss-terms"], shown["concentration"]
    assert terms["paper, ResNet-18 (%)"].to_list() == [
        *(f"{value:.2f}" for value in paper.table(8)["value"]),
        "",
    ]
    assert terms.loc["Base + L_ace + L_mce", "paper, ResNeXt-50 (%)"] == "84.12"
    assert ratios.loc["λ = 5", "paper, ResNet-18 (%)"] == "80.02"
    assert ratios.loc["λ = 1, the default", "paper, ResNeXt-50 (%)"] == "84.40"
    assert shown["images"].loc["N = 2", "paper, ResNet-18 (%)"] == "82.16"
    assert shown["images"].loc["N = 2", "paper, ResNet-18, top 5 (%)"] == "95.88"
    assert shown["images"].loc["Vanilla", "paper, ResNet-18 (%)"] == "78.04"
    others = shown["other-adversaries"]["paper, ResNet-18 (%)"]
    assert (others["ME-ADA"], others["SAMix"], others["AdAutoMix"]) == ("77.45", "", "81.55")
    assert list(shown["alpha"].index) == [
        *("α = 0.1", "α = 0.3", "α = 0.5, the default", "α = 0.7", "α = 0.9")
    ]
    assert "" in set(shown["alpha"]["classifier (%)"])


def test_a_term_is_judged_by_what_it_adds_to_the_row_above(made_runs):
    made_runs("loss-terms", ranked(*TERMS, "adautomix"))
    found = compared("loss-terms", "smoke")
    steps = ablations.differences("loss-terms", found)
    assert list(steps) == [*TERMS[1:], "adautomix"]
    assert [step.mean for step in steps.values()] == pytest.approx([0.01] * 4)
    assert ablations.judged("loss-terms", found).word == "holds"
    frame = ablations.table("loss-terms", found).frame.set_index("row")
    assert frame.loc["Base", "more than the row above (points)"] == ""
    assert frame.loc["Base + L_ace", "more than the row above (points)"].startswith("+1.00 [")
    assert frame.loc["Base", "classifier (%)"] == "80.10 ± 0.10 (3)"


def test_a_term_that_costs_accuracy_is_named(made_runs):
    made_runs("loss-terms", ranked(TERMS[1], TERMS[0], *TERMS[2:], "adautomix"))
    found = ablations.judged("loss-terms", compared("loss-terms", "smoke"))
    assert found.word == "does not hold"
    assert found.why.startswith("what L_ace adds is below 0, what L_mce adds, what the teacher's")


def test_a_default_is_the_best_if_it_leads_every_other_value(made_runs):
    order = ("α = 0.1", "α = 0.9", "α = 0.3", "α = 0.7", "adautomix")
    made_runs("alpha", ranked(*order))
    found = compared("alpha", "smoke")
    assert ablations.judged("alpha", found).word == "holds"
    (ax,) = ablations.sweep("alpha", found).axes
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.1", "0.3", "0.5", "0.7", "0.9"]
    assert [text.get_text() for text in ax.texts] == ["chosen, 84.1"]


def test_another_value_that_is_ahead_is_named(made_runs):
    made_runs("beta", ranked("adautomix", "β = 0.1"))
    found = ablations.judged("beta", compared("beta", "smoke"))
    assert found.word == "does not hold"
    assert found.why == "β = 0.1 is ahead of β = 0.3, shown over 3 paired seeds"


def test_the_headline_counts_runs_and_verdicts(made_runs):
    made_runs("images", ranked("plain", "N = 2", "N = 4", "N = 5", "adautomix"))
    every = ablations.runs("smoke")
    said = ablations.headline(every)
    shared = {"adautomix", "plain"}  # of which other experiments have the same runs
    assert said["there"] == 3 * (3 + len(shared))
    assert said["claims"] == len(ABLATIONS) + 1
    assert said["verdicts"] == "5 cannot be told, 1 holds, 1 holds in part"  # over plain alone
    planned = {
        e.job.id() for n in (*ABLATIONS, "mechanism") for e in every[n].experiment.planned("smoke")
    }
    assert said["planned"] == len(planned)


def test_without_runs_figures_are_blank(made_runs):
    every = ablations.runs("smoke")
    drawn = [ablations.sweep(name, every[name]) for name in ablations.SWEEPS]
    drawn.append(ablations.accuracies("loss-terms", every["loss-terms"]))
    drawn.append(ablations.adversary_curves(every["mechanism"]))
    assert {figure.axes[0].texts[0].get_text() for figure in drawn} == {"no run is recorded"}
    table = ablations.verdicts(every)
    assert ":name: tab:ablation-verdicts\n" in figures.markdown_table(*table)
    captions = [ablations.table(name, each).caption for name, each in every.items()]
    assert [each for each in captions if "?." in each or " quick" not in each] == []
    assert set(table.frame["at this scale"]) == {"cannot be told, as no run is recorded"}


def test_figures_show_every_run(made_runs):
    made_runs("loss-terms", ranked(*TERMS, "adautomix"))
    made_runs("mechanism", ranked("AdAutoMix, no adversary", "adautomix"))
    every = ablations.runs("smoke")
    (ax,) = ablations.accuracies("loss-terms", every["loss-terms"]).axes
    assert ax.get_yticklabels()[0].get_text() == "Base"
    assert len(ax.get_yticklabels()) == 5
    (ax,) = ablations.adversary_curves(every["mechanism"]).axes
    assert len([line for line in ax.lines if line.get_marker() == "o"]) == 2
