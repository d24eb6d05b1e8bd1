"""The logarithmic variants: the same frame, drawn as PyAutoLens's own `subplot_fit_log10`."""

import functools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import autofit as af
import autolens as al
import kinds
import lenses
import msgspec
import numpy as np
import parity
import plain
import pytest
import upstream
from autolens.imaging.plot.fit_imaging_plots import subplot_fit_combined_log10, subplot_fit_log10
from matplotlib.figure import Figure
from running import PATIENCE, running_worker, small_frame

from vizworker import ask
from vizworker.ask import NoAnswerError
from vizworker.errors import WireError
from vizworker.frame import Frame
from vizworker.layouts import Panel, ranges, sheets
from vizworker.render.figure import Figures
from vizworker.render.pixels import NEAREST
from vizworker.wire import decode, encode_frame

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
    rgb = plain.shown(Figures().render(logarithmic(upstream.case(model, 0).frame)).pictures[0].png)
    expected = theirs(model)[1]
    assert rgb.shape == expected.shape
    apart = (rgb != expected).any(axis=-1).mean()
    assert apart < (0.0001 if model == "one plane" else CURVES_START_ELSEWHERE)


@pytest.mark.parametrize("model", ["three_planes", "one_plane"])
def test_a_row_of_each_dataset_shows_what_upstreams_shows(model: str) -> None:
    make = {"one_plane": lenses.one_plane, "three_planes": kinds.three_planes}[model]
    made = [kinds.imaging(make, use_jax=False) for _ in range(2)]
    factors = [af.AnalysisFactor(prior_model=each, analysis=analysis) for analysis, each in made]
    graph = af.FactorGraphModel(*factors, use_jax=False)
    combined = graph.global_prior_model
    [vector] = parity.vectors(combined, 1)
    [extracted] = parity.extracted(graph, combined, [vector])
    instances = combined.instance_from_vector(vector=vector)
    fits = [
        analysis.fit_from(instance=instance)
        for (analysis, _), instance in zip(made, instances, strict=False)
    ]
    figure = parity.figures(subplot_fit_combined_log10, fits)["fit_combined_log10"]
    first, *_ = sheets(logarithmic(extracted.frame()))
    parity.assert_same_sheet(first, figure)
    places = [axes for axes in figure.axes if axes.get_label() != parity.BAR]
    for panel, axes in zip(first.panels, places, strict=True):
        if panel is None:
            continue
        [drawn] = axes.images
        assert panel.logarithmic == (type(drawn.norm).__name__ == "LogNorm")
        levels = [each.levels for each in axes.collections if hasattr(each, "levels")]
        np.testing.assert_allclose(panel.contours, np.ravel(levels), rtol=1e-12)


def wide() -> tuple[Frame, Figure, np.ndarray]:
    """A fit on 96 x 200 unmasked pixels: fewer than three pixels of the screen for each."""
    data = lenses.dataset(shape=(220, 220), pixel_scale=0.05, radius=5.2)
    rows, columns = np.indices((220, 220))
    inside = (np.abs(rows - 110) < 48) & (np.abs(columns - 104) < 100)
    mask = al.Mask2D(mask=~inside | data.mask.array.astype(bool), pixel_scales=0.05)
    model = lenses.sersic()
    [vector, *_] = lenses.vectors(model)
    fit = lenses.fit_of(model, vector, data.apply_mask(mask=mask))
    return lenses.upstream_frame(fit), *upstream.drawn(fit, subplot_fit_log10)


def test_a_wide_image_of_many_pixels_is_smoothed_as_upstreams_is() -> None:
    frame, figure, expected = wide()
    (sheet,) = sheets(logarithmic(frame))
    for panel, (axes, _) in zip(sheet.panels, upstream.panels(figure), strict=True):
        parity.assert_same_panel(panel, axes)
    width, height = figure.axes[0].get_window_extent().size
    rows, columns = sheet.panels[0].content.values.shape
    assert columns > rows
    assert min(width / columns, height / rows) < NEAREST
    rgb = plain.shown(Figures().render(logarithmic(frame)).pictures[0].png)
    assert rgb.shape == expected.shape
    assert (rgb != expected).any(axis=-1).mean() < CURVES_START_ELSEWHERE


