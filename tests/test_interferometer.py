"""Interferometry of lenses and galaxies: arrays and figures are upstream's own."""

from dataclasses import replace

import autogalaxy.interferometer.plot.fit_interferometer_plots as galaxy_plots
import autolens.interferometer.plot.fit_interferometer_plots as lens_plots
import numpy as np
import parity
import plain
import pytest
from kinds import KINDS

from vizworker.errors import LayoutError
from vizworker.layouts import sheets
from vizworker.render.figure import Figures

DENSE = {
    "visibilities": ("data", "noise_map", "residual_map", "normalized_residual_map"),
    "dirty": (
        "dirty_image",
        "dirty_signal_to_noise_map",
        "dirty_model_image",
        "dirty_residual_map",
        "dirty_normalized_residual_map",
        "dirty_chi_squared_map",
    ),
}
# in the graph by the direct transform, on the host by finufft, without visibilities
LENSES = ("interferometer", "interferometer_mesh", "interferometer_sparse", "interferometer_free")
PREFIX = "ALMA"
GALAXIES = ("galaxy_interferometer", "galaxy_interferometer_free")


def fit_of(kind, vector, use_jax):
    analysis, model = KINDS[kind](use_jax=use_jax)
    return analysis.fit_from(instance=model.instance_from_vector(vector=vector))


@pytest.fixture(scope="module", params=(*LENSES, *GALAXIES))
def kind(request):
    """The name of a kind, and our arrays of two vectors, each with upstream's fit by numpy."""
    analysis, model = KINDS[request.param](use_jax=True)
    vectors = parity.vectors(model, 2)
    ours = parity.extracted(analysis, model, vectors)
    fits = [fit_of(request.param, vector, use_jax=False) for vector in vectors]
    return request.param, list(zip(ours, fits, strict=True))


@pytest.fixture(scope="module")
def theirs(kind):
    """Upstream's figures of the first vector, by file stem."""
    name, [(_, fit), _] = kind
    if name not in GALAXIES:
        return parity.figures(lens_plots.subplot_fit, fit, title_prefix=PREFIX)
    return {
        **parity.figures(galaxy_plots.subplot_fit, fit, title_prefix=PREFIX),
        **parity.figures(galaxy_plots.subplot_fit_dirty_images, fit, title_prefix=PREFIX),
    }


def assert_arrays_are_upstreams(ours, fit):
    assert ours.log_likelihood == pytest.approx(float(fit.figure_of_merit), rel=1e-8)
    arrays = ours.arrays
    if fit.dataset.is_array_free:
        natural = {
            "dirty_image_natural": fit.dataset.dirty_image_natural,
            "dirty_model_image_natural": fit.dirty_model_image_natural,
            "dirty_residual_map_natural": fit.dirty_residual_map_natural,
        }
        for name, expected in natural.items():
            parity.assert_equal(arrays[name], parity.native(expected), name)
        return
    for name in (*DENSE["visibilities"], "model_data", "chi_squared_map"):
        parity.assert_equal(arrays[name], getattr(fit, name).in_array, name)
    np.testing.assert_array_equal(arrays["uv_distances"], fit.dataset.uv_distances)
    for name in DENSE["dirty"]:
        parity.assert_equal(arrays[name], parity.native(getattr(fit, name)), name)


def test_arrays_of_the_graph_equal_upstream_attributes(kind):
    for ours, fit in kind[1]:
        assert_arrays_are_upstreams(ours, fit)


def test_the_figures_show_what_upstream_s_show(kind, theirs):
    _, [(ours, _), _] = kind
    drawn = sheets(ours.frame(title_prefix=PREFIX))
    assert {stem for sheet in drawn for stem in sheet.names} == set(theirs)
    for sheet in drawn:
        for stem in sheet.names:
            parity.assert_same_sheet(sheet, theirs[stem])


def test_the_images_have_upstream_s_pixels(kind, theirs):
    name, [(ours, _), _] = kind
    frame = ours.frame(title_prefix=PREFIX)
    assert {sheet.dpi for sheet in sheets(frame)} == {300.0 if name in GALAXIES else None}
    for picture in Figures().render(frame, dpi=50.0).pictures:
        expected = plain.saved(theirs[picture.names[0]], dpi=50.0)
        assert plain.shown(picture.png).shape == expected.shape
        assert (plain.shown(picture.png) != expected).any(axis=-1).mean() < 2e-3


@pytest.mark.parametrize("name", ["interferometer_nufft", "interferometer_one_plane"])
def test_numpy_analysis_gives_the_same(name):
    analysis, model = KINDS[name](use_jax=False)
    vectors = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, vectors)
    fit = fit_of(name, vectors[0], use_jax=False)
    assert_arrays_are_upstreams(ours, fit)
    [sheet] = sheets(ours.frame())
    parity.assert_same_sheet(sheet, parity.figures(lens_plots.subplot_fit, fit)["fit"])


def test_visibilities_of_another_number_are_named():
    analysis, model = KINDS["interferometer"](use_jax=False)
    [ours] = parity.extracted(analysis, model, parity.vectors(model, 1))
    frame = ours.frame()
    broken = replace(frame, arrays={**frame.arrays, "residual_map": np.zeros((3, 2))})
    with pytest.raises(LayoutError, match=r"'residual_map' has shape \(3, 2\), expected \(60, 2\)"):
        sheets(broken)


def test_visibilities_without_a_finite_value_leave_their_chart_empty():
    analysis, model = KINDS["interferometer"](use_jax=False)
    [ours] = parity.extracted(analysis, model, parity.vectors(model, 1))
    frame = ours.frame()
    nothing = replace(frame, arrays={**frame.arrays, "residual_map": np.full((60, 2), np.nan)})
    [sheet] = sheets(nothing)
    assert sheet.panels[0].marks == ()
    assert Figures().render(nothing, dpi=20.0).pictures
