"""One kept figure: what never changes is drawn once, the rest anew for every sheet.

A drawing is a blank canvas, the marks of its static ground, and panel by panel the values, dots,
lines and frame over them, ending with the labels of the colour bar. Its pixels are those of the
same figure made from scratch and saved with a tight bounding box.
"""

import gc
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from vizworker.render.agg import Renderer, measuring, new_renderer, pixels_of, renderer_of
from vizworker.render.artists import PanelArtists, bar_positions, build
from vizworker.render.charts import ChartArtists
from vizworker.render.colormap import colormap
from vizworker.render.dots import Dots, dots
from vizworker.render.labels import LabelParser
from vizworker.render.pixels import blit, covered, fills, in_blocks, paint, word_of
from vizworker.render.trim import Trim
from vizworker.render.typesetter import Typesetter

PAD = 0.1  # inches around the figure
MAX_GROUNDS = 32  # kept, one for each way in which the labels push the panels about
MAX_KEYS = 1024  # lengths of labels whose ground is known
PLACES = ("left", "right", "bottom", "top", "wspace", "hspace")


@dataclass(frozen=True)
class Ground:
    """The static part of a figure, placed and trimmed for labels of certain lengths."""

    places: dict[str, float]  # what `Figure.subplots_adjust` takes
    box: Bbox  # what of the figure is seen, inches
    marks: np.ndarray  # (n,) indices into the canvas
    words: np.ndarray  # (n,) RGBA there
    blank: np.uint32  # RGBA elsewhere
    dots: dict[int, Dots]  # by panel
    inks: dict[int, "_Ink"]  # the same

    @property
    def nbytes(self) -> int:
        """Bytes of its marks and dots."""
        dots = sum(each.nbytes for each in self.dots.values())
        return self.marks.nbytes + self.words.nbytes + dots


@dataclass(frozen=True)
class _Ink:
    """Where black marks, the ends of ticks, reach over a panel's content."""

    where: np.ndarray  # (n,) flat indices of pixels
    shades: np.ndarray  # (n, 3) of the marks on white

    def draw(self, canvas: np.ndarray) -> None:
        """Darken the content there as the marks darken white."""
        pixels = canvas.reshape(-1, 4)
        beneath = pixels[self.where, :3].astype(np.uint16)
        pixels[self.where, :3] = (beneath * self.shades + 127) // 255


def arrangement(sheet: Sheet) -> Hashable:
    """What two sheets must share to be drawn by the same plate."""
    return sheet.rows, sheet.columns, tuple(_arranged(panel) for panel in sheet.panels)


