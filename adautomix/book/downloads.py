"""What a reader can take from a page: its notebook, its figures as files, and where to open it."""

import json
import re
import shlex
from base64 import b64decode
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import nbformat

BOX = """:::{{admonition}} Take this page with you
:class: tip

Make it again:

```bash
{command}
```

{rest}
:::
"""
KINDS = {"svg": "image/svg+xml", "pdf": "application/pdf"}
OPENED_IN = {
    "Colab": "https://colab.research.google.com/github/{repository}/blob/HEAD/notebooks/{name}.ipynb",
    "Binder": "https://mybinder.org/v2/gh/{repository}/HEAD?labpath=notebooks%2F{name}.ipynb",
}
GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git|/)?")


def command_of(nb: Any, name: str) -> str:
    """Return the command that executes a notebook as this copy of it was executed by papermill.

    Args:
        nb: the executed copy.
        name: of the notebook, without ".ipynb".
    """
    given = nb.metadata.get("papermill", {}).get("parameters", {})
    words = ["papermill", f"notebooks/{name}.ipynb", "out.ipynb"]
    for parameter, value in given.items():
        if isinstance(value, str):
            words += ["-p", parameter, value]
        else:
            words += ["-y", f"{parameter}: {json.dumps(value)}"]
    return shlex.join(words)


def take_figures(nb: Any) -> dict[str, dict[str, bytes]]:
    """Return the files of the figures that an executed notebook numbers; its PDFs are taken out.

    Returns:
        Label of the figure → "svg" and "pdf" → the file.
    """
    found: dict[str, dict[str, bytes]] = {}
    for cell in nb.cells:
        label = cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            files = {
                kind: _content(kind, shown[mime]) for kind, mime in KINDS.items() if mime in shown
            }
            shown.pop(KINDS["pdf"], None)
            if label is not None and files:
                found[label] = files
    return found


def _content(kind: str, data: str | list[str]) -> bytes:
    """Return the bytes of an output of a notebook."""
    text = data if isinstance(data, str) else "".join(data)
    return text.encode() if kind == "svg" else b64decode(text)


def file_name(label: str, kind: str) -> str:
    """Return the name of a figure's file.

    >>> file_name("fig:home", "svg")
    'fig-home.svg'
    """
    return f"{label.replace(':', '-')}.{kind}"


def repository() -> str | None:
    """Return the address of the public repository, `project.urls` in pyproject.toml, if it has one.

    It is read from the installed package, so a change of pyproject.toml needs `make setup`.
    """
    try:
        given = metadata("adautomix").get_all("Project-URL") or []
    except PackageNotFoundError:
        return None
    urls = dict(line.split(", ", 1) for line in given)
    return urls.get("Repository")


def opened_elsewhere(name: str, address: str | None) -> str:
    """Return the line with links to open a notebook at a service; empty without an address there.

    Args:
        name: of the notebook, without ".ipynb".
        address: of the repository; the services know those on GitHub.
    """
    match = GITHUB.fullmatch(address or "")
    if match is None:
        return ""
    colab, binder = (
        f"[{service}]({link.format(repository=match[1], name=name)})"
        for service, link in OPENED_IN.items()
    )
    return (
        f"Open it in {binder}, or in {colab} after a first cell `%pip install git+{address}`; on "
        '`budget = "smoke"` a processor does.\n'
    )


def with_downloads(nb: Any, name: str, files: dict[str, dict[str, bytes]]) -> Any:
    """Return an executed copy with a box at its end: command, notebook, figures, services.

    Args:
        nb: the executed copy.
        name: of the notebook, without ".ipynb".
        files: see `take_figures`; the box links to them in `figures/`, beside the chapters.
    """
    figures = [
        f"{{numref}}`{label}` as "
        + " and ".join(
            f"{{download}}`{kind.upper()} <../figures/{file_name(label, kind)}>`" for kind in kinds
        )
        for label, kinds in files.items()
    ]
    source = f"{{download}}`{name}.ipynb <../notebooks/{name}.ipynb>`"
    rest = [
        f"The notebook without its outputs: {source}.\n",
        opened_elsewhere(name, repository()),
        f"Its figures: {'; '.join(figures)}.\n" if figures else "",
    ]
    text = BOX.format(command=command_of(nb, name), rest="\n".join(filter(None, rest)))
    nb.cells.append(nbformat.v4.new_markdown_cell(text))
    nb.cells[-1].id = "take-away"
    return nb
