"""A grid of panels: those that a user declared, or one for each array where nobody did."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import ranges, ticks
from vizworker.layouts.arrays import drawable, take
from vizworker.layouts.sheet import (
    Bars,
    Chart,
    Dots,
    Extent,
    Image,
    Line,
    Mark,
    Mesh,
    Panel,
    Sheet,
    Ticks,
)
from vizworker.panels import MAX_COLUMNS, Curve, Histogram, Layer, Limits, Scatter
from vizworker.panels import Image as ImageLayer
from vizworker.panels import Mesh as MeshLayer

MAX_PLAIN = 16  # panels that nobody declared
MAX_SLICES = 4  # of one 3-d array among them
TABLE = 4  # a 2-d array of at most this many columns, and more rows, is shown as lines
MARGIN = 0.05  # of a range of values, on each side
LABEL_SIZE, LEGEND_SIZE = 14.0, 12.0  # points
ERROR_WIDTH = 1.0  # points
SQUARE = 6  # as many panels or fewer are at most three in a row


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The declared panels of a frame; a panel that cannot be drawn is a note and an empty place."""
    if frame.grid is None:
        return plain(frame)
    panels: list[Panel | Chart | None] = []
    notes = []
    for number, layers in enumerate(frame.grid.panels, start=1):
        try:
            panels.append(_panel(frame, layers))
        except LayoutError as error:
            panels.append(None)
            notes.append(f"panel {number} {layers[0].title!r}: {error}")
    return (_sheet(panels, frame.grid.columns, tuple(notes)),)


def plain(frame: Frame, note: str = "") -> tuple[Sheet, ...]:
    """Every array of a frame, 1-d ones as lines and 2-d ones as images, up to so many.

    Args:
        frame: of any layout.
        note: why it is not drawn by its layout.

    Raises:
        LayoutError: it has no array to show.
    """
    layers = list(_plain_layers(frame))
    if not layers:
        raise LayoutError(note or f"the frame of {frame.run!r} has no array to show")
    notes = [note] if note else []
    if len(layers) > MAX_PLAIN:
        notes.append(f"{MAX_PLAIN} of {len(layers)} panels are shown")
    return (_sheet([_panel_of(frame, *layer) for layer in layers[:MAX_PLAIN]], 0, tuple(notes)),)


def _sheet(panels: list[Panel | Chart | None], columns: int, notes: tuple[str, ...]) -> Sheet:
    columns = min(columns or _columns(len(panels)), len(panels), MAX_COLUMNS)
    rows = math.ceil(len(panels) / columns)
    empty = (None,) * (rows * columns - len(panels))
    return Sheet(("fit",), rows, columns, (*panels, *empty), notes=notes)


def _columns(count: int) -> int:
    return min(count, 3) if count <= SQUARE else math.ceil(math.sqrt(count))


def _panel(frame: Frame, layers: tuple[Layer, ...]) -> Panel | Chart:
    first = layers[0]
    match first:
        case ImageLayer():
            values = take(frame, first.values, (None, None))
            return _image(frame, first, values, _lines(frame, layers[1:]))
        case MeshLayer():
            return _mesh(frame, first, _lines(frame, layers[1:]))
        case _:
            return _chart(frame, layers)


def _image(frame: Frame, layer: ImageLayer, values: np.ndarray, lines: tuple[Line, ...]) -> Panel:
    # of the exact array, where this one came down-sampled; a slice has its stack's
    rows, columns = frame.reduced.get(layer.values.partition("[")[0], values.shape)[-2:]
    if not values.size:
        raise LayoutError(f"array {layer.values!r} has shape {values.shape}, expected some values")
    values = values if layer.origin == "upper" else values[::-1]
    extent = _extent(frame, layer)
    if extent is not None:
        return _coloured(frame, layer, Image(values, extent), extent, lines)
    extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
    panel = _coloured(frame, layer, Image(values, extent), extent, lines)
    return panel if layer.origin == "lower" or layer.y_limits else _counted_down(panel, rows)


def _mesh(frame: Frame, layer: MeshLayer, lines: tuple[Line, ...]) -> Panel:
    values = take(frame, layer.values, (None, None))
    rows, columns = values.shape
    y, x = (
        drawable(take(frame, name, (size + 1,)).astype(np.float64))
        for name, size in ((layer.y_edges, rows), (layer.x_edges, columns))
    )
    for name, edges in ((layer.y_edges, y), (layer.x_edges, x)):
        if not values.size or not np.isfinite(edges).all():
            raise LayoutError(f"array {name!r} has edges that are not finite")
    extent = (float(x.min()), float(x.max()), float(y.min()), float(y.max()))
    return _coloured(frame, layer, Mesh(values, y, x), extent, lines)


