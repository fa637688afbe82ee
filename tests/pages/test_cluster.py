"""The table of what the recipes need: measured, as another one, or from the passes of a step."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from adautomix import recipes
from adautomix.pages import cluster
from adautomix.record import recorded
from adautomix.record.bench import Bench

ROW = {"recipe": "cub200/resnet18/adautomix", "batch": 16, "parts": 2, "images": 16}
ROW |= {"gflop": 700.0, "seconds": 8.0, "mib": 600.0, "mib_an_image": 70.0}


@pytest.fixture
def bench(monkeypatch) -> Bench:
    found = Bench(
        *("recipes", {}, pd.DataFrame([ROW])),
        *({"device": "cpu: X, 1 threads", "precision": "fp32", "when": "2026"}, Path("x.json")),
    )
    monkeypatch.setattr(cluster, "latest", lambda suite: found)
    return found


def cells(bench: Bench, name: str) -> dict[str, str]:
    names = [each.strip() for each in cluster.HEADER.strip("|").split("|")]
    row = cluster._row(name, bench, rate=1e12)
    return dict(zip(names, [each.strip() for each in row[1:-1].split("|")], strict=True))


def test_a_measured_recipe_has_its_numbers(bench):
    row = cells(bench, ROW["recipe"])
    assert row["GiB of a step"] == f"{(600 + 70 * 8) / 1024:.1f}"  # 16 images at once, not 8
    assert (row["s of a step"], row["from"]) == ("8", "measured")
    operations = cluster.flops(recipes.get(ROW["recipe"])) / 1e12
    assert row["TFLOP of a step"] == f"{operations:.2f}"
    steps = 200 * (5994 // 16)
    assert row["steps"] == f"{steps:,}"
    assert row["days of a run, one core"] == f"{steps * 8 / 86400:,.0f}"
    assert row["hours of a run, GPU"] == f"{steps * operations / 3600:.0f}"


def test_a_recipe_of_the_same_network_images_and_batch_has_its_step(bench):
    row = cells(bench, "aircraft/resnet18/adautomix")
    assert (row["s of a step"], row["from"]) == ("8", "as `cub200/resnet18`")
    assert row["steps"] == f"{200 * (6667 // 16):,}"


def test_another_recipe_has_counted_operations_and_blanks(bench):
    row = cells(bench, "imagenet/resnet18/adautomix")
    assert (row["GiB of a step"], row["s of a step"], row["days of a run, one core"]) == ("",) * 3
    assert row["from"] == "12 forward passes"
    assert float(row["TFLOP of a step"]) == pytest.approx(1.82e9 * 2 * 12 * 256 / 1e12, rel=0.01)


def test_a_step_of_few_images_is_continued_along_the_line():
    row = ROW | {"images": 8, "batch": 100, "mib": 500.0, "mib_an_image": 10.0}
    assert cluster.whole_mib(row) == 500 + 92 * 10
    assert cluster.whole_mib(row | {"images": 100, "parts": 1}) == 500


def test_passes_times_a_forward_pass_are_what_was_counted():
    """The generator takes a few per cent; torch overcounts gradients of grouped convolutions."""
    bench = cluster.latest(cluster.SUITE)
    for row in bench.rows.to_dict("records"):
        counted = row["gflop"] * 1e9
        found, grouped = cluster.flops(recipes.get(row["recipe"])), "next" in row["recipe"]
        assert found < counted if grouped else found == pytest.approx(counted, rel=0.05)


def test_every_network_of_the_tables_has_a_row(bench):
    lines = cluster.table().splitlines()
    assert lines[2:4] == [cluster.HEADER, cluster._rule()]
    assert len(lines) == 4 + len(list(cluster.adautomix())) == 22
    assert "H200" in lines[0]
    assert any(run.id in lines[0] for run in recorded().all())


def test_the_speed_of_the_gpu_is_that_of_the_recorded_run():
    run = cluster._timed()
    recipe = recipes.from_dict(run.recipe)
    assert cluster.flops(replace(recipe, batch=2 * recipe.batch)) == 2 * cluster.flops(recipe)
    assert 1e12 < cluster.gpu_rate() < 1e15
