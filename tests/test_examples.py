"""Every file of examples/ runs as it stands, where the library it is about is installed."""

import ast
import importlib.util
import os
import runpy
import shutil
import socket
import subprocess
import sys

import pytest

EXAMPLES = {
    "accumulation_and_clipping": "update 2: norm",
    "as_in_timm_train": "epoch 1: loss",
    "compiled": "loss",
    "distributed": "process 0: loss",
    "grad_scaler": "scale 65536",
    "mix_in_the_loader": "loss",
    "out_to_timm": "teacher, the same logits: True",
    "own_model": "the same logits: True",
    "plain_torch": "'cosine': ",
    "with_accelerate": "loss",
    "with_lightning": "'cosine': ",
}
"""Name → what it prints last."""
SLOW = {"compiled"}


def libraries(code: str) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)]
    modules = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    names = [alias.name for node in nodes for alias in node.names]
    return {name.partition(".")[0] for name in (*names, *(node.module or "" for node in modules))}


def test_every_example_is_known_and_short(root):
    files = sorted((root / "examples").glob("*.py"))
    assert [file.stem for file in files] == sorted(EXAMPLES)
    for file in files:
        lines = [line for line in file.read_text().splitlines() if line.strip()]
        assert len(lines) < 25, file.name


def test_every_example_stands_on_the_page(root):
    page = (root / "book" / "own-models.md").read_text()
    for name in EXAMPLES:
        assert f"```{{literalinclude}} examples/{name}.py" in page


@pytest.mark.filterwarnings("default")  # of the libraries
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in EXAMPLES],
)
def test_an_example_runs_as_it_stands(name, root, tmp_path, monkeypatch, capfd):
    path = root / "examples" / f"{name}.py"
    for library in sorted(libraries(path.read_text())):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    if name == "compiled" and shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip("no C++ compiler is installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if name == "distributed":
        for key, value in world.items():
            monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    if name in ("compiled", "with_accelerate", "with_lightning"):  # unchecked, or with global state
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(root), *sys.path]),
            "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "inductor"),
        }
        command = [sys.executable, str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    else:
        runpy.run_path(str(path), run_name="__main__")
        printed = capfd.readouterr().out
    assert EXAMPLES[name] in printed.splitlines()[-1]
    assert "nan" not in printed
