"""The static part of a figure, as pixels: what every drawing of one layout shares."""

from dataclasses import dataclass
from typing import Self

import imagecodecs
import numpy as np

from vizworker.render.dots import Dots


def _black_over() -> np.ndarray:
    """(256, 256) uint8: what black makes of a shade, by what it makes of white; as Agg blends."""
    alpha, shade = np.ogrid[255:-1:-1, 0:256]
    table: np.ndarray = 255 * shade * (256 - alpha) // (65280 + alpha)
    return table.astype(np.uint8)


BLACK_OVER = _black_over()
Area = tuple[slice, slice]  # rows and columns
WHOLE = slice(None), slice(None)


@dataclass(frozen=True)
class Marks:
    """Pixels of a canvas and what each shows."""

    where: np.ndarray  # (n,) flat indices
    words: np.ndarray  # (n,) RGBA

    @classmethod
    def on(cls, words: np.ndarray, blank: np.uint32, area: Area = WHOLE) -> Self:
        """What is drawn on an area of a (height, width) canvas of RGBA words that was blank."""
        part, width = words[area], words.shape[1]
        places = np.flatnonzero(part != blank).astype(np.int32)
        rows, start = places // part.shape[1], (area[0].start or 0) * width + (area[1].start or 0)
        where = places + rows * (width - part.shape[1]) + start
        return cls(where.astype(np.int32), part.reshape(-1)[places])

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.where.nbytes + self.words.nbytes

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
class Packed:
    """Marks, compressed: colour bars are most of them, and repeat themselves."""

    count: int
    data: bytes  # the step to each pixel from the one before it, and then what each shows

    @classmethod
    def of(cls, marks: Marks) -> Self:
        """The same marks."""
        steps = np.diff(marks.where, prepend=np.int32(0))
        data = imagecodecs.lz4_encode(np.stack([steps, marks.words.view(np.int32)]))
        return cls(len(steps), bytes(data))

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept."""
        return len(self.data)

    def unpacked(self) -> Marks:
        """The marks themselves."""
        data = imagecodecs.lz4_decode(self.data, out=2 * 4 * self.count)
        steps, shown = np.frombuffer(data, np.int32).reshape(2, self.count)
        return Marks(np.cumsum(steps, dtype=np.int32), shown.view(np.uint32))


@dataclass(frozen=True)
class Ground:
    """The static part of a figure whose panels are at one place."""

    blank: np.uint32  # where there are no marks
    marks: Packed
    inks: dict[int, Marks]  # by panel: the ends of ticks, which reach over its content
    dots: dict[int, Dots]  # by panel
    frames: dict[int, tuple[Marks, ...]]  # by panel: its uprights, then its bars across them

    @property
    def nbytes(self) -> int:
        """Bytes of its marks and dots."""
        lines = [line for frame in self.frames.values() for line in frame]
        marks = sum(each.nbytes for each in (*self.inks.values(), *lines))
        return self.marks.nbytes + marks + sum(each.nbytes for each in self.dots.values())

    def draw(self, words: np.ndarray, marks: Marks) -> None:
        """Begin a drawing on a (height, width) canvas of RGBA words, its marks unpacked."""
        words.fill(self.blank)
        marks.draw(words)
        for ink in self.inks.values():
            words.reshape(-1)[ink.where] = self.blank  # it comes again over the content
