"""The page on what CutMix is: what it says of a library is what a slow computation says."""

from dataclasses import fields
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from adautomix.mix import GUIDED, MIXERS
from adautomix.pages import neighbours, rule_options, what_cutmix_is
from adautomix.pages.neighbours import Asked, Draw, Mixes, ask

HERE = neighbours.installed()
each_library = pytest.mark.parametrize("name", neighbours.LIBRARIES)


@pytest.fixture(autouse=True)
def with_its_library(request):
    values = getattr(request.node, "callspec", None)
    name = values.params.get("name") if values else None
    if name and find_spec(name) is None:
        pytest.skip(f"{name} is not installed")


def span(name: str, place: int, side: int, own: float) -> range:
    """The pixels that a library pastes along one side, from its own documentation or code."""
    size = int(side * (1 - own) ** 0.5)
    if name == "kornia":  # nowhere cut off
        first = min(max(place - size // 2, 0), side - size)
        return range(first, first + size)
    keeps = name == "timm"
    last = place + (size + 1) // 2 if keeps else place + size // 2
    return range(max(place - size // 2, 0), min(last, side))


@each_library
@pytest.mark.parametrize("own", [0.05, 0.37, 0.5664, 0.75, 0.999])
@pytest.mark.parametrize("centre", [(0, 0), (8, 3), (16, 44), (31, 20)])
def test_boxes_and_labels_are_those_of_a_slow_loop(name, own, centre):
    images = what_cutmix_is.painted((32, 45), 4)
    mixed = ask(name, Asked("cutmix", images, torch.arange(4), 4, Draw(own, *centre)))
    rows, columns = (span(name, *each, own) for each in zip(centre, (32, 45), strict=True))
    cut = torch.zeros(32, 45, dtype=torch.bool)
    for i in rows:
        for j in columns:
            cut[i, j] = True
    assert torch.equal(mixed.images[1, 0] != 1, cut)
    share = 1 - len(rows) * len(columns) / (32 * 45)
    assert float(mixed.shares[1, 1]) == pytest.approx(share, abs=1e-6)
    torch.testing.assert_close(mixed.shares.sum(dim=1), torch.ones(4).double(), atol=1e-6, rtol=0)


@each_library
def test_mixup_gives_every_library_s_image_and_label_the_same_shares(name):
    images = what_cutmix_is.painted((4, 4))
    mixed = ask(name, Asked("mixup", images, torch.arange(8), 8, Draw(0.3, 0, 0)))
    means = mixed.shares @ torch.arange(8.0).double()
    torch.testing.assert_close(mixed.images[:, 0, 0, 0].double(), means, atol=1e-5, rtol=0)
    torch.testing.assert_close(mixed.shares.diagonal(), torch.full((8,), 0.3).double())


@each_library
@pytest.mark.parametrize("rule", ["cutmix", "mixup"])
def test_random_numbers_repeat_with_the_seed_and_leave_the_global_ones_alone(name, rule):
    def generators():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = generators()
    once, again, other = (what_cutmix_is._mixed(name, rule, seed) for seed in (3, 3, 4))
    assert torch.equal(once.images, again.images)
    assert not torch.equal(once.images, other.images)
    assert generators() == before


def test_the_page_s_numbers_follow_from_the_boxes():
    found = what_cutmix_is.numbers(0.5664)
    for name in HERE:
        middle, corner = (len(span(name, place, 32, 0.5664)) for place in (16, 0))
        assert (found[f"middle_{name}"], found[f"corner_{name}"]) == (middle, corner)
        assert found[f"gap_{name}"] < 1e-6
    assert found["mean_adautomix"] == pytest.approx(found["mean_torchvision"], abs=1e-4)
    assert found["mean_timm"] < found["mean_torchvision"]
    assert what_cutmix_is.one_rule(found) == (False, False, True)
    missing = set(neighbours.LIBRARIES) - set(HERE)
    assert all(np.isnan(found[f"mean_{name}"]) for name in missing)


def test_what_is_measured_of_a_library_can_also_be_the_opposite(monkeypatch):
    """Each measurement sees a made-up library that does the contrary of this package."""

    def contrary(asked: Asked) -> Mixes:
        """Rolls the batch in place, one λ an image, in float16, and forgets the layout."""
        rows = torch.nn.functional.one_hot(asked.labels, asked.classes).double()
        if torch.rand(()) >= asked.p and asked.p < 1:
            return Mixes(asked.images, asked.labels, rows)
        own = torch.rand(len(asked.images)).double()
        shares = own[:, None] * rows + (1 - own[:, None]) * rows.roll(1, 0)
        asked.images.add_(1)
        return Mixes(asked.images.contiguous(), shares.half(), shares.half().double())

    said = {what: measure("adautomix", "cutmix")
            for what, measure in what_cutmix_is.MEASURED.items()}  # fmt: skip
    monkeypatch.setitem(neighbours.LIBRARIES, "adautomix", contrary)
    found = {what: measure("adautomix", "cutmix")
             for what, measure in what_cutmix_is.MEASURED.items()}  # fmt: skip
    same = {what for what in said if said[what] == found[what]}
    assert same <= {"the number in them", "a batch of an odd number"}
    assert found["partner of an image"] == "the one before"
    assert found["λ"] == "one an image"
    assert found["the caller's images"] == "changed"
    assert "float16, sum 1 ± " in found["labels of bfloat16 images"]
    assert "which keep class numbers" in found["p = 1/2"]
    assert found["soft labels"].startswith("refused")


def test_the_tables_have_a_column_for_each_library_that_is_here():
    assert what_cutmix_is.boxes(0.5664).frame.columns.to_list() == ["box", "λ", *HERE]
    table = what_cutmix_is.behaviour().frame.set_index("")
    assert table.columns.to_list() == HERE
    assert table.loc["the caller's images", "timm"] == "changed"
    assert table.loc["the caller's images", "torchvision"] == "untouched"
    assert table.loc["a batch of an odd number", "timm"].startswith("refused")
    if "kornia" in HERE:
        assert "second label's share" in table.loc["the number in them", "kornia"]


# the options


@pytest.mark.parametrize(
    "option", rule_options.OPTIONS, ids=lambda each: f"{each.rule}-{each.words}"
)
def test_an_option_is_one_value_that_is_not_the_default_and_makes_a_difference(option):
    assert option.default == {**MIXERS, **GUIDED}[option.rule]()
    changed = [
        field.name
        for field in fields(option.default)
        if getattr(option.default, field.name) != getattr(option.other, field.name)
    ]
    name, _, value = option.words.partition("=")
    assert changed == [name]
    assert repr(getattr(option.other, name)) == value.replace('"', "'")
    if option.rule == "saliencymix":
        pytest.importorskip("cv2.saliency")
    assert max(rule_options.differences(option)) > 0


def test_every_reading_of_a_rule_is_in_the_table():
    """A rule's fields of words are its readings; `per` and libraries' names are none."""
    listed = {(each.rule, each.words.partition("=")[0]) for each in rule_options.OPTIONS}
    for name, rule in {**MIXERS, **GUIDED}.items():
        words = {field.name for field in fields(rule) if field.type in (str, "str")}
        for field in words - {"per", "solver"}:
            assert (name, field) in listed


def test_erasers_are_measured():
    table = rule_options.erasing().frame.set_index("")
    cutout = table.loc["`adautomix.mix.Cutout`"]
    assert cutout["shape"] == "square"
    assert cutout["images erased (%)"] == "100"
    assert cutout.iloc[1].endswith(f", {100 / 16:.1f}")
    assert table.loc["`timm.data.random_erasing.RandomErasing`", "the caller's images"] == "changed"
    assert table.loc["`torchvision.transforms.v2.RandomErasing`", "holes"] == "one a batch"
