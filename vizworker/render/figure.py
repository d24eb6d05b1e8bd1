"""Frames become images: figures are kept, one for each arrangement of panels and style.

Runs share them: what differs between the frames of two runs is no more than what differs between
two frames of one.
"""

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from vizworker.frame import Frame, Style
from vizworker.layouts import Sheet, shown
from vizworker.render.memory import trim
from vizworker.render.notes import with_notes
from vizworker.render.plate import Plate, arrangement
from vizworker.render.png import encode

MAX_PLATES = 16
MAX_BYTES = 512 << 20  # of all plates


@dataclass(frozen=True)
class Picture:
    """One image of a frame."""

    names: tuple[str, ...]  # file stems under which the host keeps it
    png: bytes


@dataclass(frozen=True)
class Rendered:
    """A drawn frame."""

    pictures: tuple[Picture, ...]  # the first is the one to watch
    drawn: float  # unix seconds when its pixels were ready, before their encoding
    encoded: float  # and when the PNGs were


@dataclass
class _Kept:
    """A plate, and the runs that it has drawn."""

    plate: Plate
    runs: set[str] = field(default_factory=set)


class Figures:
    """Draws frames; not for several threads at once."""

    def __init__(self, limit: int = MAX_PLATES, nbytes: int = MAX_BYTES) -> None:
        """Begin with none.

        Args:
            limit: plates that are kept; the one that was not used for longest goes first.
            nbytes: bytes of all but the last one used.
        """
        self._limit = limit
        self._nbytes = nbytes
        self._plates: OrderedDict[Hashable, _Kept] = OrderedDict()

    def render(self, frame: Frame, dpi: float | None = None) -> Rendered:
        """The images of a frame, at the resolution of its style or at another.

        Raises:
            LayoutError: the frame cannot be drawn.
        """
        pictures, encoding = [], 0.0
        for sheet in shown(frame):
            pixels = self._draw(frame, sheet, dpi)
            start = time.time()
            pictures.append(Picture(sheet.names, encode(pixels)))
            encoding += time.time() - start
        trim()
        encoded = time.time()
        return Rendered(tuple(pictures), encoded - encoding, encoded)

    def _draw(self, frame: Frame, sheet: Sheet, dpi: float | None) -> np.ndarray:
        style = _styled(frame.style, sheet)
        dpi = style.dpi if dpi is None else dpi
        key = (frame.layout, sheet.names, arrangement(sheet), style, dpi)
        # out of the table while it draws: one that has failed is in no known state
        kept = self._plates.pop(key, None) or _Kept(Plate(sheet, style, dpi))
        pixels = with_notes(kept.plate.draw(sheet), (*frame.notes, *sheet.notes), dpi)
        if not _anew(sheet):
            kept.runs.add(frame.run_id)
            self._plates[key] = kept
            self._make_room()
        return pixels

    def forget(self, run_id: str) -> None:
        """Drop the figures of a run that has ended, but for those that others use."""
        for key, kept in list(self._plates.items()):
            kept.runs.discard(run_id)
            if not kept.runs:
                del self._plates[key]

    def _make_room(self) -> None:
        while len(self._plates) > self._limit or (len(self._plates) > 1 and self._full):
            self._plates.popitem(last=False)

    @property
    def _full(self) -> bool:
        return sum(kept.plate.nbytes for kept in self._plates.values()) > self._nbytes


def _anew(sheet: Sheet) -> bool:
    """Whether its figure is made anew each time: minor ticks and contours come and go."""
    return any(panel is not None and panel.logarithmic for panel in sheet.panels)


def _styled(style: Style, sheet: Sheet) -> Style:
    """The style with what the sheet itself decides."""
    return msgspec.structs.replace(
        style, dpi=sheet.dpi or style.dpi, panel_size=sheet.panel_size or style.panel_size
    )
