"""Two builds in turn: each in processes of its own, and their seconds beside each other."""

from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pandas as pd
import pytest

from adautomix.bench import __main__ as command
from adautomix.bench import builds
from adautomix.errors import AdAutoMixError, InputError
from adautomix.record.bench import Bench


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "adautomix" / "bench").mkdir(parents=True)
    (tmp_path / "adautomix" / "bench" / "steps.py").touch()
    return tmp_path


def bench(method, seconds):
    row = {"method": method, "batch": 4, "n": None, "seconds": seconds}
    return Bench("steps", {}, pd.DataFrame([row]), {"commit": "abc"}, Path("steps.json"))


def test_a_build_measures_in_a_process_of_its_own(options):
    found = builds._measured(builds.OWN, replace(options, methods=()))
    assert found.rows["method"].tolist() == ["plain"]
    assert found.settings["tiny"]
    assert found.rows["seconds"].item() > 0


def test_the_speed_up_is_the_median_over_turns(options, tree, monkeypatch):
    earlier, own = cycle([8.0, 9.0, 60.0]), cycle([2.0, 3.0, 10.0])

    def measured(path, _):
        return bench("plain", next(earlier if path == tree else own))

    monkeypatch.setattr(builds, "_measured", measured)
    (row,) = builds.builds(replace(options, against=tree))
    assert row == {
        "method": "plain",
        "batch": 4,
        "n": None,
        "commit_before": "abc",
        "seconds_before": 9.0,
        "seconds": 3.0,
        "speed_up": 4.0,
    }


def test_builds_that_measure_other_steps_are_not_compared(options, tree, monkeypatch):
    def measured(path, _):
        return bench("plain" if path == tree else "mixup", 1.0)

    monkeypatch.setattr(builds, "_measured", measured)
    with pytest.raises(AdAutoMixError, match="do not measure the same steps"):
        list(builds.builds(replace(options, against=tree)))


def test_without_a_build_to_compare_with_there_is_one_sentence(options, tmp_path, capsys):
    with pytest.raises(InputError, match="--against PATH"):
        list(builds.builds(options))
    words = ["builds", "--tiny", "--device", "cpu", "--against", str(tmp_path)]
    assert command.main(words) == 2
    assert "is no source tree" in capsys.readouterr().err


def test_a_build_that_fails_is_named_with_what_it_said(options, tree):
    (tree / "adautomix" / "__init__.py").touch()
    with pytest.raises(AdAutoMixError, match=rf"in {tree} measured nothing: .+"):
        list(builds.builds(replace(options, against=tree)))
