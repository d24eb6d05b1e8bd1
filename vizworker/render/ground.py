"""The static part of a figure, as pixels: what every drawing of one layout shares."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from matplotlib.transforms import Bbox

from vizworker.render.dots import Dots


def _black_over() -> np.ndarray:
    """(256, 256) uint8: what black makes of a shade, by what it makes of white; as Agg blends."""
    alpha, shade = np.ogrid[255:-1:-1, 0:256]
    table: np.ndarray = 255 * shade * (256 - alpha) // (65280 + alpha)
    return table.astype(np.uint8)


BLACK_OVER = _black_over()


@dataclass(frozen=True)
class Marks:
    """Pixels of a canvas and what each shows."""

    where: np.ndarray  # (n,) flat indices
    words: np.ndarray  # (n,) RGBA

    @classmethod
    def on(cls, words: np.ndarray, blank: np.uint32) -> Self:
        """What is drawn on a (height, width) canvas of RGBA words that was blank."""
        flat = words.reshape(-1)
        where = np.flatnonzero(flat != blank).astype(np.int32)
        return cls(where, flat[where])

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.where.nbytes + self.words.nbytes

    def within(self, area: tuple[slice, slice], width: int, margin: int = 0) -> Self:
        """Those in some rows and columns of a canvas of this width, or within a margin of them."""
        (rows, columns), (y, x) = area, np.divmod(self.where, width)
        inside = (y >= rows.start - margin) & (y < rows.stop + margin)
        inside &= (x >= columns.start - margin) & (x < columns.stop + margin)
        return type(self)(self.where[inside], self.words[inside])

    def draw(self, words: np.ndarray) -> None:
        """Put them on a (height, width) canvas of RGBA words."""
        words.reshape(-1)[self.where] = self.words

    def darken(self, canvas: np.ndarray) -> None:
        """Put them, black ones that were drawn on white, on a (height, width, 4) uint8 canvas."""
        words = canvas.view(np.uint32).reshape(-1)
        beneath = words[self.where].view(np.uint8).reshape(-1, 4)
        on_white = self.words.view(np.uint8).reshape(-1, 4)
        beneath[:, :3] = BLACK_OVER[on_white[:, :3], beneath[:, :3]]
        words[self.where] = beneath.view(np.uint32)[:, 0]


@dataclass(frozen=True)
class Ground:
    """The static part of a figure, placed and trimmed for labels of certain lengths."""

    places: dict[str, float]  # what `Figure.subplots_adjust` takes
    box: Bbox  # what of the figure is seen, inches
    blank: np.uint32  # where there are no marks
    marks: Marks
    inks: dict[int, Marks]  # by panel: the ends of ticks, which reach over its content
    dots: dict[int, Dots]  # by panel
    frames: dict[int, tuple[Marks, ...]]  # by panel: its uprights, then its bars across them

    @property
    def nbytes(self) -> int:
        """Bytes of its marks and dots."""
        lines = [line for frame in self.frames.values() for line in frame]
        marks = sum(each.nbytes for each in (self.marks, *self.inks.values(), *lines))
        return marks + sum(each.nbytes for each in self.dots.values())

    def draw(self, words: np.ndarray) -> None:
        """Begin a drawing on a (height, width) canvas of RGBA words."""
        words.fill(self.blank)
        self.marks.draw(words)
        for ink in self.inks.values():
            words.reshape(-1)[ink.where] = self.blank  # it comes again over the content
