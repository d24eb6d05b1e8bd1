"""How point sources look: curves, positions and residuals of each, and a legend of them all."""

from dataclasses import dataclass, replace

import numpy as np

from vizworker.layouts.point_source import Source
from vizworker.layouts.sheet import Circles, Dots, Line, Mark, Words

MODEL, NOISE, MASS, CURVE, RADIAL = "red", "tab:orange", "tab:green", "0.2", "#5c5c00"
UNMATCHED, UNMATCHED_ON_IMAGE, ALONE = "0.45", "0.85", "0.3"
SHARED, SHARED_CURVE = "0.6", "0.35"  # in the legend, of what has each source's colour
AREA, ENTRY = 110.0, 81.0  # points squared: of an observed position, and of its legend entry
AREAS = {"D": 0.7, "^": 1.15, "v": 1.15, "<": 1.15, ">": 1.15, "P": 1.1}  # to look alike
NONE = np.zeros((0, 2))
NOWHERE = np.full((1, 2), np.nan)  # of a mark that is in the legend alone


@dataclass(frozen=True)
class Look:
    """How one source among several is told apart."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Sizes:
    """Widths in points and areas in points squared."""

    curve: float = 1.8
    centre: float = 70.0
    model: float = 60.0
    model_width: float = 1.6
    model_entry: float = 64.0  # in the legend
    label: float = 12.0  # points


FEW = Sizes()
MANY = Sizes(curve=1.3, centre=50.0, model=30.0, model_width=1.2, model_entry=36.0, label=9.0)


def marks(sources: list[Source], looks: list[Look], sizes: Sizes = FEW) -> tuple[Mark, ...]:
    """All that is drawn, from below.

    Args:
        sources: of one model.
        looks: of each, none for a source alone.
        sizes: `MANY` leaves radial curves out.
    """
    each = looks or [Look("black", "o")]
    known = [np.isfinite(source.sigma) & (source.sigma > 0) for source in sources]
    drawn: list[Mark] = [*_curves(sources, looks, sizes)]
    drawn += [Dots(sources[0].centres, MASS, size=sizes.centre, marker="+", width=1.4)]
    drawn += [observed(*both, edge="black") for both in zip(sources, each, strict=True)]
    drawn += [
        Circles(source.observed[which], source.sigma[which], NOISE)
        for source, which in zip(sources, known, strict=True)
    ]
    return (*drawn, *(mark for source in sources for mark in model(source, UNMATCHED, sizes)))


def observed(source: Source, look: Look, edge: str, width: float = 0.6) -> Dots:
    """The observed positions."""
    size = AREA * AREAS.get(look.marker, 1.0)
    return Dots(source.observed, look.colour, size=size, marker=look.marker, width=width, edge=edge)


def model(source: Source, unmatched: str, sizes: Sizes = FEW) -> tuple[Mark, ...]:
    """Model positions, each joined to the observed ones that it is paired with."""
    paired = source.pairs >= 0
    ends = zip(source.observed[paired], source.model[source.pairs[paired]], strict=True)
    matched = source.model[np.unique(source.pairs[paired])]
    # of a model without any image there is nothing to be missed
    alone = source.observed[source.unpaired] if len(source.model) else NONE
    return (
        *(replace(_residual(source), points=np.stack(pair)) for pair in ends),
        Dots(alone, ALONE, size=420.0, filled=False, width=1.3, style="--"),
        _hollow(source.unmatched, unmatched, 2 * sizes.model),
        Dots(matched, MODEL, size=sizes.model, marker="x", width=sizes.model_width),
    )


def _hollow(points: np.ndarray, colour: str, size: float) -> Dots:
    return Dots(points, colour, size=size, marker="X", filled=False, width=1.5)


def _residual(source: Source) -> Line:
    return Line(NONE, MODEL, width=1.2, style="--" if source.soft else "-", alpha=0.9)


def _curves(sources: list[Source], looks: list[Look], sizes: Sizes) -> list[Line]:
    """Tangential and radial critical curves; those of sources that share a colour once."""
    lines: dict[tuple[str, bytes], Line] = {}
    for index, source in enumerate(sources):
        own = _darker(looks[index].colour) if looks else ""
        tangential = Line(NONE, own or CURVE, width=sizes.curve)
        radial = Line(NONE, own or RADIAL, width=1.4, style=":")
        for points, like in (
            *((points, tangential) for points in source.tangential),
            *((points, radial) for points in (() if sizes is MANY else source.radial)),
        ):
            lines.setdefault((like.colour, points.tobytes()), replace(like, points=points))
    return list(lines.values())


def legend(sources: list[Source], looks: list[Look], sizes: Sizes = FEW) -> tuple[Mark, ...]:
    """Marks without a place: what the others mean, and what the fit makes of all."""
    first = sources[0]
    several = len(sources) > 1
    entries = _observed_entries(sources, () if sizes is MANY else tuple(looks))
    if any(len(source.model) for source in sources):
        entries += [
            Dots(
                NOWHERE,
                MODEL,
                size=sizes.model_entry,
                marker="x",
                width=1.6,
                label="Model (from solved β*)" if first.solved else "Model",
            ),
            replace(
                _residual(first),
                points=NOWHERE,
                alpha=1.0,
                label="Residual (nearest, soft pairing)" if first.soft else "Residual",
            ),
        ]
    if any(len(source.unmatched) for source in sources):
        hollow = _hollow(NOWHERE, UNMATCHED, ENTRY)
        entries.append(replace(hollow, label="Unmatched model image"))
    if any(source.unpaired.any() for source in sources):
        ring = Dots(NOWHERE, ALONE, size=225.0, filled=False, width=1.3)
        entries.append(replace(ring, label="Observed, no model image"))
    if any(source.tangential or source.radial for source in sources):
        label = "Critical curve (each source's z)" if several else "Critical curve"
        colour = SHARED_CURVE if several else CURVE
        entries.append(Line(NOWHERE, colour, width=FEW.curve, label=label))
    if len(first.centres):
        entries.append(Dots(NOWHERE, MASS, size=64.0, marker="+", width=1.5, label="Mass centre"))
    return (*entries, *_merit(sources))


def _observed_entries(sources: list[Source], looks: tuple[Look, ...]) -> list[Mark]:
    """An entry for each source that has a look of its own; else one for all."""
    spread = _spread(np.concatenate([source.sigma for source in sources]))
    if not looks:
        colour = SHARED if len(sources) > 1 else "black"
        dots = Dots(NOWHERE, colour, size=ENTRY, edge="black", label=f"Observed ({spread})")
        return [dots]
    return [
        Dots(
            NOWHERE,
            look.colour,
            size=ENTRY,
            marker=look.marker,
            width=0.6,
            edge="black",
            label=f"{source.name} ({_redshift(source)}{spread})",
        )
        for source, look in zip(sources, looks, strict=True)
    ]


def _redshift(source: Source) -> str:
    return "" if source.redshift is None else f"z = {source.redshift:g}, "


def _spread(sigma: np.ndarray) -> str:
    sigma = sigma[np.isfinite(sigma)]
    if not sigma.size:
        return "σ = n/a"
    low, high = float(sigma.min()), float(sigma.max())
    if np.allclose(sigma, sigma[0]):
        return f"σ = {float(sigma[0]):.3g}″"
    return f"σ = {low:.3g}–{high:.3g}″"


def _merit(sources: list[Source]) -> tuple[Mark, ...]:
    merits = [source.merit for source in sources if source.merit is not None]
    if not merits:
        return ()
    value = sum(merits)
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    name = "−2 ln L" if all(source.soft for source in sources) else "χ²"
    return (Line(NOWHERE, "none", style="none", label=f"{name} = {text}"),)


def _darker(colour: str) -> str:
    """A colour #rrggbb at 70 % of its brightness."""
    if not colour.startswith("#"):
        return colour
    return "#" + "".join(f"{round(0.7 * int(colour[i : i + 2], 16)):02x}" for i in (1, 3, 5))


def empty(mark: Mark) -> bool:
    """Whether there is nothing to draw."""
    return isinstance(mark, Line | Dots | Words) and not len(mark.points)
