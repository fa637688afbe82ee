"""Write the small Sphinx inventories beside this file: foreign names then link offline.

    python book/inventories/make.py

Sphinx would otherwise ask each project's site for its whole inventory at every build.
"""

import zlib
from pathlib import Path

CLASS = "py:class"
NAMES = {
    "torch": {
        "torch.Tensor": (CLASS, "tensors.html#$"),
        "torch.Generator": (CLASS, "generated/torch.Generator.html#$"),
        "torch.nn.Module": (CLASS, "generated/torch.nn.Module.html#$"),
        "torch.optim.Optimizer": (CLASS, "optim.html#$"),
    },
    "numpy": {
        "numpy.ndarray": (CLASS, "reference/generated/numpy.ndarray.html#$"),
        "numpy.random.Generator": (CLASS, "reference/random/generator.html#$"),
    },
    "pandas": {"pandas.DataFrame": (CLASS, "reference/api/pandas.DataFrame.html#$")},
    "matplotlib": {
        "matplotlib.figure.Figure": (CLASS, "api/figure_api.html#$"),
        "matplotlib.axes.Axes": (CLASS, "api/_as_gen/matplotlib.axes.Axes.html#$"),
    },
    "python": {
        "pathlib.Path": (CLASS, "library/pathlib.html#$"),
        "ValueError": ("py:exception", "library/exceptions.html#$"),
        "collections.abc.Callable": (CLASS, "library/collections.abc.html#$"),
        "collections.abc.Iterable": (CLASS, "library/collections.abc.html#$"),
        "collections.abc.Iterator": (CLASS, "library/collections.abc.html#$"),
        "collections.abc.Mapping": (CLASS, "library/collections.abc.html#$"),
        "collections.abc.Sequence": (CLASS, "library/collections.abc.html#$"),
    },
}


def inventory(project: str, names: dict[str, tuple[str, str]]) -> bytes:
    """The bytes of a version-2 inventory: four header lines, then zlib-compressed rows."""
    rows = "".join(f"{name} {role} 1 {address} -\n" for name, (role, address) in names.items())
    header = (
        "# Sphinx inventory version 2\n"
        f"# Project: {project}\n"
        "# Version: \n"
        "# The remainder of this file is compressed using zlib.\n"
    )
    return header.encode() + zlib.compress(rows.encode())


if __name__ == "__main__":
    for project, names in NAMES.items():
        Path(__file__).with_name(f"{project}.inv").write_bytes(inventory(project, names))
