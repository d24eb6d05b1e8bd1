"""Where the panels of a figure go when it is laid out tightly, and what of the figure is seen."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from vizworker.render.agg import Renderer, measuring, new_renderer
from vizworker.render.artists import PanelArtists, bar_positions
from vizworker.render.charts import ChartArtists
from vizworker.render.labels import LabelParser
from vizworker.render.reaches import Reaches, apply_aspect
from vizworker.render.trim import Trim

PAD = 0.1  # inches around the figure
MAX_KEYS = 1024  # lengths of labels whose place is known
PLACES = ("left", "right", "bottom", "top", "wspace", "hspace")


@dataclass(frozen=True)
class Place:
    """Where everything is."""

    panels: tuple[float, ...]  # what `Figure.subplots_adjust` takes, as named in PLACES
    seen: tuple[float, ...]  # x0, y0, x1, y1 of what is seen, inches


class Placer:
    """Places the panels of one figure at one resolution, again wherever their labels push them."""

    def __init__(
        self,
        figure: Figure,
        panels: Mapping[int, PanelArtists],
        charts: Sequence[ChartArtists],
        parser: LabelParser,
        dpi: float,
        *,
        tight: bool,
    ) -> None:
        self._figure = figure
        self._panels = panels
        self._charts = charts
        self._tight = tight
        self._rough = _measurer(
            figure.dpi, parser
        )  # for laying out, which has a resolution of its own
        self._fine = _measurer(dpi, parser)
        self._trim = Trim(figure)
        self._loose = _panels(figure)
        self._reaches = Reaches(
            [each for panel in panels.values() for each in (panel.axes, panel.bar)]
        )
        self._known: dict[Hashable, Place] = {}  # by what pushes panels
        # pixels that each label of a colour bar may have before it pushes
        self._rooms: list[float] | None = None
        self._now: Place | None = None

    def place(self, moving: set[int]) -> Place:
        """Place the panels for the labels as they are now.

        Args:
            moving: panels whose ticks are not where they were.
        """
        pushing = None if self._rooms is None else self._pushing(self._rooms, moving)
        place = self._known.get(pushing)
        if place is None:
            place = self._tidied()
            self._open(place)
            if self._rooms is None:
                self._rooms = [room for panel in self._panels.values() for room in self._of(panel)]
                pushing = self._pushing(self._rooms, moving)
            self._known[pushing] = place
            while len(self._known) > MAX_KEYS:
                del self._known[next(iter(self._known))]
        elif place != self._now:
            self._open(place)
        return place

    def _pushing(self, rooms: list[float], moving: set[int]) -> Hashable:
        """What decides where the panels are.

        The sizes of the colour bars' labels, their widths and the heights that move panels; how
        far ticks that move reach beyond the other texts of their panels, and charts beyond their
        axes, which is measured where they are now.
        """
        boxes = [label.get_window_extent(self._fine) for label in self._bar_labels()]
        labels = tuple(
            (round(box.width, 3), round(box.height, 3) if box.height > room else 0.0)
            for box, room in zip(boxes, rooms, strict=True)
        )
        ticks = tuple(self._excess(self._panels[index]) for index in sorted(moving))
        axes = (each for chart in self._charts for each in chart.all_axes())
        charts = tuple(_margins(each, self._fine) for each in axes)
        return labels, ticks, charts, self._now if charts or any(map(any, ticks)) else None

    def _excess(self, panel: PanelArtists) -> tuple[float, ...]:
        """How far its ticks' labels reach beyond what is beside, below and above them, pixels."""
        x = self._reach(panel.axes, panel.axes.get_xticklabels())
        y = self._reach(panel.axes, panel.axes.get_yticklabels())
        title = panel.axes.title.get_window_extent(self._fine)
        right = panel.bar.bbox.x1
        excess = y.x0 - x.x0, max(x.x1, y.x1) - right, x.y0 - y.y0, max(x.y1, y.y1) - title.y1
        return tuple(max(0.0, round(float(each), 2)) for each in excess)

    def _reach(self, axes: Axes, labels: Sequence[Text]) -> Bbox:
        return Bbox.union([axes.bbox, *(label.get_window_extent(self._fine) for label in labels)])

    def _bar_labels(self) -> Iterator[Text]:
        for panel in self._panels.values():
            yield from panel.bar_labels()

    def _of(self, panel: PanelArtists) -> Iterator[float]:
        """The heights of its colour bar's labels up to which they stay beside their panel."""
        below = panel.axes.xaxis.get_tightbbox(self._fine) or panel.axes.bbox
        above = panel.axes.title.get_window_extent(self._fine)
        bar = panel.bar.bbox
        for position in bar_positions(panel.shown):
            middle = bar.y0 + position * bar.height
            yield 2 * min(middle - below.y0, above.y1 - middle) - 2

    def _tidied(self) -> Place:
        """The place of a figure that is laid out tightly."""
        figure = self._figure
        self._trim.close()
        figure.set_dpi(self._rough.dpi)
        _put(figure, self._loose)
        if self._tight:
            with (
                measuring(figure, self._rough),
                self._reaches.measured(self._rough, layout=True),
            ):
                figure.tight_layout()
        figure.set_dpi(self._fine.dpi)
        with self._reaches.measured(self._fine, layout=False):
            box = figure.get_tightbbox(self._fine)
        return Place(_panels(figure), tuple(map(float, box.padded(PAD).extents)))

    def _open(self, place: Place) -> None:
        self._trim.close()
        self._figure.set_dpi(self._fine.dpi)
        _put(self._figure, place.panels)
        for axes in self._figure.axes:
            apply_aspect(axes, self._fine)
        self._trim.open(Bbox.from_extents(*place.seen))
        self._now = place


def _measurer(dpi: float, parser: LabelParser) -> Renderer:
    """What texts are measured with: their sizes do not depend on a canvas."""
    renderer = new_renderer(1, 1, dpi)
    renderer.mathtext_parser = parser
    return renderer


def _margins(axes: Axes, renderer: Renderer) -> tuple[float, ...]:
    """How far axes with their texts reach beyond their frame on each side, pixels."""
    box = axes.get_tightbbox(renderer) or axes.bbox
    return tuple(round(float(margin), 2) for margin in np.subtract(box.extents, axes.bbox.extents))


def _panels(figure: Figure) -> tuple[float, ...]:
    return tuple(getattr(figure.subplotpars, name) for name in PLACES)


def _put(figure: Figure, panels: tuple[float, ...]) -> None:
    figure.subplots_adjust(**dict(zip(PLACES, panels, strict=True)))
