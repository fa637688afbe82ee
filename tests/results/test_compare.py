"""Summaries and tables, against the statistics module, printed t values and tables made by hand."""

import math
import statistics
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adautomix.errors import InputError
from adautomix.figures import markdown_table
from adautomix.record import Run
from adautomix.results import compare

PLAIN, OURS = "cifar100/resnet18/plain", "cifar100/resnet18/adautomix"
PAPER = pd.DataFrame(
    [
        ("Vanilla", "top1_percent", 78.04),
        ("MixUp", "top1_percent", 79.12),
        ("AdAutoMix", "top1_percent", 82.32),
        ("Gain", "top1_percent", 0.28),
    ],
    columns=["method", "metric", "value"],
)


def made(values: dict[int, float], budget: str = "quick", **recipe: object) -> list[Run]:
    """Runs of one recipe from seed → accuracy, without files."""
    return [
        Run(
            id=f"plain-cifar100-{budget}-s{seed}",
            name=PLAIN,
            recipe=recipe,
            budget=budget,
            seed=seed,
            metrics={"classifier": {"top1": value}},
            provenance={},
            evaluations=[],
            extras={},
            path=Path(),
        )
        for seed, value in values.items()
    ]


# --- over seeds ---------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_summary_is_what_the_statistics_module_says(values):
    found = compare.summary(made(dict(enumerate(values))), "classifier", "top1")
    assert found.mean == pytest.approx(statistics.mean(values))
    assert found.sd == pytest.approx(statistics.stdev(values))
    assert found.n == len(values)


def test_summary_by_hand():
    found = compare.summary(made({0: 0.80, 1: 0.82, 5: 0.84}), "classifier", "top1")
    assert found == (pytest.approx(0.82), pytest.approx(0.02), 3)


def test_one_run_has_no_spread_and_no_run_no_mean():
    assert compare.summary(made({0: 0.5}), "classifier", "top1") == (0.5, None, 1)
    assert compare.summary([], "classifier", "top1") == (None, None, 0)
    assert compare.summary(made({0: 0.5}), "teacher", "top1") == (None, None, 0)


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        (made({1: 0.5}, budget="lite"), "one recipe and budget"),
        (made({1: 0.5}, alpha=2), "one recipe and budget"),
        (made({0: 0.5}), "a seed counts once"),
    ],
)
def test_runs_that_do_not_belong_together_are_not_averaged(others, sentence):
    with pytest.raises(InputError, match=sentence):
        compare.summary([*made({0: 0.4}), *others], "classifier", "top1")


def test_paired_difference_by_hand():
    a, b = made({0: 0.83, 1: 0.80, 2: 0.86, 7: 0.1}, x=1), made({2: 0.82, 0: 0.81, 1: 0.80, 8: 0.9})
    found = compare.paired(a, b, "classifier", "top1")
    half = 4.302653 * 0.02 / math.sqrt(3)  # t(0.975, 2) as tables print it
    expected = (0.02, 0.02, 3, 0.02 - half, 0.02 + half)
    assert found == pytest.approx(expected, abs=1e-7)


def test_paired_needs_common_seeds_and_one_budget():
    assert compare.paired(made({0: 0.5}), made({1: 0.4}), "classifier", "top1") == (
        *(None, None, 0),
        *(None, None),
    )
    one = compare.paired(made({0: 0.5}), made({0: 0.25}), "classifier", "top1")
    assert one == (0.25, None, 1, None, None)
    with pytest.raises(InputError, match="different budgets cannot be compared: lite, quick"):
        compare.paired(made({0: 0.5}), made({0: 0.4}, budget="lite"), "classifier", "top1")


# --- the table of an experiment -----------------------------------------------------------------


@pytest.fixture
def comparison(run) -> compare.Comparison:
    """Two methods with runs at two budgets, one of them with a teacher, beside the paper."""

    def both(value: float, teacher: float) -> dict:
        return {"classifier": {"top1_median10": value}, "teacher": {"top1_median10": teacher}}

    runs = [
        run(PLAIN, top1=0.70),
        run(PLAIN, seed=1, top1=0.72),
        run(OURS, metrics=both(0.75, 0.76)),
        run(PLAIN, budget="paper", top1=0.78),
        run("cifar100/resnet18/other", top1=0.99),
    ]
    own = [run(OURS, seed=1, budget="short", metrics=both(0.7731, 0.8))]
    rows = {"AdAutoMix": OURS, "Vanilla": PLAIN, "New rule": "cifar100/resnet18/new"}
    return compare.table(rows, paper=PAPER, recorded=runs, local=own)


