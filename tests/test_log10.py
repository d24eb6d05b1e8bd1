"""The logarithmic variants: the same frame, drawn as PyAutoLens's own `subplot_fit_log10`."""

import functools
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import upstream
from autolens.imaging.plot.fit_imaging_plots import subplot_fit_log10
from matplotlib.figure import Figure

from vizworker.frame import Frame
from vizworker.layouts import Image, Panel, ranges, sheets
from vizworker.render.artists import bar_positions
from vizworker.render.figure import Figures

MODELS = ("sersic", "rectangular adaptive", "rectangular uniform", "one plane")
CURVES_START_ELSEWHERE = 2e-3  # share of pixels: a closed curve is simplified from its start


def logarithmic(frame: Frame) -> Frame:
    return replace(frame, style=msgspec.structs.replace(frame.style, scale="log10"))


@functools.cache
def theirs(model: str) -> tuple[Figure, np.ndarray]:
    return upstream.drawn(upstream.case(model, 0).fit, subplot_fit_log10)


def ours(model: str) -> list[Panel]:
    (sheet,) = sheets(logarithmic(upstream.case(model, 0).frame))
    assert None not in sheet.panels
    return list(sheet.panels)


@pytest.mark.parametrize("model", MODELS)
def test_every_panel_has_upstreams_title_values_and_colours(model: str) -> None:
    for panel, (axes, bar) in zip(ours(model), upstream.panels(theirs(model)[0]), strict=True):
        assert panel.title == axes.get_title()
        drawn = axes.images[0] if axes.images else axes.collections[0]
        values = np.ma.filled(drawn.get_array().astype(float), np.nan)
        np.testing.assert_array_equal(panel.content.values, values)
        assert panel.logarithmic == (type(drawn.norm).__name__ == "LogNorm")
        assert (panel.vmin, panel.vmax) == pytest.approx(drawn.get_clim(), rel=1e-12)
        np.testing.assert_allclose(panel.colour_ticks.positions, bar.yaxis.get_ticklocs())
        labels = [text.get_text() for text in bar.yaxis.get_ticklabels()]
        assert list(panel.colour_ticks.labels) == labels


@pytest.mark.parametrize("model", MODELS)
def test_every_image_has_upstreams_contours(model: str) -> None:
    for panel, (axes, _) in zip(ours(model), upstream.panels(theirs(model)[0]), strict=True):
        contours = [each for each in axes.collections if hasattr(each, "levels")]
        assert bool(panel.contours) == bool(contours)
        for each in contours:
            np.testing.assert_allclose(panel.contours, each.levels, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_the_pixels_are_upstreams_but_for_the_joints_of_its_curves(model: str) -> None:
    rgb = Figures().render(logarithmic(upstream.case(model, 0).frame)).pictures[0].rgb
    expected = theirs(model)[1]
    assert rgb.shape == expected.shape
    apart = (rgb != expected).any(axis=-1).mean()
    assert apart < (0.0001 if model == "one plane" else CURVES_START_ELSEWHERE)
