"""The panels of one frame, with the limits, ticks and units that its style asks for."""

from dataclasses import dataclass, replace

import numpy as np

from vizworker.frame import Frame
from vizworker.layouts import ranges, ticks
from vizworker.layouts.arrays import take
from vizworker.layouts.sheet import Dots, Image, Line, Panel
from vizworker.layouts.source import Plane
from vizworker.layouts.zoom import View

CHI_SQUARED = r"$\chi^2$"
SIGMA = r"$\sigma$"
MAX_CONTOURS = 100


@dataclass(frozen=True)
class Panels:
    """Makes the panels of one frame; `None` limits are those of the values."""

    frame: Frame
    window: View

    def values(self, name: str) -> np.ndarray:
        """The window's part of a native array.

        Raises:
            LayoutError: it is missing or has not the mask's shape.
        """
        return self.window.cut(take(self.frame, name, self.window.mask.shape))

    def titled(self, title: str) -> str:
        """The title with its run's prefix."""
        prefix = self.frame.title_prefix.rstrip()
        return f"{prefix} {title}" if prefix else title

    @property
    def logarithmic(self) -> bool:
        """Whether positive values are shown by their logarithm."""
        return self.frame.style.scale == "log10"

    def masked(
        self,
        title: str,
        values: np.ndarray,
        *,
        vmin: float | None = None,
        vmax: float | None = None,
        unit: str | None = None,
        lines: tuple[Line, ...] = (),
        markers: tuple[Dots, ...] = (),
        positive: bool = False,
    ) -> Panel:
        """A panel of the window's values, with the mask's edge as dots."""
        extent = self.window.extent
        plane = Plane(Image(values, extent), extent, values)
        panel = self.plane(
            title,
            plane,
            vmin=vmin,
            vmax=vmax,
            unit=unit,
            lines=lines,
            markers=markers,
            positive=positive,
        )
        edge = self.window.edge
        return replace(panel, points=None if edge is None else self._mirrored(edge, plane))

    def plane(
        self,
        title: str,
        plane: Plane,
        *,
        vmin: float | None = None,
        vmax: float | None = None,
        unit: str | None = None,
        lines: tuple[Line, ...] = (),
        markers: tuple[Dots, ...] = (),
        positive: bool = False,
    ) -> Panel:
        """A panel of anything, within its own limits.

        Args:
            positive: its values can be shown by their logarithm, with contours over an image.
        """
        style = self.frame.style
        logarithmic = positive and self.logarithmic
        low, high = self._range(plane, vmin, vmax, logarithmic)
        content = plane.content
        if isinstance(content, Image) and style.imshow_origin == "lower":
            content = replace(content, values=content.values[::-1])
        x0, x1, y0, y1 = plane.limits
        return Panel(
            title=self.titled(title),
            content=content,
            limits=plane.limits,
            vmin=low,
            vmax=high,
            x_ticks=ticks.spatial(x0, x1, style),
            y_ticks=ticks.spatial(y0, y1, style),
            colour_ticks=ticks.colour(
                low, high, style.cb_unit if unit is None else unit, logarithmic=logarithmic
            ),
            stretched=plane.stretched,
            logarithmic=logarithmic,
            contours=self._levels(plane) if logarithmic else (),
            lines=tuple(replace(line, points=self._mirrored(line.points, plane)) for line in lines),
            markers=tuple(
                replace(dots, points=self._mirrored(dots.points, plane)) for dots in markers
            ),
        )

    def _range(
        self, plane: Plane, vmin: float | None, vmax: float | None, logarithmic: bool
    ) -> tuple[float, float]:
        if logarithmic:
            floor = self.frame.style.log10_min_value
            return ranges.logarithmic(plane.values, vmin, vmax, floor)
        return ranges.linear(plane.values, vmin, vmax)

    def _levels(self, plane: Plane) -> tuple[float, ...]:
        if not isinstance(plane.content, Image) or plane.stretched:
            return ()  # the host has none over a mesh
        style = self.frame.style
        count = min(style.total_contours, MAX_CONTOURS)
        return ranges.levels(plane.content.values, style.log10_min_value, count)

    def _mirrored(self, points: np.ndarray, plane: Plane) -> np.ndarray:
        """Points over an image whose rows are drawn upwards are turned over with it."""
        if self.frame.style.imshow_origin != "lower" or not isinstance(plane.content, Image):
            return points
        y0, y1 = plane.content.extent[2:]
        return np.stack([y0 + y1 - points[:, 0], points[:, 1]], axis=1)