def _coloured(
    frame: Frame,
    layer: ImageLayer | MeshLayer,
    content: Image | Mesh,
    extent: Extent,
    lines: tuple[Line, ...],
) -> Panel:
    x0, x1 = _ordered(layer.x_limits or extent[:2])
    y0, y1 = _ordered(layer.y_limits or extent[2:])
    values = content.values if content.values.dtype != bool else content.values.astype(np.uint8)
    content = Image(values, extent) if isinstance(content, Image) else content
    logarithmic = layer.scale == "log"
    low, high = _colour_limits(frame, layer, values)
    return Panel(
        title=_title(frame, layer.title or layer.values),
        content=content,
        limits=(x0, x1, y0, y1),
        vmin=low,
        vmax=high,
        x_ticks=ticks.plain(x0, x1, frame.style),
        y_ticks=ticks.plain(y0, y1, frame.style),
        colour_ticks=ticks.colour(low, high, layer.unit, logarithmic=logarithmic),
        lines=lines,
        logarithmic=logarithmic,
        x_label=layer.x_label,
        y_label=layer.y_label,
    )


def _colour_limits(
    frame: Frame, layer: ImageLayer | MeshLayer, values: np.ndarray
) -> tuple[float, float]:
    if layer.scale == "log":
        return ranges.logarithmic(values, layer.vmin, layer.vmax, frame.style.log10_min_value)
    return ranges.linear(values, layer.vmin, layer.vmax)


def _extent(frame: Frame, layer: ImageLayer) -> Extent | None:
    if not isinstance(layer.extent, str):
        extent = layer.extent
    else:
        x0, x1, y0, y1 = (float(value) for value in take(frame, layer.extent, (4,)))
        extent = (x0, x1, y0, y1)
    if extent is None:
        return None
    x0, x1, y0, y1 = extent
    if not (all(map(math.isfinite, extent)) and x0 < x1 and y0 < y1):
        raise LayoutError(f"extent {extent} of {layer.values!r}, expected x0 < x1 and y0 < y1")
    return extent


def _counted_down(panel: Panel, rows: int) -> Panel:
    """An image of pixels whose row 0 is at the top has its rows counted from there."""
    positions = tuple(rows - 1 - position for position in panel.y_ticks.positions)
    return replace(panel, y_ticks=Ticks(positions, panel.y_ticks.labels))


def _lines(frame: Frame, layers: tuple[Layer, ...]) -> tuple[Line, ...]:
    colours = ("white", "yellow", "cyan", "magenta")
    return tuple(
        _line(frame, layer, layer.colour or colours[i % len(colours)])
        for i, layer in enumerate(layers)
        if isinstance(layer, Curve)
    )


def _line(frame: Frame, layer: Curve, colour: str) -> Line:
    y = take(frame, layer.y, (None,))
    x = take(frame, layer.x, y.shape) if layer.x else np.arange(len(y))
    return Line(_points(y, x), colour, layer.width, layer.style, label=layer.label)


def _chart(frame: Frame, layers: tuple[Layer, ...]) -> Chart:
    first = layers[0]
    assert isinstance(first, Curve | Scatter | Histogram)  # as a grid is checked
    marks: list[Mark] = []
    for number, layer in enumerate(layers):
        marks += _marks(frame, layer, number)
    coloured = [
        mark for mark in marks if isinstance(mark, Dots) and not isinstance(mark.colour, str)
    ]
    low, high = ranges.linear(
        np.concatenate([np.asarray(mark.colour) for mark in coloured] or [np.zeros(0)]), None, None
    )
    unit = next((layer.unit for layer in layers if isinstance(layer, Scatter)), "")
    labelled = any(getattr(mark, "label", "") for mark in marks)
    return Chart(
        title=_title(frame, first.title or _name(first)),
        marks=tuple(marks),
        limits=_limits(first, marks),
        x_label=first.x_label,
        y_label=first.y_label,
        x_scale=first.x_scale,
        y_scale=first.y_scale,
        legend_size=LEGEND_SIZE if labelled else None,
        colour_ticks=ticks.colour(low, high, unit) if coloured else None,
        vmin=low if coloured else None,
        vmax=high if coloured else None,
        label_size=LABEL_SIZE,
    )


