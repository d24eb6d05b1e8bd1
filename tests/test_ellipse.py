"""Ellipse fits: arrays and figures are PyAutoGalaxy's own, drawn while the search runs."""

import functools
from dataclasses import replace

import autogalaxy as ag
import msgspec
import numpy as np
import parity
import plain
import pytest
from autogalaxy.ellipse.plot import fit_ellipse_plots
from kinds import KINDS
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from vizworker.errors import LayoutError
from vizworker.frame import Style
from vizworker.layouts import sheets
from vizworker.render.artists import build
from vizworker.render.colormap import colormap
from vizworker.render.figure import Figures

MAPS = (
    "data_interp",
    "noise_map_interp",
    "residual_map",
    "normalized_residual_map",
    "chi_squared_map",
)
PREFIX = "F814W"


def fits_of(kind: str, vector: list[float]) -> list[ag.FitEllipse]:
    analysis, model = KINDS[kind](use_jax=False)
    return analysis.fit_list_from(instance=model.instance_from_vector(vector=vector))


@functools.cache
def pairs_of(kind: str) -> list[tuple[parity.Extracted, list[ag.FitEllipse]]]:
    """Our arrays of two vectors, each with upstream's fits by numpy."""
    analysis, model = KINDS[kind]()
    vectors = parity.vectors(model, 2)
    ours = parity.extracted(analysis, model, vectors)
    return [(each, fits_of(kind, v)) for each, v in zip(ours, vectors, strict=True)]


@pytest.fixture(scope="module")
def pairs():
    return pairs_of("ellipse")


@pytest.fixture(scope="module")
def theirs(pairs):
    """Upstream's figures of the first vector, by file stem, as they are when all are written."""
    return upstream(pairs[0][1])


def upstream(fits: list[ag.FitEllipse]) -> dict[str, Figure]:
    look = {"fit_list": fits, "title_prefix": PREFIX}
    return {
        **parity.figures(fit_ellipse_plots.subplot_fit_ellipse, **look),
        **parity.figures(fit_ellipse_plots._plot_data, use_log10=True, **look),
        **parity.figures(fit_ellipse_plots._plot_ellipse_residuals, fit_list=fits),
    }


def assert_arrays_are_upstreams(ours, fits):
    arrays = ours.arrays
    assert ours.log_likelihood == pytest.approx(sum(fit.figure_of_merit for fit in fits), rel=1e-9)
    parity.assert_equal(arrays["data"], parity.native(fits[0].data), "data")
    ends = np.cumsum(arrays["number_of_points"])
    assert len(ends) == len(fits)
    for end, size, fit in zip(ends, arrays["number_of_points"], fits, strict=True):
        part = slice(end - size, end)
        parity.assert_equal(arrays["points"][part], fit.points_from_major_axis_from(), "points")
        scale = fit.dataset.pixel_scales[0]
        parity.assert_equal(
            arrays["angles"][part], fit.ellipse.angles_from_x0_from(pixel_scale=scale), "angles"
        )
        for name in MAPS:
            parity.assert_equal(arrays[name][part], getattr(fit, name).array, name)


@pytest.mark.parametrize("kind", ["ellipse", "ellipse_multipoles"])
def test_arrays_of_the_graph_equal_upstream_attributes(kind):
    for ours, fits in pairs_of(kind):
        assert_arrays_are_upstreams(ours, fits)


def test_points_on_masked_pixels_are_in_the_test(pairs):
    ours, _ = pairs[0]
    assert 0 < np.isnan(ours.arrays["data_interp"]).sum() < 10


def test_numpy_analysis_gives_the_same_arrays():
    analysis, model = KINDS["ellipse"](use_jax=False)
    vectors = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, vectors)
    assert_arrays_are_upstreams(ours, fits_of("ellipse", vectors[0]))


def test_the_images_show_what_upstream_s_show(pairs, theirs):
    both, lone, _ = sheets(pairs[0][0].frame(title_prefix=PREFIX))
    assert (both.names, both.dpi) == (("fit", "fit_ellipse"), 300.0)
    assert lone.names == ("ellipse_fit",)
    parity.assert_same_panel(both.panels[0], theirs["fit_ellipse"].axes[0])
    parity.assert_same_panel(lone.panels[0], theirs["ellipse_fit"].axes[0])


def test_the_points_look_as_upstream_s(pairs, theirs):
    frame = pairs[0][0].frame(title_prefix=PREFIX)
    for sheet, name in zip(sheets(frame), ("fit_ellipse", "ellipse_fit"), strict=False):
        mine, other = drawn(sheet).axes[0], theirs[name].axes[0]
        assert mine.title.get_fontsize() == other.title.get_fontsize()
        dots = [[c for c in axes.collections if len(c.get_offsets()) > 1] for axes in (mine, other)]
        assert len(dots[1]) > len(sheet.panels[0].markers)  # the mask's edge, too
        for ours, upstreams in zip(*dots, strict=True):
            assert list(ours.get_sizes()) == list(upstreams.get_sizes())
            np.testing.assert_array_equal(ours.get_facecolors(), upstreams.get_facecolors())
            np.testing.assert_array_equal(ours.get_linewidths(), upstreams.get_linewidths())


