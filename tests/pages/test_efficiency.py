"""The page's tables, from records made here."""

import pytest

from adautomix import figures
from adautomix.errors import RecordError
from adautomix.pages import efficiency, efficiency_tables
from adautomix.record import Run, bench
from adautomix.results import paper
from adautomix.results.experiment import Experiment
from adautomix.results.outcome import Results

METHODS = {("plain", None): 1.0, ("automix", None): 3.1, ("adautomix", 2): 4.0}
METHODS |= {("adautomix", 3): 4.1, ("adautomix", 8): 4.2}


def facts(device, day):
    return {"device": device, "when": f"2026-01-{day:02d}T00:00:00+00:00", "precision": "fp32"}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Writes benchmarks where those made here are looked for; none is recorded."""
    monkeypatch.setenv("ADAUTOMIX_RUNS", str(tmp_path))
    monkeypatch.setattr(efficiency, "recorded", lambda suite: [])

    def write(suite, rows, device="cpu: x, 2 threads", day=1):
        return bench.write(
            tmp_path / "bench", suite, settings={}, rows=rows, provenance=facts(device, day)
        )

    return write


def step_rows(batch=32):
    units = {"plain": 3, "automix": 9, "adautomix": 12}
    return [
        {
            "method": method,
            "n": n,
            "batch": batch,
            "units": units[method],
            "floor": units[method] / 3,
            "counted_floor": units[method] / 3,
            "ratio": ratio,
            "seconds": 0.25 * ratio,
            "memory_ratio": ratio / 2,
        }
        for (method, n), ratio in METHODS.items()
    ]


def part_rows():
    shares = {"classifier, forward": 0.7, "generator": 0.01, "mixing and losses": 0.005}
    shares |= {"teacher follows": 0.005, "teacher, forward": 0.28}
    return [
        {"method": "adautomix", "batch": 32, "part": part, "share": share, "seconds": share}
        for part, share in shares.items()
    ]


def test_the_newest_benchmark_of_the_device_is_shown(store):
    store("steps", step_rows(32), day=1)
    store("steps", step_rows(100), "cpu: y, 4 threads", day=3)
    store("steps", step_rows(16), "cuda: H100", day=4)
    assert efficiency.latest("steps").rows["batch"].unique() == [100]
    assert efficiency.latest("steps", "cuda").rows["batch"].unique() == [16]


def test_a_missing_benchmark_is_one_sentence_with_the_command(store):
    store("steps", step_rows(), "cuda: H100")
    with pytest.raises(RecordError, match=r"python -m adautomix\.bench steps --device cpu"):
        efficiency.latest("steps")


def test_table_10_sets_the_paper_beside_what_was_measured(store):
    store("steps", step_rows() + step_rows(100))
    table = efficiency_tables.table_10(efficiency.latest("steps")).set_index("N")
    assert table.index.to_list() == ["1", "2", "3", "4", "5", "8"]
    seconds = paper.value(10, **efficiency.PAPER, n=3)
    plain = paper.value(10, **efficiency.PAPER, n=1)
    assert table.loc["3", "paper: s"] == f"{seconds:.4f}"
    assert table.loc["3", "paper: ratio"] == f"{seconds / plain:.2f}"
    assert table.loc["3", "measured: ratio"] == "4.10"
    assert table.loc["1", "measured: ratio"] == "1.00"
    assert table.loc["4", "measured: ratio"] == table.loc["8", "paper: s"] == "", "not measured"


def test_ratios_by_n_are_those_of_one_batch(store):
    store("steps", step_rows() + step_rows(100))
    ours = list(efficiency.ratios_by_n(efficiency.latest("steps")).values())[1]
    assert ours.to_dict() == {2: 4.0, 3: 4.1, 8: 4.2}


@pytest.mark.parametrize(
    ("two", "three", "verdict"),
    [
        (
            4.0,
            4.1,
            "does not hold on this device: the measured ratio is above the paper's at N = 2, 3",
        ),
        (
            1.0,
            4.1,
            "holds in part on this device: the measured ratio is above the paper's at N = 3,",
        ),
        (1.0, 1.1, "holds on this device: the measured ratio is above the paper's at no N, and it"),
    ],
)
def test_the_claim_is_judged_where_paper_and_benchmark_have_an_n(store, two, three, verdict):
    rows = step_rows()
    rows[2]["ratio"], rows[3]["ratio"] = two, three
    store("steps", rows)
    found = efficiency.verdict(efficiency.latest("steps"))
    assert found.startswith(verdict)
    printed = paper.select(10, **efficiency.PAPER).set_index("n")["value"]
    less = three / two < printed.loc[3] / printed.loc[2]
    assert found.endswith(f"grows {'less' if less else 'no less'} with N")


def test_a_budget_that_a_dataset_lacks_is_the_nearest():
    assert efficiency.shown_budgets("smoke") == ("smoke", "lite")
    assert efficiency.shown_budgets("quick") == ("quick", "lite")
    assert efficiency.shown_budgets("short") == ("quick", "short")


def test_the_recorded_benchmarks_make_a_page():
    benches = efficiency.newest("cpu")
    assert list(benches) == list(efficiency.SUITES)
    tables = efficiency_tables.tables(benches)
    texts = {name: figures.markdown_table(*table) for name, table in tables.items()}
    assert all(f":name: tab:efficiency-{name}\n" in text for name, text in texts.items())
    assert benches["steps"].device in texts["steps"]


def test_steps_are_text_and_blank_where_nothing_was_measured(store):
    rows = step_rows()
    rows[1]["memory_ratio"] = None
    store("steps", rows)
    table = efficiency_tables.steps_table(efficiency.latest("steps"))
    assert table["method"].to_list() == ["Vanilla", "AutoMix", *["AdAutoMix"] * 3]
    assert table["memory ratio"].to_list()[1] == table["N"].to_list()[0] == ""
    assert table["units"].to_list() == ["3", "9", "12", "12", "12"]


def test_the_headline_quotes_the_records(store):
    larger = step_rows(batch=100)
    larger[-1]["ratio"] = 4.4
    store("steps", [*step_rows(), *larger])
    store("parts", part_rows())
    gains = {"plain": 0.7, "as is": 0.0, "folded teacher": 0.03, "all gradients at the end": -0.01}
    memory = {32: [1.0, 9.0, 9.0, 9.0], 100: [100.0, 220.0, 200.0, 290.0]}
    rows = [
        {"variant": v, "batch": batch, "gain": gain, "memory_mib": mib}
        for batch, peaks in memory.items()
        for (v, gain), mib in zip(gains.items(), peaks, strict=True)
    ]
    store("variants", rows)
    store("compiled", [{"method": "plain", "graphs": 1, "breaks": 0, "seconds": None}])
    store("builds", [build_row("abcdef0123")])
    suites = ("steps", "parts", "variants", "compiled", "builds")
    found = efficiency.headline({suite: efficiency.latest(suite) for suite in suites})
    assert (found["methods"], found["breaks"]) == (1, 0)
    assert found["earlier"] == "commit abcdef0"
    assert found["verdict"].startswith("does not hold on this device")
    assert found["overhead"] == pytest.approx(2.0)
    assert (found["best_variant"], found["best_gain"]) == ("folded teacher", 3.0)
    assert (found["ratio"], found["automix"], found["floor"]) == (4.1, 3.1, 4.0)
    assert found["flattest"] == pytest.approx(10.0), "of the batch where N matters most"
    assert [found[f"memory{which}"] for which in ("_batch", "", "_late")] == [100, 2.2, 2.9]
    assert found["late_loss"] == 1.0
    assert found["paper_ratio"] < 3, "what arithmetic does not allow"


def test_variants_and_rules_are_tables_of_text(store):
    rows = [
        {"variant": v, "batch": 32, "ratio": r, "gain": 1 - r / 4, "memory_mib": 100 * r}
        for v, r in {"plain": 1.0, "as is": 4.0, "folded teacher": 3.9}.items()
    ]
    store("variants", rows)
    table = efficiency_tables.variants_table(efficiency.latest("variants"))
    assert table["step"].to_list() == ["as is", "folded teacher"]
    assert table["gain (%)"].to_list() == ["0.0", "2.5"]
    assert table["memory (MiB)"].to_list() == ["400", "390"]
    rule = {"rule": "mixup", "batch": 8, "side": 32, "seconds": 0.002, "copies": 3.0}
    store("rules", [rule | {"seconds_per_image": None}, rule | {"rule": "copy"}])
    (row,) = efficiency_tables.rules_table(efficiency.latest("rules")).to_dict("records")
    assert row == {
        "rule": "MixUp",
        "batch": "8×3×32×32",
        "ms": "2.00",
        "copies": "3.0",
        "ms an image": "",
    }


def test_what_compiling_gives_is_shown_for_what_was_timed(store):
    row = {"method": "plain", "graphs": 1, "breaks": 0, "seconds": None}
    timed = {"method": "adautomix", "seconds": 0.5, "eager_seconds": 0.6}
    timed |= {"first_step_seconds": 61.2, "speed_up": 1.2, "graphs": 2, "breaks": 1}
    store("compiled", [row, timed])
    bench = efficiency.latest("compiled")
    assert efficiency_tables.compiled_table(bench).to_numpy().tolist() == [
        ["AdAutoMix", "61", "0.50", "0.60", "1.20×"]
    ]
    assert efficiency.graphs(bench) == {"methods": 2, "breaks": 1}


def build_row(commit):
    row = {"method": "adautomix", "n": 3, "batch": 32, "commit_before": commit}
    return row | {"seconds_before": 0.0461, "seconds": 0.0084, "speed_up": 5.488}


def test_an_earlier_build_stands_beside_this_one(store):
    store("builds", [build_row(None)])
    bench = efficiency.latest("builds")
    assert efficiency.earlier(bench) == "an earlier build"
    assert efficiency_tables.builds_table(bench).to_numpy().tolist() == [
        ["AdAutoMix", "3", "32", "46.1", "8.4", "5.49×"]
    ]


def test_the_earlier_build_of_another_device_stands_in(store):
    gpu = "cuda: y"
    for suite in efficiency.SUITES[:-1]:
        store(suite, [{"batch": 1}], gpu)
    store("builds", [build_row(None)])
    benches = efficiency.newest("cuda")
    assert list(benches) == list(efficiency.SUITES)
    assert [benches[suite].device for suite in ("steps", "builds")] == [gpu, "cpu: x, 2 threads"]
    store("builds", [build_row(None)], gpu)
    assert efficiency.newest("cuda")["builds"].device == gpu


def run_with(tmp_path, **provenance):
    """A run of plain training, so timed."""
    return Run(
        id="x",
        name="photodigits/thin/plain",
        recipe={},
        budget="quick",
        seed=3,
        metrics={"classifier": {"top1_median10": 0.8}},
        provenance=provenance,
        evaluations=[],
        extras={},
        path=tmp_path,
    )


def test_timed_runs_are_those_of_both_datasets():
    digits, natural = efficiency.timed_runs("quick")
    assert not digits.empty
    assert not natural.empty
    assert len(efficiency.time_figure(natural).axes[0].lines) == natural["method"].nunique()
    assert "no timed run" in efficiency.time_figure(natural[:0]).axes[0].texts[0].get_text()
    found = efficiency_tables.minutes(digits, "quick")
    assert found["images_budget"] == "lite"
    assert found["minutes"].frame.equals(efficiency_tables.minutes_table(digits).frame)


@pytest.mark.parametrize(
    ("provenance", "minutes"),
    [
        ({"seconds": 600.0, "cpu_seconds": 120.0, "device": "cpu: x"}, [2.0]),
        ({"seconds": 600.0, "cpu_seconds": 120.0, "device": "cuda: x"}, [10.0]),
        ({"seconds": 600.0, "device": "cpu: x"}, []),
    ],
)
def test_every_timed_run_is_a_dot(tmp_path, provenance, minutes):
    run = run_with(tmp_path, **provenance)
    experiment = Experiment("x", "photodigits/thin", ("plain", "adautomix"))
    found = efficiency.against_time(Results("x", experiment, "quick", (run,)))
    assert list(found.columns) == ["method", "seed", "minutes", "accuracy", "device"]
    rows = [["plain", 3, each, 80.0, provenance["device"]] for each in minutes]
    assert found.to_numpy().tolist() == rows
    shown = [["Vanilla", provenance["device"], "1", f"{each:.1f}", "80.0"] for each in minutes]
    assert efficiency_tables.by_method(found).to_numpy().tolist() == shown
    assert efficiency_tables.minutes_table(found).frame.to_numpy().tolist() == shown
