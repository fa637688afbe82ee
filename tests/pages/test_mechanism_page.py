"""The page on the mechanism: each claim by differences that are known."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.pages import mechanism
from adautomix.pages.compared import compared
from adautomix.results.mechanism import SEEDS, WITHOUT

HALVES = np.zeros((2, 2, 4, 4))
HALVES[:, 0, :, :2] = HALVES[:, 1, :, 2:] = 1
OWN = {"adautomix": 2.0, WITHOUT: 1.5, "automix": 1.2}
"""Loss on own images, where that of constant masks is 1.5 and of the same area 1.9."""


def facts(row, seed):
    """Values that scatter a little over the seeds."""
    loss = OWN.get(row, 1.6) + 0.01 * seed
    moving = {2: HALVES, 6: HALVES, 18: HALVES[:, ::-1]} if row == "adautomix" else {}
    return {
        "top1": {"adautomix": 0.9, WITHOUT: 0.95}.get(row, 0.8) + 0.001 * seed,
        "mixing": {
            "loss_own": loss,
            "loss_constant": 1.5,
            "loss_area": 1.9,
            "loss_elsewhere": 2.5,
            "spread_own": 0.4,
            "spread_constant": 0.3,
            "mask_from_constant": 0.2,
            "mask_between_sets": 0.1 + 0.001 * seed,
        },
        "extras": {"kept_share": 1 / (2 if row == "automix" else 3), "mask_peak": 0.7},
        "curve": [
            {"epoch": e, "classifier_top1": 0.9, "train_amce": 2.0 + e, "train_mce": 1.5}
            for e in (1, 2)
        ],
        "masks": moving or dict.fromkeys((2, 6, 18), HALVES),
    }


@pytest.fixture
def found(made_runs):
    made_runs("mechanism", facts)
    return compared("mechanism", "smoke")


def test_the_differences_are_those_of_the_protocol(found):
    parts = mechanism.parts(found)
    assert parts.keys() == mechanism.CLAIMS.keys()
    above, added = parts["harder"].values()
    assert above.mean == pytest.approx(0.5 + 0.01 * np.mean(SEEDS))
    assert added.mean == pytest.approx(0.5)
    (shape,) = parts["shape"].values()
    assert shape.mean == pytest.approx(0.1 + 0.01 * np.mean(SEEDS))
    moved, between = parts["diverse"].values()
    assert (moved.mean, between.mean) == (pytest.approx(2 / 3), pytest.approx(0))
    (kept,) = parts["meaning"].values()
    assert (kept.mean, kept.n) == (pytest.approx(0), 3)
    (lead,) = parts["accurate"].values()
    assert lead.mean == pytest.approx(-0.05)


def test_each_verdict_follows_from_its_differences(found):
    words = {name: each.word for name, each in mechanism.judged(found).items()}
    assert words == {
        "harder": "holds",
        "shape": "holds",
        "diverse": "holds in part",
        "meaning": "cannot be told",
        "accurate": "does not hold",
    }
    said = mechanism.headline(found)
    assert said["accurate"].startswith("does not hold at this scale: what the adversary adds is b")
    assert (said["there"], said["planned"]) == (12, 12)


def test_masks_that_stay_do_not_move_and_swapped_ones_do(found):
    adautomix, automix = (found.runs[row][0] for row in ("adautomix", "automix"))
    assert mechanism.moved(automix) == 0
    assert mechanism.moved(adautomix) == pytest.approx(2 / 3)  # of three pairs, two are swapped


def test_training_has_the_last_epoch_and_only_where_both_losses_are(found, made_runs):
    (run, *_) = found.runs["adautomix"]
    assert mechanism.training_excess(run) == pytest.approx(2.5)
    table = mechanism.training_losses({"PhotoDigits": found}).frame
    assert table["method"].iloc[1] == "AdAutoMix, PhotoDigits"
    assert table["L_amce − L_mce (nats)"].iloc[1].startswith("+2.50 [")
    made_runs("mechanism", lambda row, seed: {"top1": 0.9})
    bare = compared("mechanism", "smoke")
    assert mechanism.training_excess(bare.runs["adautomix"][0]) is None
    assert mechanism.training_losses({"PhotoDigits": bare}).frame.empty


def tables_of(found):
    return [
        mechanism.verdicts(found),
        mechanism.losses(found),
        mechanism.diversity(found),
        mechanism.objects(found),
        mechanism.training_losses({"PhotoDigits": found}),
        mechanism.generator_rates(),
    ]


def test_the_tables_show_what_was_measured(found):
    for table in tables_of(found):
        assert f":name: {table.name}\n" in figures.markdown_table(*table)
    row = mechanism.losses(found).frame.set_index("method").loc["AdAutoMix"]
    assert row["its own masks"] == "2.040 ± 0.010"
    assert row["own − constant, of the same area"].startswith("+0.140 [")
    figure = mechanism.loss_figure(found)
    (ax,) = figure.axes
    assert ax.get_yticklabels()[1].get_text() == "AdAutoMix"
    dots = [line.get_xdata().tolist() for line in ax.lines if line.get_marker() == "o"]
    assert dots[1] == pytest.approx([0.53, 0.54, 0.55])
    assert len(mechanism.training_figure(found).axes[0].lines) == 1 + 3
    assert isinstance(mechanism.images_figure(found, "adautomix"), Figure)


def test_without_runs_everything_is_blank_and_nothing_is_told(made_runs):
    found = compared("mechanism", "smoke")
    assert {each.word for each in mechanism.judged(found).values()} == {"cannot be told"}
    assert set(mechanism.losses(found).frame.drop(columns="method").to_numpy().ravel()) == {""}
    for figure in (
        mechanism.loss_figure(found),
        mechanism.training_figure(found),
        mechanism.images_figure(found, "automix"),
    ):
        assert figure.axes[0].texts[0].get_text() == "no run is recorded"
    assert len(tables_of(found)) == 6


def test_the_page_has_a_table_of_each_kind(found):
    tables = mechanism.tables(found, found)
    assert tables["verdicts"].frame.equals(mechanism.verdicts(found).frame)
    assert set(tables["training"].frame["method"].str.rpartition(", ")[2]) == {
        "lite",
        "PhotoDigits",
    }
    assert len({table.name for table in tables.values()}) == len(tables) == 6
