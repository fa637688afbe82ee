"""The page that takes one step apart shows what the step does."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from adautomix.device import decide
from adautomix.errors import InputError
from adautomix.pages import method
from adautomix.pages.method import Walkthrough
from adautomix.pages.notebook import holds
from adautomix.record import Run, Store
from adautomix.runs import runner
from adautomix.runs.job import Job, RunOptions


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Run]:
    """One short run of AdAutoMix and one of plain training."""
    where = RunOptions(decide("cpu"), Store(tmp_path_factory.mktemp("runs")), progress=False)
    changes = ("epochs=1",)
    jobs = [Job(f"photodigits/thin/{name}", "smoke", 0, changes) for name in ("adautomix", "plain")]
    return {job.method: runner.obtain(job, where) for job in jobs}


@pytest.fixture(scope="module")
def walk(runs) -> Walkthrough:
    return Walkthrough(runs["adautomix"], batch=8)


@pytest.mark.parametrize(
    ("network", "rate", "sign", "own", "still"),
    [
        ("generator", 10.0, 1, "Eq. 15", ["mce", "ace"]),
        ("classifier", 0.001, -1, "Eq. 14", ["teacher_amce", "cosine"]),
    ],
)
def test_a_step_of_one_player_moves_its_own_sum(walk, network, rate, sign, own, still):
    found = walk.one_step(network, rate=rate)
    assert sign * found.loc[own, "change"] > 0
    assert (found.loc[still, "change"] == 0).all()
    terms = walk.losses()
    for name in ("Eq. 14", "Eq. 15"):
        weighted = sum(terms.loc[t, "value"] * terms.loc[t, f"in {name}"] for t in terms.index)
        assert found.loc[name, "before"] == pytest.approx(weighted)


def test_the_sums_that_prose_quotes_are_those_of_the_steps(walk, monkeypatch):
    found = walk.game()
    assert found["generator"] == walk.one_step("generator", 1.0).loc["Eq. 15", "change"]
    assert found["classifier"] == walk.one_step("classifier", 0.01).loc["Eq. 14", "change"]
    assert found["verdict"] == holds(found["generator"] > 0, found["classifier"] < 0)
    still = pd.DataFrame({"change": {"Eq. 14": -1.0, "Eq. 15": 0.0}})
    monkeypatch.setattr(walk, "one_step", lambda network: still)
    assert walk.game()["verdict"] == "holds in part"


def test_areas_are_means_of_the_first_mask(walk):
    frame = walk.area_along_ratio(steps=3)["frame"]
    assert frame["x"].tolist() == pytest.approx([0.1, 0.5, 0.9])
    ratios = torch.tensor([0.5, 0.25, 0.25]).expand(8, 3)
    assert frame["y"][1] == pytest.approx(float(walk.mixed(ratios).masks[:, 0].mean()))


def test_a_run_of_another_method_is_refused(runs):
    with pytest.raises(
        InputError, match=f"the run {runs['plain'].id} was made with another method"
    ):
        Walkthrough(runs["plain"])


def test_the_table_of_steps_has_what_each_network_changes(walk):
    found = walk.steps()
    assert list(found.index[-2:]) == ["Eq. 14", "Eq. 15"]
    for network in ("generator", "classifier"):
        column = walk.one_step(network)
        assert found[f"change by the {network}"].equals(column["change"].rename(None))
        assert found["before"].equals(column["before"].rename(None))


def test_the_run_that_the_page_takes_apart_is_that_of_the_seed(runs, monkeypatch):
    asked = []

    def obtain(name, **words):
        asked.append((name, words))
        return SimpleNamespace(local=[runs["adautomix"]])

    monkeypatch.setattr(method.experiments, "obtain", obtain)
    assert method.trained(3, budget="smoke", device="cpu").run == runs["adautomix"]
    words = {"budget": "smoke", "seeds": [3], "methods": ["adautomix"], "device": "cpu"}
    assert asked == [("photodigits", words)]
