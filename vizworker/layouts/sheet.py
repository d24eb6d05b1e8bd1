"""What a figure shows, without how: panels on a grid, each with its values, limits and ticks."""

from dataclasses import dataclass
from typing import Literal

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

    points: np.ndarray  # (n, 2) y, x in the units of the axes
    colour: str
    width: float = 1.0  # points
    style: str = "-"  # matplotlib's
    alpha: float = 1.0
    label: str = ""  # in the legend
    outline: str = ""  # the colour of its rim; none where empty


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
    logarithmic: bool = False  # colours by the logarithm
    contours: tuple[float, ...] = ()  # levels of labelled contours over an image
    x_label: str = ""
    y_label: str = ""
    markers: tuple["Dots", ...] = ()  # over all else
    title_size: float | None = None  # points; None: the style's


@dataclass(frozen=True)
class Dots:
    """Markers at points."""

    points: np.ndarray  # (n, 2) y, x in the units of the axes
    colour: str | np.ndarray = "black"  # or (n,) values for the colour map
    size: float = 2.0  # points squared
    marker: str = "o"  # matplotlib's
    filled: bool = True
    width: float = 1.0  # of its edge or its strokes, points
    alpha: float = 1.0
    label: str = ""
    edge: str = ""  # the colour of a filled marker's edge; its own where empty
    style: str = "-"  # of the edge


@dataclass(frozen=True)
class Errors:
    """Markers at points, with bars as long as the errors of their y on either side."""

    points: np.ndarray  # (n, 2) y, x
    errors: np.ndarray  # (n,) none negative
    colour: str = "black"
    size: float = 2.5  # of a marker, points
    label: str = ""


@dataclass(frozen=True)
class Level:
    """A line at one y across the axes."""

    y: float
    colour: str = "black"
    style: str = "-"
    label: str = ""


@dataclass(frozen=True)
class Arrows:
    """Vectors at points, pivoted about their middles."""

    points: np.ndarray  # (n, 2) y, x
    vectors: np.ndarray  # (n, 2) y, x
    colour: str | np.ndarray = "black"  # or (n,) values for the colour map
    headless: bool = False
    alpha: float = 1.0
    label: str = ""


@dataclass(frozen=True)
class Circles:
    """Circles in the units of the axes."""

    centres: np.ndarray  # (n, 2) y, x
    radii: np.ndarray  # (n,)
    colour: str
    width: float = 1.0  # points
    style: str = "-"
    label: str = ""


@dataclass(frozen=True)
class Bars:
    """A histogram."""

    edges: np.ndarray  # (n + 1,)
    heights: np.ndarray  # (n,)
    colour: str
    alpha: float = 1.0
    label: str = ""


@dataclass(frozen=True)
class Words:
    """Texts at points."""

    points: np.ndarray  # (n, 2) y, x
    texts: tuple[str, ...]
    colour: str = "black"
    size: float = 12.0  # points
    bold: bool = False
    offsets: np.ndarray | None = None  # (n, 2) up, right of its point: points
    ground: str = ""  # the colour behind; none where empty
    led: np.ndarray | None = None  # (n,) bool: those with a thin line to their point


@dataclass(frozen=True)
class Gradient:
    """A colour bar beside the axes, of the colours that marks have already."""

    colours: tuple[str, ...]  # lowest first, evenly spaced
    limits: tuple[float, float]
    label: str
    size: float  # points, of its texts
    marked: tuple[float, ...] = ()  # values with a thin line across


Mark = Image | Line | Dots | Errors | Level | Arrows | Circles | Bars | Words
Scale = Literal["linear", "log"]
Place = Literal["best", "lower left", "lower right", "upper left", "upper right"]


@dataclass(frozen=True)
class Chart:
    """One set of axes with marks drawn in their order; None leaves a choice to matplotlib."""

    title: str
    marks: tuple[Mark, ...]
    limits: Extent | None = None
    x_ticks: Ticks | None = None
    y_ticks: Ticks | None = None
    x_label: str = ""
    y_label: str = ""
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    proportions: Literal["free", "equal", "square"] = "free"
    legend_size: float | None = None  # points; None draws no legend
    title_size: float | None = None  # points; None: the style's, as the next
    tick_size: float | None = None
    y_rotation: float = 0.0  # degrees, of the labels along y
    colormap: str | None = None  # of marks coloured by values; None: the style's
    colour_ticks: Ticks | None = None  # a colour bar, if any mark is coloured by values
    vmin: float | None = None
    vmax: float | None = None
    label_size: float | None = None  # points, of both labels; None: matplotlib's
    y_label_pad: float | None = None  # points between label and ticks; None: matplotlib's
    legend_place: Place = "best"
    legend_anchor: tuple[float, float] | None = None  # of that corner of it, in parts of the axes
    legend_scale: float = 1.0  # of its markers
    legend_alpha: float | None = None  # of its ground; None: matplotlib's
    gradient: Gradient | None = None
    bar_size: float | None = None  # points, of its colour bar's texts; None: the style's
    logarithmic: bool = False  # colours by the logarithm
    contours: tuple[float, ...] = ()  # levels of labelled contours over its image
    y_right: bool = False  # y axis on the right-hand side
    inner_ticks: bool = False  # ticks and minor ticks all round, pointing inwards


@dataclass(frozen=True)
class Sheet:
    """One figure."""

    names: tuple[str, ...]  # file stems under which the host keeps it
    rows: int
    columns: int
    panels: tuple[Panel | Chart | None, ...]  # row by row; None is an empty place
    dpi: float | None = None  # None: the style's
    panel_size: tuple[float, float] | None = None  # inches; None: the style's
    tight: bool = True  # axes fill the figure; False: they are where matplotlib puts them at first
    notes: tuple[str, ...] = ()  # shown beside the frame's own