def _marks(frame: Frame, layer: Layer, number: int) -> Iterator[Mark]:
    colour = getattr(layer, "colour", "") or f"C{number % 10}"
    match layer:
        case Curve():
            yield _line(frame, layer, colour)
        case Scatter():
            yield from _scatter(frame, layer, colour)
        case Histogram():
            yield _histogram(frame, layer, colour)


def _scatter(frame: Frame, layer: Scatter, colour: str) -> Iterator[Mark]:
    x = take(frame, layer.x, (None,))
    y = take(frame, layer.y, x.shape)
    if layer.error:
        error = take(frame, layer.error, x.shape)
        # one line with gaps: a bar up and down at each point
        gap = np.full(len(x), np.nan)
        bars = np.stack([y - error, y + error, gap], axis=1).ravel()
        yield Line(_points(bars, np.repeat(x, 3)), colour, ERROR_WIDTH)
    yield Dots(
        _points(y, x),
        colour=take(frame, layer.values, x.shape) if layer.values else colour,
        size=layer.size,
        marker=layer.marker,
        label=layer.label,
    )


def _histogram(frame: Frame, layer: Histogram, colour: str) -> Bars:
    if layer.values not in frame.arrays:
        take(frame, layer.values, ())  # says what is missing
    values = drawable(frame.arrays[layer.values].astype(np.float64).ravel())
    values = values[np.isfinite(values)]
    bins: int | np.ndarray
    if isinstance(layer.bins, str):
        bins = take(frame, layer.bins, (None,)).astype(np.float64)
        if len(bins) < 2 or not (np.diff(bins) > 0).all():
            raise LayoutError(f"array {layer.bins!r} of edges, expected two or more that increase")
    else:
        bins = layer.bins
    within = None if layer.x_limits is None else _ordered(layer.x_limits)
    heights, edges = np.histogram(values, bins, within)
    return Bars(edges, heights.astype(np.float64), colour, layer.alpha, layer.label)


def _limits(layer: Curve | Scatter | Histogram, marks: list[Mark]) -> Extent | None:
    """The declared limits; an axis without gets those of its values."""
    if layer.x_limits is None and layer.y_limits is None:
        return None
    y, x = np.concatenate([_reach(mark) for mark in marks]).T
    x0, x1 = layer.x_limits or _about(x, layer.x_scale)
    y0, y1 = layer.y_limits or _about(y, layer.y_scale)
    return x0, x1, y0, y1


def _reach(mark: Mark) -> np.ndarray:
    if isinstance(mark, Bars):
        top = float(mark.heights.max(initial=0.0))
        return np.array([[0.0, mark.edges[0]], [top, mark.edges[-1]]])
    return np.asarray(mark.points) if isinstance(mark, Line | Dots) else np.zeros((0, 2))


def _about(values: np.ndarray, scale: str) -> Limits:
    values = values[np.isfinite(values)]
    if scale == "log":
        values = np.log10(values[values > 0])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    margin = MARGIN * (high - low) or 0.5
    low, high = low - margin, high + margin
    return (10.0**low, 10.0**high) if scale == "log" else (low, high)


def _plain_layers(frame: Frame) -> Iterator[tuple[str, np.ndarray]]:
    for name, array in frame.arrays.items():
        if name == "parameters" or array.ndim == 0 or not array.size:
            continue
        if array.ndim <= 2:
            yield name, array
            continue
        images = array.reshape(-1, *array.shape[-2:])
        for index, image in enumerate(images[:MAX_SLICES]):
            yield f"{name}[{index}]", image


def _panel_of(frame: Frame, name: str, array: np.ndarray) -> Panel | Chart:
    if array.ndim == 2 and (array.shape[1] > TABLE or array.shape[0] <= array.shape[1]):
        return _image(frame, ImageLayer(name), array, ())
    columns = array.reshape(len(array), -1).T
    index = np.arange(len(array))
    return Chart(
        title=_title(frame, name),
        marks=tuple(
            Line(_points(column, index), f"C{number}") for number, column in enumerate(columns)
        ),
        label_size=LABEL_SIZE,
    )


def _title(frame: Frame, title: str) -> str:
    prefix = frame.title_prefix.rstrip()
    return f"{prefix} {title}" if prefix else title


def _name(layer: Curve | Scatter | Histogram) -> str:
    return layer.values if isinstance(layer, Histogram) else layer.y


def _ordered(limits: Limits) -> Limits:
    return min(limits), max(limits)


def _points(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return drawable(np.stack([y, x], axis=1).astype(np.float64))