def test_display_by_hand(comparison):
    shown = comparison.display()
    assert shown.index.to_list() == ["Vanilla", "MixUp", "AdAutoMix", "New rule"]
    assert shown.to_dict("list") == {
        "paper reports (%)": ["78.04", "79.12", "82.32", ""],
        "recorded, quick, classifier (%)": ["71.00 ± 1.41 (2)", "", "75.00 (1)", ""],
        "recorded, quick, teacher (%)": ["", "", "76.00 (1)", ""],
        "recorded, paper, classifier (%)": ["78.00 (1)", "", "", ""],
        "run here, short, classifier (%)": ["", "", "77.31 (1)", ""],
        "run here, short, teacher (%)": ["", "", "80.00 (1)", ""],
    }


def test_a_table_of_a_page_has_the_methods_as_a_column(comparison):
    frame, caption, label = comparison.numbered("tab:x")
    assert frame.set_index("method").equals(comparison.display())
    assert (caption, label) == (comparison.caption, "tab:x")
    assert markdown_table(frame, caption, label).startswith(":::{table} Top-1")


def test_long_form_keeps_numbers_blanks_and_ids(comparison):
    long = comparison.long.set_index(["source", "budget", "predictor", "method"])
    assert len(long) == 6 * 4
    cell = long.loc[("recorded", "quick", "classifier", "Vanilla")]
    assert (cell["mean"], cell["n"]) == (pytest.approx(0.71), 2)
    assert [name[:24] for name in cell["runs"]] == [
        "plain-cifar100-quick-s0-",
        "plain-cifar100-quick-s1-",
    ]
    blank = long.loc[("recorded", "quick", "teacher", "Vanilla")]
    assert math.isnan(blank["mean"])
    assert (blank["n"], len(blank["runs"])) == (0, 0)
    assert long.loc[("paper", "", "", "AdAutoMix")]["mean"] == pytest.approx(0.8232)
    assert set(long["metric"]) == {"top1_median10"}


def test_markdown_and_html_show_the_same_cells(comparison):
    lines = comparison.markdown().splitlines()
    assert lines[0].startswith("| method | paper reports (%) | recorded, quick, classifier (%) |")
    assert lines[1] == "| --- |" + " ---: |" * 6
    assert lines[2] == "| Vanilla | 78.04 | 71.00 ± 1.41 (2) |  | 78.00 (1) |  |  |"
    assert len(lines) == 6
    page = comparison._repr_html_()
    assert "<td>71.00 ± 1.41 (2)</td>" in page
    assert "A blank cell was not run." in page
    assert "nan" not in page.lower()


def test_without_the_paper_rows_keep_their_order(run):
    found = compare.table({"B": OURS, "A": PLAIN}, local=[run(PLAIN, top1=0.5)])
    assert found.display().to_dict() == {
        "run here, quick, classifier (%)": {"B": "", "A": "50.00 (1)"}
    }


def test_a_table_of_nothing_keeps_its_rows(run):
    found = compare.table({"B": OURS}, paper=PAPER.iloc[:0])
    assert found.display().to_dict() == {"paper reports (%)": {"B": ""}}
    assert compare.table({"B": OURS}).markdown() == "| method |\n| --- |\n| B |\n"


def test_losses_are_not_percent(run):
    one = run(PLAIN, metrics={"classifier": {"loss_last": 1.23456}})
    found = compare.table({"Vanilla": PLAIN}, recorded=[one], metric="loss_last")
    assert found.display().to_dict() == {"recorded, quick, classifier": {"Vanilla": "1.2346 (1)"}}
    assert "percent" not in found.caption


def test_two_recipes_of_one_name_do_not_share_a_cell(run):
    runs = [run(PLAIN), run(PLAIN, seed=1, recipe={"alpha": 2})]
    with pytest.raises(InputError, match="one recipe and budget"):
        compare.table({"Vanilla": PLAIN}, recorded=runs)


def test_a_part_of_the_paper_with_two_numbers_a_method_is_refused():
    with pytest.raises(InputError, match="several numbers for AdAutoMix, MixUp, Vanilla: narrow"):
        compare.table({}, paper=pd.concat([PAPER, PAPER]))
