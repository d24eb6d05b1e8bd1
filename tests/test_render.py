"""Frames become the pixels that plain matplotlib, and PyAutoLens, would make of them."""

import string
import subprocess
import sys
from dataclasses import replace

import matplotlib
import msgspec
import numpy as np
import plain
import pytest
import upstream
from autoarray.plot.segmentdata import register
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

from vizworker.errors import LayoutError
from vizworker.frame import Frame, Style
from vizworker.layouts import Image, Line, Mesh, Panel, Sheet, Triangles, ticks
from vizworker.render.agg import pixels_of, renderer_of
from vizworker.render.artists import bar_positions
from vizworker.render.colormap import colormap
from vizworker.render.figure import Figures
from vizworker.render.labels import LabelParser
from vizworker.render.pixels import blit
from vizworker.render.plate import Plate, arrangement

SMALL = Style(panel_size=(3.0, 3.0), title_size=10.0, xticks_size=9.0, yticks_size=9.0)
CURVES_START_ELSEWHERE = 1e-3  # share of pixels: a closed curve is simplified from its start
LIVE = 60.0  # dpi
FRAME, TICK = 2.0, 3.5  # pixels to either side of a line's middle; points, the length of a tick


@pytest.mark.parametrize("dpi", [LIVE, 150.0])
def test_kept_figures_have_the_pixels_of_plain_matplotlib(dpi: float) -> None:
    figures = Figures()
    for case in (("sersic", 0), ("sersic", 1), ("rectangular adaptive", 0), ("sersic", 0)):
        frame = upstream.case(*case).frame
        assert_same(
            plain.shown(figures.render(frame, dpi).pictures[0].png),
            plain.pixels(plain.sheet_of(frame), frame.style, dpi),
        )


@pytest.mark.parametrize("model", ["sersic", "rectangular adaptive", "rectangular uniform"])
def test_two_planes_have_upstreams_pixels_but_for_the_joints_of_its_curves(model: str) -> None:
    case = upstream.case(model, 0)
    rgb = plain.shown(Figures().render(case.frame).pictures[0].png)
    assert rgb.shape == case.rgb.shape
    assert (rgb != case.rgb).any(axis=-1).mean() < CURVES_START_ELSEWHERE


@pytest.mark.parametrize("vector", [0, 1])
def test_one_plane_has_exactly_upstreams_pixels(vector: int) -> None:
    case = upstream.case("one plane", vector)
    np.testing.assert_array_equal(
        plain.shown(Figures().render(case.frame).pictures[0].png), case.rgb
    )


ODD = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e-320, -1e9, 3.0e-5])
LIMIT = st.one_of(st.floats(-20.0, 20.0), st.sampled_from([0.0, 1e-300, -1e-7, 2.5e5]))


@st.composite
def contents(draw: st.DrawFn, kind: type) -> Image | Mesh | Triangles:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(3, 60)), draw(st.integers(2, 60))
    values = rng.normal(size=(rows, columns)) * 10.0 ** draw(st.integers(-6, 6))
    if draw(st.booleans()):
        values[rng.random(values.shape) < 0.3] = draw(ODD)
    if draw(st.integers(0, 9)) == 0:
        values[:] = draw(ODD)
    if kind is Image:
        return Image(values, extent=(-1.0, 1.5, -2.0, 0.5))
    if kind is Mesh:
        x, y = (np.sort(rng.uniform(-2.0, 2.0, n + 1)) for n in (columns, rows))
        return Mesh(values, y_edges=y[::-1], x_edges=x)
    points = rng.uniform(-2.0, 2.0, (rows, 2))
    corners = np.array([np.arange(rows - 2), np.arange(1, rows - 1), np.arange(2, rows)]).T
    return Triangles(values.ravel()[: len(corners)], points, corners)


@st.composite
def sheets(draw: st.DrawFn) -> list[Sheet]:
    """A few sheets of one row that differ in what changes during a run."""
    kinds = draw(st.lists(st.sampled_from([Image, Image, Mesh, Triangles]), min_size=1, max_size=3))
    dots = draw(st.booleans())
    rows = [
        tuple(draw(panels(kind, dots)) for kind in kinds) for _ in range(draw(st.integers(1, 3)))
    ]
    return [Sheet(("fit",), 1, len(kinds), row) for row in rows]


