"""Interleaving, with a clock that the tasks themselves move."""

import pytest

from adautomix.bench import clock


@pytest.fixture
def ticking(monkeypatch):
    """A list of seconds that each call of the clock's owner adds to."""
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    return now


def test_every_turn_runs_every_task_and_the_first_ones_do_not_count(ticking):
    order = []

    def task(name, seconds):
        def run():
            order.append(name)
            ticking[0] += seconds

        return run

    found = clock.interleaved({"a": task("a", 1.0), "b": task("b", 3.0)}, 4)
    assert order == ["a", "b"] * (4 + clock.WARM_UP)
    assert found.seconds == {"a": [1.0] * 4, "b": [3.0] * 4}


def test_a_burst_counts_as_one_run(ticking):
    def run():
        ticking[0] += 0.5

    found = clock.interleaved({"a": run}, 2, burst=10)
    assert found.median("a") == pytest.approx(0.5)


@pytest.mark.parametrize(("limit", "rounds"), [(None, 9), (100.0, 9), (6.0, 4), (0.0, 3)])
def test_a_limit_of_time_leaves_fewer_rounds_but_never_none(ticking, limit, rounds):
    def run():
        ticking[0] += 1.0

    found = clock.interleaved({"a": run}, 9, limit=limit)  # the two of the warm-up count too
    assert len(found.seconds["a"]) == rounds


def test_a_slow_spell_that_meets_both_leaves_their_ratio():
    found = clock.Timings({"plain": [1.0, 5.0, 1.0], "mine": [4.0, 20.0, 4.4]})
    assert found.ratio("mine", to="plain") == 4.0
    assert (found.median("mine"), found.fastest("mine")) == (4.4, 4.0)
