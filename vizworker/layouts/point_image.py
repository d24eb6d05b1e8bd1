"""Point sources over an image of them."""

from dataclasses import replace

import msgspec
import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.arrays import take
from vizworker.layouts.panels import Panels
from vizworker.layouts.point_labels import labels, numbers
from vizworker.layouts.point_marks import (
    NONE,
    UNMATCHED_ON_IMAGE,
    Look,
    Sizes,
    empty,
    model,
    observed,
)
from vizworker.layouts.point_source import Source
from vizworker.layouts.sheet import Chart, Dots, Extent, Image, Line, Mark
from vizworker.layouts.zoom import view

CLUSTER = 20.0  # arcsec: a wider image is of a cluster


def over_image(
    frame: Frame, sources: list[Source], looks: list[Look], room: tuple[float, float], sizes: Sizes
) -> Chart:
    """The positions over a frame's image, in colours that can be seen there.

    Those of a cluster, with its bright galaxy and faint arcs, in logarithmic colours.

    Args:
        frame: of the source that has the image.
        sources: of one model.
        looks: of each, none for a source alone.
        room: points that the panel and its colour bar have.
        sizes: of the marks.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    window = view(frame)
    width = max(window.mask.shape) * float(take(frame, "pixel_scales", (2,)).max())
    if len(sources) > 1 or width > CLUSTER:
        frame = replace(frame, style=msgspec.structs.replace(frame.style, scale="log10"))
    make, style = Panels(frame, window), frame.style
    title = "Fit Image With Points" + ("" if looks else f" ({sources[0].name})")
    panel = make.masked(title, make.values("image"), positive=True)
    if not isinstance(panel.content, Image):
        raise LayoutError("the image to lie below the positions is not one")
    if style.imshow_origin == "lower":
        sources = [_turned_over(source, panel.content.extent) for source in sources]
    inner = room[0] * (1.0 - style.colorbar_fraction - style.colorbar_pad), room[1]
    points = np.concatenate([source.observed for source in sources])
    models = np.concatenate([source.model for source in sources])
    each = looks or [Look("black", "o")]
    shown: tuple[Mark, ...] = (
        *(line for both in zip(sources, each, strict=True) for line in _curves(*both, sizes)),
        *(observed(*both, edge="white", width=1.0) for both in zip(sources, each, strict=True)),
        *(mark for source in sources for mark in model(source, UNMATCHED_ON_IMAGE, sizes)),
        *labels(points, numbers(sources), models, panel.limits, inner, sizes.label),
    )
    edge = () if panel.points is None else (Dots(panel.points, size=1.0),)
    return Chart(
        panel.title,
        (panel.content, *edge, *(mark for mark in shown if not empty(mark))),
        limits=panel.limits,
        x_ticks=panel.x_ticks,
        y_ticks=panel.y_ticks,
        proportions="square",
        y_rotation=90.0,
        colour_ticks=panel.colour_ticks,
        vmin=panel.vmin,
        vmax=panel.vmax,
        logarithmic=panel.logarithmic,
        contours=panel.contours,
    )


def _curves(source: Source, look: Look, sizes: Sizes) -> tuple[Line, ...]:
    colour = "white" if look.colour == "black" else look.colour
    outline = Line(NONE, colour, width=sizes.curve, outline="black")
    return tuple(replace(outline, points=line) for line in source.tangential)


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