@st.composite
def panels(draw: st.DrawFn, kind: type, dots: bool) -> Panel:
    content = draw(contents(kind))
    limits = (-1.0, 1.5, -2.0, 0.5)
    if draw(st.booleans()):
        side = draw(st.floats(0.1, 3.0))
        limits = (-1.0, -1.0 + side, 0.25, 0.25 + side)
    if isinstance(content, Image) and draw(st.booleans()):
        content = replace(content, extent=limits)
    vmin, vmax = draw(LIMIT), draw(LIMIT)
    y, x = np.mgrid[-2.0:0.5:9j, -1.0:1.5:9j].reshape(2, -1)
    turn = np.linspace(0.0, 6.0, 50)
    line = np.stack([np.sin(turn) * draw(st.floats(0.1, 2.0)), np.cos(turn)], axis=1)
    return Panel(
        title="Values",
        content=content,
        limits=limits,
        vmin=vmin,
        vmax=vmax,
        x_ticks=ticks.spatial(limits[0], limits[1], SMALL),
        y_ticks=ticks.spatial(limits[2], limits[3], SMALL),
        colour_ticks=ticks.colour(vmin, vmax, SMALL.cb_unit),
        lines=tuple(Line(line, c) for c in draw(st.lists(st.sampled_from(["white", "yellow"])))),
        points=np.stack([y, x], axis=1) if dots else None,
    )


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a shrink takes minutes
    suppress_health_check=list(HealthCheck),
)
@given(sheets=sheets(), dpi=st.sampled_from([72.0, 100.0, 150.0]))
def test_any_sheet_after_any_other_has_the_pixels_of_plain_matplotlib(
    sheets: list[Sheet], dpi: float
) -> None:
    plates: dict[object, Plate] = {}
    for sheet in sheets:
        key = arrangement(sheet)
        plate = plates.setdefault(key, Plate(sheet, SMALL, dpi))
        ours, theirs = plate.draw(sheet)[..., :3], plain.pixels(sheet, SMALL, dpi)
        assert ours.shape == theirs.shape
        # a bar from 0 to 1 and one from vmin to vmax round to either side of half a pixel
        frames = bar_frames(plate, ours.shape)
        assert (ours != theirs).any(axis=-1)[frames].mean() < 0.1
        assert_same(np.where(frames[..., np.newaxis], theirs, ours), theirs)


def test_labels_that_reach_beyond_their_panel_push_the_others() -> None:
    style = msgspec.structs.replace(SMALL, xticks_size=16.0, yticks_size=16.0)
    usual = zoomed((-3.0, 3.0), style)
    ends = [(0.0, 1.0), (1.2345, 1.2346), (-1000.0, 1000.0), (0.0, 1.0)]
    sheets = [Sheet(("fit",), 1, 3, (usual, usual, zoomed(each, style))) for each in ends]
    plate = Plate(sheets[0], style, 100.0)
    shapes = set()
    for sheet in sheets:
        assert arrangement(sheet) == arrangement(sheets[0])
        ours = plate.draw(sheet)[..., :3]
        assert_same(ours, plain.pixels(sheet, style, 100.0))
        shapes.add(ours.shape)
    assert len(shapes) == 2


@pytest.mark.parametrize("shape", [(100, 100), (37, 81), (400, 350), (90, 240)])
@pytest.mark.parametrize("missing", [0.0, 0.01])
def test_a_smoothed_image_has_exactly_matplotlibs_pixels(
    shape: tuple[int, int], missing: float
) -> None:
    rng = np.random.default_rng(shape)
    for place in rng.uniform([0.0, 0.0, 0.3, 0.3], [0.3, 0.3, 0.6, 0.6], (3, 4)):
        figure = Figure(figsize=(4.0, 4.0), dpi=LIVE)
        renderer = renderer_of(FigureCanvasAgg(figure).figure)
        values = rng.normal(size=shape)
        values[rng.random(shape) < missing] = np.nan
        axes = figure.add_axes(tuple(place))
        image = axes.imshow(values, extent=(-1.3, 2.9, -0.7, 3.1), aspect="auto")
        words = pixels_of(renderer).view(np.uint32)[..., 0]
        image.draw(renderer)
        theirs = words.copy()
        words.fill(0)
        blit(words, image, renderer)
        np.testing.assert_array_equal(words, np.where(theirs >> 24, theirs, 0))


