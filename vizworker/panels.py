"""Panels that a user declares over arrays of their own: names and numbers, nothing to evaluate."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from vizworker.errors import FrameError

MAX_PANELS = 36
MAX_LAYERS = 16  # of one panel
MAX_COLUMNS = 12
MAX_TEXT = 200  # characters of a title, label, unit or name
MAX_BINS = 10_000
MAX_SIZE = 1000.0  # of a mark, points

Scale = Literal["linear", "log"]
Limits = tuple[float, float]
Extent = tuple[float, float, float, float]  # x0, x1, y0, y1


class _Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every layer may say of its panel; that of the first layer holds."""

    title: str = ""
    x_label: str = ""
    y_label: str = ""
    x_limits: Limits | None = None
    y_limits: Limits | None = None


class _Coloured(_Layer, frozen=True, kw_only=True):
    """A layer of values shown as colours."""

    unit: str = ""  # after the middle label of the colour bar
    vmin: float | None = None
    vmax: float | None = None
    scale: Scale = "linear"  # of the colours


class Image(_Coloured, frozen=True, tag="image"):
    """A 2-d array on square pixels; NaN is left blank."""

    values: str  # the array's name: (ny, nx)
    extent: Extent | str | None = None  # or the name of an array (4,); None: pixels
    origin: Literal["upper", "lower"] = "upper"  # where row 0 is


class Mesh(_Coloured, frozen=True, tag="mesh"):
    """A 2-d array on rectangles between edges."""

    values: str  # (rows, columns)
    x_edges: str  # (columns + 1,)
    y_edges: str  # (rows + 1,)


class _Mark(_Layer, frozen=True, kw_only=True):
    """A layer between two axes."""

    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    colour: str = ""  # any that matplotlib knows; none takes the next of ten
    label: str = ""  # in the legend


class Curve(_Mark, frozen=True, tag="curve"):
    """A line through points."""

    y: str  # (n,)
    x: str = ""  # (n,); none counts from 0
    width: float = 1.5  # points
    style: Literal["-", "--", ":", "-."] = "-"


class Scatter(_Mark, frozen=True, tag="scatter"):
    """Markers at points."""

    x: str  # (n,)
    y: str  # (n,)
    values: str = ""  # (n,): their colours
    unit: str = ""  # of the values
    error: str = ""  # (n,): half lengths of bars along y
    size: float = 16.0  # points squared
    marker: Literal["o", "x", "+", "s", "^", "."] = "o"


class Histogram(_Mark, frozen=True, tag="histogram"):
    """How many values lie between edges."""

    values: str  # any shape; what is not finite is left out
    bins: int | str = 30  # a number, or the name of an array of edges
    alpha: float = 0.7


Layer = Image | Mesh | Curve | Scatter | Histogram


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Panels row by row, each of one layer or several."""

    panels: tuple[tuple[Layer, ...], ...]
    columns: int = 0  # 0: as many as make it nearly square


def grid_of(panels: Sequence[Layer | Sequence[Layer]], columns: int = 0) -> Grid:
    """The declaration of a grid, checked as the worker will.

    Raises:
        FrameError: naming what cannot be drawn.
    """
    try:
        layers = tuple(
            (panel,) if isinstance(panel, msgspec.Struct) else tuple(panel) for panel in panels
        )
        grid = msgspec.convert(msgspec.to_builtins(Grid(layers, columns)), Grid)
    except (msgspec.ValidationError, TypeError) as error:
        raise FrameError(f"panels that cannot be declared: {error}") from error
    check_grid(grid)
    return grid


def check_grid(grid: Grid) -> None:
    """Hold a declaration to its bounds.

    Raises:
        FrameError: naming the panel, what was expected and what came.
    """
    if not 1 <= len(grid.panels) <= MAX_PANELS:
        raise FrameError(f"{len(grid.panels)} panels, expected 1 to {MAX_PANELS}")
    if not 0 <= grid.columns <= MAX_COLUMNS:
        raise FrameError(f"{grid.columns} columns of panels, expected at most {MAX_COLUMNS}")
    for number, layers in enumerate(grid.panels, start=1):
        if not 1 <= len(layers) <= MAX_LAYERS:
            raise FrameError(f"panel {number} has {len(layers)} layers, expected 1 to {MAX_LAYERS}")
        for layer in layers:
            for name, problem in _problems(layer):
                raise FrameError(f"panel {number}: {name} {problem}")
        for layer in layers[1:]:
            if isinstance(layer, Image | Mesh):
                raise FrameError(f"panel {number}: an image or mesh is its first layer, or none")
            if isinstance(layers[0], Image | Mesh) and not isinstance(layer, Curve):
                raise FrameError(f"panel {number}: over an image or mesh lie curves alone")


def _problems(layer: Layer) -> Iterator[tuple[str, str]]:
    for name in layer.__struct_fields__:
        value = getattr(layer, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str) and len(part) > MAX_TEXT:
                yield name, f"has {len(part)} characters, expected at most {MAX_TEXT}"
            if isinstance(part, float) and not math.isfinite(part):
                yield name, f"is {value}, expected finite numbers"
        if name in ("width", "size") and not 0 < value <= MAX_SIZE:
            yield name, f"is {value}, expected more than 0 and at most {MAX_SIZE:g}"
        if name == "bins" and isinstance(value, int) and not 1 <= value <= MAX_BINS:
            yield name, f"is {value}, expected 1 to {MAX_BINS}"
        if name in ("x_limits", "y_limits") and value is not None and value[0] == value[1]:
            yield name, f"is {value}, expected two different numbers"
        if name == "alpha" and not 0 <= value <= 1:
            yield name, f"is {value}, expected 0 to 1"
