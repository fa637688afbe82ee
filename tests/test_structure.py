"""The rules of the code base that a reader relies on, checked rather than promised."""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "adautomix"
SOURCES = sorted(PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# A module imports only what stands to its left.
LAYERS = [
    "errors", "storage", "fields", "names", "rng", "device", "processes", "data", "models",
    "mix", "losses", "methods", "recipes", "evaluate", "record", "train", "runs", "figures",
    "results", "pages", "book", "cli", "bench", "__main__",
]  # fmt: skip
TORCH_FREE = [
    *("__init__.py", "errors.py", "names.py", "data/catalog.py", "record/*.py", "figures/*.py"),
    *("results/registry.py", "results/outcome.py", "results/experiments.py"),
]
MAX_FILE_LINES = 300
MAX_CELL_LINES = 8
MAX_PAGE_LINES = 10  # of a notebook, without its parameters, and without `begin` and `colophon`

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.stem)


def module_name(source: Path) -> str:
    """The dotted name of a file of the package; a package's name for its `__init__.py`."""
    parts = source.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(code: str, package: str) -> set[str]:
    """Dotted names under `adautomix` that the code imports, also inside functions.

    `package` is what a relative import starts from.
    """
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("adautomix.")}


def upward_imports(code: str, module: str, package: str) -> list[str]:
    """The imports of `module` that point to a layer to its right."""
    height = LAYERS.index(module.split(".")[1])
    layers = {name: name.split(".")[1] for name in imported_modules(code, package)}
    return sorted(
        name for name, layer in layers.items() if layer in LAYERS and LAYERS.index(layer) > height
    )


@each_source
def test_imports_point_down(source: Path) -> None:
    module = module_name(source)
    if module == "adautomix":
        pytest.skip("the package itself imports lazily; see test_torch_free_modules_stay_so")
    assert module.split(".")[1] in LAYERS, f"{module} has no place in LAYERS"
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    assert upward_imports(source.read_text(), module, package) == []