@pytest.mark.parametrize("name", ["fit_ellipse", "ellipse_residuals"])
def test_the_chart_is_upstream_s(pairs, theirs, name):
    [sheet] = [s for s in sheets(pairs[0][0].frame()) if name in s.names]
    place = 1 if name == "fit_ellipse" else 0
    mine, other = drawn(sheet).axes[place], theirs[name].axes[place]
    assert mine.get_title() == other.get_title() == "Ellipse 1D Residuals"
    assert (mine.get_xlabel(), mine.get_ylabel()) == (other.get_xlabel(), other.get_ylabel())
    assert mine.yaxis.labelpad == other.yaxis.labelpad
    assert mine.get_yscale() == other.get_yscale() == "log"
    np.testing.assert_allclose(mine.viewLim.get_points(), other.viewLim.get_points(), rtol=1e-8)
    assert ticks_of(mine) == ticks_of(other)
    assert len(mine.lines) == len(other.lines) == 6
    for ours, upstreams in zip(mine.lines, other.lines, strict=True):
        np.testing.assert_allclose(ours.get_xydata(), upstreams.get_xydata(), rtol=1e-8)
        assert look_of(ours) == look_of(upstreams)
    for ours, upstreams in zip(mine.collections, other.collections, strict=True):
        for a, b in zip(ours.get_segments(), upstreams.get_segments(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8)
        assert list(ours.get_linewidths()) == list(upstreams.get_linewidths())


def drawn(sheet) -> Figure:
    style = msgspec.structs.replace(Style(), panel_size=sheet.panel_size or Style().panel_size)
    figure, _ = build(sheet, style, colormap(style.colormap))
    return figure


def look_of(line) -> tuple:
    size = line.get_markersize() if line.get_marker() == "o" else None
    style = (to_hex(line.get_color()), line.get_linestyle(), line.get_marker())
    return (*style, line.get_linewidth(), size)


def ticks_of(axes) -> list:
    """Texts, sizes, places and lengths of what marks the axes."""
    axes.figure.canvas.draw()
    axis_ticks = [*axes.xaxis.get_major_ticks(), *axes.xaxis.get_minor_ticks()]
    axis_ticks += [*axes.yaxis.get_major_ticks(), *axes.yaxis.get_minor_ticks()]
    said = [
        (tick.label1.get_text(), tick.label1.get_visible(), tick.label2.get_visible())
        for tick in axis_ticks
    ]
    look = [
        (t.label1.get_fontsize(), t._size, t._width, t._tickdir, t.tick2line.get_visible())
        for t in axis_ticks
    ]
    return [said, look, axes.yaxis.get_label_position()]


def test_the_image_has_upstream_s_pixels(pairs, theirs):
    frame = pairs[0][0].frame(title_prefix=PREFIX)
    picture = Figures().render(frame, dpi=50.0).pictures[0]
    expected = plain.saved(theirs["fit_ellipse"], dpi=50.0)
    assert plain.shown(picture.png).shape == expected.shape
    assert (plain.shown(picture.png) != expected).any(axis=-1).mean() < 2e-3


def test_a_kept_figure_shows_the_next_ellipses(pairs):
    kept = Figures()
    first, second = (ours.frame() for ours, _ in pairs)
    kept.render(first, dpi=40.0)
    again = kept.render(second, dpi=40.0).pictures
    anew = Figures().render(second, dpi=40.0).pictures
    for ours, fresh in zip(again, anew, strict=True):
        np.testing.assert_array_equal(plain.shown(ours.png), plain.shown(fresh.png))


def test_ellipses_without_a_positive_value_have_a_linear_chart(pairs):
    frame = pairs[0][0].frame()
    nothing = {"data_interp": np.full_like(frame.arrays["data_interp"], np.nan)}
    dark = replace(frame, arrays=frame.arrays | nothing)
    chart = sheets(dark)[0].panels[1]
    assert chart.y_scale == "linear"
    assert Figures().render(dark, dpi=20.0).pictures


def test_points_of_no_ellipse_are_named(pairs):
    frame = pairs[0][0].frame()
    wrong = {"number_of_points": np.array([3, 4])}
    with pytest.raises(LayoutError, match=r"'number_of_points' adds up to 7, expected 172"):
        sheets(replace(frame, arrays=frame.arrays | wrong))


@pytest.mark.parametrize("name", ["points", "data_interp", "noise_map_interp"])
def test_values_too_large_for_an_axis_are_left_out(pairs, name):
    frame = pairs[0][0].frame()
    values = frame.arrays[name].copy()
    values[3], values[4] = 1.7e308, -1.7e308
    assert Figures().render(replace(frame, arrays=frame.arrays | {name: values}), dpi=20.0).pictures


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("pixel_scales", 1e308, "is no place on the sky"),
        ("origin", np.nan, "is no place on the sky"),
        ("angles", 1e99, "times round, expected radians"),
    ],
)
def test_geometry_that_is_none_is_named_and_the_arrays_are_shown(pairs, name, value, said):
    frame = pairs[0][0].frame()
    wrong = {name: np.full_like(frame.arrays[name], value)}
    broken = replace(frame, arrays=frame.arrays | wrong)
    with pytest.raises(LayoutError, match=said):
        sheets(broken)
    assert Figures().render(broken, dpi=20.0).pictures