class Plate:
    """A figure at one resolution, for sheets of one arrangement."""

    def __init__(self, sheet: Sheet, style: Style, dpi: float) -> None:
        self._figure, self._panels = build(sheet, style, colormap(style.colormap))
        self._dpi = dpi
        self._layout_dpi = self._figure.dpi
        self._trim = Trim(self._figure)
        self._loose = _places(self._figure)
        self._parser = LabelParser()
        self._typesetter = Typesetter()
        self._typesetter.adopt(self._figure)
        self._grounds: dict[Hashable, Ground] = {}
        self._keys: dict[Hashable, Hashable] = {}  # of the grounds, by what pushes panels
        self._moving = _moving(sheet)
        # pixels that each label of a colour bar may have before it pushes
        self._rooms: list[float] | None = None
        self._placed: Ground | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of what it keeps, as far as they count: its canvas and its grounds."""
        pixels = self._figure.bbox.width * self._figure.bbox.height
        return int(4 * pixels) + sum(ground.nbytes for ground in self._grounds.values())

    def draw(self, sheet: Sheet) -> np.ndarray:
        """The pixels of a sheet: (height, width, 3) uint8."""
        self._update(sheet)
        ground = self._ground()
        if ground is not self._placed:
            self._place(ground)
        renderer = self._renderer()
        canvas = pixels_of(renderer)
        words = canvas.view(np.uint32)[..., 0]
        words.fill(ground.blank)
        words.reshape(-1)[ground.marks] = ground.words
        for ink in ground.inks.values():
            words.reshape(-1)[ink.where] = ground.blank  # it comes again over the content
        for index, panel in self._drawn_panels():
            self._draw_panel(index, panel, renderer, canvas, ground)
        for axes in self._chart_axes():
            axes.draw(renderer)
        return _without_alpha(canvas)

    def _update(self, sheet: Sheet) -> None:
        for artists, shown in zip(self._panels, sheet.panels, strict=True):
            if isinstance(artists, ChartArtists) and isinstance(shown, Chart):
                artists.update(shown)
        for index, artists in self._drawn_panels():
            panel = sheet.panels[index]
            assert isinstance(panel, Panel)  # the arrangement is the same
            if panel.limits != artists.shown.limits and index not in self._moving:
                self._moving.add(index)
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
        axes = panel.axes
        self._draw_content(panel, renderer, canvas.view(np.uint32)[..., 0])
        if panel.dots is not None:
            ground.dots[index].draw(canvas)
        ground.inks[index].draw(canvas)
        if index in self._moving:
            axes.xaxis.draw(renderer)
            axes.yaxis.draw(renderer)
        for artist in panel.above_dots():
            artist.draw(renderer)
        for label in panel.bar_labels():
            label.draw(renderer)

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
            if key not in self._grounds:
                _add(self._grounds, key, self._draw_ground(places, box), MAX_GROUNDS)
                # mathtext's exceptions are in cycles with frames that hold whole canvases
                gc.collect()
            self._place(self._grounds[key])
            if self._rooms is None:
                panels = self._drawn_panels()
                self._rooms = [room for _, panel in panels for room in self._panel_rooms(panel)]
                pushing = self._pushing(self._rooms)
            _add(self._keys, pushing, key, MAX_KEYS)
        self._grounds[key] = ground = self._grounds.pop(key)  # the last to be dropped
        return ground

    def _release_renderers(self) -> None:
        """Free the canvases of other places: each text keeps its last renderer alive."""
        renderer = self._renderer()
        for text in self._figure.findobj(Text):
            cast(Any, text)._renderer = renderer

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
        with measuring(figure, self._measurer(self._layout_dpi)):
            figure.tight_layout()
        figure.set_dpi(self._dpi)
        box = figure.get_tightbbox(self._measurer(self._dpi))
        return _places(figure), box.padded(PAD)

    def _draw_ground(self, places: dict[str, float], box: Bbox) -> Ground:
        """The ground of a figure, placed and trimmed."""
        self._open(places, box)
        renderer = self._renderer()
        words = pixels_of(renderer).view(np.uint32).reshape(-1)
        blank = word_of(self._figure.get_facecolor())
        words.fill(blank)
        with _hidden(self._changing()):
            self._figure.draw(renderer)
        marks = np.flatnonzero(words != blank).astype(np.int32)
        words = words[marks]
        return Ground(
            places,
            box,
            marks,
            words,
            blank,
            self._all_dots(renderer),
            self._inks(marks, words, renderer),
        )

    def _changing(self) -> Iterator[Artist]:
        """What a ground must not show."""
        yield self._figure.patch  # it ends where the figure does, and what is seen may not
        for index, panel in self._drawn_panels():
            yield panel.content
            if panel.dots is not None:
                yield panel.dots
            yield from panel.above_dots()
            yield from panel.bar_labels()
            if index in self._moving:
                yield panel.axes.xaxis
                yield panel.axes.yaxis
        yield from self._chart_axes()

    def _place(self, ground: Ground) -> None:
        self._open(ground.places, ground.box)
        self._release_renderers()
        self._placed = ground

    def _open(self, places: dict[str, float], box: Bbox) -> None:
        self._trim.close()
        self._figure.set_dpi(self._dpi)
        self._figure.subplots_adjust(**places)
        renderer = self._renderer()
        for axes in self._figure.axes:
            locator = axes.get_axes_locator()
            axes.apply_aspect(None if locator is None else locator(axes, renderer))
        self._trim.open(box)

    def _all_dots(self, renderer: Renderer) -> dict[int, Dots]:
        return {
            index: dots(panel.dots, panel.axes.bbox, renderer)
            for index, panel in self._drawn_panels()
            if panel.dots is not None
        }

    def _inks(self, marks: np.ndarray, words: np.ndarray, renderer: Renderer) -> dict[int, _Ink]:
        places = np.divmod(marks, renderer.width)
        return {
            index: _ink(marks, words, places, covered(panel.axes.bbox, renderer.height))
            for index, panel in self._drawn_panels()
        }

    def _renderer(self) -> Renderer:
        renderer = renderer_of(self._figure)
        renderer.mathtext_parser = self._parser
        self._typesetter.serve(renderer)
        return renderer

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


def _moving(sheet: Sheet) -> set[int]:
    """Panels whose ticks are drawn anew: not filled, or at limits other than most are.

    Any other whose limits change joins them then.
    """
    panels = [(i, panel) for i, panel in enumerate(sheet.panels) if isinstance(panel, Panel)]
    common = Counter(panel.limits for _, panel in panels).most_common(1)
    usual = [limits for limits, _ in common]
    return {i for i, panel in panels if not fills(panel) or panel.limits not in usual}


def _margins(axes: Axes, renderer: Renderer) -> tuple[float, ...]:
    """How far axes with their texts reach beyond their frame on each side, pixels."""
    box = axes.get_tightbbox(renderer) or axes.bbox
    return tuple(round(float(margin), 2) for margin in np.subtract(box.extents, axes.bbox.extents))


def _ink(
    marks: np.ndarray,
    words: np.ndarray,
    places: tuple[np.ndarray, np.ndarray],
    area: tuple[slice, slice],
) -> _Ink:
    (y, x), (rows, columns) = places, area
    over = (y >= rows.start) & (y < rows.stop) & (x >= columns.start) & (x < columns.stop)
    shades = words[over].view(np.uint8).reshape(-1, 4)[:, :3].astype(np.uint16)
    return _Ink(marks[over], shades)


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


def _without_alpha(canvas: np.ndarray) -> np.ndarray:
    """(height, width, 3) of an opaque (height, width, 4); channel by channel, as that is faster."""
    rgb = np.empty((*canvas.shape[:2], 3), dtype=np.uint8)
    for channel in range(3):
        rgb[..., channel] = canvas[..., channel]
    return rgb


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
