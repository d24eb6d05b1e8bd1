"""The layout of lens imaging shows what PyAutoLens's own `subplot_fit` shows."""

from dataclasses import replace

import lenses
import numpy as np
import pytest
import upstream
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from plain import sheet_of
from scipy.spatial.distance import directed_hausdorff

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import Image, Mesh, Panel, Sheet
from vizworker.layouts.curves import zero_contours
from vizworker.render.artists import colour_range

CASES = [(model, vector) for model in upstream.MODELS for vector in (0, 1)]
HALF_A_PIXEL = 0.025  # arcsec, of the evaluation grid


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1]}")
def case(request: pytest.FixtureRequest) -> upstream.Case:
    return upstream.case(*request.param)


def test_every_panel_has_upstreams_title_values_and_colour_limits(case: upstream.Case) -> None:
    for panel, axes, _ in pairs(case):
        assert panel.title == axes.get_title()
        drawn = axes.images[0] if axes.images else axes.collections[0]
        values = np.ma.filled(drawn.get_array().astype(float), np.nan)
        np.testing.assert_array_equal(panel.content.values, values)
        assert colour_range(panel) == pytest.approx(drawn.get_clim(), rel=1e-12)
        assert panel.vmin == pytest.approx(drawn.norm.vmin, rel=1e-12)


def test_every_panel_has_upstreams_extent_limits_and_ticks(case: upstream.Case) -> None:
    for panel, axes, _ in pairs(case):
        if isinstance(panel.content, Image):
            assert panel.content.extent == pytest.approx(axes.images[0].get_extent(), abs=1e-12)
        assert panel.limits == pytest.approx((*axes.get_xlim(), *axes.get_ylim()), abs=1e-12)
        for ticks, axis in ((panel.x_ticks, axes.xaxis), (panel.y_ticks, axes.yaxis)):
            np.testing.assert_array_equal(ticks.positions, axis.get_ticklocs())
            assert list(ticks.labels) == [text.get_text() for text in axis.get_ticklabels()]


def test_every_colour_bar_has_upstreams_ticks_and_unit(case: upstream.Case) -> None:
    for panel, _, bar in pairs(case):
        np.testing.assert_allclose(panel.colour_ticks.positions, bar.yaxis.get_ticklocs())
        labels = [text.get_text() for text in bar.yaxis.get_ticklabels()]
        assert list(panel.colour_ticks.labels) == labels


def test_every_panel_has_upstreams_mask_edge(case: upstream.Case) -> None:
    for panel, axes, _ in pairs(case):
        dots = [c for c in axes.collections if hasattr(c, "get_sizes") and len(c.get_sizes())]
        assert len(dots) == (panel.points is not None)
        for scatter in dots:
            np.testing.assert_allclose(panel.points[:, ::-1], scatter.get_offsets(), atol=1e-12)


def test_curves_lie_within_half_a_pixel_of_upstreams_in_its_colours(case: upstream.Case) -> None:
    for panel, axes, _ in pairs(case):
        assert [to_hex(line.colour) for line in panel.lines] == [
            to_hex(line.get_color()) for line in axes.lines
        ]
        for ours, theirs in zip(panel.lines, axes.lines, strict=True):
            assert hausdorff(ours.points[:, ::-1], theirs.get_xydata()) < HALF_A_PIXEL


def test_rectangles_have_upstreams_edges() -> None:
    case = upstream.case("rectangular adaptive", 0)
    for panel, axes, _ in pairs(case):
        if isinstance(panel.content, Mesh):
            corners = np.asarray(axes.collections[0].get_coordinates())
            np.testing.assert_array_equal(panel.content.x_edges, corners[0, :, 0])
            np.testing.assert_array_equal(panel.content.y_edges, corners[:, 0, 1])


def test_two_planes_are_twelve_panels_and_one_plane_is_six_under_two_names() -> None:
    twelve = sheet_of(upstream.case("sersic", 0).frame)
    six = sheet_of(upstream.case("one plane", 0).frame)
    assert (twelve.rows, twelve.columns, twelve.names) == (3, 4, ("fit",))
    assert (six.rows, six.columns, six.names) == (2, 3, ("fit", "fit_x1_plane"))


def test_a_title_prefix_stands_before_every_title() -> None:
    frame = upstream.case("sersic", 0).frame
    titles = [panel.title for panel in shown(sheet_of(replace(frame, title_prefix="F814W ")))]
    assert titles == [f"F814W {panel.title}" for panel in shown(sheet_of(frame))]


@pytest.mark.parametrize(
    ("centre", "shape"), [((0.4, -0.75), (100, 100)), ((3.0, 0.0), (100, 100)), ((0, 0), (81, 90))]
)
def test_the_window_follows_an_offset_mask_as_upstreams_does(
    centre: tuple[float, float], shape: tuple[int, int]
) -> None:
    data = lenses.dataset(shape=shape, radius=2.0, centre=centre)
    model = lenses.one_plane()
    (vector,) = lenses.vectors(model, 1)
    fit = lenses.fit_of(model, vector, data)
    figure, _ = upstream.drawn(fit)
    frame = lenses.upstream_frame(fit)
    for panel, (axes, _) in zip(shown(sheet_of(frame)), upstream.panels(figure), strict=True):
        np.testing.assert_array_equal(panel.content.values, axes.images[0].get_array())
        assert panel.limits == pytest.approx((*axes.get_xlim(), *axes.get_ylim()), abs=1e-12)
        dots = axes.collections[0].get_offsets()
        np.testing.assert_allclose(panel.points[:, ::-1], dots, atol=1e-12)


