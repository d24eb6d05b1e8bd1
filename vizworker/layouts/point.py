"""Point sources: observed and model positions among the critical curves, fluxes, and an image."""

from dataclasses import replace

import numpy as np

from vizworker.frame import Frame
from vizworker.layouts import charts, ticks
from vizworker.layouts.arrays import find
from vizworker.layouts.point_image import over_image
from vizworker.layouts.point_labels import emptiest, labels, numbers, prefix
from vizworker.layouts.point_marks import (
    FEW,
    MANY,
    Look,
    Sizes,
    empty,
    legend,
    marks,
)
from vizworker.layouts.point_source import Source, source_of
from vizworker.layouts.sheet import (
    Chart,
    Extent,
    Gradient,
    Line,
    Sheet,
    Words,
)

Size = tuple[float, float]

SIZE = (7.0, 7.0)  # inches, of a figure of one panel
MANY_SIZE = (12.0, 12.0)  # of more sources than there are colours
TITLE_SIZE, TICK_SIZE, LEGEND_SIZE, BAR_SIZE = 24.0, 22.0, 9.0, 17.6
LEGEND_SCALE, LEGEND_ALPHA = 0.7, 0.85
BESIDE_PANEL, BESIDE_BAR = (1.02, 1.0), (1.16, 1.0)  # where a legend outside begins
ROOM = (0.775, 0.77)  # of a figure that its panels have, by matplotlib's own margins
GAP = 0.2  # between panels, of the width of one
POINTS = 72.0  # an inch
# of several sources: the host's, after Okabe and Ito
COLOURS = ("black", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#882255", "#999933")
MARKERS = "os^Dvph<>P"
# of more than eight: their redshifts', along all of viridis but its lightest end
VIRIDIS_PART, VIRIDIS_STEPS = 0.85, 18
VIRIDIS = (  # at every tenth
    *("#440154", "#482475", "#414487", "#355f8d", "#2a788e"),
    *("#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26"),
)


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figure of a point source fit, and the one over an image where there is an image.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    source = source_of(frame)
    fluxes = find(frame, "fluxes", (None,))
    if fluxes is None:
        figure = _sheet("fit", _positions(frame, source, _room(SIZE)))
    else:
        room = _room(frame.style.panel_size, columns=2)
        panels = _positions(frame, source, room), _fluxes(frame, source, fluxes)
        figure = Sheet(("fit",), 1, 2, panels)
    if "image" not in frame.arrays:
        return (figure,)
    return figure, _over_image(frame, [source])


def together(frames: list[Frame], name: str) -> tuple[Sheet, ...]:
    """One figure of several sources, each in a colour and with a marker of its own.

    A second one has them over the first image that there is.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    sources = [source_of(frame) for frame in frames]
    x0, x1, y0, y1 = np.array([source.extent for source in sources]).T
    extent = float(x0.min()), float(x1.max()), float(y0.min()), float(y1.max())
    sources = [replace(source, extent=extent) for source in sources]
    figure = _side_by_side(frames[0], sources, name)
    below = next((frame for frame in frames if "image" in frame.arrays), None)
    return (figure,) if below is None else (figure, _over_image(below, sources))


def _side_by_side(frame: Frame, sources: list[Source], name: str) -> Sheet:
    if len(sources) <= len(COLOURS):
        chart = _chart(frame, "Fit Positions", sources, _looks(sources), _room(SIZE))
        beside = replace(chart, legend_place="upper left", legend_anchor=BESIDE_PANEL)
        return _sheet(name, beside)
    return _sheet(name, _many(frame, sources), MANY_SIZE)


def _over_image(frame: Frame, sources: list[Source]) -> Sheet:
    many = len(sources) > len(COLOURS)
    size = MANY_SIZE if many else SIZE
    chart = over_image(frame, sources, _looks(sources), _room(size), MANY if many else FEW)
    if many:
        scale = size[0] / SIZE[0]
        texts = frame.style.title_size, frame.style.xticks_size, frame.style.colorbar_labelsize
        title, tick, bar = (scale * each for each in texts)
        chart = replace(chart, title_size=title, tick_size=tick, bar_size=bar)
    return _sheet("fit_image_with_points", chart, size)


def _sheet(name: str, chart: Chart, size: Size = SIZE) -> Sheet:
    """A figure of one panel, which the host does not lay out."""
    return Sheet((name,), 1, 1, (chart,), panel_size=size, tight=False)


def _many(frame: Frame, sources: list[Source]) -> Chart:
    """More sources than there are colours: coloured by redshift, with a bar of that."""
    limits = _limits(_redshifts(sources))
    looks = _looks(sources)
    chart = _chart(frame, "Fit Positions", sources, looks, _room(MANY_SIZE), MANY)
    scale = MANY_SIZE[0] / SIZE[0]  # to stay in proportion
    return replace(
        chart,
        title_size=scale * TITLE_SIZE,
        tick_size=scale * TICK_SIZE,
        legend_size=scale * LEGEND_SIZE,
        legend_place="upper left",
        legend_anchor=BESIDE_BAR,
        gradient=Gradient(
            colours=_viridis(np.linspace(0.0, 1.0, VIRIDIS_STEPS)),
            limits=limits,
            label="source redshift",
            size=scale * BAR_SIZE,
            marked=tuple(
                each.redshift
                for each in sources
                if each.redshift is not None and np.isfinite(each.redshift)
            ),
        ),
    )


def _redshifts(sources: list[Source]) -> np.ndarray:
    """The redshift of each; their order where one of these is not known."""
    values = np.array([np.nan if each.redshift is None else each.redshift for each in sources])
    return values if np.isfinite(values).all() else np.arange(len(sources), dtype=np.float64)


def _limits(redshifts: np.ndarray) -> tuple[float, float]:
    low, high = float(redshifts.min()), float(redshifts.max())
    return (low, high) if low < high else (low, low + 1.0)


def _viridis(parts: np.ndarray) -> tuple[str, ...]:
    """Colours from the darkest, 0, to the lightest that is seen on white, 1."""
    steps = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in VIRIDIS], dtype=float)
    places = VIRIDIS_PART * parts * 10.0
    channels = [np.interp(places, np.arange(len(steps)), channel) for channel in steps.T]
    return tuple(
        "#" + "".join(f"{round(c):02x}" for c in rgb) for rgb in zip(*channels, strict=True)
    )


def _looks(sources: list[Source]) -> list[Look]:
    """Of several sources; none for one alone."""
    if len(sources) == 1:
        return []
    colours: tuple[str, ...] = COLOURS
    if len(sources) > len(COLOURS):
        redshifts = _redshifts(sources)
        low, high = _limits(redshifts)
        colours = _viridis((redshifts - low) / (high - low))
    return [Look(colours[i], MARKERS[i % len(MARKERS)]) for i in range(len(sources))]


def _room(size: Size, columns: int = 1) -> Size:
    """Points that one of the panels beside one another has, as the host lays them out."""
    width = ROOM[0] * columns / (columns + GAP * (columns - 1))
    return POINTS * width * size[0], POINTS * ROOM[1] * size[1]


def _positions(frame: Frame, source: Source, room: Size) -> Chart:
    return _chart(frame, f"Fit Positions ({source.name})", [source], [], room)


def _chart(
    frame: Frame,
    title: str,
    sources: list[Source],
    looks: list[Look],
    room: Size,
    sizes: Sizes = FEW,
) -> Chart:
    extent = sources[0].extent
    x0, x1, y0, y1 = extent
    shown = (
        *marks(sources, looks, sizes),
        *_labels(sources, extent, room, sizes.label),
        *legend(sources, looks, sizes),
    )
    return Chart(
        _titled(frame, title),
        tuple(mark for mark in shown if not empty(mark)),
        limits=extent,
        x_ticks=ticks.spatial(x0, x1, frame.style),
        y_ticks=ticks.spatial(y0, y1, frame.style),
        proportions="equal",
        legend_size=LEGEND_SIZE,
        legend_scale=LEGEND_SCALE,
        legend_alpha=LEGEND_ALPHA,
        legend_place=emptiest(_drawn(sources), extent),
        title_size=TITLE_SIZE,
        tick_size=TICK_SIZE,
        y_rotation=90.0,
    )


def _drawn(sources: list[Source]) -> np.ndarray:
    """(n, 2) y, x of what a legend must not cover."""
    points = [each for source in sources for each in (source.observed, source.model)]
    curves = [line for source in sources for line in source.tangential + source.radial]
    thinned = [line[:: max(1, len(line) // 40)] for line in curves]
    return np.concatenate([*points, sources[0].centres, *thinned])


def _labels(sources: list[Source], extent: Extent, room: Size, size: float) -> tuple[Words, ...]:
    """Numbers of the observed positions, and after them letters of the unmatched model ones."""
    unmatched = [source.unmatched for source in sources]
    letters = [
        f"{prefix(index, sources)}{chr(ord('a') + letter % 26)}"
        for index, points in enumerate(unmatched)
        for letter in range(len(points))
    ]
    points = np.concatenate([*(source.observed for source in sources), *unmatched])
    others = np.concatenate([*(source.model for source in sources), sources[0].centres])
    return labels(points, (*numbers(sources), *letters), others, extent, room, size)


def _fluxes(frame: Frame, source: Source, fluxes: np.ndarray) -> Chart:
    order = np.arange(len(fluxes), dtype=np.float64)
    (x0, x1), (y0, y1) = charts.limits(order), charts.limits(fluxes)
    return Chart(
        _titled(frame, f"Fit Fluxes ({source.name})"),
        (Line(np.stack([fluxes, order], axis=1), "black", width=1.5),),
        limits=(x0, x1, y0, y1),
        x_ticks=ticks.of_values(x0, x1, "", frame.style),
        y_ticks=ticks.of_values(y0, y1, "", frame.style),
        y_rotation=90.0,
    )


def _titled(frame: Frame, title: str) -> str:
    prefix = frame.title_prefix.rstrip()
    return f"{prefix} {title}" if prefix else title
