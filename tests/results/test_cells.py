"""Every number of the paper's tables: which run makes it again, and that the run can be made."""

import shlex
from collections import Counter

import pytest

from adautomix import recipes
from adautomix.cli.main import parser
from adautomix.data.catalog import info
from adautomix.errors import InputError
from adautomix.names import REGISTRY
from adautomix.results import paper
from adautomix.results.cells import DATA, NETS, cells, job_of, places, select

NUMBERS = [cell for cell in cells() if cell.value is not None]
RUNS = sorted({cell.run for cell in cells() if cell.run})


def test_every_printed_number_but_the_gains_is_a_cell():
    by_table = Counter(cell.table for cell in NUMBERS)
    for n in range(1, 12):
        rows = paper.table(n)
        printed = rows[rows["method"] != "Gain"]
        assert by_table[n] == len(printed)
        assert [cell.value for cell in NUMBERS if cell.table == n] == list(printed["value"])
    assert len(NUMBERS) == sum(by_table.values()) == 314


def test_all_have_a_command_but_the_one_of_another_method():
    without = [cell for cell in NUMBERS if not cell.commands()]
    assert [(cell.place, cell.row) for cell in without] == [("Table 11", "SAMix")]
    assert "spectral adversarial mixup" in without[0].none


@pytest.mark.parametrize("run", RUNS)
def test_a_run_is_what_its_cell_says(run):
    job = job_of(run)
    recipe = job.recipe()  # an unknown recipe, field or value raises
    for cell in (cell for cell in cells() if cell.run == run):
        assert recipe.data == DATA[cell.dataset]
        family = recipes.get(f"{DATA[cell.dataset]}/{NETS[cell.backbone]}/plain")
        assert recipe.net == family.net
        if cell.table in (1, 2, 4, 6, 7):
            assert REGISTRY[job.method].title == cell.row
        for made in cell.jobs():
            assert made.budget == "paper"


@pytest.mark.parametrize("cell", NUMBERS[::5], ids=lambda cell: f"{cell.place}, {cell.row}")
def test_the_command_line_takes_every_command(cell):
    for command in cell.commands():
        parser().parse_args(shlex.split(command)[1:])


def test_the_lengths_are_those_of_the_paper():
    length = {
        (cell.place, cell.dataset, cell.backbone): job_of(cell.run).recipe().epochs
        for cell in NUMBERS
        if cell.run
    }
    for (place, dataset, backbone), epochs in length.items():
        if place in ("Table 4", "Table 5", "Table 6", "Table 8", "Table 11"):
            assert epochs == 200
        if place == "Table 3":
            assert epochs == 100
        if place == "Table 7" and dataset == "CIFAR-100":
            assert epochs == job_of("cifar100/swin_tiny/plain").recipe().epochs
        if place in ("Table 9", "Table 10"):
            assert epochs == (800 if backbone == "ResNet-18" else 200)


@pytest.mark.parametrize(
    ("place", "row", "fields"),
    [
        ("Table 5", "Base(N = 3)", {"without": ("mce", "ace", "teacher_amce", "cosine")}),
        ("Table 5", "+0.5Lmce + 0.5Lace", {"without": ("teacher_amce", "cosine")}),
        ("Table 5", "-0.3Lamce + 0.7Lcosine", {"without": ()}),
        ("Table 8", "Base + 0.5Lace", {"without": ("mce", "teacher_amce", "cosine")}),
        ("Table 8", "Base + 0.5Lace + 0.5Lmce - 0.3Lamce", {"without": ("cosine",)}),
        ("Table 9", "λ = 0.2", {"concentration": 0.2, "n": 3}),
        ("Table 10", "N = 5", {"concentration": 1.0, "n": 5}),
        ("Fig. 6", "α = 0.9", {"alpha": 0.9}),
        ("Fig. 6", "β = 0.1", {"beta": 0.1}),
        ("Fig. 10", "without the adversary", {"adversary": 0.0}),
    ],
)
def test_a_row_changes_what_it_says(place, row, fields):
    (found, *_) = select(place, row)
    method = job_of(found.run).recipe().method
    assert {name: getattr(method, name) for name in fields} == fields


def test_table_3_starts_from_the_weights_of_each_method_on_imagenet():
    (cell,) = (c for c in select("Table 3", "CutMix") if c.dataset == "CUB-200")
    first, second = cell.jobs(seed=2)
    assert (first.name, first.seed) == ("imagenet/resnet50/cutmix", 2)
    assert second.recipe().net.pretrained == first.id()
    assert (second.name, second.seed) == ("cub200/resnet50/plain", 2)


def test_what_is_evaluated_is_asked_for_after_training():
    (ece,) = (c for c in select("Table 6", "AdAutoMix") if c.backbone == "ResNet-18")
    train, evaluate = ece.commands()
    assert train == job_of("cifar100/resnet18/adautomix/epochs=200").command()
    assert evaluate == f"adautomix evaluate {ece.jobs()[0].id()} --calibration"
    assert {c.evaluation for c in places()["Table 7"]} == {"occlusion"}


def test_recipes_of_tables_1_and_2_are_used_as_they_are():
    assert all(cell.run in recipes.RECIPES for cell in cells() if cell.table in (1, 2))
    assert all(info(DATA[cell.dataset]) for cell in NUMBERS)


@pytest.mark.parametrize(
    ("place", "row", "sentence"),
    [
        ("Table 12", None, "unknown table or figure 'Table 12'"),
        ("Table 2", "Mixup", "unknown row 'Mixup': did you mean 'MixUp'"),
    ],
)
def test_what_the_paper_does_not_have_is_named(place, row, sentence):
    with pytest.raises(InputError, match=sentence):
        select(place, row)


def test_a_name_of_two_parts_is_no_recipe():
    with pytest.raises(InputError, match=r"a recipe is data/backbone/method, .* not 'cub200'"):
        job_of("cub200")
