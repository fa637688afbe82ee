"""The command: a record and a table, or one sentence."""

import json

import pytest

from adautomix.bench import __main__ as command
from adautomix.bench import rules
from adautomix.record import bench


def test_a_suite_prints_its_table_and_leaves_a_record(tmp_path, capsys):
    words = ["rules", "--tiny", "--device", "cpu", "--to", str(tmp_path)]
    assert command.main(words) == 0
    (found,) = bench.benchmarks(tmp_path)
    assert (found.suite, found.settings["tiny"]) == ("rules", True)
    assert found.device.startswith("cpu: ")
    assert {"commit", "versions", "precision", "when"} <= set(found.provenance)
    shown = capsys.readouterr()
    assert all(rule in shown.out for rule in found.rows["rule"])
    assert found.path.name in shown.out
    lines = [line for line in shown.err.splitlines() if line.startswith("rules: ")]
    assert len(lines) == len(found.rows)


def test_rows_are_shown_as_they_come(tmp_path, capsys, monkeypatch):
    seen = []

    def slow(options):
        for name in ("copy", "mixup"):
            yield {"rule": name, "seconds": 0.123456, "memory_mib": None}
            seen.append(capsys.readouterr().err)

    monkeypatch.setattr(rules, "rules", slow)
    assert command.main(["rules", "--tiny", "--device", "cpu", "--to", str(tmp_path)]) == 0
    assert seen == [f"rules: rule {name}, seconds 0.1235\n" for name in ("copy", "mixup")]


def test_what_is_measured_when_a_suite_is_stopped_is_recorded(tmp_path, capsys, monkeypatch):
    def stopped(options):
        yield {"rule": "copy", "seconds": 0.1}
        raise KeyboardInterrupt

    monkeypatch.setattr(rules, "rules", stopped)
    assert command.main(["rules", "--tiny", "--device", "cpu", "--to", str(tmp_path)]) == 0
    (found,) = bench.benchmarks(tmp_path)
    assert found.rows["rule"].tolist() == ["copy"]
    assert "rules: stopped; what was measured is recorded" in capsys.readouterr().err


def test_the_rounds_have_a_limit_of_time_on_a_gpu_or_where_one_is_given(monkeypatch):
    def limit(*words: str) -> float | None:
        return command._options(command.parser().parse_args(["steps", *words])).limit

    assert limit("--device", "cpu") is None
    assert limit("--device", "cpu", "--limit", "3m") == 180
    monkeypatch.setattr("adautomix.device.check_device", lambda name: None)
    assert limit("--device", "cuda", "--precision", "fp32") == command.LIMIT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stpes"], "unknown suite 'stpes'"),
        (["steps", "--methods", "mixpu"], "unknown method 'mixpu'"),
        (["steps", "--batch", "1"], "batches of 2 or more"),
        (["steps", "--repeats", "0"], "1 or more repeats"),
        (["steps", "--bach", "3"], "--batch"),
    ],
)
def test_bad_input_is_one_sentence(words, said, capsys):
    assert command.main(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_in_all_a_suite_that_fails_does_not_stop_the_others(monkeypatch, capsys):
    def run(suite, options, folder):
        if suite == "parts":
            raise RuntimeError("out of memory\nand a stack")
        return f"table of {suite}"

    monkeypatch.setattr(command, "_run", run)
    assert command.main(["all", "--tiny", "--device", "cpu"]) == 1
    shown = capsys.readouterr()
    assert "parts (out of memory)" in shown.err
    assert [f"table of {s}" in shown.out for s in command.ALL] == [
        s != "parts" for s in command.ALL
    ]


def test_every_suite_has_a_function_of_its_name():
    from importlib import import_module

    for suite in command.ALL:
        assert callable(getattr(import_module(f"adautomix.bench.{suite}"), suite))


def test_the_record_is_plain_json(tmp_path):
    facts = {"device": "cpu: x, 1 threads"}
    path = bench.write(tmp_path, "rules", settings={}, rows=[{"a": 1.5}], provenance=facts)
    assert json.loads(path.read_text())["rows"] == [{"a": 1.5}]
