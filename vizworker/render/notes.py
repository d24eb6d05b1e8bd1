"""Notes on a frame: one red line below the figure, which stays where it is."""

import functools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vizworker.render.agg import pixels_of, renderer_of

SIZE = 18.0  # points
HEIGHT = 2.0 * SIZE / 72.0  # inches
SEPARATOR = "  |  "
SMALLEST = 6.0  # points: longer notes are cut off


def with_notes(pixels: np.ndarray, notes: tuple[str, ...], dpi: float) -> np.ndarray:
    """The (height, width, 4) image, with a strip below it that shows the notes if there are any."""
    if not notes:
        return pixels
    return np.concatenate([pixels, _strip(notes, pixels.shape[1], dpi)])


@functools.lru_cache(8)
def _strip(notes: tuple[str, ...], width: int, dpi: float) -> np.ndarray:
    figure = Figure(figsize=(width / dpi, HEIGHT), dpi=dpi)
    FigureCanvasAgg(figure)
    renderer = renderer_of(figure)
    line = " ".join(SEPARATOR.join(notes).split())
    text = figure.text(0.5, 0.5, line, color="red", fontsize=SIZE, ha="center", va="center")
    text.set_parse_math(False)
    needed = text.get_window_extent(renderer).width
    room = 0.98 * width
    text.set_fontsize(max(SMALLEST, SIZE * min(1.0, room / max(needed, 1.0))))
    figure.draw(renderer)
    # rounding the height of a strip must not cost a column of its width
    return np.ascontiguousarray(pixels_of(renderer)[:, :width])