@pytest.mark.parametrize("page", ["book/design.md", "CONTRIBUTING.md"])
def test_a_page_shows_the_layers_as_they_are(page: str) -> None:
    (shown,) = re.findall(r"```text\n(errors .*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert shown.replace("→", "").split() == [name for name in LAYERS if name != "__main__"]


@pytest.mark.parametrize(
    "code",
    [
        "import adautomix.train.loop",
        "from adautomix import train",
        "from adautomix.train import loop",
        "from ..train import loop",
        "from .. import train",
        "def late():\n    from adautomix.train.loop import run",
    ],
)
def test_an_upward_import_is_seen(code: str) -> None:
    assert upward_imports(code, "adautomix.mix.base", "adautomix.mix")
    assert not upward_imports(code, "adautomix.runs.job", "adautomix.runs")


IMPORT_ONE_BY_ONE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(print(name))
"""


def importers_of_torch(modules: list[str], folder: Path) -> list[str]:
    """Import the modules one by one in a fresh Python; the first after which torch is there."""
    command = [sys.executable, "-c", IMPORT_ONE_BY_ONE, *modules]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("pattern", TORCH_FREE)
def test_torch_free_modules_stay_so(pattern: str) -> None:
    modules = [module_name(path) for path in sorted(PACKAGE.glob(pattern))]
    assert modules, f"no file matches adautomix/{pattern}"
    assert importers_of_torch(modules, ROOT) == []


def test_an_import_of_torch_is_seen(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "clean.py").write_text("import json")
    (tmp_path / "heavy.py").write_text("import clean, torch")
    assert importers_of_torch(["clean"], tmp_path) == []
    assert importers_of_torch(["clean", "heavy"], tmp_path) == ["heavy"]


# Anything longer than a call belongs into the package, where it is tested.
OBTAINS = re.compile(r"\bobtain\(|\breport\(|\.evaluate\(")
FORBIDDEN = {
    "def": (ast.FunctionDef, ast.AsyncFunctionDef),
    "class": ast.ClassDef,
    "for": (ast.For, ast.AsyncFor, ast.comprehension),
    "while": ast.While,
    "with": (ast.With, ast.AsyncWith),
}


def code_lines(code: str) -> list[str]:
    """Lines that are neither blank nor only a comment."""
    lines = (line.strip() for line in code.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def faults_of_code(code: str) -> list[str]:
    """What makes a code cell more than a few calls."""
    nodes = list(ast.walk(ast.parse(code)))
    found = [w for w, kinds in FORBIDDEN.items() if any(isinstance(n, kinds) for n in nodes)]
    faults = [f"`{word}` in a cell" for word in found]
    if len(code_lines(code)) > MAX_CELL_LINES:
        faults.append(f"a cell of {len(code_lines(code))} lines; at most {MAX_CELL_LINES}")
    return faults


def is_literal(node: ast.expr) -> bool:
    """Whether the expression is a constant, or a list, tuple or dict of constants."""
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def faults_of_parameters(code: str) -> list[str]:
    """What is in the `parameters` cell beside `name = literal  # what it means`, one a line."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    commented = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    faults = []
    for node in ast.parse(code).body:
        line = f"parameters, line {node.lineno}"
        named = [isinstance(target, ast.Name) for target in getattr(node, "targets", [])]
        if named != [True] or not is_literal(node.value):
            faults.append(f"{line}: not `name = literal`")
        elif node.lineno != node.end_lineno or node.lineno not in commented:
            faults.append(f"{line}: no comment on what it means")
    return faults


def page_lines(codes: list[str]) -> int:
    """Lines of a page's own code: of the cells but the first and last steps of every page."""
    same = ("notebook.begin(", "notebook.colophon(")
    own = [code for code in codes if not any(call in code for call in same)]
    return sum(len(code_lines(code)) for code in own)


def faults_of_notebook(content: dict) -> list[str]:
    """What keeps a notebook from being thin, without outputs and open to parameters."""
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    codes = ["".join(cell["source"]) for cell in cells]
    faults = [fault for code in codes for fault in faults_of_code(code)]
    tags = [cell["metadata"].get("tags", []) for cell in cells]
    tagged = [code for code, names in zip(codes, tags, strict=True) if "parameters" in names]
    if len(tagged) != 1:
        faults.append(f"{len(tagged)} cells tagged `parameters`; exactly one is wanted")
    faults += [fault for code in tagged for fault in faults_of_parameters(code)]
    length = page_lines([code for code in codes if code not in tagged])
    if length > MAX_PAGE_LINES:
        faults.append(f"a page of {length} lines of code; at most {MAX_PAGE_LINES}")
    faults += [
        "what trains or reads runs is hidden by `remove-input`"
        for code, names in zip(codes, tags, strict=True)
        if "remove-input" in names and OBTAINS.search(code)
    ]
    if any(cell["outputs"] for cell in cells):
        faults.append("outputs are kept; run nbstripout")
    if any(cell["execution_count"] is not None for cell in cells):
        faults.append("execution counts are kept; run nbstripout")
    return faults


@each_notebook
def test_notebooks_are_thin(notebook: Path) -> None:
    assert faults_of_notebook(json.loads(notebook.read_text())) == []


def notebook_of(*codes: str, **first_cell: object) -> dict:
    """A notebook of code cells, the first of them tagged `parameters`."""
    empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**empty, "source": code} for code in codes]
    cells[0] |= {"metadata": {"tags": ["parameters"]}, **first_cell}
    return {"cells": cells}


def test_a_thin_notebook_has_no_fault() -> None:
    parameters = 'budget = "quick"  # smoke | quick\nseeds = [0, -1]  # one run each'
    assert faults_of_notebook(notebook_of(parameters, "# shown\n\ntable.show()")) == []


