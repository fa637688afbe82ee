"""The page that takes one step apart shows what the step does."""

import pytest

from adautomix.device import decide
from adautomix.pages.method import Walkthrough
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
    ("player", "rate", "sign", "own", "still"),
    [
        ("generator", 10.0, 1, "Eq. 15", ["mce", "ace"]),
        ("classifier", 0.001, -1, "Eq. 14", ["teacher_amce", "cosine"]),
    ],
)
def test_a_step_of_one_player_moves_its_own_sum(walk, player, rate, sign, own, still):
    found = walk.one_step(player, rate=rate)
    assert sign * found.loc[own, "change"] > 0
    assert (found.loc[still, "change"] == 0).all()
    terms = walk.losses()
    for name in ("Eq. 14", "Eq. 15"):
        weighted = sum(terms.loc[t, "value"] * terms.loc[t, f"in {name}"] for t in terms.index)
        assert found.loc[name, "before"] == pytest.approx(weighted)


def test_a_run_of_another_method_is_refused(runs):
    with pytest.raises(TypeError, match=f"the run {runs['plain'].id} is not one of AdAutoMix"):
        Walkthrough(runs["plain"])
