"""The part of matplotlib's Agg renderer that figures are drawn with; it has no types of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure

Renderer = Any  # a RendererAgg: width, height, dpi, mathtext_parser


def new_renderer(width: int, height: int, dpi: float) -> Renderer:
    """A renderer with a canvas of its own."""
    make: Any = RendererAgg
    return make(width, height, dpi)


def renderer_of(figure: Figure) -> Renderer:
    """The renderer of a figure; a new one where its size or resolution has changed."""
    canvas: Any = figure.canvas
    return canvas.get_renderer()


def size_of(figure: Figure) -> tuple[int, int]:
    """Its width and height in pixels."""
    canvas: Any = figure.canvas
    width, height = canvas.get_width_height(physical=True)
    return width, height


@contextmanager
def measuring(figure: Figure, renderer: Renderer) -> Iterator[None]:
    """Have the figure laid out with this renderer instead of one with a canvas of its size."""
    canvas: Any = figure.canvas
    canvas.get_renderer = lambda: renderer
    try:
        yield
    finally:
        del canvas.get_renderer


def pixels_of(renderer: Renderer) -> np.ndarray:
    """(height, width, 4) uint8: the canvas itself, to be written to."""
    return np.asarray(renderer.buffer_rgba())
