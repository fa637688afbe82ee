"""A book of which some chapters have not been run yet: references into them are shown as dots."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def dots(app: Sphinx, env: Any, node: nodes.Element, content: nodes.Element) -> nodes.Node | None:
    """Show a reference by number as "…"; one with words of its own keeps them."""
    return nodes.inline("", "…") if node.get("reftype") in ("numref", "eq") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("missing-reference", dots)
    return {"parallel_read_safe": True}
