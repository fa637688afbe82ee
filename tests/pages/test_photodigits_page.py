"""What the page on PhotoDigits says of its runs, against the recorded ones."""

import math

import pytest

from adautomix import figures
from adautomix.methods import METHODS
from adautomix.names import method_title
from adautomix.pages import photodigits
from adautomix.results import experiments, outcome


@pytest.fixture(scope="module")
def recorded() -> outcome.Results:
    """The recorded runs at the budget quick."""
    return experiments.obtain("photodigits", run=False)


def test_the_verdict_is_on_the_leads_over_all_others(recorded, monkeypatch):
    asked = []
    monkeypatch.setattr(photodigits, "best", lambda leads: asked.append(leads) or "open")
    found = photodigits.headline(recorded, recorded)
    assert found["verdict"] == "open"
    assert recorded.headline().items() <= found.items()
    chance, rates = photodigits.chance_of_best(recorded), photodigits.balance()
    assert found["every_best"] == chance["best"]
    assert found["balance_default"] == rates["default"]
    (leads,) = asked
    assert leads.keys() == {"plain", "mixup", "cutmix"}
    assert leads["mixup"] == [recorded.lead("adautomix", "mixup")]


def test_the_table_of_leads_has_both_networks(recorded):
    frame = photodigits.leads(recorded).frame
    assert frame["over"].to_list() == [method_title(m) for m in ("plain", "mixup", "cutmix")]
    for predictor in ("classifier", "teacher"):
        lead = recorded.lead("adautomix", "cutmix", predictor)
        cell = frame[f"{predictor} (points)"].iloc[-1]
        assert cell.startswith(f"{100 * lead.mean:+.2f} [{100 * lead.low:+.2f}, ")
        assert cell.endswith(f"({lead.n})")


def test_the_page_has_every_table_and_two_panels(recorded):
    found = photodigits.tables(recorded, recorded)
    names = ["photodigits", "photodigits-leads", "photodigits-masks", "every-method", "balance"]
    assert [table.name for table in found.values()] == [f"tab:{name}" for name in names]
    spread = recorded.mask_std("adautomix")["mask standard deviation"]
    shown = found["masks"].frame["mask standard deviation"]
    assert shown.to_list() == [f"{value:.3f}" for value in spread]
    panels = photodigits.balance_figure().axes
    assert [ax.get_xlabel() for ax in panels] == [
        axis["xlabel"] for axis in photodigits.AXES.values()
    ]
    assert len(photodigits.examples()["images"]) == len(photodigits.examples()["labels"]) == 30


def test_chance_moves_the_best_accuracy_as_it_does_a_coin(recorded):
    found = photodigits.chance_of_best(recorded)
    share = recorded.by_run()["classifier"].max() / 100
    assert found["best"] == pytest.approx(100 * share)
    assert found["error"] == pytest.approx(100 * math.sqrt(share * (1 - share) / 797))
    assert (found["images"], found["methods"]) == (797, len(METHODS))


def test_the_axes_are_those_of_the_recorded_fields():
    for field in photodigits.AXES:
        assert figures.sensitivity(**photodigits.sensitivity(field)).axes
    frame = photodigits.sensitivity("method.adversary")["frame"]
    default = photodigits.balance()["default"]
    assert default in set(frame["x"])
    table = photodigits.by_adversary()
    assert f"{default:g}" in set(table.frame["weight"])
