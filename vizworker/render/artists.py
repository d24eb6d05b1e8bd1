"""The matplotlib artists of a sheet: made once, then told what to show."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PathCollection
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.spines import Spine
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter

from vizworker.frame import Style
from vizworker.layouts.sheet import Chart, Image, Line, Mesh, Panel, Sheet, Ticks, Triangles
from vizworker.render.charts import ChartArtists, add_dots
from vizworker.render.contours import add_contours
from vizworker.render.dots import scatter_dots

LINE_WIDTH = 1.0  # points
LABEL_SIZE = 14.0  # points, of an axis's label
MARKER_ORDER = 5.0  # above lines and frame
NOTHING = 2.3e-287  # matplotlib takes ranges within this of zero for none


@dataclass
class PanelArtists:
    """One panel's axes and what is drawn in them."""

    axes: Axes
    shown: Panel
    colours: Colormap
    content: Artist
    norm: Normalize
    bar: Axes
    dots: PathCollection | None = None
    lines: list[Line2D] = field(default_factory=list)
    contours: list[Artist] = field(default_factory=list)
    contour_labels: list[Artist] = field(default_factory=list)
    markers: list[Artist] = field(default_factory=list)

    def update(self, panel: Panel) -> None:
        """Show another panel of the same title, dots, kind and place of its colour bar's ticks."""
        self.norm.vmin, self.norm.vmax = colour_range(panel)
        if isinstance(self.content, AxesImage) and isinstance(panel.content, Image):
            self.content.set_data(panel.content.values)
            self.content.set_extent(panel.content.extent)
        else:
            self.content.remove()
            self.content = _add_content(self.axes, panel, self.norm, self.colours)
        self._update_lines(panel.lines)
        self._update_markers(panel)
        if panel.limits != self.shown.limits:
            _limit(self.axes, panel)
        if panel.colour_ticks.labels != self.shown.colour_ticks.labels:
            _label(self.bar, panel.colour_ticks)
        self.shown = panel

    def bar_labels(self) -> list[Text]:
        """The colour bar's texts, lowest first."""
        return [tick.label2 for tick in self.bar.yaxis.get_major_ticks()]

    def below_frame(self) -> Iterator[Artist]:
        """What is drawn over content and dots, in drawing order."""
        yield from self.lines
        yield from self.contours

    def frame(self) -> Iterator[tuple[Spine, Spine]]:
        """What is drawn next: two and two lines that do not cross."""
        yield self.axes.spines["left"], self.axes.spines["right"]
        yield self.axes.spines["bottom"], self.axes.spines["top"]

    def above_frame(self) -> Iterator[Artist]:
        """What is drawn last."""
        yield from self.contour_labels
        yield from self.markers

    def _update_lines(self, lines: tuple[Line, ...]) -> None:
        for artist in self.lines[len(lines) :]:
            artist.remove()
        del self.lines[len(lines) :]
        for artist, line in zip(self.lines, lines, strict=False):
            artist.set_data(line.points[:, 1], line.points[:, 0])
            artist.set_color(line.colour)
        self.lines += [_add_line(self.axes, line) for line in lines[len(self.lines) :]]

    def _update_markers(self, panel: Panel) -> None:
        for artist in self.markers:
            artist.remove()
        self.markers = _add_markers(self.axes, panel, self.norm, self.colours)


Artists = PanelArtists | ChartArtists


def build(sheet: Sheet, style: Style, colours: Colormap) -> tuple[Figure, list[Artists | None]]:
    """A figure of the sheet, not yet laid out; its empty places are switched off."""
    width, height = style.panel_size
    figure = Figure(figsize=(width * sheet.columns, height * sheet.rows))
    FigureCanvasAgg(figure)
    places = figure.subplots(sheet.rows, sheet.columns, squeeze=False).ravel()
    panels = [
        _artists(axes, panel, style, colours)
        for axes, panel in zip(places, sheet.panels, strict=True)
    ]
    for axes, panel in zip(places, panels, strict=True):
        if panel is None:
            axes.axis("off")
    return figure, panels


def colour_range(panel: Panel) -> tuple[float, float]:
    """The colour limits as a colour bar widens and orders them."""
    return _widened(min(panel.vmin, panel.vmax), max(panel.vmin, panel.vmax), share=0.1)


def bar_positions(panel: Panel) -> tuple[float, ...]:
    """Where the colour bar's ticks are, from 0 at its foot to 1 at its top."""
    low, high = colour_range(panel)
    values = panel.colour_ticks.positions
    if panel.logarithmic:
        places = np.asarray(LogNorm(low, high)(values)).tolist()
    else:
        places = [(value - low) / (high - low) for value in values]
    # the middle of most ranges is a rounding error away from 0.5, and that must not move a tick
    return tuple(round(place, 9) for place in places)


def _norm(panel: Panel) -> Normalize:
    return (LogNorm if panel.logarithmic else Normalize)(*colour_range(panel))


def _artists(
    axes: Axes, panel: Panel | Chart | None, style: Style, colours: Colormap
) -> Artists | None:
    match panel:
        case None:
            return None
        case Chart():
            return ChartArtists(axes, panel, style)
        case Panel():
            return _panel(axes, panel, style, colours)


