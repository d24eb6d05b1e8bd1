"""One kept figure: what never changes is drawn once, the rest anew for every sheet.

A drawing is a blank canvas, the marks of its static ground, and panel by panel the values, dots,
lines and frame over them, ending with the labels of the colour bar. Its pixels are those of the
same figure made from scratch and saved with a tight bounding box.
"""

import gc
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from vizworker.frame import Style
from vizworker.layouts.sheet import Chart, Panel, Sheet
from vizworker.render.agg import Renderer, measuring, new_renderer, pixels_of, size_of
from vizworker.render.artists import PanelArtists, bar_positions, build
from vizworker.render.charts import ChartArtists
from vizworker.render.colormap import colormap
from vizworker.render.dots import Dots, dots
from vizworker.render.ground import Ground, Marks
from vizworker.render.kept_ticks import keep_ticks
from vizworker.render.labels import LabelParser
from vizworker.render.pixels import blit, covered, fills, in_blocks, paint, word_of
from vizworker.render.reaches import Reaches, apply_aspect
from vizworker.render.trim import Trim
from vizworker.render.typesetter import Typesetter

STEP = 64  # pixels by which canvases grow: figures of nearly the same height share one
PAD = 0.1  # inches around the figure
FRAME = 4  # pixels that the frame of a panel may reach beyond it
MAX_GROUNDS = 32  # kept, one for each way in which the labels push the panels about
MAX_KEYS = 1024  # lengths of labels whose ground is known
PLACES = ("left", "right", "bottom", "top", "wspace", "hspace")


def arrangement(sheet: Sheet) -> Hashable:
    """What two sheets must share to be drawn by the same plate."""
    return sheet.rows, sheet.columns, tuple(_arranged(panel) for panel in sheet.panels)


