"""What a figure shows, without how: panels on a grid, each with its values, limits and ticks."""

from dataclasses import dataclass

import numpy as np

Extent = tuple[float, float, float, float]  # x0, x1, y0, y1 in arcsec


@dataclass(frozen=True)
class Image:
    """Values on square pixels."""

    values: np.ndarray  # (ny, nx), row 0 at the top, NaN is left blank
    extent: Extent


@dataclass(frozen=True)
class Mesh:
    """Values on rectangles between edges."""

    values: np.ndarray  # (rows, columns)
    y_edges: np.ndarray  # (rows + 1,) arcsec
    x_edges: np.ndarray  # (columns + 1,) arcsec


@dataclass(frozen=True)
class Triangles:
    """Values on triangles, one a triangle."""

    values: np.ndarray  # (m,)
    points: np.ndarray  # (n, 2) y, x arcsec
    simplices: np.ndarray  # (m, 3) indices into points


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: np.ndarray  # (n, 2) y, x arcsec
    colour: str


@dataclass(frozen=True)
class Ticks:
    """Where an axis is marked, and with what text."""

    positions: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One set of axes with its colour bar."""

    title: str
    content: Image | Mesh | Triangles
    limits: Extent  # of the axes
    vmin: float  # finite, as vmax; they may be equal or in the wrong order
    vmax: float
    x_ticks: Ticks
    y_ticks: Ticks
    colour_ticks: Ticks
    lines: tuple[Line, ...] = ()
    points: np.ndarray | None = None  # (n, 2) y, x arcsec: black dots
    stretched: bool = False  # fills its place instead of keeping the limits' proportions


@dataclass(frozen=True)
class Sheet:
    """One figure."""

    names: tuple[str, ...]  # file stems under which the host keeps it
    rows: int
    columns: int
    panels: tuple[Panel | None, ...]  # row by row; None is an empty place
