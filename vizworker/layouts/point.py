"""Point sources: observed and model positions among the critical curves, fluxes, and an image."""

from dataclasses import dataclass, replace

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import charts, ticks
from vizworker.layouts.arrays import LARGEST, drawable, find, take
from vizworker.layouts.curves import zero_contours
from vizworker.layouts.panels import Panels
from vizworker.layouts.sheet import (
    Chart,
    Circles,
    Dots,
    Extent,
    Image,
    Line,
    Mark,
    Place,
    Sheet,
    Words,
)
from vizworker.layouts.zoom import view

SIZE = (7.0, 7.0)  # inches, of a figure of one panel
TITLE_SIZE, TICK_SIZE, LEGEND_SIZE, NUMBER_SIZE = 24.0, 22.0, 9.0, 12.0
LEGEND_SCALE = 0.7
MODEL, NOISE, MASS, CURVE, RADIAL = "red", "tab:orange", "tab:green", "0.2", "#5c5c00"
UNMATCHED, UNMATCHED_ON_IMAGE = "0.45", "0.85"
# of several sources: the host's, after Okabe and Ito
COLOURS = ("black", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#882255", "#999933")
MARKERS = "os^Dvph<>P"
AREAS = {"D": 0.7, "^": 1.15, "v": 1.15, "<": 1.15, ">": 1.15, "P": 1.1}  # to look alike
# of more than eight: their redshifts', along all of viridis but its lightest end
MANY_SIZE = (12.0, 12.0)  # inches
MANY_SCALE = 12.0 / 7.0  # of titles, ticks and legend, to stay in proportion
MANY_CURVE, MANY_CENTRE, MANY_MODEL, MANY_NUMBER = 1.3, 50.0, 30.0, 9.0
VIRIDIS_PART = 0.85
VIRIDIS = (  # at every tenth
    *("#440154", "#482475", "#414487", "#355f8d", "#2a788e"),
    *("#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26"),
)
BESIDE = 11.0  # points from a position to its number
LEAST_POINTS, LEAST_SPAN = 6, 8.0  # of a curve, the span in steps of the field


@dataclass(frozen=True)
class Source:
    """The positions of one point source, and what its model makes of them."""

    name: str
    observed: np.ndarray  # (n, 2) y, x arcsec
    numbers: np.ndarray  # (n,) from 1 by falling angle about the origin
    sigma: np.ndarray  # (n,) arcsec
    model: np.ndarray  # (m, 2)
    pairs: np.ndarray  # (n,) index of its model position, -1 without
    unpaired: np.ndarray  # (n,) bool: without one of its own
    soft: bool  # the fit pairs each with all
    solved: bool  # the source's centre is solved for
    merit: float | None
    redshift: float | None
    tangential: tuple[np.ndarray, ...]
    radial: tuple[np.ndarray, ...]
    centres: np.ndarray  # (k, 2) of the masses
    extent: Extent

    @property
    def unmatched(self) -> np.ndarray:
        """Model positions that no observed one is paired with."""
        return np.delete(self.model, np.unique(self.pairs[self.pairs >= 0]), axis=0)


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figure of a point source fit, and the one over an image where there is an image.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    source = source_of(frame)
    positions = _positions(frame, source)
    fluxes = find(frame, "fluxes", (None,))
    if fluxes is None:
        figure = Sheet(("fit",), 1, 1, (positions,), panel_size=SIZE)
    else:
        figure = Sheet(("fit",), 1, 2, (positions, _fluxes(frame, source, fluxes)))
    if "image" not in frame.arrays:
        return (figure,)
    over = Sheet(("fit_image_with_points",), 1, 1, (_over_image(frame, source),), panel_size=SIZE)
    return figure, over


def source_of(frame: Frame) -> Source:
    """What a frame tells of its source.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    observed = drawable(take(frame, "positions", (None, 2)))
    count = len(observed)
    x0, x1, y0, y1 = (float(end) for end in take(frame, "extent", (4,)))
    if not count or not (-LARGEST < x0 < x1 < LARGEST and -LARGEST < y0 < y1 < LARGEST):
        raise LayoutError("there is no position, or no extent, to show")
    model = find(frame, "model_positions", (None, 2))
    model = np.zeros((0, 2)) if model is None else drawable(model)
    pairs = find(frame, "pairs", (count,))
    pairs = np.full(count, -1) if pairs is None else pairs
    if pairs.min() < -1 or pairs.max() >= len(model):
        raise LayoutError(f"array 'pairs' names model positions beyond the {len(model)} there are")
    unpaired = find(frame, "unpaired", (count,))
    merit, redshift = find(frame, "chi_squared", (1,)), find(frame, "redshift", (1,))
    centres = find(frame, "mass_centres", (None, 2))
    tangential, radial = _curves(frame, (x0, x1, y0, y1))
    return Source(
        name=_text(find(frame, "dataset_name", (None,))),
        observed=observed,
        numbers=_by_angle(observed),
        sigma=drawable(take(frame, "positions_noise_map", (count,))),
        model=model,
        pairs=pairs,
        unpaired=np.zeros(count, dtype=bool) if unpaired is None else unpaired.astype(bool),
        soft=_flag(frame, "soft_pairing"),
        solved=_flag(frame, "solved_centre"),
        merit=None if merit is None else float(merit[0]),
        redshift=None if redshift is None else float(redshift[0]),
        tangential=tangential,
        radial=radial,
        centres=np.zeros((0, 2)) if centres is None else drawable(centres),
        extent=(x0, x1, y0, y1),
    )


def together(frames: list[Frame], name: str) -> Sheet:
    """One figure of several sources, each in a colour and with a marker of its own.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    sources = [source_of(frame) for frame in frames]
    x0, x1, y0, y1 = np.array([source.extent for source in sources]).T
    extent = float(x0.min()), float(x1.max()), float(y0.min()), float(y1.max())
    centres = np.unique(np.concatenate([source.centres for source in sources]), axis=0)
    # those of a lens that all share are drawn once
    sources = [
        replace(source, extent=extent, centres=_NONE if index else centres)
        for index, source in enumerate(sources)
    ]
    many = len(sources) > len(COLOURS)
    colours = _by_redshift(sources) if many else COLOURS
    each = [
        _marks(source, _Look(index, colours[index], MARKERS[index % len(MARKERS)]))
        for index, source in enumerate(sources)
    ]
    marks = (*(mark for marks in each for mark in marks), *_merit(sources))
    if many:
        marks = _smaller(marks, sources)
    chart = _chart(frames[0], "Fit Positions", _named_once(marks), sources[0])
    if not many:
        return Sheet((name,), 1, 1, (chart,), panel_size=SIZE)
    chart = replace(
        chart,
        title_size=MANY_SCALE * TITLE_SIZE,
        tick_size=MANY_SCALE * TICK_SIZE,
        legend_size=MANY_SCALE * LEGEND_SIZE,
    )
    return Sheet((name,), 1, 1, (chart,), panel_size=MANY_SIZE)


def _by_redshift(sources: list[Source]) -> tuple[str, ...]:
    """A colour each, by their redshifts; by their order where one of these is not known."""
    values = np.array([np.nan if each.redshift is None else each.redshift for each in sources])
    if not np.isfinite(values).all():
        values = np.arange(len(sources), dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    steps = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in VIRIDIS], dtype=float)
    places = VIRIDIS_PART * (values - low) / ((high - low) or 1.0) * 10.0
    channels = [np.interp(places, np.arange(len(steps)), channel) for channel in steps.T]
    return tuple(
        "#" + "".join(f"{round(c):02x}" for c in rgb) for rgb in zip(*channels, strict=True)
    )


