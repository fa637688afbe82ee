"""The command: a record and a table, or one sentence."""

import json

import pytest

from adautomix.bench import __main__ as command
from adautomix.record import bench


def test_a_suite_prints_its_table_and_leaves_a_record(tmp_path, capsys):
    words = ["rules", "--tiny", "--device", "cpu", "--to", str(tmp_path)]
    assert command.main(words) == 0
    (found,) = bench.benchmarks(tmp_path)
    assert (found.suite, found.settings["tiny"]) == ("rules", True)
    assert found.device.startswith("cpu: ")
    assert {"commit", "versions", "precision", "when"} <= set(found.provenance)
    printed = capsys.readouterr().out
    assert all(rule in printed for rule in found.rows["rule"])
    assert found.path.name in printed


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
