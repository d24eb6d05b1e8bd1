"""Point sources are drawn as PyAutoLens draws them."""

import copy
from dataclasses import replace

import autofit as af
import autolens as al
import msgspec
import numpy as np
import parity
import plain
import pytest
from autolens.point.plot import point_sources
from autolens.point.plot.fit_point_plots import plot_image_with_points, subplot_fit
from autolens.point.plot.multi_source_plots import (
    legend_location_from,
    place_labels,
    plot_fit_positions,
)
from autolens.point.plot.multi_source_plots import plot_image_with_points as plot_sources_over_image
from autolens.point.plot.positions_panel import positions_extent_from
from autonerves import conf
from catalogues import KINDS, point
from matplotlib.colors import to_rgba
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from search_hooks.extract.point import _extent
from vizworker.errors import LayoutError
from vizworker.frame import Style
from vizworker.layouts import Chart, Words, sheets
from vizworker.layouts.point import _room, together
from vizworker.layouts.point_labels import emptiest, labels
from vizworker.render.artists import build
from vizworker.render.charts import ChartArtists
from vizworker.render.colormap import colormap
from vizworker.render.figure import Figures

CASES = ("point", "point_fluxes", "point_image", "point_soft", "point_source_plane")
BY_JAX = ("point_fluxes", "point_soft")  # pairs one to one, upstream itself does by numpy
STEP = 4.0 / 399  # arcsec, of the field of deflections


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """One fit: its kind, our arrays, and upstream's fit by numpy."""
    plain, model = KINDS[request.param](use_jax=False)
    analysis = KINDS[request.param]()[0] if request.param in BY_JAX else plain
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, [vector])
    instance = model.instance_from_vector(vector=vector)
    return request.param, ours, plain.fit_from(instance), plain


@pytest.fixture(scope="module")
def image_case():
    analysis, model = KINDS["point_image"](use_jax=False)
    [ours] = parity.extracted(analysis, model, parity.vectors(model, 1))
    return ours


def drawn(sheet) -> Figure:
    style = Style()
    style = msgspec.structs.replace(style, panel_size=sheet.panel_size or style.panel_size)
    figure, _ = build(sheet, style, colormap(style.colormap))
    return figure


def test_arrays_are_upstreams(case):
    _, ours, fit, _ = case
    record = point_sources.source_record_from_fit(0, fit)
    parity.assert_equal(ours.arrays["positions"], record.observed, "positions")
    parity.assert_equal(ours.arrays["positions_noise_map"], record.sigma, "sigma")
    assert ours.arrays["chi_squared"][0] == pytest.approx(record.chi_squared, rel=1e-6)
    assert ours.log_likelihood == pytest.approx(float(fit.log_likelihood), rel=1e-6)
    extent = point_sources.union_extent_from([record], fit.solver)
    np.testing.assert_allclose(ours.arrays["extent"], extent)
    if "model_positions" in ours.arrays:
        mine, theirs = ours.arrays["model_positions"], record.model
        order, other = (np.lexsort(points.T.round(6)) for points in (mine, theirs))
        np.testing.assert_allclose(mine[order], theirs[other], rtol=1e-8)
        pairs = ours.arrays["pairs"]
        np.testing.assert_allclose(mine[pairs], theirs[record.indexes], rtol=1e-8)
        np.testing.assert_array_equal(ours.arrays["unpaired"], record.no_model)


def test_the_panel_shows_the_marks_of_upstreams(case):
    _, ours, fit, _ = case
    theirs = parity.figures(subplot_fit, fit)["fit"]
    sheet, *_ = sheets(ours.frame())
    figure = drawn(sheet)
    assert len(figure.axes) == len(theirs.axes)
    for mine, other in zip(figure.axes, theirs.axes, strict=True):
        assert mine.get_title() == other.get_title()
        np.testing.assert_allclose(mine.viewLim.get_points(), other.viewLim.get_points())
        assert labels_of(mine) == labels_of(other)
        assert_same_lines(mine, other)
        assert scatters_of(mine) == scatters_of(other)
        assert_same_legend(mine.get_legend(), other.get_legend())
    assert_same_texts(figure.axes[0], theirs.axes[0])


