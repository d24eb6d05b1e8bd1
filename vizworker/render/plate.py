"""One kept figure: what never changes is drawn once, the rest anew for every sheet.

A drawing is a blank canvas, the marks of its static ground, and panel by panel the values, dots,
lines and frame over them, ending with the labels of the colour bars. Its pixels are those of the
same figure made from scratch and saved with a tight bounding box.
"""

import gc
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.image import AxesImage
from matplotlib.text import Text

from vizworker.frame import Style
from vizworker.layouts.sheet import Chart, Panel, Sheet
from vizworker.render.agg import Renderer, new_renderer, pixels_of, size_of
from vizworker.render.artists import PanelArtists, bar_positions, build
from vizworker.render.charts import ChartArtists
from vizworker.render.colormap import colormap
from vizworker.render.dots import Dots, dots
from vizworker.render.ground import Ground, Marks, Packed
from vizworker.render.kept_ticks import keep_ticks
from vizworker.render.labels import LabelParser
from vizworker.render.pixels import blit, covered, fills, in_blocks, paint, word_of
from vizworker.render.placing import Place, Placer
from vizworker.render.typesetter import Typesetter

STEP = 64  # pixels by which canvases grow: figures of nearly the same height share one
FRAME = 4  # pixels that the frame of a panel may reach beyond it
MAX_GROUNDS = 32  # kept, one for each way in which the labels push the panels about


def arrangement(sheet: Sheet) -> Hashable:
    """What two sheets must share to be drawn by the same plate."""
    return sheet.rows, sheet.columns, tuple(_arranged(panel) for panel in sheet.panels)


class Plate:
    """A figure at one resolution, for sheets of one arrangement."""

    def __init__(self, sheet: Sheet, style: Style, dpi: float) -> None:
        self._figure, self._artists = build(sheet, style, colormap(style.colormap))
        self._dpi = dpi
        self._panels = {
            i: each for i, each in enumerate(self._artists) if isinstance(each, PanelArtists)
        }
        self._charts = [each for each in self._artists if isinstance(each, ChartArtists)]
        self._parser = LabelParser()
        self._typesetter = Typesetter()
        self._texts = self._figure.findobj(Text)
        self._typesetter.adopt(self._texts)
        for panel in self._panels.values():
            for axes in (panel.axes, panel.bar):
                keep_ticks(axes.xaxis)
                keep_ticks(axes.yaxis)
        self._placer = Placer(
            self._figure, self._panels, self._charts, self._parser, dpi, tight=sheet.tight
        )
        self._grounds: dict[Place, Ground] = {}
        self._unpacked: tuple[Place, Marks] | None = None  # of the one that was drawn last
        # panels whose ticks are drawn anew: those with no image that fills them have other limits
        # in every sheet, and any other joins them when its limits change
        self._moving = _unfilled(sheet)
        self._canvas: Renderer | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of what it keeps, as far as they count: its canvas and its grounds."""
        canvas = 0 if self._canvas is None else pixels_of(self._canvas).nbytes
        return canvas + sum(ground.nbytes for ground in self._grounds.values())

    def draw(self, sheet: Sheet) -> np.ndarray:
        """The pixels of a sheet: (height, width, 4) uint8, until the next one is drawn."""
        self._update(sheet)
        place = self._placer.place(self._moving)
        ground, renderer = self._ground(place), self._renderer()
        if self._unpacked is None or self._unpacked[0] != place:
            self._unpacked = place, ground.marks.unpacked()
        canvas = pixels_of(renderer)
        ground.draw(canvas.view(np.uint32)[..., 0], self._unpacked[1])
        for index, panel in self._panels.items():
            self._draw_panel(index, panel, renderer, canvas, ground)
        for panel in self._panels.values():
            for label in panel.bar_labels():
                label.draw(renderer)
        for chart in self._charts:
            for axes in chart.all_axes():
                axes.draw(renderer)
        _, height = size_of(self._figure)
        return canvas[len(canvas) - height :]

    def _update(self, sheet: Sheet) -> None:
        for artists, shown in zip(self._artists, sheet.panels, strict=True):
            if isinstance(artists, ChartArtists) and isinstance(shown, Chart):
                artists.update(shown)
        for index, artists in self._panels.items():
            panel = sheet.panels[index]
            assert isinstance(panel, Panel)  # the arrangement is the same
            if panel.limits != artists.shown.limits and index not in self._moving:
                self._moving |= {index} | _of_unusual_limits(sheet)  # they change together
                self._grounds.clear()
                self._unpacked = None
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
        for artist in panel.above_frame():
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

    def _ground(self, place: Place) -> Ground:
        """The ground of a figure that has been placed."""
        ground = self._grounds.pop(place, None)
        if ground is None:
            ground = self._draw_ground()
            # mathtext's exceptions are in cycles with frames that hold whole canvases
            gc.collect()
        self._grounds[place] = ground  # the last to be dropped
        while len(self._grounds) > MAX_GROUNDS:
            del self._grounds[next(iter(self._grounds))]
        return ground

    def _draw_ground(self) -> Ground:
        """The ground of a figure whose panels are placed."""
        renderer = self._renderer()
        words = pixels_of(renderer).view(np.uint32)[..., 0]
        blank = word_of(self._figure.get_facecolor())
        words.fill(blank)
        with _hidden(self._changing()):
            self._figure.draw(renderer)
        marks = Packed.of(Marks.on(words, blank))
        inks = {
            index: Marks.on(words, blank, covered(panel.axes.bbox, renderer.height))
            for index, panel in self._panels.items()
        }
        frames = self._frames(renderer, blank)
        return Ground(blank, marks, inks, self._all_dots(renderer), frames)

    def _changing(self) -> Iterator[Artist]:
        """What a ground must not show."""
        yield self._figure.patch  # it ends where the figure does, and what is seen may not
        for index, panel in self._panels.items():
            yield panel.content
            if panel.dots is not None:
                yield panel.dots
            yield from (*panel.below_frame(), *panel.above_frame(), *panel.axes.spines.values())
            yield from panel.bar_labels()
            if index in self._moving:
                yield panel.axes.xaxis
                yield panel.axes.yaxis
        for chart in self._charts:
            yield from chart.all_axes()

    def _all_dots(self, renderer: Renderer) -> dict[int, Dots]:
        return {
            index: dots(panel.dots, panel.axes.bbox, renderer)
            for index, panel in self._panels.items()
            if panel.dots is not None
        }

    def _frames(self, renderer: Renderer, blank: np.uint32) -> dict[int, tuple[Marks, ...]]:
        words = pixels_of(renderer).view(np.uint32)[..., 0]
        lines: dict[int, tuple[Marks, ...]] = {}
        for index, panel in self._panels.items():
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


@contextmanager
def _hidden(artists: Iterator[Artist]) -> Iterator[None]:
    hidden = list(artists)
    for artist in hidden:
        artist.set_visible(False)
    try:
        yield
    finally:
        for artist in hidden:
            artist.set_visible(True)


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
