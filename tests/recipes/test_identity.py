"""A run's id outlives its classes: new fields, new names, and every record that there is."""

from dataclasses import dataclass, field, fields, make_dataclass, replace

import pytest

from adautomix import recipes
from adautomix.fields import added
from adautomix.recipes import Cosine, Recipe, from_dict, override, serialise, to_dict, written
from adautomix.record import recorded, run_id
from adautomix.runs.job import Job

RUNS = recorded().all()


def id_of(run, recipe: Recipe) -> str:
    """The id that today's code gives to the recipe of a recorded run."""
    return run_id(to_dict(recipe), run.budget, run.seed, run.method, recipe.data)


@pytest.fixture
def grown(monkeypatch) -> dict[str, type]:
    """Every kind of recipe value as a subclass of the same name with one field more."""
    more = [("novelty", float, added(0.5))]
    kinds = {name: make_dataclass(name, more, bases=(kind,), frozen=True)
             for name, kind in serialise.KINDS.items()}  # fmt: skip
    for name, kind in kinds.items():
        monkeypatch.setitem(serialise.KINDS, name, kind)
    return kinds


def test_there_are_records_to_ask():
    assert len(RUNS) >= 164


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.id)
def test_every_recorded_id_is_rebuilt_from_its_recipe(run):
    recipe = from_dict(run.recipe)
    assert to_dict(recipe) == run.recipe
    assert id_of(run, recipe) == run.id


@pytest.mark.parametrize("run", RUNS[::8], ids=lambda run: run.id)
def test_a_field_that_was_added_leaves_every_id_as_it_is(run, grown):
    recipe = from_dict(run.recipe)
    assert isinstance(recipe, grown["Recipe"])
    assert (recipe.novelty, recipe.net.novelty, recipe.method.novelty) == (0.5,) * 3
    assert id_of(run, recipe) == run.id
    for other in (
        replace(recipe, novelty=1.0),
        replace(recipe, method=replace(recipe.method, novelty=1.0)),
    ):
        assert id_of(run, other) != run.id
        assert from_dict(to_dict(other)) == other


def test_a_field_that_was_not_marked_as_added_changes_ids(monkeypatch):
    """What the first test above guards against."""
    kind = make_dataclass("Cosine", [("novelty", float, field(default=0.5))],
                          bases=(Cosine,), frozen=True)  # fmt: skip
    monkeypatch.setitem(serialise.KINDS, "Cosine", kind)
    run = RUNS[0]
    assert id_of(run, from_dict(run.recipe)) != run.id


def test_a_new_default_does_not_change_what_was_recorded(monkeypatch):
    """Records from before a field existed mean what the code did then, not its default today."""
    kind = make_dataclass("Cosine", [("novelty", float, added(0.5, default=2.0))],
                          bases=(Cosine,), frozen=True)  # fmt: skip
    monkeypatch.setitem(serialise.KINDS, "Cosine", kind)
    run = RUNS[0]
    recipe = from_dict(run.recipe)
    assert (recipe.schedule.novelty, kind().novelty) == (0.5, 2.0)
    assert id_of(run, recipe) == run.id
    today = replace(recipe, schedule=kind(recipe.schedule.final_fraction, recipe.schedule.warmup))
    assert id_of(run, today) != run.id
    assert from_dict(to_dict(today)) == today


@dataclass(frozen=True)
class HalfCosine:
    """`Cosine` as it might be called one day."""

    final_share: float = 0.0
    warmup: int = 0


@pytest.fixture
def renamed(monkeypatch) -> None:
    """The schedule and one of its fields under other names."""
    monkeypatch.delitem(serialise.KINDS, "Cosine")
    monkeypatch.setitem(serialise.KINDS, "HalfCosine", HalfCosine)
    monkeypatch.setitem(serialise.RECORDED_KINDS, "HalfCosine", "Cosine")
    monkeypatch.setitem(serialise.RECORDED_FIELDS, ("HalfCosine", "final_share"), "floor")


@pytest.mark.parametrize("run", RUNS[::8], ids=lambda run: run.id)
def test_a_renamed_class_and_field_keep_their_recorded_names(run, renamed):
    schedule = from_dict(run.recipe["schedule"])
    assert schedule == HalfCosine(run.recipe["schedule"]["floor"])
    assert to_dict(schedule) == run.recipe["schedule"]


@dataclass(frozen=True)
class Holder:
    """A part of a recipe."""

    schedule: HalfCosine = field(default_factory=HalfCosine)


def test_a_renamed_field_is_changed_by_either_name_and_recorded_by_the_old_one(renamed):
    by_old = override(Holder(), "schedule.floor=0.5")
    assert by_old == override(Holder(), "schedule.final_share=0.5") == Holder(HalfCosine(0.5))
    assert written(by_old, "schedule.floor") == written(by_old, "schedule.final_share") == "0.5"
    for path in ("schedule.floor", "schedule.final_share"):
        assert recipes.recorded_path(Holder(), path) == "schedule.floor"
    assert recipes.recorded_path(Holder(), "schedule.warmup") == "schedule.warmup"


def test_a_change_is_recorded_in_the_recorded_words():
    said = [Job("photodigits/thin/plain", "smoke", 0, (f"schedule.{name}=0.5",))
            for name in ("floor", "final_fraction")]  # fmt: skip
    assert {job.recorded_name() for job in said} == {"photodigits/thin/plain/schedule.floor=0.5"}
    assert len({job.id() for job in said}) == 1


def test_no_recorded_name_stands_for_two_fields():
    for kind in serialise.KINDS.values():
        names = [serialise.recorded_field(kind, f.name) for f in fields(kind)]
        assert len(set(names)) == len(names), kind