@pytest.mark.parametrize(
    ("values", "vmin", "vmax", "expected"),
    [
        ([0.0, 5.0], None, None, (1e-4, 5.0)),
        ([0.0, 5.0], 0.1, 2.0, (0.1, 2.0)),
        ([-1.0, np.nan, 3.0], 0.0, None, (1e-4, 3.0)),
        ([-1.0, -2.0], None, None, (1e-4, 1e-3)),
        ([np.nan], None, None, (1e-4, 1e-3)),
        ([1.0, np.inf], None, None, (1e-4, 1e-3)),
        ([1.0], 0.5, 0.1, (0.5, 5.0)),
    ],
)
def test_a_range_that_is_not_one_is_a_decade(
    values: list[float], vmin: float | None, vmax: float | None, expected: tuple[float, float]
) -> None:
    limits = ranges.logarithmic(np.array(values), vmin, vmax, 1e-4)
    assert limits == pytest.approx(expected)


def test_frames_of_nothing_positive_are_drawn() -> None:
    frame = upstream.case("one plane", 0).frame
    for value in (np.nan, 0.0, -1.0, np.inf):
        maps = {
            name: np.full_like(array, value)
            for name, array in frame.arrays.items()
            if array.dtype == float and array.ndim > 1
        }
        nothing = replace(frame, arrays={**frame.arrays, **maps})
        assert plain.shown(Figures().render(logarithmic(nothing), 40.0).pictures[0].png).size


def test_a_scale_of_its_own_kind_is_refused() -> None:
    header, *buffers = encode_frame(logarithmic(small_frame()))
    raw = msgspec.msgpack.decode(header)
    bad = msgspec.msgpack.encode({**raw, "style": {**raw["style"], "scale": "cubic"}})
    with pytest.raises(WireError, match="Invalid enum value 'cubic'"):
        decode([bad, *buffers])


def test_a_worker_draws_a_run_by_the_scale_it_is_told(tmp_path: Path) -> None:
    frame = replace(upstream.case("one plane", 0).frame, run_id="a", run="lens")
    with running_worker(real=True) as worker:
        with pytest.raises(NoAnswerError, match="no run 'lens'"):
            ask.set_scale(worker.endpoint, "lens", "log10")
        linear = ask.draw(worker.endpoint, frame, PATIENCE)
        cli("scale", "lens", "log10", "--endpoint", worker.endpoint)
        log10 = ask.draw(worker.endpoint, replace(frame, sequence=2), PATIENCE)
        assert ask.frame(worker.endpoint, "lens").style.scale == "linear"
        cli("export", "lens", "--figure", tmp_path / "a.png", "--endpoint", worker.endpoint)
        words = ("--figure", tmp_path / "b.png", "--scale", "log10")
        cli("export", "lens", *words, "-o", tmp_path / "b.npz", "--endpoint", worker.endpoint)
        cli("scale", "lens", "linear")  # found without being told where
        back = ask.draw(worker.endpoint, replace(frame, sequence=3), PATIENCE)
    assert linear != log10
    np.testing.assert_array_equal(plain.shown(back), plain.shown(linear))
    np.testing.assert_array_equal(
        plain.shown((tmp_path / "a.png").read_bytes()), plain.shown(linear)
    )
    np.testing.assert_array_equal(
        plain.shown((tmp_path / "b.png").read_bytes()), plain.shown(log10)
    )
    assert (tmp_path / "b.npz").exists()


def test_a_run_that_nobody_draws_has_no_scale() -> None:
    done = cli("scale", "nobody", "log10", expect=3)
    assert "no running worker draws 'nobody'" in done.stderr


def cli(*words: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vizworker", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == expect, done.stderr
    return done
