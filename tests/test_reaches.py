"""Panels reach as far as matplotlib says."""

import numpy as np
import plain
import pytest
import upstream
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vizworker.layouts import Panel
from vizworker.render.agg import new_renderer
from vizworker.render.artists import PanelArtists, build
from vizworker.render.colormap import colormap
from vizworker.render.reaches import Reaches

DPI = 100.0


def reached(reaches, figure, *, layout):
    """What each of the figure's axes says, (n, 4) pixels."""
    renderer = new_renderer(1, 1, figure.dpi)
    with reaches.measured(renderer, layout=layout):
        return np.array([axes.get_tightbbox(renderer).extents for axes in figure.axes])


def matplotlibs(figure, *, layout):
    renderer = new_renderer(1, 1, figure.dpi)
    found = (axes.get_tightbbox(renderer, for_layout_only=layout) for axes in figure.axes)
    return np.array([box.extents for box in found])


@pytest.mark.parametrize("layout", [True, False])
@pytest.mark.parametrize("model", ["sersic", "one plane"])
def test_panels_are_measured_by_their_texts_alone(model, layout, monkeypatch) -> None:
    frames = [upstream.case(model, vector).frame for vector in (0, 1)]
    sheets = [plain.sheet_of(frame) for frame in frames]
    figure, artists = build(sheets[0], frames[0].style, colormap(frames[0].style.colormap))
    figure.set_dpi(DPI)
    for axes, panel in zip(list(figure.axes), artists, strict=False):
        if panel is None:
            axes.remove()
    reaches = Reaches(figure.axes)
    first = reached(reaches, figure, layout=layout)
    np.testing.assert_allclose(first, matplotlibs(figure, layout=layout), atol=1e-6)
    for panel, shown in zip(artists, sheets[1].panels, strict=True):
        if isinstance(panel, PanelArtists) and isinstance(shown, Panel):
            panel.update(shown)
    figure.subplots_adjust(left=0.1, right=0.8, wspace=0.5)
    expected = matplotlibs(figure, layout=layout)
    for axes in figure.axes:
        monkeypatch.setattr(type(axes), "get_tightbbox", None)  # whoever needs it fails
    np.testing.assert_allclose(reached(reaches, figure, layout=layout), expected, atol=1e-6)
    assert not np.allclose(first, expected, atol=1.0)


def test_axes_with_more_than_ticks_and_a_title_are_measured_by_matplotlib() -> None:
    figure = Figure(dpi=DPI)
    FigureCanvasAgg(figure)
    note = figure.add_subplot().text(1.2, 0.5, "beside the axes")
    reaches = Reaches(figure.axes)
    for place in (1.2, 1.5):
        note.set_x(place)
        np.testing.assert_allclose(
            reached(reaches, figure, layout=False), matplotlibs(figure, layout=False)
        )


def test_axes_measure_themselves_again_afterwards() -> None:
    figure = Figure(dpi=DPI)
    axes = figure.add_subplot()
    with Reaches([axes]).measured(new_renderer(1, 1, DPI), layout=False):
        assert "get_tightbbox" in vars(axes)
    assert "get_tightbbox" not in vars(axes)
