"""The grid of panels: what a user declares is what is drawn, and nothing else can be said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import msgspec
import numpy as np
import plain
import pytest
from running import PATIENCE, running_worker, small_frame

import search_hooks
from search_hooks import Curve, Histogram, Image, LiveFit, Mesh, Scatter
from vizworker import ask, layouts, wire
from vizworker.errors import FrameError, LayoutError, VizError, WireError
from vizworker.frame import Frame, Style
from vizworker.layouts import Bars, Chart, Dots, Line, Panel
from vizworker.layouts import Mesh as DrawnMesh
from vizworker.panels import MAX_PANELS, Layer, grid_of
from vizworker.render.figure import Figures

rng = np.random.default_rng(5)
X = np.linspace(0.0, 10.0, 50)
ARRAYS = {
    "image": rng.normal(size=(12, 20)),
    "positive": np.exp(rng.normal(size=(12, 20))),
    "x": X,
    "y": np.sin(X),
    "error": np.full(50, 0.1),
    "samples": rng.normal(size=(4, 100)),
    "x_edges": np.arange(21.0) ** 1.5,
    "y_edges": np.arange(13.0),
    "where": np.array([-2.0, 2.0, -1.0, 1.0]),
}
SMALL = Style(panel_size=(2.0, 2.0), dpi=60.0, title_size=8.0, xticks_size=7.0, yticks_size=7.0)


def frame_of(*panels: Layer | Sequence[Layer], columns: int = 0, **fields: object) -> Frame:
    grid = grid_of(panels, columns) if panels else None
    given = {"layout": "grid", "arrays": ARRAYS, "style": SMALL, "grid": grid, **fields}
    return small_frame(**given)


def panel_of(*layers: Layer) -> Panel | Chart:
    (sheet,) = layouts.sheets(frame_of(layers))
    assert sheet.notes == ()
    (panel,) = sheet.panels
    assert panel is not None
    return panel


def test_an_image_has_its_title_values_limits_and_unit() -> None:
    panel = panel_of(
        Image("image", title="Map", unit=" Jy", extent="where", vmin=-1.0, x_label="x", y_label="y")
    )
    assert isinstance(panel, Panel)
    np.testing.assert_array_equal(panel.content.values, ARRAYS["image"])
    assert (panel.title, panel.x_label, panel.y_label) == ("Map", "x", "y")
    assert panel.limits == (-2.0, 2.0, -1.0, 1.0)
    assert (panel.vmin, panel.vmax) == (-1.0, ARRAYS["image"].max())
    assert panel.colour_ticks.labels[1].endswith(" Jy")
    assert panel.x_ticks.labels == ("-1.5", "0", "1.5")


def test_rows_of_an_image_are_counted_from_where_row_0_is() -> None:
    down = panel_of(Image("image"))
    up = panel_of(Image("image", origin="lower"))
    np.testing.assert_array_equal(up.content.values, down.content.values[::-1])
    assert down.y_ticks.labels == up.y_ticks.labels
    low, _, high = up.y_ticks.positions
    assert down.y_ticks.positions[::2] == (11 - low, 11 - high)


def test_curves_lie_over_an_image() -> None:
    panel = panel_of(Image("image"), Curve("y", "x", colour="red"), Curve("x"))
    assert [line.colour for line in panel.lines] == ["red", "yellow"]
    np.testing.assert_array_equal(panel.lines[0].points, np.stack([ARRAYS["y"], X], axis=1))


def test_logarithmic_colours_run_from_the_floor_with_their_geometric_middle() -> None:
    panel = panel_of(Image("positive", scale="log", vmin=0.01, vmax=100.0))
    assert panel.logarithmic
    assert panel.colour_ticks.positions == pytest.approx((0.01, 1.0, 100.0))
    assert panel_of(Image("positive", scale="log")).vmin == SMALL.log10_min_value


def test_a_mesh_has_its_edges() -> None:
    panel = panel_of(Mesh("image", "x_edges", "y_edges"))
    assert isinstance(panel.content, DrawnMesh)
    np.testing.assert_array_equal(panel.content.x_edges, ARRAYS["x_edges"])
    assert panel.limits == (0.0, 20.0**1.5, 0.0, 12.0)


def test_curves_and_points_share_axes_scales_limits_and_a_legend() -> None:
    panel = panel_of(
        Scatter("x", "y", error="error", label="data", x_label="t", x_limits=(0.1, 9.0)),
        Curve("y", "x", label="model", style="--"),
    )
    assert isinstance(panel, Chart)
    bars, dots, line = panel.marks
    assert isinstance(bars, Line)
    assert isinstance(dots, Dots)
    assert isinstance(line, Line)
    np.testing.assert_allclose(bars.points[1::3, 0] - bars.points[::3, 0], 0.2)
    assert (line.style, line.label, panel.x_label) == ("--", "model", "t")
    assert panel.limits is not None
    assert panel.limits[:2] == (0.1, 9.0)
    assert panel.limits[2] < -1.0 < 1.0 < panel.limits[3]
    assert panel.legend_size


def test_points_coloured_by_values_have_a_colour_bar() -> None:
    panel = panel_of(Scatter("x", "x", values="y", unit=" K"))
    assert (panel.vmin, panel.vmax) == (ARRAYS["y"].min(), ARRAYS["y"].max())
    assert panel.colour_ticks.labels[1].endswith(" K")


@pytest.mark.parametrize("bins", [25, "y_edges"])
def test_a_histogram_counts_what_is_finite(bins: int | str) -> None:
    samples = np.abs(ARRAYS["samples"])
    samples[0, :7] = np.nan
    frame = frame_of(Histogram("samples", bins=bins), arrays={**ARRAYS, "samples": samples})
    (bars,) = layouts.sheets(frame)[0].panels[0].marks
    assert isinstance(bars, Bars)
    assert bars.heights.sum() == 393


def test_every_kind_of_panel_is_drawn() -> None:
    frame = frame_of(
        Image("image", title="Image", x_label="x"),
        Image("positive", scale="log"),
        Mesh("image", "x_edges", "y_edges"),
        (Scatter("x", "y", error="error"), Curve("y", "x", label="model")),
        Scatter("x", "x", values="y"),
        Curve("x", y_scale="log"),
        Histogram("samples", y_scale="log"),
    )
    figures = Figures()
    first, second = (plain.shown(figures.render(frame).pictures[0].png) for _ in range(2))
    assert first.std() > 10.0
    np.testing.assert_array_equal(first, second)


def test_a_kept_figure_of_other_values_is_that_made_from_scratch() -> None:
    panels = (Scatter("x", "y", values="y", unit=" K"), Image("image"), Curve("y"))
    frame = frame_of(*panels)
    other = frame_of(*panels, arrays={**ARRAYS, "y": 3.0 * ARRAYS["y"] + 7.0}, sequence=2)
    figures = Figures()
    for each in (frame, other, frame, other):
        kept = plain.shown(figures.render(each).pictures[0].png)
        np.testing.assert_array_equal(kept, plain.shown(Figures().render(each).pictures[0].png))


@pytest.mark.parametrize(
    ("columns", "count", "shape"), [(0, 1, (1, 1)), (0, 5, (2, 3)), (0, 12, (3, 4)), (2, 5, (3, 2))]
)
def test_panels_fill_a_grid_row_by_row(columns: int, count: int, shape: tuple[int, int]) -> None:
    (sheet,) = layouts.sheets(frame_of(*[Curve("y")] * count, columns=columns))
    assert (sheet.rows, sheet.columns) == shape
    assert len(sheet.panels) == shape[0] * shape[1]


def test_a_panel_without_its_array_is_left_empty_and_the_figure_says_why() -> None:
    frame = frame_of(
        Curve("y"),
        Image("modle", title="Model"),
        Curve("y", "error_", title="Fit"),
        Image("y", title="Flat"),
        Mesh("positive", "y_edges", "x_edges", title="Turned"),
    )
    (sheet,) = layouts.sheets(frame)
    assert [panel is None for panel in sheet.panels] == [False, True, True, True, True, True]
    for note, expected in zip(
        sheet.notes, ("'modle'", "'error_'", r"'y' has shape (50,)", "'x_edges'"), strict=True
    ):
        assert expected in note
    assert sheet.notes[0].startswith("panel 2 'Model'")
    rgb = plain.shown(Figures().render(frame).pictures[0].png)
    bare = plain.shown(Figures().render(frame_of(*[Curve("y")] * 5)).pictures[0].png)
    red, green, blue = rgb[-40:].reshape(-1, 3).T.astype(int)
    assert ((red > 200) & (green < 120) & (blue < 120)).sum() > 20
    assert rgb.shape[0] > bare.shape[0]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "0 panels, expected 1 to 36"),
        ([Curve("y")] * (MAX_PANELS + 1), "37 panels"),
        ([[]], "panel 1 has 0 layers"),
        ([[Curve("y")] * 17], "17 layers, expected 1 to 16"),
        ([Curve("y"), [Curve("y"), Image("image")]], "panel 2: an image or mesh is its first"),
        ([[Image("image"), Histogram("y")]], "over an image or mesh lie curves alone"),
        ([Image("a" * 201)], "values has 201 characters, expected at most 200"),
        ([Image("image", vmax=float("inf"))], "vmax is inf, expected finite"),
        ([Image("image", extent=(0.0, float("nan"), 0.0, 1.0))], "extent is .* expected finite"),
        ([Histogram("y", bins=10**9)], "bins is 1000000000, expected 1 to 10000"),
        ([Scatter("x", "y", size=1e9)], "size is 1000000000.0, expected more than 0"),
        ([Curve("y", x_limits=(1.0, 1.0))], "x_limits is .* two different numbers"),
        ([Curve("y", style="zigzag")], "Invalid enum value 'zigzag'"),
        ([Image(3)], "Expected `str`, got `int`"),
        ([print], "panels that cannot be declared"),
    ],
)
def test_what_cannot_be_declared_is_named_where_it_is_declared(
    panels: list[object], message: str
) -> None:
    with pytest.raises(FrameError, match=message):
        grid_of(panels)  # type: ignore[arg-type]


def test_a_misspelt_field_is_named() -> None:
    with pytest.raises(TypeError, match="tilte"):
        Image("image", tilte="Map")  # type: ignore[call-arg]


def test_a_declaration_travels_whole() -> None:
    frame = frame_of(Image("image", extent=(0.0, 1.0, 0.0, 1.0)), [Curve("y"), Scatter("x", "y")])
    came = wire.decode_frame(wire.decode(wire.encode_frame(frame)))
    assert came.grid == frame.grid


def test_a_declaration_out_of_bounds_is_refused_by_name_from_the_wire() -> None:
    frame = frame_of(Curve("y"))
    header, *buffers = wire.encode_frame(frame)
    raw = msgspec.msgpack.decode(header)
    for change, message in (
        ({"panels": raw["grid"]["panels"] * 40}, "40 panels"),
        ({"panels": [[{"type": "curve", "y": "y", "eval": "1"}]]}, "unknown field `eval`"),
        ({"panels": [[{"type": "code", "y": "y"}]]}, "Invalid value 'code'"),
    ):
        bad = msgspec.msgpack.encode({**raw, "grid": {**raw["grid"], **change}})
        with pytest.raises((WireError, FrameError), match=message):
            wire.decode_frame(wire.decode([bad, *buffers]))


def test_arrays_that_nobody_declared_are_shown_one_by_one() -> None:
    arrays = {
        "image": ARRAYS["image"],
        "y": ARRAYS["y"],
        "grid_yx": rng.normal(size=(30, 2)),
        "cube": rng.normal(size=(6, 5, 5)),
        "mask": np.zeros((5, 5), dtype=bool),
        "number": np.float64(3.0).reshape(()),
        "parameters": np.ones(3),
        "nothing": np.zeros((0, 4)),
    }
    (sheet,) = layouts.sheets(frame_of(arrays=arrays))
    titles = [panel.title for panel in sheet.panels if panel]
    assert titles == ["image", "y", "grid_yx", "cube[0]", "cube[1]", "cube[2]", "cube[3]", "mask"]
    assert len(sheet.panels[2].marks) == 2
    assert plain.shown(Figures().render(frame_of(arrays=arrays)).pictures[0].png).std() > 10.0


def test_more_arrays_than_fit_are_counted_in_a_note() -> None:
    (sheet,) = layouts.sheets(frame_of(arrays={f"a{i}": np.ones(4) for i in range(40)}))
    assert len([panel for panel in sheet.panels if panel]) == 16
    assert sheet.notes == ("16 of 40 panels are shown",)


@pytest.mark.parametrize(
    ("layout", "note"), [("hologram", "'hologram' is unknown"), ("imaging", "needs the array")]
)
def test_a_frame_that_its_layout_cannot_draw_is_shown_with_a_note(layout: str, note: str) -> None:
    frame = frame_of(layout=layout)
    with pytest.raises(LayoutError, match=note):
        layouts.sheets(frame)
    (sheet,) = layouts.shown(frame)
    assert note in sheet.notes[0]
    assert {panel.title for panel in sheet.panels if panel} == set(ARRAYS)


def test_a_frame_with_nothing_to_show_is_refused_with_the_reason() -> None:
    with pytest.raises(LayoutError, match="'hologram' is unknown"):
        layouts.shown(frame_of(layout="hologram", arrays={}))


def test_a_real_worker_draws_an_unknown_layout_and_a_damaged_one() -> None:
    with running_worker(real=True) as worker:
        for frame in (
            frame_of(layout="hologram"),
            frame_of(layout="imaging", sequence=2),
            frame_of(Curve("y"), Image("missing"), sequence=3),
        ):
            assert ask.draw(worker.endpoint, frame, PATIENCE).startswith(b"\x89PNG")
        bad = frame_of(Curve("y", colour="nonsense"), sequence=4)
        with pytest.raises(VizError, match="nonsense"):
            ask.draw(worker.endpoint, bad, PATIENCE)
        assert ask.draw(worker.endpoint, replace(frame, sequence=5), PATIENCE)


def fit_from(parameters: jnp.ndarray) -> dict[str, jnp.ndarray]:
    x = jnp.linspace(0.0, 1.0, 40)
    return {"x": x, "model": parameters[0] * x + parameters[1]}


@pytest.mark.parametrize("panels", [(), (Curve("model", "x", title="Line"),)])
def test_any_jax_function_becomes_a_figure(panels: tuple[Layer, ...], tmp_path: Path) -> None:
    with running_worker(real=True) as worker:
        live = LiveFit(
            fit_from, panels=panels, run="line", folder=tmp_path, endpoint=worker.endpoint
        )
        for step in range(5):
            live.step(np.array([1.0, float(step)]), float(step))
        assert live.close(timeout=PATIENCE)
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_the_declarations_are_exported() -> None:
    for name in ("Image", "Mesh", "Curve", "Scatter", "Histogram", "LiveFit"):
        assert name in search_hooks.__all__
        assert getattr(search_hooks, name)
    with pytest.raises(FrameError, match="first layer"):
        LiveFit(fit_from, panels=[[Curve("y"), Image("image")]])