class Plate:
    """A figure at one resolution, for sheets of one arrangement."""

    def __init__(self, sheet: Sheet, style: Style, dpi: float) -> None:
        self._figure, self._panels = build(sheet, style, colormap(style.colormap))
        self._dpi = dpi
        self._tight = sheet.tight
        self._layout_dpi = self._figure.dpi
        self._trim = Trim(self._figure)
        self._loose = _places(self._figure)
        self._parser = LabelParser()
        self._typesetter = Typesetter()
        self._texts = self._figure.findobj(Text)
        self._typesetter.adopt(self._texts)
        for _, panel in self._drawn_panels():
            for axes in (panel.axes, panel.bar):
                keep_ticks(axes.xaxis)
                keep_ticks(axes.yaxis)
        self._grounds: dict[Hashable, Ground] = {}
        self._keys: dict[Hashable, Hashable] = {}  # of the grounds, by what pushes panels
        # panels whose ticks are drawn anew: those with no image that fills them have other limits
        # in every sheet, and any other joins them when its limits change
        self._moving = _unfilled(sheet)
        self._reaches = Reaches()
        # pixels that each label of a colour bar may have before it pushes
        self._rooms: list[float] | None = None
        self._placed: Ground | None = None
        self._canvas: Renderer | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of what it keeps, as far as they count: its canvas and its grounds."""
        canvas = 0 if self._canvas is None else pixels_of(self._canvas).nbytes
        return canvas + sum(ground.nbytes for ground in self._grounds.values())

    def draw(self, sheet: Sheet) -> np.ndarray:
        """The pixels of a sheet: (height, width, 4) uint8, until the next one is drawn."""
        self._update(sheet)
        ground = self._ground()
        if ground is not self._placed:
            self._place(ground)
        renderer = self._renderer()
        canvas = pixels_of(renderer)
        ground.draw(canvas.view(np.uint32)[..., 0])
        for index, panel in self._drawn_panels():
            self._draw_panel(index, panel, renderer, canvas, ground)
        for axes in self._chart_axes():
            axes.draw(renderer)
        _, height = size_of(self._figure)
        return canvas[len(canvas) - height :]

    def _update(self, sheet: Sheet) -> None:
        for artists, shown in zip(self._panels, sheet.panels, strict=True):
            if isinstance(artists, ChartArtists) and isinstance(shown, Chart):
                artists.update(shown)
        for index, artists in self._drawn_panels():
            panel = sheet.panels[index]
            assert isinstance(panel, Panel)  # the arrangement is the same
            if panel.limits != artists.shown.limits and index not in self._moving:
                self._moving |= {index} | _of_unusual_limits(sheet)  # they change together
                self._grounds.clear()
            artists.update(panel)

    def _draw_panel(
        self,
        index: int,
        panel: PanelArtists,
        renderer: Renderer,
        canvas: np.ndarray,
        ground: Ground,
    ) -> None:
        self._draw_content(panel, renderer, canvas.view(np.uint32)[..., 0])
        if index in ground.dots:
            ground.dots[index].draw(canvas)
        ground.inks[index].darken(canvas)
        if index in self._moving:
            panel.axes.xaxis.draw(renderer)
            panel.axes.yaxis.draw(renderer)
        for artist in panel.below_frame():
            artist.draw(renderer)
        for line in ground.frames[index]:
            line.darken(canvas)
        for artist in (*panel.above_frame(), *panel.bar_labels()):
            artist.draw(renderer)

    def _draw_content(self, panel: PanelArtists, renderer: Renderer, words: np.ndarray) -> None:
        values, artist, box = panel.shown.content.values, panel.content, panel.axes.bbox
        if not isinstance(artist, AxesImage) or not fills(panel.shown):
            artist.draw(renderer)
        elif in_blocks(values, box):
            blank = panel.axes.get_facecolor()
            paint(words, values, box, panel.norm, panel.colours, blank)
        else:
            blit(words, artist, renderer)

    def _ground(self) -> Ground:
        """The ground for the labels as they are now."""
        pushing = None if self._rooms is None else self._pushing(self._rooms)
        key = self._keys.get(pushing)
        if key not in self._grounds:
            places, box = self._tidied()
            key = (*places.values(), *box.extents)
            if key in self._grounds:
                self._place(self._grounds[key])
            else:
                self._placed = self._draw_ground(places, box)
                _add(self._grounds, key, self._placed, MAX_GROUNDS)
                # mathtext's exceptions are in cycles with frames that hold whole canvases
                gc.collect()
            if self._rooms is None:
                panels = self._drawn_panels()
                self._rooms = [room for _, panel in panels for room in self._panel_rooms(panel)]
                pushing = self._pushing(self._rooms)
            _add(self._keys, pushing, key, MAX_KEYS)
        self._grounds[key] = ground = self._grounds.pop(key)  # the last to be dropped
        return ground

    def _pushing(self, rooms: list[float]) -> Hashable:
        """What decides where the panels are.

        The sizes of the colour bars' labels, their widths and the heights that move panels, and
        how far charts reach beyond their axes.
        """
        renderer = self._renderer()
        boxes = [label.get_window_extent(renderer) for label in self._bar_labels()]
        labels = tuple(
            (round(box.width, 3), round(box.height, 3) if box.height > room else 0.0)
            for box, room in zip(boxes, rooms, strict=True)
        )
        return labels, tuple(_margins(axes, renderer) for axes in self._chart_axes())

    def _bar_labels(self) -> Iterator[Text]:
        for _, panel in self._drawn_panels():
            yield from panel.bar_labels()

    def _panel_rooms(self, panel: PanelArtists) -> Iterator[float]:
        """The heights of its colour bar's labels up to which they stay beside their panel."""
        renderer = self._renderer()
        below = panel.axes.xaxis.get_tightbbox(renderer) or panel.axes.bbox
        above = panel.axes.title.get_window_extent(renderer)
        bar = panel.bar.bbox
        for position in bar_positions(panel.shown):
            middle = bar.y0 + position * bar.height
            yield 2 * min(middle - below.y0, above.y1 - middle) - 2

    def _tidied(self) -> tuple[dict[str, float], Bbox]:
        """Where the axes are, and what of the figure is seen, when it is laid out tightly."""
        figure = self._figure
        self._trim.close()
        figure.set_dpi(self._layout_dpi)
        figure.subplots_adjust(**self._loose)
        if self._tight:
            renderer = self._measurer(self._layout_dpi)
            with measuring(figure, renderer), self._known_reaches((), renderer, layout=True):
                figure.tight_layout()
        figure.set_dpi(self._dpi)
        places, renderer = _places(figure), self._measurer(self._dpi)
        with self._known_reaches(tuple(places.values()), renderer, layout=False):
            box = figure.get_tightbbox(renderer)
        return places, box.padded(PAD)

    def _known_reaches(
        self, place: tuple[float, ...], renderer: Renderer, *, layout: bool
    ) -> AbstractContextManager[None]:
        """Whatever a sheet shows, panels with ticks that stay reach as far as they did."""
        panels = dict(self._drawn_panels())
        still = [panel.axes for index, panel in panels.items() if index not in self._moving]
        bars = [panel.bar for panel in panels.values()]
        return self._reaches.known(place, still, bars, renderer, layout=layout)

    def _draw_ground(self, places: dict[str, float], box: Bbox) -> Ground:
        """The ground of a figure, placed and trimmed."""
        self._open(places, box)
        renderer = self._renderer()
        words = pixels_of(renderer).view(np.uint32)[..., 0]
        blank = word_of(self._figure.get_facecolor())
        words.fill(blank)
        with _hidden(self._changing()):
            self._figure.draw(renderer)
        marks = Marks.on(words, blank)
        inks = {
            index: Marks.on(words, blank, covered(panel.axes.bbox, renderer.height))
            for index, panel in self._drawn_panels()
        }
        frames = self._frames(renderer, blank)
        return Ground(places, box, blank, marks, inks, self._all_dots(renderer), frames)

    def _changing(self) -> Iterator[Artist]:
        """What a ground must not show."""
        yield self._figure.patch  # it ends where the figure does, and what is seen may not
        for index, panel in self._drawn_panels():
            yield panel.content
            if panel.dots is not None:
                yield panel.dots
            yield from (*panel.below_frame(), *panel.above_frame(), *panel.axes.spines.values())
            yield from panel.bar_labels()
            if index in self._moving:
                yield panel.axes.xaxis
                yield panel.axes.yaxis
        yield from self._chart_axes()

    def _place(self, ground: Ground) -> None:
        self._open(ground.places, ground.box)
        self._placed = ground

    def _open(self, places: dict[str, float], box: Bbox) -> None:
        self._trim.close()
        self._figure.set_dpi(self._dpi)
        self._figure.subplots_adjust(**places)
        renderer = self._measurer(self._dpi)
        for axes in self._figure.axes:
            apply_aspect(axes, renderer)
        self._trim.open(box)

    def _all_dots(self, renderer: Renderer) -> dict[int, Dots]:
        return {
            index: dots(panel.dots, panel.axes.bbox, renderer)
            for index, panel in self._drawn_panels()
            if panel.dots is not None
        }

    def _frames(self, renderer: Renderer, blank: np.uint32) -> dict[int, tuple[Marks, ...]]:
        words = pixels_of(renderer).view(np.uint32)[..., 0]
        lines: dict[int, tuple[Marks, ...]] = {}
        for index, panel in self._drawn_panels():
            rows, columns = covered(panel.axes.bbox, renderer.height)
            area = _around(rows), _around(columns)
            found = []
            for pair in panel.frame():
                words[area] = blank
                for spine in pair:
                    spine.draw(renderer)
                found.append(Marks.on(words, blank, area))
            lines[index] = tuple(found)
        return lines

    def _renderer(self) -> Renderer:
        """What the figure is drawn with, at the foot of its canvas."""
        width, height = size_of(self._figure)
        size = width, -(-height // STEP) * STEP
        if self._canvas is None or (self._canvas.width, self._canvas.height) != size:
            self._canvas = new_renderer(*size, self._dpi)
            self._canvas.mathtext_parser = self._parser
            self._typesetter.serve(self._canvas)
            for text in self._texts:
                cast(Any, text)._renderer = self._canvas  # each keeps its last one alive
        return self._canvas

    def _measurer(self, dpi: float) -> Renderer:
        """What texts are measured with: their sizes do not depend on a canvas."""
        renderer = new_renderer(1, 1, dpi)
        renderer.mathtext_parser = self._parser
        return renderer

    def _drawn_panels(self) -> Iterator[tuple[int, PanelArtists]]:
        for i, panel in enumerate(self._panels):
            if isinstance(panel, PanelArtists):
                yield i, panel

    def _chart_axes(self) -> Iterator[Axes]:
        for panel in self._panels:
            if isinstance(panel, ChartArtists):
                yield from panel.all_axes()


def _unfilled(sheet: Sheet) -> set[int]:
    return {i for i, panel in _panels(sheet) if not fills(panel)}


def _of_unusual_limits(sheet: Sheet) -> set[int]:
    """Panels at limits other than most are: those of source planes."""
    [(usual, _)] = Counter(panel.limits for _, panel in _panels(sheet)).most_common(1)
    return {i for i, panel in _panels(sheet) if panel.limits != usual}


def _panels(sheet: Sheet) -> list[tuple[int, Panel]]:
    return [(i, panel) for i, panel in enumerate(sheet.panels) if isinstance(panel, Panel)]


def _around(places: slice) -> slice:
    """With the frame of a panel."""
    return slice(max(0, places.start - FRAME), places.stop + FRAME)


def _margins(axes: Axes, renderer: Renderer) -> tuple[float, ...]:
    """How far axes with their texts reach beyond their frame on each side, pixels."""
    box = axes.get_tightbbox(renderer) or axes.bbox
    return tuple(round(float(margin), 2) for margin in np.subtract(box.extents, axes.bbox.extents))


def _add[K, V](kept: dict[K, V], key: K, value: V, limit: int) -> None:
    """Keep one more, and drop the oldest beyond the limit."""
    kept[key] = value
    while len(kept) > limit:
        del kept[next(iter(kept))]


@contextmanager
def _hidden(artists: Iterator[Artist]) -> Iterator[None]:
    hidden = list(artists)
    for artist in hidden:
        artist.set_visible(False)
    yield
    for artist in hidden:
        artist.set_visible(True)


def _places(figure: Figure) -> dict[str, float]:
    return {name: getattr(figure.subplotpars, name) for name in PLACES}


def _arranged(panel: Panel | Chart | None) -> Hashable:
    if not isinstance(panel, Panel):
        return "chart" if panel else None
    x0, x1, y0, y1 = panel.limits
    return (
        panel.title,
        type(panel.content),
        panel.stretched,
        None if panel.points is None else panel.points.tobytes(),
        bar_positions(panel),
        round(abs(x1 - x0) / (abs(y1 - y0) or 1.0), 6),
        panel.colour_ticks.labels[1].partition("$")[2],
    )
