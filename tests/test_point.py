"""Point sources are drawn as PyAutoLens draws them."""

import copy
from dataclasses import replace

import autofit as af
import numpy as np
import parity
import pytest
from autolens.point.plot import point_sources
from autolens.point.plot.fit_point_plots import plot_image_with_points, subplot_fit
from autolens.point.plot.multi_source_plots import plot_fit_positions
from autolens.point.plot.positions_panel import positions_extent_from
from autonerves import conf
from catalogues import KINDS, point
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from search_hooks.extract.point import _extent
from vizworker.errors import LayoutError
from vizworker.frame import Style
from vizworker.layouts import Words, sheets
from vizworker.layouts.point import together
from vizworker.render.artists import build
from vizworker.render.colormap import colormap

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
        assert texts_of(mine.get_legend()) == texts_of(other.get_legend())
    texts = [
        sorted(text.get_text() for text in axes.texts) for axes in (figure.axes[0], theirs.axes[0])
    ]
    assert texts[0] == texts[1]


def labels_of(axes):
    return [
        [text.get_text() for text in each.get_ticklabels()] for each in (axes.xaxis, axes.yaxis)
    ]


def assert_same_lines(mine, other) -> None:
    """Each line of upstream's has one of ours in its colour and width that lies on it."""
    ours = [line for line in mine.lines if np.isfinite(line.get_xydata()).all()]
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


def scatters_of(axes):
    """The scattered markers: where, how large, in what colour, and of what name."""
    marks = []
    for scatter in axes.collections:
        if not len(getattr(scatter, "get_sizes", list)()):
            continue  # circles
        faces, edges = scatter.get_facecolors(), scatter.get_edgecolors()
        marks.append(
            (
                sorted(map(tuple, np.asarray(scatter.get_offsets()).round(7))),
                scatter.get_sizes()[0],
                tuple(faces[0]) if len(faces) else None,
                tuple(edges[0]) if len(edges) else None,
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
    figure, theirs = drawn(sheet), saved["fit_image_with_points"]
    mine, other = figure.axes[0], theirs.axes[0]
    assert sheet.names == ("fit_image_with_points",)
    assert mine.get_title() == other.get_title()
    rows = slice(None) if other.images[0].origin == "upper" else slice(None, None, -1)
    np.testing.assert_array_equal(mine.images[0].get_array(), other.images[0].get_array()[rows])
    assert mine.images[0].get_extent() == pytest.approx(other.images[0].get_extent())
    assert mine.images[0].get_clim() == pytest.approx(other.images[0].get_clim())
    assert_same_lines(mine, other)
    assert scatters_of(mine) == scatters_of(other)
    assert labels_of(figure.axes[1]) == labels_of(theirs.axes[1])
    assert [t.get_text() for t in mine.texts] == [t.get_text() for t in other.texts]
    np.testing.assert_allclose([t.xy for t in mine.texts], [t.xy for t in other.texts])


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


def test_several_sources_share_axes_as_upstreams_do():
    factors = []
    _, shared = point(use_jax=False)
    for index in (0, 1):
        analysis, model = point(use_jax=False, name=f"point_{index}")
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
    assert ours.log_likelihood == pytest.approx(sum(float(fit.log_likelihood) for fit in fits))
    made = sheets(ours.frame())
    assert [sheet.names for sheet in made] == [
        ("fit", "fit_combined"),
        ("fit_dataset_0",),
        ("fit_dataset_1",),
    ]
    mine, theirs = drawn(made[0]).axes[0], parity.figures(plot_fit_positions, fits)["fit"].axes[0]
    assert mine.get_title() == theirs.get_title()
    assert_same_lines(mine, theirs)
    assert scatters_of(mine) == scatters_of(theirs)
    assert texts_of(mine.get_legend()) == texts_of(theirs.get_legend())
    assert sorted(t.get_text() for t in mine.texts) == sorted(t.get_text() for t in theirs.texts)


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
    sheet = together(frames, "fit_combined")
    theirs = parity.figures(plot_fit_positions, fits)["fit"]
    assert sheet.panel_size == tuple(theirs.get_size_inches())
    mine, other = drawn(sheet).axes[0], theirs.axes[0]
    for ours_, theirs_ in zip(observed_of(mine), observed_of(other), strict=True):
        np.testing.assert_allclose(ours_.get_offsets(), theirs_.get_offsets())
        assert ours_.get_sizes() == pytest.approx(theirs_.get_sizes())
        # the table of colours has one for every tenth of the map
        np.testing.assert_allclose(ours_.get_facecolors(), theirs_.get_facecolors(), atol=0.02)
    assert texts_of(mine.get_legend()) == texts_of(other.get_legend())
    sizes = [[t.get_fontsize() for t in axes.texts] for axes in (mine, other)]
    assert sizes[0] == sizes[1]
    assert mine.title.get_fontsize() == pytest.approx(other.title.get_fontsize())


def observed_of(axes) -> list:
    """The scattered markers that are filled and have a black rim."""
    return [
        each
        for each in axes.collections
        if len(getattr(each, "get_sizes", list)())
        and len(each.get_facecolors())
        and each.get_linewidths()[0] == 0.6
    ]


def texts_of(legend):
    return None if legend is None else {text.get_text() for text in legend.get_texts()}


def test_pairs_beyond_the_model_positions_are_refused(case):
    _, ours, _, _ = case
    arrays = ours.arrays | {"pairs": np.full(4, 99)}
    with pytest.raises(LayoutError, match="beyond the"):
        sheets(replace(ours, arrays=arrays).frame())