def test_another_colour_range_is_drawn_by_the_same_plate() -> None:
    sheet = plain.sheet_of(small_frame())
    panel = sheet.panels[0]
    assert panel is not None
    panels = [
        replace(panel, vmin=low, vmax=high, colour_ticks=ticks.colour(low, high, ""))
        for low, high in np.random.default_rng(0).uniform([-1.0, 0.0], [0.0, 30.0], (50, 2))
    ]
    assert len({arrangement(replace(sheet, panels=(panel,))) for panel in panels}) == 1


@pytest.mark.parametrize("ranges", [[(0.0, 1.0), (0.0, 1e-200)], [(0.0, 1e-290), (0.0, 0.0)]])
def test_a_long_middle_label_moves_panels_as_a_new_layout_does(
    ranges: list[tuple[float, float]],
) -> None:
    panel = plain.sheet_of(small_frame()).panels[0]
    assert isinstance(panel, Panel)
    sheets = [Sheet(("fit",), 1, 2, (in_colours(panel, *each),) * 2) for each in ranges]
    assert arrangement(sheets[0]) == arrangement(sheets[1])
    plate = Plate(sheets[0], SMALL, 150.0)
    for sheet in (*sheets, sheets[0]):
        assert_same(plate.draw(sheet)[..., :3], plain.pixels(sheet, SMALL, 150.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_frame_of_nothing_is_drawn(value: float) -> None:
    frame = upstream.case("one plane", 0).frame
    maps = {name: array for name, array in frame.arrays.items() if array.dtype == float}
    floats = {name: np.full_like(array, value) for name, array in maps.items() if array.ndim > 1}
    Figures().render(replace(frame, arrays={**frame.arrays, **floats}), LIVE)


def test_the_pixels_are_ready_before_their_encoding() -> None:
    rendered = Figures().render(small_frame(), LIVE)
    assert rendered.drawn <= rendered.encoded
    assert rendered.pictures[0].names == ("fit", "fit_x1_plane")


def test_notes_are_a_red_line_below_panels_that_stay_where_they_are() -> None:
    frame, figures = small_frame(), Figures()
    bare = plain.shown(figures.render(frame, LIVE).pictures[0].png)
    noted = plain.shown(
        figures.render(replace(frame, notes=("log likelihood differs", "$x")), LIVE).pictures[0].png
    )
    np.testing.assert_array_equal(noted[: len(bare)], bare)
    red, green, blue = noted[len(bare) :].reshape(-1, 3).T.astype(int)
    assert ((red > 200) & (green < 80) & (blue < 80)).sum() > 100


def test_long_notes_fit_the_width() -> None:
    rgb = plain.shown(
        Figures().render(replace(small_frame(), notes=("word " * 40,)), LIVE).pictures[0].png
    )
    strip = rgb[-20:]
    assert (strip[:, :3] == 255).all()
    assert (strip[:, -3:] == 255).all()


def test_the_style_sets_colours_size_and_resolution() -> None:
    frame = small_frame()
    style = Style(colormap="viridis", panel_size=(4.0, 4.0), dpi=50.0)
    rgb = plain.shown(Figures().render(replace(frame, style=style)).pictures[0].png)
    assert_same(rgb, plain.pixels(plain.sheet_of(replace(frame, style=style)), style, 50.0))
    assert abs(rgb.shape[1] - 600) < 30


def test_an_unknown_colour_map_is_named_with_where_to_correct_it() -> None:
    with pytest.raises(LayoutError, match=r"'jett' is unknown.*general\.yaml"):
        Figures().render(replace(small_frame(), style=Style(colormap="jett")))


def test_a_frame_that_cannot_be_drawn_does_not_spoil_the_next() -> None:
    figures, frame = Figures(), small_frame()
    before = plain.shown(figures.render(frame, LIVE).pictures[0].png)
    with pytest.raises(LayoutError):
        figures.render(replace(frame, style=Style(colormap="jett")), LIVE)
    np.testing.assert_array_equal(plain.shown(figures.render(frame, LIVE).pictures[0].png), before)


def test_figures_kept_are_bounded_by_number_and_by_bytes() -> None:
    frame = small_frame()
    for figures, most in ((Figures(limit=2), 2), (Figures(nbytes=1), 1)):
        for title in ("a", "b", "c"):
            figures.render(replace(frame, title_prefix=title), 30.0)
        assert len(figures._plates) == most


def test_figures_are_shared_by_runs_and_forgotten_with_the_last_of_them() -> None:
    figures, frame = Figures(), small_frame()
    for run_id in ("a", "b"):
        figures.render(replace(frame, run_id=run_id), 30.0)
    assert len(figures._plates) == 1
    figures.forget("a")
    assert len(figures._plates) == 1
    figures.forget("b")
    assert not figures._plates


def test_figure_shared_by_runs_has_the_pixels_of_each_ones_own() -> None:
    shared = Figures()
    for run_id, scale in (("a", 1.0), ("b", 1e5), ("c", 1e-5), ("a", 3.0), ("b", 1e5)):
        frame = scaled(replace(small_frame(), run_id=run_id), scale)
        ours = plain.shown(shared.render(frame, LIVE).pictures[0].png)
        np.testing.assert_array_equal(
            ours, plain.shown(Figures().render(frame, LIVE).pictures[0].png)
        )
    assert len(shared._plates) == 1


def scaled(frame: Frame, scale: float) -> Frame:
    arrays = {
        name: array * scale if name in ("data", "model_data") else array
        for name, array in frame.arrays.items()
    }
    return replace(frame, arrays=arrays)


def test_the_colours_are_upstreams() -> None:
    register()
    theirs, ours = matplotlib.colormaps["autoarray"], colormap("autoarray")
    steps = np.linspace(0.0, 1.0, 256)
    np.testing.assert_allclose(ours(steps), theirs(steps), atol=1 / 255)
    np.testing.assert_array_equal(ours(steps, bytes=True), theirs(steps, bytes=True))
    assert ours.N == theirs.N


@pytest.mark.parametrize("unit", [Style().cb_unit, r"$\chi^2$", r"$\sigma$", "", " Jy"])
@given(number=st.text(string.digits + ".-×⁻¹", min_size=1, max_size=9))
@settings(max_examples=40, deadline=None)
def test_labels_are_set_as_matplotlib_sets_them(unit: str, number: str) -> None:
    prop = FontProperties(size=16)
    ours = LabelParser().parse(number + unit, 150.0, prop)
    theirs = MathTextParser("path").parse(number + unit, 150.0, prop)
    assert ours[:3] == theirs[:3]
    assert [glyph[1:] for glyph in ours.glyphs] == [glyph[1:] for glyph in theirs.glyphs]


def test_the_renderer_needs_no_pyplot() -> None:
    code = "import sys, vizworker.render.figure; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def bar_frames(plate: Plate, shape: tuple[int, ...]) -> np.ndarray:
    """Which pixels a colour bar's frame, or its ticks, may cover."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    near = np.zeros(shape[:2], dtype=bool)
    for panel in plate._panels.values():
        box = panel.bar.bbox
        left, right, top, foot = box.x0, box.x1, shape[0] - box.y1, shape[0] - box.y0
        inside = (x > left - FRAME) & (x < right + FRAME) & (y > top - FRAME) & (y < foot + FRAME)
        within = (x > left + FRAME) & (x < right - FRAME) & (y > top + FRAME) & (y < foot - FRAME)
        near |= inside & ~within
        beside = (x > right - 1) & (x < right + TICK * plate._dpi / 72.0 + 1)
        for position in bar_positions(panel.shown):
            near |= beside & (abs(y - foot + position * (foot - top)) < FRAME)
    return near


def zoomed(ends: tuple[float, float], style: Style) -> Panel:
    """An image of noise that fills a square between these ends."""
    return Panel(
        title="Values",
        content=Image(np.random.default_rng(0).normal(size=(20, 20)), extent=(*ends, *ends)),
        limits=(*ends, *ends),
        vmin=0.0,
        vmax=1.0,
        x_ticks=ticks.spatial(*ends, style),
        y_ticks=ticks.spatial(*ends, style),
        colour_ticks=ticks.colour(0.0, 1.0, style.cb_unit),
    )


def in_colours(panel: Panel, vmin: float, vmax: float) -> Panel:
    colour_ticks = ticks.colour(vmin, vmax, SMALL.cb_unit)
    return replace(panel, vmin=vmin, vmax=vmax, colour_ticks=colour_ticks)


def small_frame() -> Frame:
    return upstream.case("one plane", 0).frame


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal but for rounding, by 1/255 in a thousandth of the pixels: ticks that touch an image."""
    assert ours.shape == theirs.shape
    apart = np.abs(ours.astype(int) - theirs).max(axis=-1)
    assert apart.max() <= 1
    assert (apart > 0).mean() <= 1e-3