@pytest.mark.parametrize(
    ("notebook", "fault"),
    [
        (notebook_of("", "def f():\n    pass"), "`def`"),
        (notebook_of("", "class A:\n    pass"), "`class`"),
        (notebook_of("", "for i in x:\n    pass"), "`for`"),
        (notebook_of("", "y = [i for i in x]"), "`for`"),
        (notebook_of("", "while x:\n    pass"), "`while`"),
        (notebook_of("", "with x:\n    pass"), "`with`"),
        (notebook_of("", "x = 1\n" * 9), "9 lines"),
        (notebook_of("", *["x = 1\n" * 4] * 3), "a page of 12 lines"),
        (
            notebook_of("r = obtain(1)", metadata={"tags": ["parameters", "remove-input"]}),
            "hidden",
        ),
        (notebook_of("x = open('a')  # a file"), "literal"),
        (notebook_of("import os  # not a parameter"), "literal"),
        (notebook_of("x = 1"), "comment"),
        (notebook_of("", metadata={}), "0 cells tagged"),
        (notebook_of("", outputs=[{}]), "outputs"),
        (notebook_of("", execution_count=1), "execution counts"),
    ],
)
def test_a_fault_of_a_notebook_is_seen(notebook: dict, fault: str) -> None:
    assert any(fault in found for found in faults_of_notebook(notebook))


OF_ONE_MACHINE = re.compile(
    r"(?:(?<![\w.:/*-])|file://)/(?:work|home|root|Users|opt)/\w"  # an absolute path
    r"|pypi\.org|pythonhosted\.org|download\.pytorch\.org|registry\.npmjs|conda\.anaconda\.org"
)


def tracked_files() -> list[Path]:
    """Files that git tracks or would track; none where there is no git repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def places_of_one_machine(content: bytes) -> list[str]:
    """The lines of a text file that name a machine's own path or a registry's address."""
    if b"\0" in content[:8192]:
        return []
    lines = content.decode("utf-8", errors="replace").splitlines()
    return [
        f"line {i}: {line[:120]}" for i, line in enumerate(lines, 1) if OF_ONE_MACHINE.search(line)
    ]


def test_nothing_names_one_machine_or_a_registry() -> None:
    files = tracked_files()
    if not files:
        pytest.skip("not a git checkout")
    found = {str(path): places_of_one_machine(path.read_bytes()) for path in files}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("data = '/" + "home/me/data'", True),
        ("cd /" + "root/x", True),
        ("simple = https://" + "pypi" + ".org/simple", True),
        ("file:" + "///opt/wheels", True),
        ("https://example.org/home/page", False),
        ("sub/home/page ../worked/x .venv/opt/x", False),
    ],
)
def test_a_machine_s_own_path_is_seen(line: str, wrong: bool) -> None:
    assert bool(places_of_one_machine(line.encode())) == wrong


@each_source
def test_files_are_short(source: Path) -> None:
    assert len(source.read_text().splitlines()) <= MAX_FILE_LINES


def undocumented(code: str) -> list[str]:
    """The module itself, and its public functions and classes, where they have no docstring."""
    tree = ast.parse(code)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    missing = [node.name for node in public if not ast.get_docstring(node)]
    return missing if ast.get_docstring(tree) else ["the module", *missing]


@each_source
def test_public_names_have_docstrings(source: Path) -> None:
    assert undocumented(source.read_text()) == []


def test_a_missing_docstring_is_seen() -> None:
    assert undocumented("def f(): ...\ndef _g(): ...\nclass A: 'said'") == ["the module", "f"]


def test_timm_is_imported_when_a_network_is_built():
    """It takes longer to import than torch and all the rest."""
    code = (
        "import sys, adautomix.cli, adautomix.methods, adautomix.recipes\n"
        "import adautomix.results.execute\n"
        "print('timm' in sys.modules)\n"
        "adautomix.recipes.get('photodigits/thin/plain').net.build(10)\n"
        "print('timm' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "True"]


def test_no_two_files_of_tests_share_a_name() -> None:
    """Pytest imports them by their names alone, and refuses the second."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
