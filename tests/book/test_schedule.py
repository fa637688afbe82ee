"""The order of a build's tasks, what is said of them, and the estimates."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from adautomix.book import schedule
from adautomix.book.schedule import Task, expected, run_all, startable, ways


def task(name: str, seconds: float = 1.0, *after: str, work=None, **given) -> Task:
    return Task(name, float(seconds), work or (lambda: name), (), frozenset(after), **given)


def named(*tasks: Task) -> dict[str, Task]:
    return {each.name: each for each in tasks}


def carried_out(tasks: list[Task], jobs: int, **given):
    with ThreadPoolExecutor(jobs) as pool:
        return run_all(tasks, pool, jobs, **given)


def test_the_longest_way_starts_first():
    tasks = named(task("page", 1, "long"), task("short", 5), task("long", 5))
    assert ways(tasks) == {"page": 1, "short": 5, "long": 6}
    assert [each.name for each in startable(tasks, tasks)] == ["long", "short"]


def test_what_is_urgent_starts_before_everything_else():
    tasks = named(task("long", 9), task("first", 1, urgent=True))
    assert [each.name for each in startable(tasks, tasks)] == ["first", "long"]


def test_tasks_wait_for_what_they_need():
    order: list[str] = []

    def note(name: str):
        return lambda: order.append(name)

    tasks = [task("c", 1, "b", work=note("c")), task("b", 1, "a", work=note("b"))]
    done = carried_out([*tasks, task("a", 1, work=note("a"))], 2, say=lambda _: None)
    assert order == ["a", "b", "c"]
    assert set(done) == {"a", "b", "c"}


def test_two_tasks_are_at_work_at_once():
    together = Barrier(2)
    tasks = [task(name, work=lambda: together.wait(timeout=10)) for name in "ab"]
    done = carried_out(tasks, 2, say=lambda _: None)
    assert {each.value for each in done.values()} == {0, 1}


def test_after_a_failure_no_other_task_begins():
    begun: list[str] = []

    def fail():
        raise ValueError("no")

    tasks = [task("bad", 9, work=fail)]
    tasks += [task(f"{i}", 1, work=lambda: begun.append("x") or time.sleep(0.05)) for i in range(9)]
    with pytest.raises(ValueError, match="no"):
        carried_out(tasks, 2, say=lambda _: None)
    assert len(begun) < 9


def test_each_beginning_and_end_has_a_line_with_an_estimate():
    lines: list[str] = []
    carried_out([task("a", 100), task("b", 200, "a")], 1, say=lines.append, then=60.0)
    assert [line[len("  0:00  ") :] for line in lines] == [
        "a begins (about 2 min)",
        "a is done, 0.0 s; 1 left, about 2 min",
        "b begins (about 1 min)",
        "b is done, 0.0 s; 0 left, about 10 s",
    ]
    assert all(line.startswith("  0:00  ") for line in lines)


def test_a_silent_build_says_what_is_at_work(monkeypatch):
    monkeypatch.setattr(schedule, "SILENCE", 0.05)
    lines: list[str] = []
    carried_out([task("slow", 1, work=lambda: time.sleep(0.2))], 1, say=lines.append)
    assert "at work: slow; 1 left, about" in lines[1]


def test_the_expected_time_packs_tasks_as_the_build_does():
    runs = [task("long", 440), task("middle", 340), *(task(f"{i}", 130) for i in range(3))]
    assert expected(named(*runs), {}, 2) == 600
    assert expected(named(*runs), {}, 1) == 440 + 340 + 3 * 130
    assert expected(named(task("page", 10, "long")), {"long": 25.0}, 2) == 35
