"""A bar on a terminal, one line in a notebook, nothing in a log."""

import sys
from types import SimpleNamespace

import pytest

from adautomix.train.progress import Progress, notice


class ZMQInteractiveShell:
    """A kernel's shell."""


class Shell(ZMQInteractiveShell):
    """Colab's."""


@pytest.fixture(params=[ZMQInteractiveShell, Shell])
def notebook(request, monkeypatch) -> list[str]:
    """A notebook's kernel; what its display was told."""
    told: list[str] = []

    def display(content: dict, raw: bool, display_id: bool) -> SimpleNamespace:
        told.append(content["text/plain"])
        return SimpleNamespace(update=lambda content, raw: told.append(content["text/plain"]))

    fake = SimpleNamespace(get_ipython=request.param, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    return told


def run(show: bool = True) -> None:
    with Progress("a run", 4, 1, show=show) as progress:
        for step in (2, 3):
            progress.at(step)
        progress.tell({})
        progress.tell({"classifier_top1": 0.4567, "teacher_top1": 0.5})
        progress.at(4)


def test_what_makes_the_first_step_long_is_shown_until_it_is_done(notebook):
    with Progress("a run", 4, waiting="compiling") as progress:
        assert notebook[-1] == "a run: step 0 of 4, 0 s, compiling"
        progress.at(1)
    assert notebook[-1] == "a run: step 1 of 4, 0 s"


def test_a_terminal_sees_what_makes_the_first_step_long(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress("a run", 4, waiting="compiling") as progress:
        assert "compiling" in capsys.readouterr().err
        progress.at(1)
    assert "compiling" not in capsys.readouterr().err.rsplit("1/4", 1)[-1]


def test_nothing_is_written_to_a_log(capsys):
    run()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    run()
    shown = capsys.readouterr().err
    assert "a run" in shown
    assert "4/4" in shown
    run(show=False)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_sees_one_line_that_is_rewritten(notebook, capsys):
    run()
    assert notebook[0] == ""
    assert notebook[-1] == "a run: step 4 of 4, 0 s, classifier 45.7 %, teacher 50.0 %"
    assert len(notebook) == 3  # made, written by the first step, and at the end
    assert capsys.readouterr() == ("", "")


def test_a_notebook_can_be_silent(notebook):
    run(show=False)
    assert notebook == []


def test_a_terminal_s_ipython_is_no_notebook(monkeypatch, capsys):
    fake = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    run()
    assert capsys.readouterr() == ("", "")


def test_a_notice_is_a_line_of_a_notebook_that_goes_away(notebook, capsys):
    done = notice("Waiting for another process.")
    assert notebook == ["", "Waiting for another process."]
    done()
    assert notebook[-1] == ""
    assert capsys.readouterr() == ("", "")  # a strictly rendered book refuses stderr in a page


def test_elsewhere_a_notice_is_written_to_stderr(capsys):
    notice("Waiting for another process.")()
    assert capsys.readouterr() == ("", "Waiting for another process.\n")
