"""A reported lead and its parts, against sums made by hand; what was not run stays blank."""

from dataclasses import replace
from pathlib import Path

import pytest

from adautomix.errors import InputError
from adautomix.record import Run
from adautomix.results.protocol import Decision, Setting
from adautomix.results.setting_grid import SettingGrid, in_words, outcome, verdict

COSINE, FLOOR = Setting("cosine", "classifier"), Setting("floor", "teacher")
REPORTED = {"mixup": COSINE, "adautomix": FLOOR}
DECISION = Decision("top1_median10", "adautomix", "mixup", (FLOOR, COSINE), 3)
EXACT = pytest.approx


def runs(method: str, floor: float, values: dict[int, tuple[float, float]]) -> list[Run]:
    """Runs without files, from seed → (classifier, teacher)."""
    return [
        Run(
            id=f"{method}-cifar100-lite-s{seed}-{floor}",
            name=f"cifar100/resnet18/{method}",
            recipe={"method": method, "floor": floor},
            budget="lite",
            seed=seed,
            metrics={
                name: {"top1_median10": value}
                for name, value in zip(("classifier", "teacher"), pair, strict=True)
            },
            provenance={},
            evaluations=[],
            extras={},
            path=Path(),
        )
        for seed, pair in values.items()
    ]


def grid(**changes) -> SettingGrid:
    """Three seeds of two methods: MixUp gains 4 points by the setting, AdAutoMix leads by 1."""
    pairs = {
        ("mixup", "cosine"): {0: (0.40, 0.41), 1: (0.42, 0.42), 2: (0.41, 0.43)},
        ("mixup", "floor"): {0: (0.35, 0.44), 1: (0.36, 0.46), 2: (0.34, 0.45)},
        ("adautomix", "cosine"): {0: (0.43, 0.44), 1: (0.44, 0.44), 2: (0.44, 0.45)},
        ("adautomix", "floor"): {0: (0.33, 0.45), 1: (0.34, 0.47), 2: (0.35, 0.46)},
    } | changes.pop("pairs", {})
    made = {key: runs(key[0], 0.5 * (key[1] == "floor"), v) for key, v in pairs.items()}
    return SettingGrid(made, REPORTED, **changes)


def test_the_parts_add_up_to_what_is_reported():
    parts = grid().parts("adautomix", "mixup")
    assert parts.reported.mean == EXACT((0.45 - 0.40 + 0.47 - 0.42 + 0.46 - 0.41) / 3)
    assert parts.setting.mean == EXACT((0.04 + 0.04 + 0.04) / 3)
    assert parts.method.mean == EXACT(0.01)
    assert parts.method.mean + parts.setting.mean == EXACT(parts.reported.mean)
    assert [part.n for part in parts] == [3, 3, 3]


def test_the_parts_add_up_where_a_seed_is_missing_somewhere():
    found = grid(pairs={("mixup", "cosine"): {0: (0.40, 0.41), 2: (0.44, 0.43)}})
    parts = found.parts("adautomix", "mixup")
    assert [part.n for part in parts] == [2, 2, 2]
    assert parts.method.mean + parts.setting.mean == EXACT(parts.reported.mean)


def test_a_lead_is_an_interval_over_paired_seeds():
    lead = grid().difference("adautomix", COSINE, "mixup", COSINE)
    assert lead.mean == EXACT((0.03 + 0.02 + 0.03) / 3)
    half = 4.302653 * (0.01 / 3**0.5) / 3**0.5  # t(0.975, 2) · sd / √n
    assert (lead.low, lead.high) == (EXACT(lead.mean - half), EXACT(lead.mean + half))


def test_the_table_says_which_setting_is_reported_and_leaves_the_rest_blank():
    table = grid(pairs={("mixup", "floor"): {}}).table()
    assert table.loc["mixup"].tolist() == ["41.00 ± 1.00 (3) †", "42.00 ± 1.00 (3)", "", ""]
    assert table.loc["adautomix", "floor, teacher"] == "46.00 ± 1.00 (3) †"
    one = grid(pairs={("mixup", "floor"): {0: (0.35, 0.44)}})
    assert one.table().loc["mixup", "floor, teacher"] == "44.00 (1)"
    assert one.moved().loc["mixup"].tolist()[2:] == ["-5.00 (1)", "+4.00 (1)"]
    assert one.moved().loc["mixup", "cosine, classifier"] == "†"


def test_every_lead_has_its_columns():
    leads = grid().leads("adautomix", DECISION.settings)
    assert leads.columns.tolist() == [
        *("as reported", "by the setting", "by the method", "both cosine, classifier"),
    ]
    assert leads.loc["mixup", "by the method"] == "+1.00 [+1.00, +1.00] (3)"
    assert grid(pairs={("mixup", "floor"): {}}).leads("adautomix", DECISION.settings).loc[
        "mixup"
    ].tolist()[:3] == ["", "", ""]


def test_a_difference_without_runs_has_no_words():
    found = grid(pairs={("mixup", "floor"): {}}).difference("adautomix", FLOOR, "mixup", FLOOR)
    with pytest.raises(InputError, match="no runs cannot be put into words"):
        in_words(found)


def test_no_number_decides_before_its_runs_are_there():
    found = grid(pairs={("mixup", "floor"): {0: (0.3, 0.4)}, ("adautomix", "floor"): {}})
    assert found.missing(DECISION) == 5
    assert outcome(found, DECISION) == "Not decided"
    assert verdict(found, DECISION) == "Not decided: 5 of the runs that decide are missing."


def test_seeds_that_have_no_partner_do_not_count():
    others = {1: (0.40, 0.41), 2: (0.42, 0.42), 3: (0.41, 0.43)}
    one = grid(pairs={("mixup", "cosine"): others})
    assert one.missing(DECISION) == 1
    shifted = {
        ("mixup", name): {s + 3: v for s, v in others.items()} for name in ("cosine", "floor")
    }
    none = grid(pairs=shifted)
    assert none.missing(DECISION) == 6
    assert verdict(none, DECISION) == "Not decided: 6 of the runs that decide are missing."
    unmeasured = replace(grid(), metric="calibration/ece")
    assert unmeasured.missing(DECISION) == 12


@pytest.mark.parametrize(
    ("shift", "sentence"),
    [
        (
            0.0,
            "The method earns a lead: under the same setting, its lead is 1.00 (1.00 to 1.00) po",
        ),
        (-0.1, "The method earns no lead: under the same setting, its lead is −9.00 (−9.00 to "),
        (-0.02, "Open: under the same setting, its lead is −1.00 ("),
    ],
)
def test_the_verdict_follows_the_intervals(shift, sentence):
    sound = grid()
    moved = {
        key: [_moved(run, shift) if key[0] == "adautomix" else run for run in those]
        for key, those in sound.runs.items()
    }
    found = replace(sound, runs=moved)
    assert verdict(found, DECISION).startswith(sentence)
    assert outcome(found, DECISION) == sentence.partition(":")[0]


def _moved(run: Run, shift: float) -> Run:
    metrics = {
        name: {key: value + shift for key, value in values.items()}
        for name, values in run.metrics.items()
    }
    return replace(run, metrics=metrics)


def test_budgets_never_mix():
    mixed = grid().runs
    first = mixed["mixup", "cosine"][0]
    with pytest.raises(InputError, match="different budgets cannot be compared: lite, short"):
        SettingGrid(
            {("mixup", "cosine"): [first, replace(first, budget="short", seed=9)]}, REPORTED
        )
