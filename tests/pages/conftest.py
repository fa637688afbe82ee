"""Made-up records of an experiment's planned runs, for tests of pages that only read."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adautomix.evaluate.registry import settings_of
from adautomix.recipes import to_dict
from adautomix.record import Store
from adautomix.results.registry import get
from adautomix.runs.job import Job

Facts = Callable[[str, int], Mapping[str, Any]]
"""For a row and a seed the accuracy `top1` (None for no run), and maybe `mixing` (values of that
evaluation), `extras`, `curve` (rows) and `masks` (epoch → masks)."""


@pytest.fixture
def made_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, document: Callable) -> Callable:
    """Records runs of an experiment, at the budget smoke, as the only local ones."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path / "made"))
    store = Store(tmp_path / "made")

    def make(name: str, facts: Facts) -> None:
        for each in get(name).planned("smoke"):
            given = dict(facts(each.row, each.job.seed))
            if given.get("top1") is not None:
                curve = given.get("curve", [{"epoch": 1, "classifier_top1": given["top1"]}])
                store.write(described(document, each.job, given), curve, pictures(given))

    return make


def described(document: Callable, job: Job, given: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a run."""
    found = document(
        job.recorded_name(),
        job.seed,
        recipe=to_dict(job.recipe()),
        budget=job.budget,
        top1=given["top1"],
        extras=given.get("extras", {}),
    )
    settings = settings_of("mixing")
    entry = {"name": "mixing", "predictor": "classifier", "settings": settings, "provenance": {}}
    evaluations = [entry | {"values": given["mixing"]}] if "mixing" in given else []
    return found | {"evaluations": evaluations}


def pictures(given: Mapping[str, Any]) -> dict[str, bytes]:
    """The file of mixed images with masks "b n h w" in [0, 1], by epoch; none without masks."""
    if not (masks := given.get("masks")):
        return {}
    sets, n, height, width = next(iter(masks.values())).shape
    arrays: dict[str, Any] = {"parents": np.zeros((sets, n, height, width, 3), np.uint8)}
    for epoch, mask in masks.items():
        arrays[f"masks_{epoch}"] = np.rint(255 * mask).astype(np.uint8)
        arrays[f"mixed_{epoch}"] = np.zeros((sets, height, width, 3), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return {"mixed.npz": buffer.getvalue()}
