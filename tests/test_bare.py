"""On a machine with torch, timm and a GPU, but no notebooks and no OpenCV, the GPU's tests run."""

import os
import subprocess
import sys

import pytest

BARE = """
import sys

ABSENT = "IPython papermill nbformat nbclient jupyter_core cv2 beartype captum maxflow".split()


class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *place):
        return None if name.partition(".")[0] in ABSENT else self.finder.find_spec(name, *place)


sys.meta_path[:] = map(Hiding, sys.meta_path)
import pytest

sys.exit(pytest.main(sys.argv[1:]))
"""


def bare(root, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", BARE, "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_without_them_it_is_said_what_is_left_out(root):
    done = bare(root, "tests/figures", "--collect-only")
    assert done.returncode == 0, done.stdout
    assert "annotations are unchecked, for want of beartype" in done.stdout
    assert "figures/test_tables.py is left out, for want of IPython" in done.stdout


@pytest.mark.slow
def test_every_test_of_a_gpu_is_collected_without_them(root):
    done = bare(root, "-m", "gpu", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout
    assert "tests/train/test_gpu.py" in done.stdout
