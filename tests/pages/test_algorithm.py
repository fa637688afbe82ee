"""Algorithm 1 as it is printed, against the package's step: the same weights to rounding."""

import re

import pytest

from adautomix.errors import InputError
from adautomix.pages import algorithm


@pytest.fixture(scope="module")
def found() -> dict[str, float | int]:
    return algorithm.compare(steps=4, seed=1)


@pytest.mark.parametrize("network", ["classifier", "teacher", "generator"])
def test_both_train_to_the_same_weights(found, network):
    assert found[f"{network}_moved"] > 1e-6
    assert found[network] < 1e-9 * found[f"{network}_moved"]


def test_a_term_left_out_would_be_seen(monkeypatch):
    monkeypatch.setattr(algorithm, "cosine", lambda view, *_: view.sum() * 0)
    changed = algorithm.compare(steps=2, seed=1)
    assert changed["generator"] > 1e-3 * changed["generator_moved"]
    assert algorithm.headline(changed)["verdict"] == "holds in part"


def test_every_line_has_a_statement_and_a_place_in_the_package():
    frame = algorithm.listing().frame
    assert list(frame["line"]) == ["1", "2", "3", "4", "5", "6", "8", "11", "14"]
    assert frame["what runs here"].str.len().gt(0).all()
    assert "`l_ace = ace(psi(x), *sets)`" in frame["what runs here"][4]
    for place in frame["in the package"]:
        module, name = re.fullmatch(r"`(.+?\.[a-z_]+)\.(\w+(?:\.\w+)?)`", place).groups()
        found = __import__(f"adautomix.{module}", fromlist=["_"])
        for part in name.split("."):
            found = getattr(found, part)


def test_more_steps_than_an_epoch_has_are_refused():
    with pytest.raises(InputError, match="steps must be 1 to 15, one epoch, not 16"):
        algorithm.compare(steps=16)
