"""How docstrings reach the page "The package": a small Sphinx extension of this book."""

import inspect
import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

ALIAS = re.compile(r"Alias for field number \d+")


def skip_fields(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out the fields of a named tuple: its docstring lists them under "Attributes"."""
    return True if ALIAS.fullmatch(inspect.getdoc(member) or "") else None


def plain_shapes(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str | None, str | None]:
    """Write shapes as in the source: Float[Tensor, "b n"], not jaxtyping.Float[Tensor, 'b n']."""

    def plain(text: str | None) -> str | None:
        short = re.sub(r"~?jaxtyping\.(?=[A-Z])", "", text or "")
        return re.sub(r"\[Tensor, '([^']*)'\]", r'[Tensor, "\1"]', short) or None

    return plain(signature), plain(returned)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"  # Sphinx says "Variables"
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-signature", plain_shapes, priority=900)  # the last word
    return {"parallel_read_safe": True}
