"""Every name in the code column of the glossary is there, under the name that the reference has."""

import inspect
import re
from importlib import import_module

import pytest

NAME = re.compile(r"\{py:obj\}`([^`]*)`")


def names(page: str) -> list[tuple[str, str]]:
    """What each link to the code shows, and the full name that it leads to."""
    found = []
    for text in NAME.findall(page):
        shown, _, target = text.rpartition(" <")
        target = target.rstrip(">").lstrip("~")
        found.append((shown or target.rpartition(".")[2], target))
    return found


def fault(shown: str, target: str) -> str | None:
    """What is wrong with a link: no such name, one defined elsewhere, no such field."""
    module, rest = target, []
    while True:
        try:
            value = import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            rest.insert(0, name)
    try:
        for name in rest:
            value = getattr(value, name)
    except AttributeError:
        return f"{target} is not there"
    home = f"{getattr(value, '__module__', module)}.{getattr(value, '__qualname__', rest[-1])}"
    if home != target and not isinstance(value, property):
        return f"{target} is defined as {home}"
    *_, last = rest
    if shown.startswith(f"{last}."):
        return fault_of_attribute(value, shown.removeprefix(f"{last}."))
    return None if target.endswith(f".{shown}") else f"{shown} does not name {target}"


def fault_of_attribute(value: type, name: str) -> str | None:
    """What is wrong with an attribute: a field, or what the constructor sets or is given."""
    known = {*dir(value), *inspect.signature(value).parameters}
    return None if name in known else f"{value.__name__} has no {name}"


@pytest.fixture
def links(root) -> list[tuple[str, str]]:
    return names((root / "book" / "glossary.md").read_text(encoding="utf-8"))


def test_every_name_in_the_code_is_there(links):
    assert len(links) > 50
    assert [found for link in links if (found := fault(*link))] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("~adautomix.losses.amce", None),
        ("Mixed.masks <adautomix.mix.base.Mixed>", None),
        ("Run.metric <adautomix.record.run.Run.metric>", None),
        ("~adautomix.losses.amcee", "is not there"),
        ("~adautomix.lossess.amce", "is not there"),
        ("~adautomix.mix.Mixed", "is defined as adautomix.mix.base.Mixed"),
        ("Mixed.mask <adautomix.mix.base.Mixed>", "has no mask"),
        ("Mix <adautomix.mix.base.Mixed>", "does not name"),
    ],
)
def test_a_wrong_name_is_seen(text, said):
    (link,) = names(f"| {{py:obj}}`{text}` |")
    found = fault(*link)
    assert found is None if said is None else said in found
