"""Critical curves and caustics from eigenvalue maps, against PyAutoLens's own."""

import functools
from dataclasses import replace

import autolens as al
import lenses
import numpy as np
import pytest
import upstream
from autolens.lens.plot.critical_curves import _compute_critical_curve_lines
from scipy.spatial.distance import directed_hausdorff

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.curves import Curves, curves, interpolated, zero_contours

HALF_A_PIXEL = 0.025  # arcsec, of the evaluation grid


@functools.cache
def shallow() -> tuple[Frame, list[np.ndarray], list[str], list[np.ndarray], list[str]]:
    """A lens with radial curves: the frame's curve arrays, and upstream's lines and colours."""
    lens = al.Galaxy(
        redshift=0.5,
        mass=al.mp.PowerLaw(einstein_radius=1.3, ell_comps=(0.1, 0.05), slope=1.6),
        shear=al.mp.ExternalShear(gamma_1=0.03, gamma_2=-0.02),
    )
    tracer = al.Tracer(galaxies=[lens, al.Galaxy(redshift=1.0)])
    fit = type("Fit", (), {})()
    fit.tracer_linear_light_profiles_to_light_profiles = tracer
    fit.mask = lenses.dataset().mask
    frame = replace(upstream.case("sersic", 0).frame)
    frame = replace(frame, arrays={**frame.arrays, **lenses.lensing(fit)})
    return frame, *_compute_critical_curve_lines(tracer, fit.mask.derive_grid.all_false)


def test_radial_curves_and_caustics_are_upstreams() -> None:
    frame, critical, critical_colours, caustics, caustic_colours = shallow()
    ours = curves(frame)
    assert [line.colour for line in ours.critical] == critical_colours
    assert [line.colour for line in ours.caustics] == caustic_colours
    assert "yellow" in critical_colours
    lines = zip((*ours.critical, *ours.caustics), (*critical, *caustics), strict=True)
    for line, theirs in lines:
        assert hausdorff(line.points, np.asarray(theirs)) < HALF_A_PIXEL


def test_small_radial_curves_are_left_out_but_their_caustics_stay() -> None:
    frame = shallow()[0]
    coarse = replace(frame, arrays={**frame.arrays, "pixel_scales": np.array([99.0, 99.0])})
    assert {line.colour for line in curves(coarse).critical} == {"white"}
    assert {line.colour for line in curves(coarse).caustics} == {"white", "yellow"}


def test_curves_are_placed_about_the_grids_own_origin() -> None:
    frame = shallow()[0]
    moved = {**frame.arrays, "evaluation_grid_origin": np.array([0.3, -0.2])}
    for line, shifted in zip(
        curves(frame).critical, curves(replace(frame, arrays=moved)).critical, strict=True
    ):
        np.testing.assert_allclose(shifted.points, line.points + np.array([0.3, -0.2]))


def test_without_eigenvalues_there_are_no_curves() -> None:
    frame = upstream.case("one plane", 0).frame
    assert curves(frame) == Curves()


def test_without_deflections_there_are_no_caustics() -> None:
    frame = shallow()[0]
    kept = {k: v for k, v in frame.arrays.items() if k != "deflections_yx_2d"}
    found = curves(replace(frame, arrays=kept))
    assert found.critical
    assert not found.caustics


def test_deflections_of_another_grid_are_refused() -> None:
    frame = shallow()[0]
    arrays = {**frame.arrays, "deflections_yx_2d": np.zeros((7, 7, 2))}
    with pytest.raises(LayoutError, match=r"'deflections_yx_2d' has shape \(7, 7, 2\)"):
        curves(replace(frame, arrays=arrays))


def test_a_map_that_only_grazes_zero_has_no_contour() -> None:
    assert zero_contours(np.linspace(-5e-7, 1.0, 100).reshape(10, 10)) == []
    assert len(zero_contours(np.linspace(-0.1, 1.0, 100).reshape(10, 10))) == 1


def test_pixels_that_are_not_numbers_break_a_contour_and_nothing_else() -> None:
    y, x = np.mgrid[-1:1:41j, -1:1:41j]
    ring = np.hypot(x, y) - 0.5
    ring[20, 30] = np.nan
    (line,) = zero_contours(ring)
    assert len(line) > 50


def test_interpolation_is_exact_for_planes_up_to_the_borders() -> None:
    y, x = np.mgrid[0:4, 0:6].astype(float)
    values = np.stack([2.0 * y - x, y + 3.0 * x], axis=-1)
    positions = np.array([[0.0, 0.0], [3.0, 5.0], [1.25, 2.5], [2.999, 4.001]])
    expected = positions @ np.array([[2.0, 1.0], [-1.0, 3.0]])
    np.testing.assert_allclose(interpolated(values, positions), expected)


def hausdorff(a: np.ndarray, b: np.ndarray) -> float:
    return max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
