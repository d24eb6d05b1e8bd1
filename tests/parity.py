"""Our panels held against the axes of upstream's own figure, and our arrays against a fit's."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from scipy.spatial.distance import directed_hausdorff

from search_hooks.extract import Extractor, extractor_for
from search_hooks.shared_fit import HostFit, SharedFit, to_host
from vizworker.frame import Frame
from vizworker.layouts import Chart, Dots, Image, Line, Mesh, Panel, Sheet, Triangles
from vizworker.render.artists import colour_range

HALF_A_PIXEL = 0.025  # arcsec, of the evaluation grid
BAR = "<colorbar>"


@dataclass(frozen=True)
class Extracted:
    """The arrays of one fit as the hook would ship them."""

    log_likelihood: float
    arrays: dict[str, np.ndarray]
    layout: str

    def frame(self, **fields: Any) -> Frame:
        """The frame with these arrays."""
        return Frame(
            run_id="run",
            run="run",
            layout=self.layout,
            sequence=1,
            log_likelihood=self.log_likelihood,
            arrays=self.arrays,
            **fields,
        )


def extracted(analysis: Any, model: Any, vectors: list[Any]) -> list[Extracted]:
    """Arrays of each vector, from one graph that is compiled once (or from numpy)."""
    from autofit.jax.pytrees import register_model

    from search_hooks.pyautofit import _fit_from

    extractor: Extractor = extractor_for(analysis)
    fit_from = _fit_from(extractor, analysis, model)
    fit: Any = HostFit(fit_from)
    if analysis.is_jax:
        register_model(model)
        fit = SharedFit(fit_from)
    results = []
    for vector in vectors:
        host = to_host(fit(np.asarray(vector)))
        value = float(host.pop("log_likelihood"))
        results.append(Extracted(value, extractor.finish(host), extractor.layout))
    if analysis.is_jax:
        assert len(fit._programs) == 1, "the graph was compiled more than once"
    return results


def vectors(model: Any, n: int) -> list[list[float]]:
    """`n` parameter vectors near the middle of the priors, the same each time."""
    rng = np.random.default_rng(0)
    units = 0.5 + rng.uniform(-0.1, 0.1, (n, model.prior_count))
    return [model.vector_from_unit_vector(unit_vector=list(unit)) for unit in units]


def assert_equal(ours: np.ndarray, theirs: np.ndarray, name: str, rtol: float = 1e-8) -> None:
    """Equal to `rtol`; values that cancel to nothing, to 1e-12 of the largest."""
    theirs = np.asarray(theirs)
    scale = np.nanmax(np.abs(theirs), initial=0.0)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12 * scale, err_msg=name)


def native(array: Any) -> np.ndarray:
    """Upstream's array, native, masked pixels NaN."""
    mask = np.array(array.mask.array, dtype=bool)
    return np.where(mask, np.nan, np.array(array.native.array, dtype=np.float64))


def figures(draw: Callable[..., None], *args: Any, **kwargs: Any) -> dict[str, Figure]:
    """What upstream's function draws: file stem -> the figure as it was when it was saved."""
    saved: dict[str, Figure] = {}
    savefig = Figure.savefig

    def keep(figure: Figure, path: Any, *_: Any, **__: Any) -> None:
        saved[Path(path).stem] = figure

    Figure.savefig = keep  # type: ignore[method-assign]
    try:
        with tempfile.TemporaryDirectory() as folder:
            draw(*args, output_path=folder, output_format="png", **kwargs)
    finally:
        Figure.savefig = savefig  # type: ignore[method-assign]
    return saved


def assert_same_sheet(sheet: Sheet, figure: Figure) -> None:
    """Every panel shows what the axes in its place show."""
    places = [axes for axes in figure.axes if axes.get_label() != BAR]
    assert len(places) == sheet.rows * sheet.columns == len(sheet.panels)
    for panel, axes in zip(sheet.panels, places, strict=True):
        if panel is None:
            assert not (axes.axison and axes.has_data())
        elif isinstance(panel, Chart):
            assert_same_chart(panel, axes)
        else:
            assert_same_panel(panel, axes)