def _panel(axes: Axes, panel: Panel, style: Style, colours: Colormap) -> PanelArtists:
    norm = _norm(panel)
    artists = PanelArtists(
        axes=axes,
        shown=panel,
        colours=colours,
        content=_add_content(axes, panel, norm, colours),
        norm=norm,
        bar=_add_bar(axes, panel, style, colours),
    )
    if panel.points is not None:
        artists.dots = scatter_dots(axes, panel.points)
    artists.lines = [_add_line(axes, line) for line in panel.lines]
    if isinstance(panel.content, Image):
        artists.contours, artists.contour_labels = add_contours(
            axes, panel.content, panel.contours, style.contour_labels
        )
    artists.markers = _add_markers(axes, panel, norm, colours)
    for line in axes.spines.values():
        line.set_edgecolor("black")
    axes.set_title(panel.title, fontsize=panel.title_size or style.title_size, y=1.0)
    axes.set_xlabel(panel.x_label, fontsize=LABEL_SIZE)
    axes.set_ylabel(panel.y_label, fontsize=LABEL_SIZE)
    _settle(axes)
    axes.tick_params(axis="x", labelsize=style.xticks_size)
    axes.tick_params(axis="y", labelsize=style.yticks_size, labelrotation=90)
    _limit(axes, panel)
    return artists


def _add_content(axes: Axes, panel: Panel, norm: Normalize, colours: Colormap) -> Artist:
    match panel.content:
        case Image(values, extent):
            return axes.imshow(
                values, cmap=colours, norm=norm, extent=extent, aspect="auto", origin="upper"
            )
        case Mesh(values, y_edges, x_edges):
            x, y = np.meshgrid(x_edges, y_edges)
            return axes.pcolormesh(x, y, values, shading="flat", cmap=colours, norm=norm)
        case Triangles(values, points, simplices):
            y, x = points.T
            return axes.tripcolor(x, y, simplices, facecolors=values, cmap=colours, norm=norm)


def _add_bar(axes: Axes, panel: Panel, style: Style, colours: Colormap) -> Axes:
    # a bar of its own from 0 to 1: one of the content's would be redrawn with every new limit
    norm, positions = Normalize(0.0, 1.0), bar_positions(panel)
    if panel.logarithmic:
        norm, positions = _norm(panel), panel.colour_ticks.positions  # for its minor ticks
    bar = axes.figure.colorbar(
        ScalarMappable(norm, colours),
        ax=axes,
        fraction=style.colorbar_fraction,
        pad=style.colorbar_pad,
        ticks=positions,
    )
    size, rotation = style.colorbar_labelsize, style.colorbar_labelrotation
    bar.ax.set_yticklabels(panel.colour_ticks.labels, va="center", fontsize=size)
    bar.ax.tick_params(axis="y", labelsize=size, labelrotation=rotation)
    _label(bar.ax, panel.colour_ticks)
    bar.ax.set_title("", y=1.0)
    _settle(bar.ax)
    return bar.ax


def _settle(axes: Axes) -> None:
    """Give labels without text a place: matplotlib looks for one at every drawing."""
    for axis in (axes.xaxis, axes.yaxis):
        if not axis.label.get_text():
            axis.set_label_coords(0.5, 0.5)


def _label(bar: Axes, ticks: Ticks) -> None:
    """Name the ticks by their order: they may lie too close together to be told apart."""
    # at the same value matplotlib shows the last label everywhere
    labels = dict(zip(ticks.positions, ticks.labels, strict=True))
    texts = [labels[position] for position in ticks.positions]
    bar.yaxis.set_major_formatter(FixedFormatter(texts))
    for tick, text in zip(bar.yaxis.get_major_ticks(), texts, strict=True):
        tick.label2.set_text(text)


def _add_line(axes: Axes, line: Line) -> Line2D:
    y, x = line.points.T
    (artist,) = axes.plot(x, y, linewidth=LINE_WIDTH, color=line.colour)
    return artist


def _add_markers(axes: Axes, panel: Panel, norm: Normalize, colours: Colormap) -> list[Artist]:
    mappable = ScalarMappable(norm, colours)
    return [add_dots(axes, dots, mappable, MARKER_ORDER) for dots in panel.markers]


def _limit(axes: Axes, panel: Panel) -> None:
    x0, x1, y0, y1 = panel.limits
    width, height = abs(x1 - x0), abs(y1 - y0)
    if not panel.stretched:
        axes.set_aspect(width / height if height > 0 else 1.0, adjustable="box")
    axes.set_xlim(_widened(x0, x1, share=0.05))
    axes.set_ylim(_widened(y0, y1, share=0.05))
    _mark(axes.xaxis, panel.x_ticks)
    _mark(axes.yaxis, panel.y_ticks)
    for label in axes.get_yticklabels():
        label.set_verticalalignment("center")


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    """The range as it is, or by `share` of its ends wider where it is too narrow to divide by."""
    size = max(abs(low), abs(high))
    if size < NOTHING:
        return -share, share
    if high - low <= size * 1e-15:
        return low - share * abs(low), high + share * abs(high)
    return low, high


def _mark(axis: Axis, ticks: Ticks) -> None:
    axis.set_ticks(ticks.positions)
    axis.set_ticklabels(ticks.labels)
