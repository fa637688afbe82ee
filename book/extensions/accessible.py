"""Roles that a screen reader understands, in place of those that docutils gives a bibliography."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

ROLES = {'role="doc-biblioentry"': 'role="listitem"'}
"""A list has list items; docutils has entries of a bibliography in it."""


def with_roles(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Replace the roles in the text of a page."""
    for given, better in ROLES.items():
        if given in (context.get("body") or ""):
            context["body"] = context["body"].replace(given, better)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("html-page-context", with_roles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
