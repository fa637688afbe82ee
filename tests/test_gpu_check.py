"""The script for a GPU, tried on a processor: each part ends, and what it found is kept."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_every_part_ends_and_is_kept(root, tmp_path):
    command = [sys.executable, "tools/gpu_check.py", "--tiny", "--out", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["tests"]["tests"] == found["runs"]["runs"] == 0
    assert {(row["method"], row["way"]) for row in found["steps"]} == {
        (method, way)
        for method in ("plain", "mixup", "cutmix", "automix", "adautomix")
        for way in ("eager", "captured")
    }
    assert len(list((tmp_path / "runs").glob("*/run.json"))) > 0