def _smaller(marks: tuple[Mark, ...], sources: list[Source]) -> tuple[Mark, ...]:
    """Marks for a figure of many sources: without radial curves, and named together."""
    sigma = np.concatenate([source.sigma for source in sources])
    known = sigma[np.isfinite(sigma) & (sigma > 0)]
    together = Dots(np.full((1, 2), np.nan), "0.6", size=81.0, edge="black")
    named: list[Mark] = [replace(together, label=f"Observed ({_spread(known)})")]
    for mark in marks:
        match mark:
            case Line(style=":"):
                continue
            case Line(width=1.8):
                named.append(replace(mark, width=MANY_CURVE))
            case Dots(marker="+"):
                named.append(replace(mark, size=MANY_CENTRE))
            case Dots(marker="x"):
                named.append(replace(mark, size=MANY_MODEL, width=1.2))
            case Dots(marker="X"):
                named.append(replace(mark, size=2.0 * MANY_MODEL))
            case Dots(filled=True):
                named.append(replace(mark, label=""))
            case Words():
                named.append(replace(mark, size=MANY_NUMBER))
            case _:
                named.append(mark)
    return tuple(named)


@dataclass(frozen=True)
class _Look:
    """How one source among several is told apart."""

    number: int
    colour: str
    marker: str