def test_without_a_mask_the_whole_image_is_shown_without_an_edge() -> None:
    frame = with_arrays(mask=np.zeros((100, 100), dtype=bool))
    panel = shown(sheet_of(frame))[0]
    assert panel.points is None
    assert panel.content.values.shape == (100, 100)
    assert panel.limits == (-5.0, 5.0, -5.0, 5.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -3.0])
def test_images_without_contrast_have_finite_limits(value: float) -> None:
    names = ("data", "model_data", "signal_to_noise_map", "normalized_residual_map")
    sheet = sheet_of(with_arrays(**{name: np.full((100, 100), value) for name in names}))
    assert all(np.isfinite([panel.vmin, panel.vmax]).all() for panel in shown(sheet))


def test_an_image_that_is_all_masked_is_shown_whole() -> None:
    sheet = sheet_of(with_arrays(mask=np.ones((100, 100), dtype=bool)))
    assert shown(sheet)[0].content.values.shape == (100, 100)


def test_absent_curves_planes_and_meshes_leave_their_places_empty() -> None:
    frame = upstream.case("sersic", 0).frame
    kept = {
        name: array
        for name, array in frame.arrays.items()
        if not name.startswith(("source_plane", "subtracted", "model_images", "tangential"))
    }
    sheet = sheet_of(replace(frame, arrays=kept))
    assert [i for i, panel in enumerate(sheet.panels) if panel is None] == [3, 4, 5, 6, 7, 11]
    assert not any(panel.lines for panel in shown(sheet))


def test_an_unknown_layout_is_named_with_those_that_exist() -> None:
    frame = replace(upstream.case("sersic", 0).frame, layout="spectroscopy")
    with pytest.raises(LayoutError, match=r"'spectroscopy' is unknown.*imaging.*install"):
        sheet_of(frame)


def test_a_missing_array_is_named() -> None:
    frame = upstream.case("sersic", 0).frame
    arrays = {name: array for name, array in frame.arrays.items() if name != "model_data"}
    with pytest.raises(LayoutError, match="needs the array 'model_data'"):
        sheet_of(replace(frame, arrays=arrays))


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("model_data", (3, 4), r"'model_data' has shape \(3, 4\), expected \(100, 100\)"),
        ("mask", (100,), r"'mask' has shape \(100,\), expected \(any, any\)"),
        ("radial_eigen_value", (9, 9), r"'radial_eigen_value' has shape \(9, 9\)"),
        ("source_plane_extents", (2, 4), r"'source_plane_extents' has shape \(2, 4\)"),
    ],
)
def test_an_array_of_the_wrong_shape_is_named_with_the_expected_one(
    name: str, shape: tuple[int, ...], expected: str
) -> None:
    with pytest.raises(LayoutError, match=expected):
        sheet_of(with_arrays(**{name: np.zeros(shape)}))


def test_simplices_that_point_beyond_the_mesh_are_refused() -> None:
    frame = upstream.case("rectangular adaptive", 0).frame
    arrays = {**frame.arrays, "simplices": np.array([[0, 1, 400], [-1, -1, -1]])}
    with pytest.raises(LayoutError, match="expected 0 to 399"):
        sheet_of(replace(frame, arrays=arrays))


def test_rows_drawn_upwards_turn_curves_and_edge_over_with_the_image() -> None:
    frame = upstream.case("sersic", 0).frame
    lower = replace(frame, style=type(frame.style)(imshow_origin="lower"))
    for up, down in zip(shown(sheet_of(frame)), shown(sheet_of(lower)), strict=True):
        np.testing.assert_array_equal(up.content.values, down.content.values[::-1])
        y0, y1 = up.content.extent[2:]
        for ours, turned in zip(up.lines, down.lines, strict=True):
            np.testing.assert_allclose(ours.points[:, 0], y0 + y1 - turned.points[:, 0])


def test_the_whole_image_is_shown_where_the_style_does_not_zoom() -> None:
    frame = upstream.case("sersic", 0).frame
    whole = replace(frame, style=type(frame.style)(zoom_around_mask=False))
    panel = shown(sheet_of(whole))[0]
    assert panel.content.values.shape == (100, 100)
    assert panel.points.shape == shown(sheet_of(frame))[0].points.shape


def test_zero_contours_of_maps_that_do_not_cross_zero_are_none() -> None:
    assert zero_contours(np.full((5, 5), np.nan)) == []
    assert zero_contours(np.ones((5, 5))) == []
    assert zero_contours(np.zeros((0, 0))) == []


def pairs(case: upstream.Case) -> list[tuple[Panel, Axes, Axes]]:
    """Our panels, each with the axes and colour bar of upstream's."""
    theirs = upstream.panels(case.figure)
    ours = shown(sheet_of(case.frame))
    assert len(ours) == len(theirs) == (6 if "fit_x1_plane" in sheet_of(case.frame).names else 12)
    return [(panel, axes, bar) for panel, (axes, bar) in zip(ours, theirs, strict=True)]


def shown(sheet: Sheet) -> list[Panel]:
    return [panel for panel in sheet.panels if panel is not None]


def with_arrays(**arrays: np.ndarray) -> Frame:
    frame = upstream.case("sersic", 0).frame
    return replace(frame, arrays={**frame.arrays, **arrays})


def hausdorff(a: np.ndarray, b: np.ndarray) -> float:
    return max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
