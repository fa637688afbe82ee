"""Benchmarks on disk."""

import pytest

from adautomix.errors import RecordError
from adautomix.record import bench

FACTS = {"device": "cpu: AMD EPYC, 2 threads", "when": "2026-01-01T00:00:00+00:00"}


def write(folder, suite="steps", rows=({"method": "plain", "seconds": 0.1, "n": None},), **facts):
    return bench.write(folder, suite, settings={"repeats": 3}, rows=rows, provenance=FACTS | facts)


def test_what_is_written_is_read(tmp_path):
    path = write(tmp_path)
    found = bench.read(path)
    assert path.name == "steps-cpu-amd-epyc-2-threads.json"
    assert (found.suite, found.settings, found.device) == ("steps", {"repeats": 3}, FACTS["device"])
    assert found.rows["seconds"].to_list() == [0.1]
    assert found.provenance == FACTS


def test_a_suite_has_one_record_on_a_device(tmp_path):
    write(tmp_path)
    write(tmp_path, rows=[{"method": "mixup"}])
    write(tmp_path, device="cuda: H100")
    write(tmp_path, "rules")
    steps = bench.benchmarks(tmp_path, "steps")
    assert [found.rows["method"].to_list() for found in steps] == [["mixup"], ["plain"]]
    assert len(bench.benchmarks(tmp_path)) == 3


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 2}', '{"schema": 1, "suite": "steps"}'])
def test_a_damaged_record_is_one_sentence(tmp_path, content):
    path = tmp_path / "steps-cpu.json"
    path.write_text(content)
    with pytest.raises(RecordError, match=r"steps-cpu.json: cannot be read .* measure again"):
        bench.read(path)


def test_a_number_that_json_cannot_hold_changes_nothing(tmp_path):
    path = write(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path, rows=[{"seconds": float("nan")}])
    assert path.read_bytes() == before
