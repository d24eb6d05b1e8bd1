"""Ellipse fits: the ellipses over the image, and the image's values around each of them."""

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.arrays import drawable, take
from vizworker.layouts.galaxy_imaging import DPI
from vizworker.layouts.panels import Panels
from vizworker.layouts.sheet import Chart, Dots, Errors, Level, Line, Mark, Panel, Sheet, Ticks
from vizworker.layouts.zoom import view

# the host's own: colours of the ellipses and of their points, in turn
LINES = tuple(f"C{number}" for number in range(10))
DOTS = ("k", "g", "b", "m", "c", "y")
DOT_SIZE = 20.0
LONE_TITLE = 24.0  # points, of an image on a figure of its own
TITLE_SIZE, LABEL_SIZE, TICK_SIZE, LABEL_PAD = 20.0, 20.0, 15.0, -5.0
LONE_IMAGE, LONE_CHART = (7.0, 7.0), (8.0, 8.0)  # inches
MOST_TURNS = 10.0  # of an angle, beyond which it is none
QUARTERS = (0.0, 90.0, 180.0, 270.0, 360.0)  # degrees


@dataclass(frozen=True)
class Ellipse:
    """The points of one ellipse; those on masked pixels are NaN."""

    points: np.ndarray  # (n, 2) y, x arcsec, y downwards as the host has it
    angles: np.ndarray  # (n,) radians
    data: np.ndarray  # (n,) the image there
    noise_map: np.ndarray  # (n,) its error


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figures of an ellipse fit: both panels, then each on its own.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    ellipses = _ellipses(frame)
    logarithmic = msgspec.structs.replace(frame.style, scale="log10")
    lone = _image(replace(frame, style=logarithmic), ellipses)
    chart = _chart(ellipses)
    return (
        Sheet(("fit", "fit_ellipse"), 1, 2, (_image(frame, ellipses), chart), dpi=DPI),
        # the host's last image under this name is the logarithmic one
        Sheet(
            ("ellipse_fit",), 1, 1, (replace(lone, title_size=LONE_TITLE),), panel_size=LONE_IMAGE
        ),
        Sheet(("ellipse_residuals",), 1, 1, (chart,), panel_size=LONE_CHART),
    )


def _ellipses(frame: Frame) -> list[Ellipse]:
    numbers = take(frame, "number_of_points", (None,))
    points = take(frame, "points", (None, 2))
    n = len(points)
    if (numbers < 0).any() or numbers.sum() != n:
        raise LayoutError(
            f"array 'number_of_points' adds up to {numbers.sum()}, expected {n} as in 'points'"
        )
    names = ("angles", "data_interp", "noise_map_interp")
    arrays = [drawable(each) for each in (points, *(take(frame, name, (n,)) for name in names))]
    turns = np.abs(arrays[1]).max(initial=0.0, where=np.isfinite(arrays[1])) / (2.0 * np.pi)
    if turns > MOST_TURNS:
        raise LayoutError(f"array 'angles' goes {turns:.3g} times round, expected radians, once")
    ends = np.cumsum(numbers).astype(np.int64)
    return [
        Ellipse(*(array[end - number : end] for array in arrays))
        for end, number in zip(ends, numbers.astype(np.int64), strict=True)
    ]


def _image(frame: Frame, ellipses: list[Ellipse]) -> Panel:
    make = Panels(frame, view(frame))
    places = [ellipse.points * (-1.0, 1.0) for ellipse in ellipses]
    return make.masked(
        "Ellipse Fit",
        make.values("data"),
        lines=tuple(Line(place, LINES[i % len(LINES)]) for i, place in enumerate(places)),
        markers=tuple(
            Dots(place, DOTS[i % len(DOTS)], size=DOT_SIZE) for i, place in enumerate(places)
        ),
        positive=True,
    )


def _chart(ellipses: list[Ellipse]) -> Chart:
    """What the image has around each ellipse, and the mean of that."""
    marks: list[Mark] = []
    for ellipse in ellipses:
        known = ellipse.data[np.isfinite(ellipse.data)]
        angles = np.degrees(ellipse.angles)
        errors = np.maximum(ellipse.noise_map, 0.0)
        marks.append(Errors(np.stack([ellipse.data, angles], axis=1), errors))
        if known.size:
            marks.append(Level(float(known.mean()), style=":"))
    positive = any((ellipse.data > 0).any() for ellipse in ellipses)
    return Chart(
        "Ellipse 1D Residuals",  # the host's, though these are the values themselves
        tuple(marks),
        x_ticks=Ticks(QUARTERS, tuple(f"{angle:.0f}" for angle in QUARTERS)),
        x_label=r"$\phi$ (deg)",
        y_label=r"$\rm I(\phi)$ [E/s]",
        y_scale="log" if positive else "linear",
        title_size=TITLE_SIZE,
        label_size=LABEL_SIZE,
        tick_size=TICK_SIZE,
        y_label_pad=LABEL_PAD,
        y_right=True,
        inner_ticks=True,
    )
