"""Parameters: what each may be, what counts as what, and one sentence for the rest."""

from pathlib import Path

import numpy as np
import pytest

from adautomix.errors import InputError
from adautomix.methods import METHODS
from adautomix.results.parameters import PARAMETERS, accept, plain

NAN = float("nan")
GOOD = {
    "budget": ["quick", "paper"],
    "data": [None, "somewhere/cifar.npz"],
    "datasets": [None, ["CUB-200"]],
    "device": ["auto", "cpu", "cuda", "cuda:1", "mps"],
    "every": [True, False],
    "measured_on": ["cuda"],
    "methods": [["adautomix"], list(METHODS)],
    "per_class": [None, 1, 20],
    "ratio": [0, 0.5, 1.0],
    "ratio_2": [0.8],
    "seed": [0, 7],
    "sections": [None, ["4.1", "A.8"]],
    "seeds": [[0], [2, 0, 1]],
    "severities": [[1, 5]],
    "steps": [1, 15],
    "time_limit": [0, 3000.0, float("inf")],
    "train": [True, False],
    "train_at": ["none", "short"],
}
BAD = {
    "budget": ["huge", "", 3, None, ["quick"]],
    "data": ["", 3, True],
    "datasets": ["CUB-200", [], [""], [7]],
    "device": ["gpu", "cuda:", "cuda:one", "cuda:-1", 0, None],
    "every": [0, 1, "maybe", "", None],
    "measured_on": ["auto", None],
    "methods": ["mixup", ["cutmx"], [], ["mixup", "mixup"], [1], None],
    "per_class": [0, -1, 2.5, True, "all"],
    "ratio": [-0.1, 1.1, NAN, True, "half", None],
    "ratio_2": [2],
    "seed": [-1, 0.0, True, "one", [0]],
    "sections": [[], "4.1", [4.1], [""]],
    "seeds": [0, "(0, 1)", "0 1", "0", [], [0, 0], [-1], [0.0], [True], ["0"], [[0]], {0: 1}, None],
    "severities": [[0], [6], 3],
    "steps": [0, 1.5, True, "two", None],
    "time_limit": [-1, NAN, True, "50m", None],
    "train": ["maybe not", 2, []],
    "train_at": ["quick", True, None],
}


def test_every_parameter_is_tried():
    assert GOOD.keys() == BAD.keys() == PARAMETERS.keys()


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, each in GOOD.items() for v in each])
def test_a_good_value_stays_what_it_is(name, value):
    accepted = accept(name, value)
    assert accepted == value
    assert type(accepted) is type(value)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, each in BAD.items() for v in each])
def test_any_other_value_is_one_sentence(name, value):
    with pytest.raises(InputError) as caught:
        accept(name, value)
    said = str(caught.value)
    assert said.startswith(f"{name} must be ")
    assert said.endswith(f", not {value!r}.")


def test_the_sentences_read_well():
    for name, value, sentence in (
        (
            "seeds",
            "(0, 1)",
            "seeds must be a list of whole numbers from 0 up, at least one and each once, "
            "not '(0, 1)'.",
        ),
        ("budget", "huge", "budget must be smoke, quick, lite, short or paper, not 'huge'."),
        ("train", "maybe not", "train must be True or False, not 'maybe not'."),
        ("ratio", 2, "ratio must be a number from 0 to 1, not 2."),
        ("per_class", 0, "per_class must be a whole number from 1 up, or None, not 0."),
    ):
        with pytest.raises(InputError) as caught:
            accept(name, value)
        assert str(caught.value) == sentence


def test_a_long_value_is_cut_and_stays_on_one_line():
    class Verbose:
        def __repr__(self) -> str:
            return "line\n" * 100

    with pytest.raises(InputError) as caught:
        accept("seed", Verbose())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("train", "false", False),
        ("every", "True", True),
        ("seeds", "[0, 1]", [0, 1]),
        ("seeds", "[ 2 ]", [2]),
        ("methods", "[mixup, cutmix]", ["mixup", "cutmix"]),
        ("methods", '["mixup"]', ["mixup"]),
        ("time_limit", "1e4", 1e4),
        ("time_limit", "3000", 3000),
        ("per_class", "null", None),
        ("ratio", ".5", 0.5),
        ("seed", "3", 3),
    ],
)
def test_text_that_says_a_value_is_that_value(name, text, meant):
    accepted = accept(name, text)
    assert accepted == meant
    assert type(accepted) is type(meant)


@pytest.mark.parametrize("name", ["data", "a_name_of_your_own"])
@pytest.mark.parametrize("text", ["false", "1e4", "[0, 1]"])
def test_where_text_is_wanted_it_stays_text(name, text):
    assert accept(name, text) == text


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ((0, 1), [0, 1]),
        (range(2), [0, 1]),
        (np.arange(2), [0, 1]),
        ([np.int64(3), (np.int32(4),)], [3, [4]]),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("cpu"), "cpu"),
        (Path("some") / "folder", str(Path("some", "folder"))),
        ({"a": (1, Path("b"))}, {"a": [1, "b"]}),
    ],
)
def test_what_papermill_cannot_write_is_converted(given, meant):
    found = plain(given)
    assert found == meant
    assert repr(found) == repr(meant)  # False is no 0, and a NumPy number no number of Python
    assert accept("a_name_of_your_own", given) == meant


@pytest.mark.parametrize("value", [{1}, 1j, b"cpu", np.longdouble(1), {1: 2}, [object], slice(2)])
def test_what_no_notebook_can_hold_is_refused(value):
    with pytest.raises(InputError, match=r"^a_name_of_your_own must be text, a number, "):
        accept("a_name_of_your_own", value)