def labels_of(axes):
    return [
        [text.get_text() for text in each.get_ticklabels()] for each in (axes.xaxis, axes.yaxis)
    ]


def assert_same_lines(mine, other) -> None:
    """Each line of upstream's has one of ours in its colour and width that lies on it."""
    ours = drawn_lines(mine)
    theirs = list(other.lines)
    assert len(ours) == len(theirs)
    for line in theirs:
        look = line.get_linewidth(), line.get_linestyle()
        alike = [
            each
            for each in ours
            if (each.get_linewidth(), each.get_linestyle()) == look
            and np.allclose(to_rgba(each.get_color()), to_rgba(line.get_color()), atol=1 / 255)
        ]
        distances = [parity.hausdorff(each.get_xydata(), line.get_xydata()) for each in alike]
        assert min(distances) < STEP


def drawn_lines(axes):
    """Without those that are in the legend alone."""
    return [line for line in axes.lines if np.isfinite(line.get_xydata()).all()]


def scatters_of(axes):
    """The scattered markers: where, how large, in what colour, and of what name."""
    marks = []
    for scatter in axes.collections:
        if not len(getattr(scatter, "get_sizes", list)()):
            continue  # circles
        if not np.isfinite(scatter.get_offsets()).all():
            continue  # in the legend alone
        faces, edges = scatter.get_facecolors(), scatter.get_edgecolors()
        marks.append(
            (
                sorted(map(tuple, np.asarray(scatter.get_offsets()).round(7))),
                scatter.get_sizes()[0],
                *(tuple((255 * each[0]).round()) if len(each) else None for each in (faces, edges)),
                scatter.get_linewidths()[0],
            )
        )
    return sorted(marks, key=str)


@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_positions_lie_over_the_image_as_upstreams_do(origin, monkeypatch):
    general = conf.instance["visualize"]["general"]["general"]
    monkeypatch.setitem(general, "imshow_origin", origin)
    analysis, model = KINDS["point_image"](use_jax=False)
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, [vector])
    fit = analysis.fit_from(model.instance_from_vector(vector=vector))
    saved = parity.figures(
        plot_image_with_points, analysis.image, fit.dataset, fit=fit, solver=fit.solver
    )
    _, sheet = sheets(ours.frame(style=Style(imshow_origin=origin)))
    assert sheet.names == ("fit_image_with_points",)
    assert_same_over_image(sheet, saved["fit_image_with_points"])


def assert_same_over_image(sheet, theirs) -> None:
    figure = drawn(sheet)
    mine, other = figure.axes[0], theirs.axes[0]
    assert mine.get_title() == other.get_title()
    rows = slice(None) if other.images[0].origin == "upper" else slice(None, None, -1)
    np.testing.assert_array_equal(mine.images[0].get_array(), other.images[0].get_array()[rows])
    assert mine.images[0].get_extent() == pytest.approx(other.images[0].get_extent())
    assert mine.images[0].get_clim() == pytest.approx(other.images[0].get_clim())
    assert type(mine.images[0].norm) is type(other.images[0].norm)
    assert_same_lines(mine, other)
    assert scatters_of(mine) == scatters_of(other)
    assert levels_of(mine) == pytest.approx(levels_of(other))
    assert labels_of(mine) == labels_of(other)
    assert labels_of(figure.axes[1]) == labels_of(theirs.axes[1])
    assert_same_texts(mine, other)


def levels_of(axes):
    contours = [each for each in axes.collections if isinstance(each, ContourSet)]
    return np.concatenate([np.zeros(0), *(each.levels for each in contours)])


def test_an_image_of_a_cluster_has_logarithmic_colours():
    analysis, model = KINDS["point_image"](use_jax=False)
    small = analysis.image
    analysis.image = al.Array2D.no_mask(small.native.array + 0.1, pixel_scales=0.5)
    assert max(small.shape_native) * 0.5 > 20.0
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, [vector])
    fit = analysis.fit_from(model.instance_from_vector(vector=vector))
    saved = parity.figures(
        plot_image_with_points, analysis.image, fit.dataset, fit=fit, solver=fit.solver
    )
    _, sheet = sheets(ours.frame())
    assert_same_over_image(sheet, saved["fit_image_with_points"])
    [chart] = sheet.panels
    assert chart.logarithmic
    [_, picture] = Figures().render(ours.frame(), 50.0).pictures
    assert plain.shown(picture.png).std() > 10.0


