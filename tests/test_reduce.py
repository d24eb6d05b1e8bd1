"""Large maps: what a figure shows of them, and that its axes, limits and curves stay exact."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from search_hooks import Curve, Histogram, Image, reduce
from vizworker.errors import FrameError, LayoutError
from vizworker.frame import Frame, Style
from vizworker.layouts import sheets
from vizworker.layouts.curves import curves
from vizworker.panels import grid_of

SIDE = 64
NAMES = (
    "data",
    "noise_map",
    "signal_to_noise_map",
    "model_data",
    "residual_map",
    "normalized_residual_map",
    "chi_squared_map",
)


@pytest.fixture(autouse=True)
def little_side(monkeypatch):
    """The same at a fraction of the size."""
    monkeypatch.setattr(reduce, "SIDE", SIDE)


def masked(ny, nx):
    """An ellipse off the centre."""
    y, x = np.mgrid[:ny, :nx]
    return np.hypot((y - 0.55 * ny) / (0.4 * ny), (x - 0.45 * nx) / (0.35 * nx)) > 1.0


def lens(ny=150, nx=131, mask=None):
    """Arrays of a fit of two planes: each map with a least and a largest value of its own."""
    rng = np.random.default_rng(3)
    mask = masked(ny, nx) if mask is None else mask

    def native(*shape):
        return np.where(mask, np.nan, rng.normal(size=(*shape, ny, nx)))

    return (
        {"mask": mask, "pixel_scales": np.array([0.1, 0.1]), "origin": np.array([0.3, -0.2])}
        | {name: native() for name in NAMES}
        | {
            "model_images_of_planes_list": native(2),
            "subtracted_images_of_planes_list": native(2),
            "source_plane_max_zoom": rng.normal(size=(ny, nx)),
            "source_plane_mid_zoom": rng.normal(size=(ny, nx)),
            "source_plane_no_zoom": rng.normal(size=(ny - 9, ny - 9)),
            "source_plane_extents": np.array([[-1.0, 1, -1, 1], [-2, 2, -2, 2], [-6, 6, -6, 6]]),
        }
    )


def both(arrays, layout="imaging", grid=None, **style):
    """The exact frame and the one that is sent."""
    exact = Frame("id", "run", layout, 1, 0.0, arrays, style=Style(**style), grid=grid)
    shown = reduce.shown(arrays, layout, exact.style, grid)
    return exact, replace(exact, arrays=shown.arrays, reduced=shown.reduced)


def frame_of(panel):
    """What is exact in a panel whatever the size of its image."""
    return panel.title, panel.vmin, panel.vmax, panel.limits, panel.content.extent, panel.contours


def assert_same_axes(exact, sent):
    for ours, theirs in zip(sheets(sent), sheets(exact), strict=True):
        assert list(map(frame_of, ours.panels)) == list(map(frame_of, theirs.panels))
        for panel, other in zip(ours.panels, theirs.panels, strict=True):
            assert (panel.points is None) == (other.points is None)
            if panel.points is not None:
                np.testing.assert_array_equal(panel.points, other.points)
            # and the image has the border that the mask gives it, no more
            assert max(panel.content.values.shape) <= SIDE + 2


@pytest.mark.parametrize("scale", ["linear", "log10"])
@pytest.mark.parametrize("zoomed", [True, False])
def test_axes_limits_and_contours_are_those_of_the_exact_maps(scale, zoomed):
    exact, sent = both(lens(), scale=scale, zoom_around_mask=zoomed)
    assert set(sent.reduced) >= {*NAMES, "source_plane_max_zoom", "source_plane_no_zoom"}
    assert_same_axes(exact, sent)


@pytest.mark.parametrize("value", [True, False])
def test_all_and_nothing_masked_are_shown_whole(value):
    arrays = lens(mask=np.full((150, 131), value))
    if value:
        arrays |= {name: np.zeros((150, 131)) for name in NAMES}
    exact, sent = both(arrays)
    assert_same_axes(exact, sent)


def test_small_maps_are_sent_as_they_are():
    arrays = lens(SIDE, SIDE - 3)
    shown = reduce.shown(arrays, "imaging", Style())
    assert shown.reduced == {}
    assert all(shown.arrays[name] is array for name, array in arrays.items())


def test_small_mask_on_a_large_map_keeps_every_pixel():
    mask = np.ones((150, 131), dtype=bool)
    mask[40:90, 50:101] = False
    exact, sent = both(lens(mask=mask))
    for ours, theirs in zip(sheets(sent)[0].panels, sheets(exact)[0].panels, strict=True):
        if "Source Plane" not in ours.title:
            np.testing.assert_array_equal(ours.content.values, theirs.content.values)


def test_block_is_the_mean_of_its_unmasked_pixels():
    values = np.arange(4.0 * SIDE * SIDE).reshape(2 * SIDE, 2 * SIDE)
    values[::2, ::2] = np.nan
    means = reduce.shrunk(values)
    expected = np.nanmean(values.reshape(SIDE, 2, SIDE, 2), axis=(1, 3))
    assert (~np.isclose(means, expected)).sum() <= 3  # the extremes
    assert means.min() == np.nanmin(values)
    assert means.max() == np.nanmax(values)


def test_blocks_of_unequal_size_share_every_pixel_once():
    values = np.random.default_rng(0).normal(size=(3 * SIDE - 5, 2 * SIDE + 3))
    rows, columns = (
        np.append(np.arange(m) * n // m, n)
        for n, m in zip(values.shape, reduce.smaller_shape(values.shape), strict=True)
    )
    means = reduce.shrunk(values)
    expected = np.array(
        [[values[y0:y1, x0:x1].mean() for x0, x1 in pairwise(columns)] for y0, y1 in pairwise(rows)]
    )
    assert means.shape == expected.shape
    assert (~np.isclose(means, expected)).sum() <= 4  # the extremes, and the first pixel


def test_extremes_of_one_block_are_both_kept():
    values = np.zeros((3 * SIDE, 3 * SIDE))
    values[9, 9], values[10, 10], values[9, 10] = 5.0, -7.0, 1e-3
    means = reduce.shrunk(values)
    assert (means.max(), means.min(), means[means > 0].min()) == (5.0, -7.0, 1e-3)


def test_values_that_are_not_finite_are_in_no_mean():
    values = np.ones((2 * SIDE, 2 * SIDE))
    values[3, 3], values[5, 5] = -np.inf, np.nan
    assert np.isfinite(reduce.shrunk(values)).all()
    values[7, 7] = np.inf  # a logarithmic scale minds
    assert np.isinf(reduce.shrunk(values)).sum() == 1


def test_precision_of_a_map_is_kept():
    assert reduce.shrunk(np.ones((99, 99), dtype=np.float32)).dtype == np.float32
    assert reduce.shrunk(np.ones((99, 99), dtype=np.int64)).dtype == np.float64


def test_datasets_fitted_together_have_each_their_own_mask():
    first, second = lens(), lens(mask=~masked(150, 131)[::-1] ^ masked(150, 131))
    second["mask"] |= masked(150, 131)
    arrays = {f"imaging_0_{name}": array for name, array in first.items()}
    arrays |= {f"imaging_1_{name}": array for name, array in second.items()}
    exact, sent = both(arrays, "combined")
    assert sheets(sent)[0].notes == ()
    for ours, theirs in zip(sheets(sent)[0].panels, sheets(exact)[0].panels, strict=True):
        assert frame_of(ours) == frame_of(theirs)


@pytest.mark.parametrize("shape", [(150, 131), (129, 200)])
def test_critical_curves_stay_where_they_are(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    radius = np.hypot(y - 0.4 * shape[0], x - 0.45 * shape[1])
    arrays = lens(20, 20) | {
        "tangential_eigen_value": radius - 40.0,
        "radial_eigen_value": radius - 20.0,
        "deflections_yx_2d": np.stack([0.01 * y, 0.02 * x], axis=-1),
        "evaluation_grid_pixel_scale": np.array([0.05]),
        "evaluation_grid_origin": np.array([0.2, -0.1]),
    }
    exact, sent = both(arrays)
    assert max(sent.arrays["tangential_eigen_value"].shape) <= SIDE
    for kind in ("critical", "caustics"):
        for ours, theirs in zip(
            getattr(curves(sent), kind), getattr(curves(exact), kind), strict=True
        ):
            np.testing.assert_allclose(
                ours.points.min(axis=0), theirs.points.min(axis=0), atol=0.01
            )
            np.testing.assert_allclose(
                ours.points.max(axis=0), theirs.points.max(axis=0), atol=0.01
            )


def test_declared_images_keep_their_axes_and_limits():
    values = np.random.default_rng(2).normal(size=(150, 131))
    arrays = {"image": values, "stretch": values, "line": np.arange(9999.0), "seen twice": values}
    panels = grid_of(
        [
            Image(values="image"),
            Image(values="stretch", extent=(0.0, 1.0, 0.0, 2.0), origin="lower", scale="log"),
            Image(values="seen twice"),
            Histogram(values="seen twice"),
            Curve(y="line"),
        ]
    )
    exact, sent = both(arrays, "grid", panels)
    assert set(sent.reduced) == {"image", "stretch"}
    for ours, theirs in zip(sheets(sent)[0].panels[:3], sheets(exact)[0].panels[:3], strict=True):
        assert frame_of(ours) == frame_of(theirs)
        assert ours.y_ticks == theirs.y_ticks


def test_undeclared_images_and_slices_keep_their_axes_and_limits():
    values = np.random.default_rng(2).normal(size=(2, 150, 131))
    arrays = {"stack": values, "image": values[0], "table": np.ones((999, 2)), "line": values[0, 0]}
    exact, sent = both(arrays, "grid")
    assert set(sent.reduced) == {"stack", "image"}
    for ours, theirs in zip(sheets(sent)[0].panels[:3], sheets(exact)[0].panels[:3], strict=True):
        assert frame_of(ours) == frame_of(theirs)


def test_last_frame_is_whole_and_others_have_a_whole_one_behind_them():
    arrays = lens()
    _, sent = both(arrays)
    frame, whole = reduce.to_send(sent, arrays)
    assert frame is sent
    assert whole.arrays is arrays
    assert not whole.reduced
    frame, whole = reduce.to_send(replace(sent, final=True), arrays)
    assert frame.arrays is arrays
    assert whole is None


def test_frame_that_is_too_large_is_never_whole(monkeypatch):
    arrays = lens()
    _, sent = both(arrays)
    monkeypatch.setattr(reduce, "MAX_FRAME", 1000)
    assert reduce.to_send(replace(sent, final=True), arrays)[0].reduced
    assert reduce.to_send(sent, arrays)[1] is None


@pytest.mark.parametrize("shape", [(3,), (3, 4), (0, 9), (1 << 40, 9)])
def test_exact_shape_that_cannot_be_is_refused(shape):
    with pytest.raises(FrameError, match="'data'"):
        Frame("id", "run", "grid", 1, 0.0, {"data": np.ones((5, 5))}, reduced={"data": shape})


def test_maps_that_are_larger_than_their_mask_allows_are_named():
    arrays = {"mask": masked(40, 40), "pixel_scales": np.ones(2), "origin": np.zeros(2)}
    arrays |= {name: np.ones((40, 40)) for name in NAMES}
    frame = Frame(
        "id", "run", "galaxy_imaging", 1, 0.0, arrays, reduced=dict.fromkeys(NAMES, (40, 40))
    )
    with pytest.raises(LayoutError, match="down-sampled maps have shape"):
        sheets(frame)
