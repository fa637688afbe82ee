"""A small experiment on PhotoDigits that decides something."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adautomix.results.experiment import Experiment, Stage
from adautomix.results.protocol import Decision, Protocol, Setting

COSINE, FLOOR = Setting("cosine", "classifier"), Setting("floor", "teacher")
PROTOCOL = Protocol(
    question="Does it run?",
    reported={"plain": COSINE, "mixup": FLOOR},
    decides=Decision("top1_median10", "mixup", "plain", (FLOOR, COSINE), seeds=2),
)
SMALL = Experiment(
    title="Small",
    family="photodigits/thin",
    budgets={"smoke": "fp32"},
    methods=("plain", "mixup"),
    schedules={"cosine": "schedule.floor=0", "floor": "schedule.floor=0.5"},
    stages=(Stage((0,)), Stage((1,), ("mixup",)), Stage((1,), ("plain",))),
    protocol=PROTOCOL,
)


@pytest.fixture
def small() -> Callable[..., Experiment]:
    """Makes the experiment with changed fields; `protocol` and `decides` change fields within."""

    def made(*, protocol: Any = (), decides: Any = (), **changes: Any) -> Experiment:
        inner = replace(PROTOCOL, decides=replace(PROTOCOL.decides, **dict(decides)))
        inner = replace(inner, **dict(protocol))
        return replace(SMALL, **{"protocol": inner} | changes)

    return made