def test_unmatched_model_positions_have_letters_except_over_an_image(image_case):
    arrays = image_case.arrays
    beyond = np.concatenate([arrays["model_positions"], [[1.7, 1.7]]])
    figure, over = sheets(replace(image_case, arrays=arrays | {"model_positions": beyond}).frame())
    assert lettered(figure) == ["a"]
    assert lettered(over) == []


def lettered(sheet) -> list[str]:
    [chart] = sheet.panels
    [words] = [mark for mark in chart.marks if isinstance(mark, Words)]
    return [text for text in words.texts if text.isalpha()]


@pytest.mark.parametrize("positions", [[(1.0, 1.0), (-1.95, 2.3)], [(1.0, 1.0), (-1.0, -1.0)]])
def test_extent_makes_room_for_positions_outside_the_solver_grid(positions):
    analysis, _ = point(use_jax=False)
    theirs = positions_extent_from(positions, analysis.solver)
    np.testing.assert_allclose(_extent(np.array(positions), analysis.solver), theirs)
    alone = positions_extent_from(positions, None)
    np.testing.assert_allclose(_extent(np.array(positions), None), alone)


@pytest.fixture(scope="module")
def two_sources():
    return sources_of([False, False])


def sources_of(images: list[bool]):
    """Two sources behind one lens: our arrays of both, and upstream's fits."""
    factors = []
    _, shared = point(use_jax=False)
    for index, image in enumerate(images):
        analysis, model = point(use_jax=False, name=f"point_{index}", image=image)
        model.galaxies.lens = shared.galaxies.lens
        factors.append(af.AnalysisFactor(prior_model=model, analysis=analysis))
    graph = af.FactorGraphModel(*factors, use_jax=False)
    model = graph.global_prior_model
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(graph, model, [vector])
    instances = model.instance_from_vector(vector=vector)
    fits = [
        factor.analysis.fit_from(instance)
        for factor, instance in zip(graph.model_factors, instances, strict=False)
    ]
    return ours, fits


def test_several_sources_share_axes_as_upstreams_do(two_sources):
    ours, fits = two_sources
    assert ours.log_likelihood == pytest.approx(sum(float(fit.log_likelihood) for fit in fits))
    made = sheets(ours.frame())
    assert [sheet.names for sheet in made] == [
        ("fit", "fit_combined"),
        ("fit_dataset_0",),
        ("fit_dataset_1",),
    ]
    theirs = parity.figures(plot_fit_positions, fits)["fit"]
    mine, other = drawn(made[0]).axes[0], theirs.axes[0]
    assert mine.get_title() == other.get_title()
    assert_same_lines(mine, other)
    assert scatters_of(mine) == scatters_of(other)
    assert_same_legend(mine.get_legend(), other.get_legend())
    assert_same_texts(mine, other)


def test_several_sources_lie_over_the_first_image_as_upstreams_do():
    ours, fits = sources_of([False, True])
    made = sheets(ours.frame())
    assert [sheet.names for sheet in made] == [
        ("fit", "fit_combined"),
        ("fit_image_with_points",),
        ("fit_dataset_0",),
        ("fit_dataset_1",),
        ("fit_image_with_points_dataset_1",),
    ]
    image = KINDS["point_image"](use_jax=False)[0].image
    saved = parity.figures(
        plot_sources_over_image, image, datasets=[fit.dataset for fit in fits], fits=fits
    )
    assert_same_over_image(made[1], saved["fit_image_with_points"])


def test_many_sources_lie_over_an_image_as_upstreams_do():
    ours, fits = sources_of([True] * 9)
    saved = parity.figures(
        plot_sources_over_image,
        KINDS["point_image"](use_jax=False)[0].image,
        datasets=[fit.dataset for fit in fits],
        fits=fits,
    )
    assert_same_over_image(sheets(ours.frame())[1], saved["fit_image_with_points"])


