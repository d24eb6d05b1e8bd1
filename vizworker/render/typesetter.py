"""Texts set once: matplotlib lays each out, and draws its glyphs, whenever it is drawn."""

import functools
import math
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.backends import backend_agg
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import RenderMode
from matplotlib.text import Text

from vizworker.render.agg import Renderer

AGG: Any = backend_agg  # it has no types of its own
SUBPIXELS = 64  # places within a pixel where a glyph may stand, each way
ONE = 0x10000  # of the numbers in a font's transformation
MAX_LAYOUTS = MAX_STRINGS = 1024
MAX_GLYPHS = 8192

Layout = tuple[Any, ...]
Glyph = tuple[Any, ...]  # font, size, index, slant, extension, right and up of the text's origin
Stamp = tuple[np.ndarray, int, int]  # (height, width) uint8, its left, its top above the baseline


class Typesetter:
    """Remembers what texts measure and how glyphs look, for the texts of one figure."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[Any, ...], Layout] = {}
        self._strings: dict[tuple[Any, ...], tuple[list[Glyph], list[tuple[float, ...]]]] = {}
        self._finding: tuple[Any, ...] | None = None  # the string whose glyphs come next
        self._stamps: dict[tuple[Any, ...], Stamp] = {}

    def adopt(self, texts: Iterable[Any]) -> None:
        """Lay out the texts of a figure from now on."""
        for text in texts:
            known: Any = text
            known._get_layout = functools.partial(self._layout, text, known._get_layout)

    def serve(self, renderer: Renderer) -> None:
        """Draw the glyphs of a renderer's texts from now on."""
        own = weakref.proxy(renderer)  # it must not keep itself and its canvas alive
        renderer.draw_text = functools.partial(self._draw_text, own)
        renderer._draw_text_glyphs_and_boxes = functools.partial(self._draw, own)

    def _layout(self, text: Text, lay_out: Callable[[Renderer], Layout], on: Renderer) -> Layout:
        """What a text measures; it depends on neither its place nor its colour."""
        figure = text.get_figure(root=True)
        if text.get_wrap() or figure is None:
            return lay_out(on)
        key = (
            text.get_text(),
            hash(text.get_fontproperties()),  # they may change and stay the same object
            figure.dpi,
            text.get_rotation(),
            text.get_rotation_mode(),
            text.get_horizontalalignment(),
            text.get_verticalalignment(),
            text.get_parse_math(),
        )
        if key not in self._layouts:
            _make_room(self._layouts, MAX_LAYOUTS)
            self._layouts[key] = lay_out(on)
        return self._layouts[key]

    def _draw_text(
        self,
        renderer: Renderer,
        gc: Any,
        x: float,
        y: float,
        string: str,
        font: FontProperties,
        angle: float,
        ismath: bool = False,
        mtext: Text | None = None,
    ) -> None:
        """As the renderer does it, but that the glyphs of a string are found once."""
        key = (string, hash(font), renderer.dpi, ismath)
        if key in self._strings:
            self._draw(renderer, gc, x, y, angle, *self._strings[key])
            return
        self._finding = key
        AGG.RendererAgg.draw_text(renderer, gc, x, y, string, font, angle, ismath, mtext)

    def _draw(
        self,
        renderer: Renderer,
        gc: Any,
        x: float,
        y: float,
        angle: float,
        glyphs: Iterable[Glyph],
        boxes: Iterable[tuple[float, ...]],
    ) -> None:
        """As the renderer does it: `x`, `y` in pixels from the top left corner, `y` downwards."""
        glyphs, boxes = list(glyphs), list(boxes)
        if self._finding is not None:
            _make_room(self._strings, MAX_STRINGS)
            self._strings[self._finding], self._finding = (glyphs, boxes), None
        if boxes or not gc.get_antialiased():
            AGG.RendererAgg._draw_text_glyphs_and_boxes(renderer, gc, x, y, angle, glyphs, boxes)
            return
        height = int(renderer.height)
        turned = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        cos, sin = turned
        for font, size, index, slant, extend, dx, dy in glyphs:
            right = round(SUBPIXELS * (x + dx * cos - dy * sin))
            up = round(SUBPIXELS * (renderer.height - y + dx * sin + dy * cos))
            look = (index, size, renderer.dpi, turned, slant, extend)
            stamp, left, top = self._stamp(font, look, right % SUBPIXELS, up % SUBPIXELS)
            left, top = left + right // SUBPIXELS, top + up // SUBPIXELS
            renderer._renderer.draw_text_image(stamp, left, height - top + stamp.shape[0], 0, gc)

    def _stamp(self, font: Any, look: tuple[Any, ...], right: int, up: int) -> Stamp:
        """A glyph as it looks at a place within a pixel."""
        key = (font, look, right, up)
        if key not in self._stamps:
            _make_room(self._stamps, MAX_GLYPHS)
            index, size, dpi, (cos, sin), slant, extend = look
            turn = np.array([[cos, -sin], [sin, cos]]) @ [[extend, extend * slant], [0, 1]]
            font.set_size(size, dpi)
            font._set_transform((ONE * turn).round().astype(int), [right, up])
            bitmap = font._render_glyph(index, AGG.get_hinting_flag(), RenderMode.NORMAL)
            self._stamps[key] = (np.array(bitmap.buffer), bitmap.left, bitmap.top)
        return self._stamps[key]


def _make_room(kept: dict[Any, Any], limit: int) -> None:
    while len(kept) >= limit:
        del kept[next(iter(kept))]
