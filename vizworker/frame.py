"""A frame: every array and number that one figure of one run needs, complete in itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import numpy as np

from vizworker.errors import FrameError
from vizworker.panels import Grid, check_grid

# what may travel: real numbers, whole numbers and flags
DTYPES = frozenset({"float64", "float32", "int64", "int32", "uint8", "bool"})
MAX_ARRAYS = 1024
MAX_NDIM = 4
MAX_NAME = 128
MAX_SIDE = 1 << 31  # of an array that came down-sampled
MAX_BUFFER = 256 << 20  # bytes of one array


class Style(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the figure looks: the host's `visualize` configuration, with its packaged defaults."""

    colormap: str = "autoarray"  # or any matplotlib name
    dpi: float = 150.0
    panel_size: tuple[float, float] = (6.0, 6.0)  # width, height of one panel, inches
    imshow_origin: str = "upper"
    zoom_around_mask: bool = True
    log10_min_value: float = 1.0e-4
    inversion_percent: float = 0.01  # zoom of a reconstruction: fraction of its maximum
    cb_unit: str = r"$\,\,\mathrm{e^{-}}\,\mathrm{s^{-1}}$"
    extent_factor_2d: float = 0.75
    number_of_ticks_2d: int = 3
    symbol_over_decimal: bool = False
    minus_in_math: bool = False
    colorbar_fraction: float = 0.047
    colorbar_pad: float = 0.01
    colorbar_labelrotation: float = 90.0
    colorbar_labelsize: float = 16.0  # points, as every size below
    title_size: float = 20.0
    xticks_size: float = 22.0
    yticks_size: float = 22.0
    total_contours: int = 10
    contour_labels: bool = True
    scale: Literal["linear", "log10"] = "linear"  # of the colours of positive values


class Times(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When each step of one update happened: unix seconds where it was done, 0 if not yet."""

    triggered: float = 0.0  # the search: a better fit was due to be shown
    compiled: float = 0.0  # the search: the shared fit's program was ready; 0 without one
    dispatched: float = 0.0  # the search: the shared fit was called
    ready: float = 0.0  # the search: its arrays are on the host
    sent: float = 0.0  # the search: handed to the socket
    received: float = 0.0  # the worker, as the next three
    drawn: float = 0.0
    encoded: float = 0.0
    written: float = 0.0  # the search: the image is in its folder


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What watching has cost the search so far."""

    steps: int = 0  # calls of the hook
    updates: int = 0  # fits computed for a figure
    replaced: int = 0  # frames that a newer one overtook before they were sent
    blocked: float = 0.0  # seconds of the search's own thread
    interpreter: float = 0.0  # seconds of Python beside it, which can hold it up
    computed: float = 0.0  # seconds of the shared fit, beside the search
    compiled: float = 0.0  # seconds of tracing and compiling, beside the search
    elapsed: float = 0.0  # seconds since the hook was made


@dataclass(frozen=True)
class Frame:
    """One figure's worth of one run.

    `arrays` maps a name to a C-contiguous array. Where a name is that of an attribute of the
    host's fit (`data`, `model_data`, ...), the array equals that attribute: native 2-D,
    masked pixels NaN. `docs/frame.md` lists the arrays of each layout with shapes and units.
    """

    run_id: str  # unique to one hooked search of one process
    run: str  # what its user calls it
    layout: str  # the key of the layout that draws it
    sequence: int  # counts up from 1 within a run
    log_likelihood: float  # of the drawn fit, computed beside its arrays
    arrays: Mapping[str, np.ndarray]
    search_log_likelihood: float | None = None  # the search's own, for the same parameters
    parameter_names: tuple[str, ...] = ()  # of the array `parameters`
    final: bool = False  # the last frame of its run
    title_prefix: str = ""
    notes: tuple[str, ...] = ()  # shown on the figure
    style: Style = field(default_factory=Style)
    grid: Grid | None = None  # the panels of the layout `grid`, where its user declared them
    # arrays that are down-sampled for display, with their exact shapes
    reduced: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    cost: Cost = field(default_factory=Cost)

    def __post_init__(self) -> None:
        if self.sequence < 1:
            raise FrameError(f"sequence is {self.sequence}, expected 1 or more")
        if self.grid is not None:
            check_grid(self.grid)
        if len(self.arrays) > MAX_ARRAYS:
            raise FrameError(f"{len(self.arrays)} arrays, expected at most {MAX_ARRAYS}")
        check_reduced(self.reduced, self.arrays)
        for name, array in self.arrays.items():
            check_array(name, array.dtype.name, array.shape)
            if array.nbytes > MAX_BUFFER:
                raise FrameError(
                    f"array {name!r} has {array.nbytes} bytes, expected at most {MAX_BUFFER}"
                )


def check_array(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    """Hold one array's description to what a frame may carry.

    Raises:
        FrameError: naming the array, what was expected and what came.
    """
    if not 0 < len(name) <= MAX_NAME:
        raise FrameError(f"an array name has {len(name)} characters, expected 1 to {MAX_NAME}")
    if dtype not in DTYPES:
        raise FrameError(f"array {name!r} has dtype {dtype}, expected one of {sorted(DTYPES)}")
    if len(shape) > MAX_NDIM:
        raise FrameError(f"array {name!r} is {len(shape)}-d, expected at most {MAX_NDIM}-d")


def check_reduced(reduced: Mapping[str, tuple[int, ...]], arrays: Mapping[str, np.ndarray]) -> None:
    """Hold the exact shapes of down-sampled arrays to those of what came.

    Raises:
        FrameError: naming the array.
    """
    for name, shape in reduced.items():
        came = arrays[name].shape if name in arrays else None
        if came is None or len(came) != len(shape):
            raise FrameError(f"array {name!r} is said to be {shape} down-sampled, and is {came}")
        if not all(1 <= n <= size <= MAX_SIDE for n, size in zip(came, shape, strict=True)):
            raise FrameError(f"array {name!r} is {came}, expected at most its exact {shape}")