def test_a_legend_of_several_sources_is_outside_their_axes_and_seen(two_sources):
    ours, _ = two_sources
    [wide, *_] = Figures().render(ours.frame(), 50.0).pictures
    [alone, *_] = Figures().render(alone_of(ours), 50.0).pictures
    assert plain.shown(wide.png).shape[1] > 1.2 * plain.shown(alone.png).shape[1]
    legend = drawn(sheets(ours.frame())[0]).axes[0].get_legend()
    axes = legend.axes
    legend.figure.canvas.draw()
    assert legend.get_window_extent().x0 > axes.get_window_extent().x1


def alone_of(ours):
    """The frame of the first of several sources."""
    prefix = "point_0_"
    arrays = {
        name.removeprefix(prefix): array
        for name, array in ours.arrays.items()
        if name.startswith(prefix)
    }
    return replace(ours, arrays=arrays, layout="point").frame()


@pytest.mark.parametrize("redshifts", [np.linspace(1.0, 3.0, 9), None])
def test_more_than_eight_sources_have_the_colours_of_their_redshifts(redshifts):
    analysis, model = point(use_jax=False)
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, [vector])
    fit = analysis.fit_from(model.instance_from_vector(vector=vector))
    frames, fits = [], []
    for index in range(9):
        redshift = 1.0 if redshifts is None else float(redshifts[index])
        arrays = ours.arrays | {"redshift": np.array([redshift])}
        frames.append(replace(ours, arrays=arrays).frame())
        fits.append(copy.copy(fit))
        fits[-1].dataset = copy.copy(fit.dataset)
        fits[-1].dataset.redshift = redshift
    [sheet] = together(frames, "fit_combined")
    theirs = parity.figures(plot_fit_positions, fits)["fit"]
    assert sheet.panel_size == tuple(theirs.get_size_inches())
    mine, other = drawn(sheet).axes[0], theirs.axes[0]
    for ours_, theirs_ in zip(observed_of(mine), observed_of(other), strict=True):
        np.testing.assert_allclose(ours_.get_offsets(), theirs_.get_offsets())
        assert ours_.get_sizes() == pytest.approx(theirs_.get_sizes())
        # the table of colours has one for every tenth of the map
        np.testing.assert_allclose(ours_.get_facecolors(), theirs_.get_facecolors(), atol=0.02)
    assert len([line for line in mine.lines if line.get_linestyle() == ":"]) == 0
    assert len(drawn_lines(mine)) == len(other.lines)
    assert_same_legend(mine.get_legend(), other.get_legend())
    assert_same_texts(mine, other)
    assert mine.title.get_fontsize() == pytest.approx(other.title.get_fontsize())
    assert_same_gradient(mine.child_axes[0], theirs.axes[1])


def assert_same_gradient(mine, other) -> None:
    """The colour bar of redshifts: its name, sizes, ticks, range, lines and colours."""
    for axes in (mine, other):
        axes.figure.canvas.draw()
    assert mine.get_ylabel() == other.get_ylabel() == "source redshift"
    assert mine.yaxis.label.get_fontsize() == pytest.approx(other.yaxis.label.get_fontsize())
    labels = [axes.get_yticklabels() for axes in (mine, other)]
    assert [t.get_text() for t in labels[0]] == [t.get_text() for t in labels[1]]
    assert labels[0][0].get_fontsize() == pytest.approx(labels[1][0].get_fontsize())
    assert mine.get_ylim() == pytest.approx(other.get_ylim())
    heights = [sorted(line.get_ydata()[0] for line in axes.lines) for axes in (mine, other)]
    assert heights[0] == pytest.approx(heights[1])
    assert len(heights[0]) == 9
    colours = [axes._colorbar.cmap(np.linspace(0, 1, 50)) for axes in (mine, other)]
    np.testing.assert_allclose(*colours, atol=0.03)


def test_labels_of_a_crowd_are_led_to_their_markers(image_case):
    """Twelve observed positions within a tenth of an arcsecond, as upstream labels them."""
    points = np.random.default_rng(3).uniform(0.9, 1.0, (12, 2))
    extent = (-2.0, 2.0, -2.0, 2.0)
    names = tuple(str(number) for number in range(1, 13))
    words = labels(
        points, names, image_case.arrays["model_positions"], extent, _room((7.0, 7.0)), 12.0
    )
    figure = Figure(figsize=(7.0, 7.0))
    axes, other = figure.subplots(), Figure(figsize=(7.0, 7.0)).subplots()
    place_labels(other, extent, points, names, image_case.arrays["model_positions"], fontsize=12.0)
    chart = Chart("", words, limits=extent, proportions="equal")
    ChartArtists(axes, chart, Style())
    assert sum(text.arrow_patch is not None for text in axes.texts) > 3
    assert_same_texts(axes, other)


