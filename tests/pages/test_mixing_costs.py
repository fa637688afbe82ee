"""What rules and steps cost, from made-up benchmarks."""

import pytest

from adautomix.pages import mixing_costs
from adautomix.record import bench


@pytest.fixture
def measured(tmp_path, monkeypatch):
    def write(suite, rows, device="cpu: one"):
        bench.write(tmp_path, suite, settings={}, rows=rows, provenance={"device": device})

    monkeypatch.setattr(bench, "resource", lambda _: tmp_path)
    return write


def test_without_a_benchmark_the_passes_remain(measured):
    nowhere = "no device yet"
    assert mixing_costs.numbers() == {"rules_device": nowhere, "steps_device": nowhere}
    rows = mixing_costs.step_costs().frame.set_index("method")
    assert rows.loc["AdAutoMix"].to_list() == ["12", "4.00", ""]
    assert rows.loc["Vanilla"].to_list() == ["3", "1.00", ""]
    assert mixing_costs.rule_costs().frame.empty


def test_the_costs_are_the_recorded_ones(measured):
    row = {"batch": 32, "n": None, "ratio": 1.0}
    measured(
        "methods",
        [row | {"method": "plain"}, row | {"method": "adautomix", "n": 3, "ratio": 4.05}],
    )
    measured("steps", [row | {"method": "mixup", "ratio": 9.9}])
    measured("methods", [row | {"method": "adautomix", "n": 3, "ratio": 1.5}], "cuda: a card")
    rule = {"rule": "copy", "batch": 128, "side": 32, "seconds": 0.001, "copies": 1.0}
    measured("rules", [rule, rule | {"rule": "cutmix", "copies": 2.25, "side": 64}])
    table = mixing_costs.step_costs().frame
    assert table.set_index("method")["measured"]["AdAutoMix"] == "4.05"
    assert table.set_index("method")["measured"]["MixUp"] == ""
    assert mixing_costs.numbers()["steps_device"] == "cpu: one"
    assert list(mixing_costs.tables()) == ["rules", "steps"]
    costs = mixing_costs.rule_costs().frame
    assert costs.to_numpy().tolist() == [["a copy of the batch", "1.00", "1.0"]]
