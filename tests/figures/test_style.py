"""Colours that can be told apart, names for every method, the same bytes twice."""

import io
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from adautomix import figures
from adautomix.errors import InputError
from adautomix.figures.style import INK, RC, axes_for, darker, series
from adautomix.names import NEUTRAL, REGISTRY, Registered, method_colour, method_title

COLOURS = {name: each.colour for name, each in REGISTRY.items() if each.colour is not None}

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    c = np.array(to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast_on_white(colour: str) -> float:
    """WCAG contrast; 21 for black."""
    return 1.05 / (linear(colour) @ TO_XYZ[1] + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of linear RGB."""
    x, y, z = TO_XYZ @ np.clip(rgb, 0, 1) / (0.9505, 1.0, 1.089)
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours: dict[str, str], eyes: str) -> tuple[float, str, str]:
    seen = {name: lab(np.array(EYES[eyes]) @ linear(colour)) for name, colour in colours.items()}
    return min((np.linalg.norm(seen[a] - seen[b]), a, b) for a, b in combinations(seen, 2))


@pytest.mark.parametrize("eyes", EYES)
def test_any_two_methods_can_be_told_apart(eyes: str) -> None:
    assert nearest(COLOURS, eyes)[0] > 15


def test_red_and_green_would_be_found_too_near() -> None:
    alike = {"red": "#a86432", "green": "#7f7a20"}
    assert nearest(alike, "normal")[0] > 15 > nearest(alike, "deuteranope")[0]


@pytest.mark.parametrize("colour", [*COLOURS.values(), NEUTRAL])
def test_lines_and_labels_stand_out_from_white(colour: str) -> None:
    assert contrast_on_white(colour) >= 3
    assert contrast_on_white(darker(colour)) > contrast_on_white(colour) or colour < INK


def test_every_method_has_a_name_of_its_own() -> None:
    assert len({each.title for each in REGISTRY.values()}) == len(REGISTRY)
    assert method_title("plain") == "Vanilla"


def test_methods_without_a_colour_can_be_told_apart_in_a_figure(monkeypatch) -> None:
    for key in ("halves", "thirds"):
        monkeypatch.setitem(REGISTRY, key, Registered(key.title(), "mix.cutmix:CutMix"))
    looks = series(["halves", "adautomix", "thirds", "mixup"])
    assert looks["halves"].name == "Halves"
    assert len({look.colour for look in looks.values()}) == 4
    assert looks["adautomix"].colour == COLOURS["adautomix"]
    assert method_colour("halves") == NEUTRAL


@pytest.mark.parametrize("look_up", [method_title, method_colour])
def test_an_unknown_method_is_named_with_the_nearest(look_up) -> None:
    with pytest.raises(InputError, match=r"'cutmx': did you mean 'cutmix'\? Known: adautomix"):
        look_up("cutmx")


def test_other_labels_take_colours_that_no_method_has() -> None:
    looks = series(["beta = 0.3", "adautomix", "beta = 0.5"])
    assert looks["adautomix"].name == "AdAutoMix"
    assert looks["beta = 0.3"].name == "beta = 0.3"
    assert len({look.colour for look in looks.values()}) == 3


def test_more_labels_than_colours_still_get_one() -> None:
    assert len(series([f"run {i}" for i in range(40)])) == 40


def test_use_sets_what_it_says() -> None:
    mpl.rcdefaults()
    figures.use()
    wanted = mpl.RcParams(RC)  # as matplotlib itself writes the values
    assert {key: mpl.rcParams[key] for key in RC} == dict(wanted)


def test_importing_changes_no_setting_and_brings_no_torch(root: Path) -> None:
    code = (
        "import sys, matplotlib as mpl\n"
        "before = dict(mpl.rcParams)\n"
        "import adautomix.figures\n"
        "print(dict(mpl.rcParams) == before, 'torch' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_axes_given_are_used_and_axes_missing_are_made() -> None:
    mine = Figure().add_subplot()
    assert axes_for(mine, 1.0, 1.0) == (mine.figure, mine)
    figure, ax = axes_for(None, 3.0, 2.0)
    assert figure.axes == [ax]
    assert tuple(figure.get_size_inches()) == (3, 2)


def test_the_same_figure_has_the_same_bytes_with_and_without_the_style() -> None:
    def rng() -> Figure:
        frame = pd.DataFrame({"x": [1, 2], "y": [3.0, 4.0]})
        return figures.sensitivity(frame, xlabel=r"$\beta$", ylabel="top-1")

    figure = rng()
    first = figures.svg_bytes(figure)
    assert first == figures.svg_bytes(rng())
    mpl.rcParams["svg.hashsalt"], mpl.rcParams["svg.fonttype"] = None, "none"
    assert first == figures.svg_bytes(figure)
    assert b"<dc:date>" not in first
    assert b"<text" not in first


def panels() -> Figure:
    """Axes that share a scale, a colour bar, a legend, labels: all that moves axes when drawn."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    for ax in figure.subplots(1, 2):
        picture = ax.imshow([[0.0, 1.0], [2.0, 3.0]])
        ax.set(title="a title", xlabel="a label", ylabel="another")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.3f}")
    figure.colorbar(picture, ax=figure.axes, label="a scale")
    figure.legend(handles=[ax.plot([0, 1], label="a line")[0]], loc="outside lower center")
    return figure


def curves() -> Figure:
    frame = pd.DataFrame({"epoch": [1, 2], "classifier_top1": [0.5, 0.6]})
    return figures.accuracy_curves({"mixup": [frame]}, predictors=["classifier"])


def losses() -> Figure:
    frame = pd.DataFrame({"epoch": [1, 2], "train_amce": [2.0, 1.5], "train_cosine": [0.2, 0.4]})
    return figures.loss_curves(frame)


@pytest.mark.parametrize("rng", [panels, curves, losses])
def test_an_svg_has_the_same_bytes_however_often_it_is_asked_for(rng) -> None:
    figure = rng()
    first = figures.svg_bytes(figure)
    assert figures.svg_bytes(figure) == first
    assert figures.svg_bytes(figure) == figures.svg_bytes(rng()) == first


def test_a_pdf_has_the_same_bytes_and_its_fonts() -> None:
    figure = panels()
    first = figures.pdf_bytes(figure)
    assert first.startswith(b"%PDF")
    assert figures.pdf_bytes(figure) == figures.pdf_bytes(panels()) == first
    assert b"/CIDFontType2" in first
    assert b"CreationDate" not in first


def test_a_formula_in_a_pdf_says_nothing(caplog) -> None:
    """What is written beside a figure stands on its page, and the book refuses it."""
    figure = panels()
    figure.text(0.5, 0.5, r"$\lambda \psi_{\hat W}(x)$")
    assert b"/FontFile2" in figures.pdf_bytes(figure)
    assert not [each for each in caplog.records if each.name.startswith("fontTools")]


def test_an_svg_is_what_the_figure_is_saved_as() -> None:
    saved = io.BytesIO()
    panels().savefig(saved, format="svg", metadata={"Date": None})
    assert figures.svg_bytes(panels()) == saved.getvalue()


def test_asking_for_an_svg_opens_no_figure_of_pyplot() -> None:
    figure = plt.figure()
    try:
        figures.svg_bytes(figure)
        assert plt.get_fignums() == [figure.number]
        assert plt.gcf() is figure
    finally:
        plt.close(figure)


def test_inside_ipython_figures_are_shown_as_svg_without_a_date(monkeypatch) -> None:
    ipython = pytest.importorskip("IPython")
    shown = SimpleNamespace()
    config = SimpleNamespace(InlineBackend=SimpleNamespace(instance=lambda parent: shown))
    formats: list[str] = []
    backend = SimpleNamespace(set_matplotlib_formats=formats.append)
    monkeypatch.setitem(sys.modules, "matplotlib_inline.config", config)
    monkeypatch.setitem(sys.modules, "matplotlib_inline.backend_inline", backend)
    pdf: dict[type, object] = {}
    formatter = SimpleNamespace(for_type=pdf.__setitem__)
    display = SimpleNamespace(formatters={"application/pdf": formatter})
    shell = SimpleNamespace(display_formatter=display)
    monkeypatch.setattr(ipython, "get_ipython", lambda: shell)
    monkeypatch.delenv("ADAUTOMIX_BOOK", raising=False)
    figures.use()
    assert formats == ["svg"]
    assert pdf == {}
    monkeypatch.setenv("ADAUTOMIX_BOOK", "1")
    figures.use()
    assert pdf == {Figure: figures.pdf_bytes}
    assert shown.figure_formats == {"svg"}
    assert shown.print_figure_kwargs == {"bbox_inches": None, "metadata": {"Date": None}}
