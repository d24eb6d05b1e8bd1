"""The matplotlib artists of a chart: made anew for every sheet, as its marks come and go."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection, PathCollection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.patches import Circle
from matplotlib.patheffects import AbstractPathEffect, withStroke

from vizworker.frame import Style
from vizworker.layouts.sheet import (
    Arrows,
    Bars,
    Chart,
    Circles,
    Dots,
    Errors,
    Gradient,
    Image,
    Level,
    Line,
    Mark,
    Ticks,
    Words,
)
from vizworker.render.colormap import colormap
from vizworker.render.contours import add_contours

_Z = 2.0  # matplotlib's own for lines: marks lie above an image, below the frame
OUTLINE = 1.6  # points, on both sides of a line together
LEADER = {"arrowstyle": "-", "color": "0.45", "lw": 0.6, "shrinkA": 0, "shrinkB": 3}
GRADIENT_PLACE = (1.02, 0.0, 0.032, 1.0)  # left, foot, width and height in parts of the axes


class ChartArtists:
    """One chart's axes and what is drawn in them."""

    def __init__(self, axes: Axes, chart: Chart, style: Style) -> None:
        self.axes = axes
        self._style = style
        self._bar: Colorbar | None = None
        self.update(chart)

    def update(self, chart: Chart) -> None:
        """Show another chart."""
        self.axes.clear()
        norm = (LogNorm if chart.logarithmic else Normalize)(*_range(chart))
        colours = colormap(chart.colormap or self._style.colormap)
        mappable = ScalarMappable(norm, colours)
        for order, mark in enumerate(chart.marks):
            _add(self.axes, mark, mappable, _Z + order * 1e-3)
            if isinstance(mark, Image):
                add_contours(self.axes, mark, chart.contours, self._style.contour_labels)
        self._finish(chart)
        size = chart.bar_size or self._style.colorbar_labelsize
        self._update_bar(mappable, chart.colour_ticks, size)

    def all_axes(self) -> Iterator[Axes]:
        """The chart's axes and those of its colour bar."""
        yield self.axes
        if self._bar is not None:
            yield self._bar.ax

    def _finish(self, chart: Chart) -> None:
        axes, style = self.axes, self._style
        axes.set_title(chart.title, fontsize=chart.title_size or style.title_size)
        axes.set_xlabel(chart.x_label, fontsize=chart.label_size)
        axes.set_ylabel(chart.y_label, fontsize=chart.label_size, labelpad=chart.y_label_pad)
        axes.set_xscale(chart.x_scale)
        axes.set_yscale(chart.y_scale)
        axes.tick_params(axis="x", labelsize=chart.tick_size or style.xticks_size)
        axes.tick_params(
            axis="y",
            labelsize=chart.tick_size or style.yticks_size,
            labelrotation=chart.y_rotation,
        )
        if chart.limits is not None:
            x0, x1, y0, y1 = chart.limits
            axes.set_xlim(x0, x1)
            axes.set_ylim(y0, y1)
        _mark(axes.xaxis, chart.x_ticks)
        _mark(axes.yaxis, chart.y_ticks)
        if chart.proportions == "equal":
            axes.set_aspect("equal", adjustable="box")
        elif chart.proportions == "square":
            axes.set_box_aspect(1.0)
        if chart.legend_size is not None and any(_label(mark) for mark in chart.marks):
            axes.legend(
                fontsize=chart.legend_size,
                loc=chart.legend_place,
                markerscale=chart.legend_scale,
                framealpha=chart.legend_alpha,
                bbox_to_anchor=chart.legend_anchor,
                borderaxespad=None if chart.legend_anchor is None else 0.0,
            )
        if chart.gradient is not None:
            _add_gradient(axes, chart.gradient)
        if chart.y_right:
            axes.yaxis.tick_right()
            axes.yaxis.set_label_position("right")
        if chart.inner_ticks:
            self._point_inwards(chart)

    def _point_inwards(self, chart: Chart) -> None:
        self.axes.minorticks_on()
        for which, length, width in (("major", 6, 2), ("minor", 3, 1)):
            self.axes.tick_params(
                which=which,
                length=length,
                width=width,
                right=True,
                top=True,
                direction="in",
                labelsize=chart.tick_size or self._style.xticks_size,
            )

    def _update_bar(self, mappable: ScalarMappable, ticks: Ticks | None, size: float) -> None:
        """The bar is kept: taking it away and adding it again moves the axes."""
        if self._bar is not None and ticks is None:
            self._bar.remove()
            self._bar = None
        elif self._bar is not None and ticks is not None:
            self._bar.update_normal(mappable)
            self._bar.set_ticks(ticks.positions)
            self._label_bar(self._bar, ticks, size)
        elif ticks is not None:
            self._bar = self._add_bar(mappable, ticks, size)

    def _add_bar(self, mappable: ScalarMappable, ticks: Ticks, size: float) -> Colorbar:
        style = self._style
        bar = self.axes.figure.colorbar(
            mappable,
            ax=self.axes,
            fraction=style.colorbar_fraction,
            pad=style.colorbar_pad,
            ticks=ticks.positions,
        )
        self._label_bar(bar, ticks, size)
        return bar

    def _label_bar(self, bar: Colorbar, ticks: Ticks, size: float) -> None:
        bar.ax.set_yticklabels(ticks.labels, va="center", fontsize=size)
        rotation = self._style.colorbar_labelrotation
        bar.ax.tick_params(axis="y", labelsize=size, labelrotation=rotation)


