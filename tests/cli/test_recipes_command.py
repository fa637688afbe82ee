"""`adautomix recipes`: the tables by number and row, and what a recipe is."""

import re
import shlex

import pytest

from adautomix.cli.main import main
from adautomix.results import paper


def said(capsys, *words):
    """What the command prints."""
    assert main(["recipes", *words]) == 0
    return capsys.readouterr().out


def test_without_a_table_the_numbers_are_counted(capsys):
    lines = said(capsys, "list").splitlines()
    assert lines[0].split() == ["Table", "1", "81", "numbers,", "81", "with", "a", "command"]
    assert lines[-1] == "together  314 numbers, 313 with a command"


def test_a_table_is_listed_with_its_numbers_runs_and_choices(capsys):
    listed = said(capsys, "list", "--table", "3", "--row", "AdAutoMix")
    number = paper.value(3, method="AdAutoMix", dataset="CUB-200")
    line = next(line for line in listed.splitlines() if "CUB-200" in line)
    assert f"{number:g}" in line
    assert line.endswith("cub200/resnet50/plain/epochs=100 from imagenet/resnet50/adautomix")
    assert "Table 3: Sec. 4.5" in listed
    assert "10% occluded" in said(capsys, "list", "--table", "7", "--row", "Vanilla")
    assert "none: spectral adversarial mixup" in said(capsys, "list", "--table", "11")
    assert said(capsys, "list", "--figure", "10").count("adautomix/") == 2


def test_the_columns_of_a_table_are_aligned_and_its_runs_can_be_given_to_a_shell(capsys):
    lines = [line for line in said(capsys, "list", "--table", "8").splitlines() if "CIFAR" in line]
    assert len({line.index("CIFAR-100") for line in lines}) == 1
    for line in lines:
        number, run = line.split("top1_percent")[1].split()[0], shlex.split(line)[-1]
        assert f"top1 {number} %" in said(capsys, "show", run)


def test_a_recipe_is_shown_with_the_papers_and_the_authors_values(capsys):
    shown = said(capsys, "show", "cub200/resnet18/adautomix")
    number = paper.value(2, method="AdAutoMix", dataset="CUB-200", backbone="ResNet-18")
    assert f"Table 2, AdAutoMix, CUB-200, ResNet-18: top1 {number:g} %" in shown
    assert "adautomix train cub200/resnet18/adautomix --budget paper --seed 0" in shown
    assert "loss_beta 0.1 (A.3; A.2 says 0.3 in all experiments)" in shown
    assert "method.beta=0.3, here 0.1" in shown
    assert "optim.generator_lr=0.1, here None" in shown
    assert "net.name=resnet18.tv_in1k" in shown
    assert "CUB-200-2011: columns 1 and 2 of Table 2" in shown
    assert re.search(r"cost +74,800 steps; a step takes [\d.]+ s and [\d,]+ MiB on cpu", shown)


def test_a_changed_recipe_is_shown_with_what_differs(capsys):
    shown = said(capsys, "show", "cifar100/resnet18/adautomix/method.n=4")
    assert "Table 10, N = 4, CIFAR-100, ResNet-18: seconds per iteration 0.2608" in shown
    assert "images 3 or 2 (A.2), here 4" in shown
    assert "choices        Table 10: " in shown


def test_what_recorded_runs_took_is_shown(capsys):
    shown = said(capsys, "show", "photodigits/thin/plain")
    assert "cost           plain-photodigits-quick-s0-08a9eb89: about" in shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "cub200"), "a recipe is data/backbone/method"),
        (("show", "cub200/resnet18/adautmix"), "did you mean 'cub200/resnet18/adautomix'"),
        (("list", "--table", "12"), "unknown table or figure 'Table 12'"),
        (("list", "--table", "6", "--figure", "6"), "give --table or --figure, not both"),
    ],
)
def test_what_there_is_not_is_one_sentence(capsys, words, sentence):
    assert main(["recipes", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