def assert_same_panel(panel: Panel, axes: Axes) -> None:
    """Title, values, colours, extent, ticks, mask edge and lines of an image, mesh or triangles."""
    assert panel.title == axes.get_title()
    drawn = axes.images[0] if axes.images else axes.collections[0]
    values = np.ma.filled(drawn.get_array().astype(float), np.nan)
    assert_equal(panel.content.values, values, panel.title)
    low, high = colour_range(panel)
    size = max(abs(limit) for limit in drawn.get_clim())
    assert (low, high) == pytest.approx(drawn.get_clim(), rel=1e-7, abs=1e-9 * size)
    assert panel.limits == pytest.approx((*axes.get_xlim(), *axes.get_ylim()), rel=1e-8, abs=1e-9)
    _assert_same_shape(panel.content, axes)
    _assert_same_ticks(panel, axes)
    bar = drawn.colorbar.ax
    np.testing.assert_allclose(
        panel.colour_ticks.positions, bar.yaxis.get_ticklocs(), rtol=1e-7, atol=1e-9 * size
    )
    # of labels at one place matplotlib shows the last
    labels = dict(zip(panel.colour_ticks.positions, panel.colour_ticks.labels, strict=True))
    ours = [labels[position] for position in panel.colour_ticks.positions]
    theirs = [text.get_text() for text in bar.get_yticklabels()]
    for index, position in enumerate(panel.colour_ticks.positions):
        if 0 < abs(position) < 1e-12 * size:  # a zero, but for rounding, has a label of its own
            ours[index] = theirs[index]
    assert ours == theirs, f"{panel.title}: {ours} are not {theirs}"
    edge = [c for c in axes.collections if len(getattr(c, "get_sizes", list)())]
    dots = [] if panel.points is None else [panel.points]
    dots += [mark.points for mark in panel.markers]
    for points, scatter in zip(dots, edge, strict=True):
        np.testing.assert_allclose(points[:, ::-1], offsets(scatter), atol=1e-12)
    assert [to_hex(line.colour) for line in panel.lines] == [
        to_hex(line.get_color()) for line in axes.lines
    ]
    for ours, theirs in zip(panel.lines, axes.lines, strict=True):
        assert hausdorff(ours.points[:, ::-1], theirs.get_xydata()) < HALF_A_PIXEL


def _assert_same_shape(content: Image | Mesh | Triangles, axes: Axes) -> None:
    if isinstance(content, Image):
        extent = axes.images[0].get_extent()
        assert content.extent == pytest.approx(extent, rel=1e-8, abs=1e-9)
    elif isinstance(content, Mesh):
        corners = np.asarray(axes.collections[0].get_coordinates())
        np.testing.assert_allclose(content.x_edges, corners[0, :, 0], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(content.y_edges, corners[:, 0, 1], rtol=1e-8, atol=1e-10)
    else:
        corners = [path.vertices[:3] for path in axes.collections[0].get_paths()]
        ours = content.points[content.simplices][:, :, ::-1]
        np.testing.assert_allclose(ours, corners, rtol=1e-8, atol=1e-10)


def assert_same_chart(chart: Chart, axes: Axes) -> None:
    """Title, marks, limits, ticks and legend of a chart of dots and lines."""
    assert chart.title == axes.get_title()
    lines = [mark for mark in chart.marks if isinstance(mark, Line)]
    dots = [mark for mark in chart.marks if isinstance(mark, Dots)]
    assert (len(lines), len(dots)) == (len(axes.lines), len(axes.collections))
    for ours, theirs in zip(lines, axes.lines, strict=True):
        assert_equal(ours.points[:, ::-1], theirs.get_xydata(), chart.title)
        look = (to_hex(ours.colour), ours.alpha, ours.label, ours.width, ours.style)
        assert look == (
            to_hex(theirs.get_color()),
            theirs.get_alpha(),
            theirs.get_label(),
            theirs.get_linewidth(),
            theirs.get_linestyle(),
        )
    for ours, theirs in zip(dots, axes.collections, strict=True):
        assert_equal(ours.points[:, ::-1], np.asarray(theirs.get_offsets()), chart.title)
        assert [ours.size] == list(theirs.get_sizes())
        assert to_rgba(ours.colour) == tuple(theirs.get_facecolors()[0])
    legend = axes.get_legend()
    assert (chart.legend_size is None) == (legend is None)
    if legend is not None:
        assert {text.get_fontsize() for text in legend.get_texts()} == {chart.legend_size}
    _assert_same_ticks(chart, axes)


def _assert_same_ticks(panel: Panel | Chart, axes: Axes) -> None:
    for ticks, axis in ((panel.x_ticks, axes.xaxis), (panel.y_ticks, axes.yaxis)):
        if ticks is not None:
            np.testing.assert_allclose(ticks.positions, axis.get_ticklocs(), rtol=1e-9)
            assert list(ticks.labels) == [text.get_text() for text in axis.get_ticklabels()]


def offsets(scatter: Any) -> np.ndarray:
    """(n, 2) x, y of a scatter's dots; NaN where it has none."""
    return np.ma.filled(np.ma.asarray(scatter.get_offsets(), dtype=float), np.nan)


def hausdorff(a: np.ndarray, b: np.ndarray) -> float:
    """The largest distance of a point of one line from the other."""
    a, b = (line[np.isfinite(line).all(axis=1)] for line in (a, b))
    return float(max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]))