def _add(axes: Axes, mark: Mark, colours: ScalarMappable, order: float) -> None:
    match mark:
        case Image():
            axes.imshow(
                mark.values,
                cmap=colours.get_cmap(),
                norm=cast(Normalize, colours.norm),
                extent=mark.extent,
                aspect="auto",
                origin="upper",
            )
        case Line():
            axes.plot(
                *mark.points.T[::-1],
                color=mark.colour,
                linewidth=mark.width,
                linestyle=mark.style,
                alpha=mark.alpha,
                label=mark.label or None,
                zorder=order,
                path_effects=_outlines(mark),
            )
        case Dots():
            add_dots(axes, mark, colours, order)
        case Errors():
            axes.errorbar(
                mark.points[:, 1],
                mark.points[:, 0],
                yerr=mark.errors,
                linestyle="None",
                marker="o",
                markersize=mark.size,
                color=mark.colour,
                label=mark.label or None,
                zorder=order,
            )
        case Level():
            axes.axhline(
                mark.y,
                color=mark.colour,
                linestyle=mark.style,
                label=mark.label or None,
                zorder=order,
            )
        case Arrows():
            _add_arrows(axes, mark, colours, order)
        case Circles():
            _add_circles(axes, mark, order)
        case Bars():
            axes.stairs(
                mark.heights,
                mark.edges,
                fill=True,
                color=mark.colour,
                alpha=mark.alpha,
                label=mark.label or None,
                zorder=order,
            )
        case Words():
            _add_words(axes, mark)


def add_dots(axes: Axes, mark: Dots, colours: ScalarMappable, order: float) -> PathCollection:
    """The markers of a mark, above whatever has a smaller order."""
    return axes.scatter(
        mark.points[:, 1],
        mark.points[:, 0],
        s=mark.size,
        marker=mark.marker,
        linewidths=mark.width,
        linestyles=mark.style,
        alpha=mark.alpha,
        label=mark.label or None,
        zorder=order,
        **_dot_colours(mark, colours),
    )


def _add_words(axes: Axes, mark: Words) -> None:
    offsets = np.zeros_like(mark.points) if mark.offsets is None else mark.offsets
    led = np.zeros(len(mark.points), dtype=bool) if mark.led is None else mark.led
    for (y, x), (up, right), text, far in zip(mark.points, offsets, mark.texts, led, strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(right, up),
            textcoords="offset points",
            color=mark.colour,
            fontsize=mark.size,
            fontweight="bold" if mark.bold else "normal",
            ha="center",
            va="center",
            clip_on=True,
            bbox={"fc": mark.ground, "ec": "none", "alpha": 0.8, "pad": 0.5}
            if mark.ground
            else None,
            arrowprops=LEADER if far else None,
        )


def _add_gradient(axes: Axes, gradient: Gradient) -> None:
    place = axes.inset_axes(GRADIENT_PLACE)
    colours = LinearSegmentedColormap.from_list("gradient", gradient.colours)
    assert axes.figure is not None
    bar = axes.figure.colorbar(ScalarMappable(Normalize(*gradient.limits), colours), cax=place)
    bar.set_label(gradient.label, fontsize=gradient.size)
    place.tick_params(labelsize=gradient.size)
    for value in gradient.marked:
        place.axhline(value, color="black", linewidth=0.5, alpha=0.6)


def _outlines(mark: Line) -> list[AbstractPathEffect] | None:
    if not mark.outline:
        return None
    return [withStroke(linewidth=mark.width + OUTLINE, foreground=mark.outline)]


def _dot_colours(mark: Dots, colours: ScalarMappable) -> dict[str, Any]:
    if isinstance(mark.colour, str):
        if mark.filled and mark.edge:
            return {"facecolors": mark.colour, "edgecolors": mark.edge}
        if mark.filled:
            return {"color": mark.colour}
        return {"edgecolors": mark.colour, "facecolors": "none"}
    return {"c": mark.colour, "cmap": colours.get_cmap(), "norm": colours.norm}


def _add_arrows(axes: Axes, mark: Arrows, colours: ScalarMappable, order: float) -> None:
    look: dict[str, Any] = (
        {"headwidth": 0, "headlength": 0, "headaxislength": 0} if mark.headless else {}
    )
    coloured = not isinstance(mark.colour, str)
    values = (mark.colour,) if coloured else ()
    if coloured:
        look |= {"cmap": colours.get_cmap(), "norm": colours.norm}
    else:
        look |= {"color": mark.colour}
    axes.quiver(
        *mark.points.T[::-1],
        *mark.vectors.T[::-1],
        *values,
        pivot="middle",
        alpha=mark.alpha,
        label=mark.label or None,
        zorder=order,
        **look,
    )


def _add_circles(axes: Axes, mark: Circles, order: float) -> None:
    circles = [
        Circle((x, y), radius) for (y, x), radius in zip(mark.centres, mark.radii, strict=True)
    ]
    axes.add_collection(
        PatchCollection(
            circles,
            facecolors="none",
            edgecolors=mark.colour,
            linewidths=mark.width,
            linestyles=mark.style,
            label=mark.label or None,
            zorder=order,
        )
    )


def _mark(axis: Axis, ticks: Ticks | None) -> None:
    if ticks is not None:
        axis.set_ticks(ticks.positions, ticks.labels)


def _label(mark: Mark) -> str:
    return "" if isinstance(mark, Words | Image) else mark.label


def _range(chart: Chart) -> tuple[float, float]:
    """The colour limits; those of the marks' values where none is given."""
    colours = [getattr(mark, "colour", "") for mark in chart.marks]
    values = [np.asarray(colour).ravel() for colour in colours if not isinstance(colour, str)]
    finite = np.concatenate(values) if values else np.zeros(0)
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (
        low if chart.vmin is None else chart.vmin,
        high if chart.vmax is None else chart.vmax,
    )
