"""A sheet drawn from scratch by plain matplotlib: what the renderer's pixels must equal."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image as PillowImage

from vizworker.frame import Frame, Style
from vizworker.layouts import Image, Mesh, Panel, Sheet, sheets
from vizworker.render.artists import colour_range
from vizworker.render.colormap import colormap


def sheet_of(frame: Frame) -> Sheet:
    """The figure of a frame that is the one to watch."""
    return sheets(frame)[0]


def pixels(sheet: Sheet, style: Style, dpi: float) -> np.ndarray:
    """(height, width, 3) uint8 of a new figure, saved with a tight bounding box."""
    figure = figure_of(sheet, style)
    figure.tight_layout()
    return saved(figure, dpi)


def saved(figure: Figure, dpi: float) -> np.ndarray:
    """(height, width, 3) uint8 of a figure, saved with a tight bounding box."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight", pad_inches=0.1)
    return shown(file.getvalue())


def shown(png: bytes) -> np.ndarray:
    """(height, width, 3) uint8 of a PNG without transparency."""
    with PillowImage.open(io.BytesIO(png)) as image:
        assert image.mode == "RGB" or image.getextrema()[3] == (255, 255)
        return np.asarray(image.convert("RGB"))


def figure_of(sheet: Sheet, style: Style) -> Figure:
    """The figure before it is laid out."""
    width, height = style.panel_size
    figure = Figure(figsize=(width * sheet.columns, height * sheet.rows))
    FigureCanvasAgg(figure)
    places = figure.subplots(sheet.rows, sheet.columns, squeeze=False).ravel()
    for axes, panel in zip(places, sheet.panels, strict=True):
        if panel is None:
            axes.axis("off")
        else:
            _draw(axes, panel, style)
    return figure


def _draw(axes: Axes, panel: Panel, style: Style) -> None:
    # a colour bar widens and orders the limits it is given, after its ticks are chosen
    look = {"cmap": colormap(style.colormap), "norm": Normalize(*colour_range(panel))}
    content = panel.content
    if isinstance(content, Image):
        drawn = axes.imshow(content.values, extent=content.extent, aspect="auto", **look)
    elif isinstance(content, Mesh):
        x, y = np.meshgrid(content.x_edges, content.y_edges)
        drawn = axes.pcolormesh(x, y, content.values, shading="flat", **look)
    else:
        y, x = content.points.T
        drawn = axes.tripcolor(x, y, content.simplices, facecolors=content.values, **look)
    x0, x1, y0, y1 = panel.limits
    if not panel.stretched:
        axes.set_aspect((x1 - x0) / (y1 - y0), adjustable="box")
    bar = axes.figure.colorbar(
        drawn,
        ax=axes,
        fraction=style.colorbar_fraction,
        pad=style.colorbar_pad,
        ticks=panel.colour_ticks.positions,
    )
    size, rotation = style.colorbar_labelsize, style.colorbar_labelrotation
    bar.ax.set_yticklabels(panel.colour_ticks.labels, va="center", fontsize=size)
    bar.ax.tick_params(axis="y", labelsize=size, labelrotation=rotation)
    if panel.points is not None:
        axes.scatter(panel.points[:, 1], panel.points[:, 0], s=1, c="k")
    for line in panel.lines:
        axes.plot(line.points[:, 1], line.points[:, 0], linewidth=1, color=line.colour)
    axes.set_title(panel.title, fontsize=style.title_size)
    axes.tick_params(axis="x", labelsize=style.xticks_size)
    axes.tick_params(axis="y", labelsize=style.yticks_size, labelrotation=90)
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.set_xticks(panel.x_ticks.positions, panel.x_ticks.labels)
    axes.set_yticks(panel.y_ticks.positions, panel.y_ticks.labels)
    for label in axes.get_yticklabels():
        label.set_verticalalignment("center")