@pytest.mark.parametrize("seed", range(8))
def test_a_legend_inside_is_in_upstreams_corner(seed):
    points, extent = np.random.default_rng(seed).uniform(-1.0, 1.0, (9, 2)), (-1.0, 1.0, -1.0, 1.0)
    assert emptiest(points, extent) == legend_location_from(extent, points)


def assert_same_texts(mine, other) -> None:
    """Labels: what, of what size, where, how far from there, and whether on a line."""
    both = ([t for t in axes.texts if isinstance(t, Annotation)] for axes in (mine, other))
    ours, theirs = (sorted(texts, key=str) for texts in both)
    assert [t.get_text() for t in ours] == [t.get_text() for t in theirs]
    assert [t.get_fontsize() for t in ours] == [t.get_fontsize() for t in theirs]
    np.testing.assert_allclose([t.xy for t in ours], [t.xy for t in theirs], atol=1e-9)
    np.testing.assert_allclose([t.xyann for t in ours], [t.xyann for t in theirs], atol=1e-6)
    led = [[t.arrow_patch is not None for t in texts] for texts in (ours, theirs)]
    assert led[0] == led[1]


def assert_same_legend(mine, other) -> None:
    """Entries in their order and looks, and where the legend is."""
    assert (mine is None) == (other is None)
    if mine is None:
        return
    assert [t.get_text() for t in mine.get_texts()] == [t.get_text() for t in other.get_texts()]
    assert mine.get_texts()[0].get_fontsize() == pytest.approx(other.get_texts()[0].get_fontsize())
    if other.axes.get_legend()._bbox_to_anchor is not None:
        assert mine._loc == other._loc
    assert mine.get_frame().get_alpha() == other.get_frame().get_alpha()
    inside = [
        each.axes.transAxes.inverted().transform(each.get_bbox_to_anchor().p0)
        for each in (mine, other)
    ]
    np.testing.assert_allclose(*inside, atol=1e-9)
    for ours, theirs in zip(mine.legend_handles, other.legend_handles, strict=True):
        assert look_of(ours) == pytest.approx(look_of(theirs), abs=1e-6)


def look_of(handle) -> list[float]:
    """Size of the marker, width and colours of an entry of a legend."""
    if hasattr(handle, "get_sizes"):
        faces = handle.get_facecolors()
        edge = handle.get_edgecolors()[0]
        face = faces[0] if len(faces) else edge
        width = handle.get_linewidths()[0]
        return [handle.get_sizes()[0] ** 0.5, width, *flat(face), *flat(edge)]
    if handle.get_marker() in ("none", "None", "", None):
        if handle.get_linestyle().lower() == "none":
            return []  # words alone
        colour = to_rgba(handle.get_color())
        return [handle.get_linewidth(), *flat(colour)]
    face, edge = to_rgba(handle.get_markerfacecolor()), to_rgba(handle.get_markeredgecolor())
    if handle.get_marker() in "x+":
        face = edge
    return [handle.get_markersize(), handle.get_markeredgewidth(), *flat(face), *flat(edge)]


def flat(colour):
    """A colour; black and clear where it is not seen."""
    return (0.0,) * 4 if colour[3] == 0 else tuple(float(c) for c in colour)


def observed_of(axes) -> list:
    """The scattered markers that are filled and have a black rim."""
    return [
        each
        for each in axes.collections
        if len(getattr(each, "get_sizes", list)())
        and len(each.get_facecolors())
        and each.get_linewidths()[0] == 0.6
        and np.isfinite(each.get_offsets()).all()
    ]


def test_pairs_beyond_the_model_positions_are_refused(case):
    _, ours, _, _ = case
    arrays = ours.arrays | {"pairs": np.full(4, 99)}
    with pytest.raises(LayoutError, match="beyond the"):
        sheets(replace(ours, arrays=arrays).frame())
