"""A small protocol on PhotoDigits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def content() -> dict[str, Any]:
    """What a protocol file says: two methods, two schedules, two seeds."""
    return {
        "title": "Small",
        "question": "Does it run?",
        "family": "photodigits/thin",
        "budgets": {"smoke": "fp32"},
        "methods": ["plain", "mixup"],
        "schedules": {"cosine": "schedule.floor=0", "floor": "schedule.floor=0.5"},
        "reported": {"plain": "cosine/classifier", "mixup": "floor/teacher"},
        "decides": {
            "metric": "top1_median10",
            "method": "mixup",
            "against": "plain",
            "alike": ["floor/teacher", "cosine/classifier"],
            "seeds": 2,
        },
        "order": [
            {"seeds": [0]},
            {"seeds": [1], "methods": ["mixup"]},
            {"seeds": [1], "methods": ["plain"]},
        ],
    }


@pytest.fixture
def write(content, tmp_path) -> Callable[..., Path]:
    """Writes the protocol, with fields changed; a change of `decides` changes fields within it."""

    def written(**changes: Any) -> Path:
        if "decides" in changes:
            changes["decides"] = content["decides"] | changes["decides"]
        path = tmp_path / "protocol.yaml"
        path.write_text(yaml.safe_dump(content | changes))
        return path

    return written