def _positions(frame: Frame, source: Source) -> Chart:
    marks = (*_marks(source, None), *_merit([source]))
    return _chart(frame, f"Fit Positions ({source.name})", marks, source)


def _chart(frame: Frame, title: str, marks: tuple[Mark, ...], source: Source) -> Chart:
    x0, x1, y0, y1 = source.extent
    return Chart(
        _titled(frame, title),
        tuple(mark for mark in marks if not _empty(mark)),
        limits=source.extent,
        x_ticks=ticks.spatial(x0, x1, frame.style),
        y_ticks=ticks.spatial(y0, y1, frame.style),
        proportions="equal",
        legend_size=LEGEND_SIZE,
        legend_scale=LEGEND_SCALE,
        legend_place=_emptiest(source),
        title_size=TITLE_SIZE,
        tick_size=TICK_SIZE,
        y_rotation=90.0,
    )


def _marks(source: Source, look: _Look | None) -> tuple[Mark, ...]:
    """One source; in colours of its own, if there are others."""
    known = np.isfinite(source.sigma) & (source.sigma > 0)
    sigma = source.sigma[known]
    curve = CURVE if look is None else _darker(look.colour)
    about = "" if look is None or source.redshift is None else f"z = {source.redshift:g}, "
    label = "Critical curve" if look is None else "Critical curve (each source's z)"
    return (
        *_lines(source.tangential, Line(_NONE, curve, width=1.8, label=label)),
        *_lines(
            source.radial,
            Line(_NONE, RADIAL if look is None else curve, width=1.4, style=":"),
        ),
        Dots(source.centres, MASS, size=70.0, marker="+", width=1.4, label="Mass centre"),
        Dots(
            source.observed,
            "black" if look is None else look.colour,
            size=110.0 * (1.0 if look is None else AREAS.get(look.marker, 1.0)),
            marker="o" if look is None else look.marker,
            width=0.6,
            edge="black",
            label=f"{'Observed' if look is None else source.name} ({about}{_spread(sigma)})",
        ),
        Circles(source.observed[known], sigma, NOISE),
        *_model(source, UNMATCHED),
        *_numbers(source, "" if look is None else f"{look.number}·"),
    )


def _darker(colour: str) -> str:
    """A colour #rrggbb at 70 % of its brightness."""
    if not colour.startswith("#"):
        return colour
    return "#" + "".join(f"{round(0.7 * int(colour[i : i + 2], 16)):02x}" for i in (1, 3, 5))


