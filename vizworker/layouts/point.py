"""Point sources: observed and model positions among the critical curves, fluxes, and an image."""

from dataclasses import replace

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import charts, ticks
from vizworker.layouts.arrays import find
from vizworker.layouts.panels import Panels
from vizworker.layouts.point_labels import emptiest, labels
from vizworker.layouts.point_marks import (
    FEW,
    MANY,
    NONE,
    UNMATCHED_ON_IMAGE,
    Look,
    Sizes,
    legend,
    marks,
    model,
    observed,
)
from vizworker.layouts.point_source import Source, source_of
from vizworker.layouts.sheet import (
    Chart,
    Dots,
    Extent,
    Gradient,
    Image,
    Line,
    Mark,
    Sheet,
    Words,
)
from vizworker.layouts.zoom import view

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
    return figure, _sheet("fit_image_with_points", _over_image(frame, source))


def together(frames: list[Frame], name: str) -> Sheet:
    """One figure of several sources, each in a colour and with a marker of its own.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    sources = [source_of(frame) for frame in frames]
    x0, x1, y0, y1 = np.array([source.extent for source in sources]).T
    extent = float(x0.min()), float(x1.max()), float(y0.min()), float(y1.max())
    sources = [replace(source, extent=extent) for source in sources]
    if len(sources) <= len(COLOURS):
        chart = _chart(frames[0], "Fit Positions", sources, _looks(COLOURS, sources), _room(SIZE))
        beside = replace(chart, legend_place="upper left", legend_anchor=BESIDE_PANEL)
        return _sheet(name, beside)
    return _sheet(name, _many(frames[0], sources), MANY_SIZE)


def _sheet(name: str, chart: Chart, size: Size = SIZE) -> Sheet:
    """A figure of one panel, which the host does not lay out."""
    return Sheet((name,), 1, 1, (chart,), panel_size=size, tight=False)


def _many(frame: Frame, sources: list[Source]) -> Chart:
    """More sources than there are colours: coloured by redshift, with a bar of that."""
    places = _redshifts(sources)
    limits = float(places.min()), float(places.max())
    if limits[1] <= limits[0]:
        limits = limits[0], limits[0] + 1.0
    colours = _viridis((places - limits[0]) / (limits[1] - limits[0]))
    looks = _looks(colours, sources)
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


def _viridis(parts: np.ndarray) -> tuple[str, ...]:
    """Colours from the darkest, 0, to the lightest that is seen on white, 1."""
    steps = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in VIRIDIS], dtype=float)
    places = VIRIDIS_PART * parts * 10.0
    channels = [np.interp(places, np.arange(len(steps)), channel) for channel in steps.T]
    return tuple(
        "#" + "".join(f"{round(c):02x}" for c in rgb) for rgb in zip(*channels, strict=True)
    )


def _looks(colours: tuple[str, ...], sources: list[Source]) -> list[Look]:
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
        tuple(mark for mark in shown if not _empty(mark)),
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
    numbers = [
        f"{_prefix(index, sources)}{number}"
        for index, source in enumerate(sources)
        for number in source.numbers
    ]
    letters = [
        f"{_prefix(index, sources)}{chr(ord('a') + letter % 26)}"
        for index, points in enumerate(unmatched)
        for letter in range(len(points))
    ]
    points = np.concatenate([*(source.observed for source in sources), *unmatched])
    others = np.concatenate([*(source.model for source in sources), sources[0].centres])
    return labels(points, (*numbers, *letters), others, extent, room, size)


def _prefix(index: int, sources: list[Source]) -> str:
    return f"{index}·" if len(sources) > 1 else ""


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


def _over_image(frame: Frame, source: Source) -> Chart:
    """The positions over the image, in colours that can be seen there."""
    make, style = Panels(frame, view(frame)), frame.style
    panel = make.masked(f"Fit Image With Points ({source.name})", make.values("image"))
    if not isinstance(panel.content, Image):
        raise LayoutError("the image to lie below the positions is not one")
    if style.imshow_origin == "lower":
        source = _turned_over(source, panel.content.extent)
    outline = Line(NONE, "white", width=FEW.curve, outline="black")
    width, height = _room(SIZE)
    room = width * (1.0 - style.colorbar_fraction - style.colorbar_pad), height
    numbers = tuple(str(number) for number in source.numbers)
    shown: tuple[Mark, ...] = (
        *(replace(outline, points=line) for line in source.tangential),
        observed(source, Look("black", "o"), edge="white", width=1.0),
        *model(source, UNMATCHED_ON_IMAGE),
        *labels(source.observed, numbers, source.model, panel.limits, room, FEW.label),
    )
    edge = () if panel.points is None else (Dots(panel.points, size=1.0),)
    return Chart(
        panel.title,
        (panel.content, *edge, *(mark for mark in shown if not _empty(mark))),
        limits=panel.limits,
        x_ticks=panel.x_ticks,
        y_ticks=panel.y_ticks,
        proportions="square",
        y_rotation=90.0,
        colour_ticks=panel.colour_ticks,
        vmin=panel.vmin,
        vmax=panel.vmax,
    )


def _turned_over(source: Source, extent: Extent) -> Source:
    """Over an image whose rows are drawn upwards."""
    middle = np.array([extent[2] + extent[3], 0.0])
    turn = np.array([-1.0, 1.0])
    return replace(
        source,
        observed=middle + turn * source.observed,
        model=middle + turn * source.model,
        tangential=tuple(middle + turn * line for line in source.tangential),
    )


def _empty(mark: Mark) -> bool:
    return isinstance(mark, Line | Dots | Words) and not len(mark.points)


def _titled(frame: Frame, title: str) -> str:
    prefix = frame.title_prefix.rstrip()
    return f"{prefix} {title}" if prefix else title
