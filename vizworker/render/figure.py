"""Frames become images: figures are kept, one for each run and arrangement of panels."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from vizworker.frame import Frame
from vizworker.layouts import layout
from vizworker.render.memory import trim
from vizworker.render.notes import with_notes
from vizworker.render.plate import Plate, arrangement
from vizworker.render.png import encode

MAX_PLATES = 8


@dataclass(frozen=True)
class Rendered:
    """A drawn frame."""

    names: tuple[str, ...]  # file stems under which the host keeps it
    rgb: np.ndarray  # (height, width, 3) uint8
    png: bytes
    drawn: float  # unix seconds when its pixels were ready
    encoded: float  # and when the PNG was


class Figures:
    """Draws frames; not for several threads at once."""

    def __init__(self, limit: int = MAX_PLATES) -> None:
        self._limit = limit
        self._plates: OrderedDict[tuple[str, Hashable], Plate] = OrderedDict()

    def render(self, frame: Frame, dpi: float | None = None) -> Rendered:
        """The image of a frame, at the resolution of its style or at another.

        Raises:
            LayoutError: the frame cannot be drawn.
        """
        sheet = layout(frame)
        dpi = frame.style.dpi if dpi is None else dpi
        key = frame.run_id, (frame.layout, arrangement(sheet), frame.style, dpi)
        plate = self._plates.pop(key, None) or Plate(sheet, frame.style, dpi)
        rgb = with_notes(plate.draw(sheet), frame.notes, dpi)
        self._keep(key, plate)
        drawn = time.time()
        png = encode(rgb)
        encoded = time.time()
        trim()
        return Rendered(sheet.names, rgb, png, drawn, encoded)

    def forget(self, run_id: str) -> None:
        """Drop the figures of a run that has ended."""
        for key in [key for key in self._plates if key[0] == run_id]:
            del self._plates[key]

    def _keep(self, key: tuple[str, Hashable], plate: Plate) -> None:
        self._plates[key] = plate
        while len(self._plates) > self._limit:
            self._plates.popitem(last=False)