def _named_once(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """What several sources have in common is in the legend once."""
    seen: set[str] = set()
    named: list[Mark] = []
    for mark in marks:
        if isinstance(mark, Line | Dots) and mark.label and not _empty(mark):
            named.append(replace(mark, label="") if mark.label in seen else mark)
            seen.add(mark.label)
        else:
            named.append(mark)
    return tuple(named)


def _model(source: Source, unmatched: str) -> tuple[Mark, ...]:
    """Model positions, each joined to the observed ones that it is paired with."""
    style, label = ("--", "Residual (nearest, soft pairing)") if source.soft else ("-", "Residual")
    paired = source.pairs >= 0
    ends = zip(source.observed[paired], source.model[source.pairs[paired]], strict=True)
    residuals = _lines(
        tuple(np.stack(pair) for pair in ends),
        Line(_NONE, MODEL, width=1.2, style=style, alpha=0.9, label=label),
    )
    name = "Model (from solved β*)" if source.solved else "Model"
    matched = source.model[np.unique(source.pairs[paired])]
    return (
        *residuals,
        Dots(matched, MODEL, size=60.0, marker="x", width=1.6, label=name),
        Dots(
            source.unmatched,
            unmatched,
            size=120.0,
            marker="X",
            filled=False,
            width=1.5,
            label="Unmatched model image",
        ),
        # of a model without any image there is nothing to be missed
        Dots(
            source.observed[source.unpaired] if len(source.model) else _NONE,
            "0.3",
            size=420.0,
            filled=False,
            width=1.3,
            style="--",
            label="Observed, no model image",
        ),
    )


def _merit(sources: list[Source]) -> tuple[Mark, ...]:
    """What the fit makes of all, as an entry of the legend alone."""
    merits = [source.merit for source in sources if source.merit is not None]
    if not merits:
        return ()
    value = sum(merits)
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    name = "−2 ln L" if all(source.soft for source in sources) else "χ²"
    return (Line(np.full((1, 2), np.nan), "none", style="none", label=f"{name} = {text}"),)


def _numbers(source: Source, prefix: str = "", letters: bool = True) -> tuple[Words, ...]:
    """Numbers of the observed positions, letters of unmatched model ones."""
    unmatched = source.unmatched if letters else _NONE
    names = (chr(ord("a") + index % 26) for index in range(len(unmatched)))
    points = np.concatenate([source.observed, unmatched])
    x0, x1, y0, y1 = source.extent
    outward = points - np.array([y0 + y1, x0 + x1]) / 2.0
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    outward = np.where(length > 0, outward / np.where(length > 0, length, 1.0), [[1.0, 0.0]])
    return (
        Words(
            points,
            tuple(f"{prefix}{each}" for each in (*source.numbers, *names)),
            size=NUMBER_SIZE,
            bold=True,
            offsets=BESIDE * outward,
            ground="white",
        ),
    )


def _by_angle(positions: np.ndarray) -> np.ndarray:
    order = np.argsort(-np.arctan2(*positions.T), kind="stable")
    return 1 + np.argsort(order)


def _fluxes(frame: Frame, source: Source, fluxes: np.ndarray) -> Chart:
    order = np.arange(len(fluxes), dtype=np.float64)
    (x0, x1), (y0, y1) = charts.limits(order), charts.limits(fluxes)
    return Chart(
        _titled(frame, f"Fit Fluxes ({source.name})"),
        (Line(np.stack([fluxes, order], axis=1), "black", width=1.5),),
        limits=(x0, x1, y0, y1),
        x_ticks=ticks.of_values(x0, x1, "", frame.style),
        y_ticks=ticks.of_values(y0, y1, "", frame.style),
        y_rotation=90.0,
    )


def _over_image(frame: Frame, source: Source) -> Chart:
    """The positions over the image, in colours that can be seen there."""
    make = Panels(frame, view(frame))
    panel = make.masked(f"Fit Image With Points ({source.name})", make.values("image"))
    if not isinstance(panel.content, Image):
        raise LayoutError("the image to lie below the positions is not one")
    if frame.style.imshow_origin == "lower":
        source = _turned_over(source, panel.content.extent)
    outline = Line(_NONE, "white", width=1.8, outline="black")
    marks: tuple[Mark, ...] = (
        *_lines(source.tangential, outline),
        Dots(source.observed, size=110.0, width=1.0, edge="white"),
        *_model(source, UNMATCHED_ON_IMAGE),
        *_numbers(replace(source, extent=panel.limits), letters=False),
    )
    edge = () if panel.points is None else (Dots(panel.points, size=1.0),)
    return Chart(
        panel.title,
        (panel.content, *edge, *(mark for mark in marks if not _empty(mark))),
        limits=panel.limits,
        x_ticks=panel.x_ticks,
        y_ticks=panel.y_ticks,
        proportions="square",
        y_rotation=90.0,
        colour_ticks=panel.colour_ticks,
        vmin=panel.vmin,
        vmax=panel.vmax,
    )


def _turned_over(source: Source, extent: Extent) -> Source:
    """Over an image whose rows are drawn upwards."""
    middle = np.array([extent[2] + extent[3], 0.0])
    turn = np.array([-1.0, 1.0])
    return replace(
        source,
        observed=middle + turn * source.observed,
        model=middle + turn * source.model,
        tangential=tuple(middle + turn * line for line in source.tangential),
    )


def _curves(frame: Frame, extent: Extent) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Tangential and radial critical curves, y, x arcsec, of a field of deflections."""
    field = find(frame, "deflections_yx_2d", (None, None, 2))
    if field is None or min(field.shape[:2]) < 2:
        return (), ()
    x0, x1, y0, y1 = extent
    steps = np.array([(y1 - y0) / (field.shape[0] - 1), (x1 - x0) / (field.shape[1] - 1)])
    yy, yx = np.gradient(field[..., 0], *steps)
    xy, xx = np.gradient(field[..., 1], *steps)
    convergence, shear = 0.5 * (yy + xx), np.hypot(0.5 * (xx - yy), 0.5 * (yx + xy))

    def contours(eigenvalue: np.ndarray) -> tuple[np.ndarray, ...]:
        lines = [np.array([y0, x0]) + line * steps for line in zero_contours(eigenvalue)]
        # shorter ones are not curves but what a singular centre does to a grid
        return tuple(
            line
            for line in lines
            if len(line) >= LEAST_POINTS and np.ptp(line, axis=0).max() >= LEAST_SPAN * steps.max()
        )

    return contours(1.0 - convergence - shear), contours(1.0 - convergence + shear)


_NONE = np.zeros((0, 2))


def _lines(lines: tuple[np.ndarray, ...], like: Line) -> tuple[Line, ...]:
    """Lines that look alike; the first of them is the one in the legend."""
    return tuple(
        replace(like, points=line, label="" if index else like.label)
        for index, line in enumerate(lines)
    )


def _empty(mark: Mark) -> bool:
    return isinstance(mark, Line | Dots | Words) and not len(mark.points)


def _emptiest(source: Source) -> Place:
    """The corner with the fewest points."""
    curves = [line[:: max(1, len(line) // 40)] for line in source.tangential + source.radial]
    points = np.concatenate([source.observed, source.model, source.centres, *curves])
    x0, x1, y0, y1 = source.extent
    up = (points[:, 0] - y0) / (y1 - y0)
    right = (points[:, 1] - x0) / (x1 - x0)
    near, far = 0.22, 0.78  # the middles of boxes in the corners, in parts of the panel
    corners: dict[Place, tuple[float, float]] = {
        "lower left": (near, near),
        "upper left": (far, near),
        "lower right": (near, far),
        "upper right": (far, far),
    }

    def crowd(place: Place) -> tuple[int, float]:
        y, x = corners[place]
        inside = (np.abs(up - y) < 0.23) & (np.abs(right - x) < 0.23)
        return int(inside.sum()), -float(np.hypot(up - y, right - x).min())

    return min(corners, key=crowd)


def _spread(sigma: np.ndarray) -> str:
    if not sigma.size:
        return "σ = n/a"
    low, high = float(sigma.min()), float(sigma.max())
    if np.isclose(low, high):
        return f"σ = {low:.3g}″"
    return f"σ = {low:.3g}–{high:.3g}″"


def _text(letters: np.ndarray | None) -> str:
    if letters is None:
        return ""
    text = letters.astype(np.uint8).tobytes().decode(errors="replace")[:100]
    return text.replace("$", r"\$")


def _flag(frame: Frame, name: str) -> bool:
    flag = find(frame, name, (1,))
    return flag is not None and bool(flag[0])


def _titled(frame: Frame, title: str) -> str:
    prefix = frame.title_prefix.rstrip()
    return f"{prefix} {title}" if prefix else title
