"""Frames become images: figures are kept, one for each run and arrangement of panels."""

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import msgspec
import numpy as np

from vizworker.frame import Frame, Style
from vizworker.layouts import Panel, Sheet, shown
from vizworker.render.memory import trim
from vizworker.render.notes import with_notes
from vizworker.render.plate import Plate, arrangement
from vizworker.render.png import encode

MAX_PLATES = 8


@dataclass(frozen=True)
class Picture:
    """One image of a frame."""

    names: tuple[str, ...]  # file stems under which the host keeps it
    rgb: np.ndarray  # (height, width, 3) uint8
    png: bytes


@dataclass(frozen=True)
class Rendered:
    """A drawn frame."""

    pictures: tuple[Picture, ...]  # the first is the one to watch
    drawn: float  # unix seconds when its pixels were ready
    encoded: float  # and when the PNG was


class Figures:
    """Draws frames; not for several threads at once."""

    def __init__(self, limit: int = MAX_PLATES) -> None:
        self._limit = limit
        self._plates: OrderedDict[tuple[str, Hashable], Plate] = OrderedDict()

    def render(self, frame: Frame, dpi: float | None = None) -> Rendered:
        """The images of a frame, at the resolution of its style or at another.

        Raises:
            LayoutError: the frame cannot be drawn.
        """
        drawings = [(sheet, self._draw(frame, sheet, dpi)) for sheet in shown(frame)]
        drawn = time.time()
        pictures = tuple(Picture(sheet.names, rgb, encode(rgb)) for sheet, rgb in drawings)
        encoded = time.time()
        trim()
        return Rendered(pictures, drawn, encoded)

    def _draw(self, frame: Frame, sheet: Sheet, dpi: float | None) -> np.ndarray:
        style = _styled(frame.style, sheet)
        dpi = style.dpi if dpi is None else dpi
        key = frame.run_id, (frame.layout, sheet.names, arrangement(sheet), style, dpi)
        plate = self._plates.pop(key, None) or Plate(sheet, style, dpi)
        rgb = with_notes(plate.draw(sheet), (*frame.notes, *sheet.notes), dpi)
        if not _anew(sheet):
            self._keep(key, plate)
        return rgb

    def forget(self, run_id: str) -> None:
        """Drop the figures of a run that has ended."""
        for key in [key for key in self._plates if key[0] == run_id]:
            del self._plates[key]

    def _keep(self, key: tuple[str, Hashable], plate: Plate) -> None:
        self._plates[key] = plate
        while len(self._plates) > self._limit:
            self._plates.popitem(last=False)


def _anew(sheet: Sheet) -> bool:
    """Whether its figure is made anew each time: minor ticks and contours come and go."""
    return any(isinstance(panel, Panel) and panel.logarithmic for panel in sheet.panels)


def _styled(style: Style, sheet: Sheet) -> Style:
    """The style with what the sheet itself decides."""
    return msgspec.structs.replace(
        style, dpi=sheet.dpi or style.dpi, panel_size=sheet.panel_size or style.panel_size
    )
