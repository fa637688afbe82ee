"""The directive `package`: the reference of a package, one section for each public module.

In a page of the book,

    ```{package} adautomix.mix
    ```

becomes a section for the package and one for each module below it, in the order of their names.
Its heading is the module's name below the top package, and it holds what `automodule` makes of the
public names that the module defines; what a package imports from its modules is listed with links
to where it is defined. A module whose name begins with an underscore is left out. So a new module
needs no entry.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SECTION = """\
{exported}

```{{eval-rst}}
.. automodule:: {module}
   :members:
   :ignore-module-all:
```
"""


def public_modules(name: str) -> Iterator[str]:
    """A module and, where it is a package, all public modules below it, in the order of names."""
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module {name}")
    yield name
    for found in pkgutil.iter_modules(spec.submodule_search_locations or []):
        if not found.name.startswith("_"):
            yield from public_modules(f"{name}.{found.name}")


def exported(name: str) -> list[str]:
    """What a package's `__all__` has from elsewhere: "`shown name <full name where defined>`"."""
    module = import_module(name)
    links = []
    for each in getattr(module, "__all__", []):
        value = getattr(module, each)
        home = getattr(value, "__module__", name)
        if home != name and hasattr(value, "__qualname__"):
            links.append(f"{{py:obj}}`{each} <{home}.{value.__qualname__}>`")
    return links


class PackageReference(SphinxDirective):
    """See the top of this file."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One section a module."""
        try:
            return [self.section(module) for module in public_modules(self.arguments[0])]
        except ModuleNotFoundError as error:
            raise self.error(str(error)) from error

    def section(self, module: str) -> nodes.section:
        """The heading of a module and what `automodule` says of it."""
        section = nodes.section(names=[module])
        shown = module.partition(".")[2] or module
        section += nodes.title(shown, "", nodes.literal(shown, shown))
        section += nodes.comment()  # else Sphinx gives the heading the module's id, whose dots
        # the search takes for classes of CSS
        self.state.document.note_implicit_target(section, section)
        links = exported(module)
        also = f"Can be imported from here: {', '.join(links)}." if links else ""
        lines = SECTION.format(module=module, exported=also).splitlines()
        source = StringList(lines, source=self.get_source_info()[0])
        self.state.nested_parse(source, self.content_offset, section)
        return section


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("package", PackageReference)
    return {"parallel_read_safe": True}
