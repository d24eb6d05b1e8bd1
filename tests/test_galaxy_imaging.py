"""Galaxy imaging: arrays and figure are PyAutoGalaxy's own."""

import autogalaxy as ag
import numpy as np
import parity
import plain
import pytest
from autogalaxy.imaging.plot.fit_imaging_plots import subplot_fit
from kinds import KINDS

from search_hooks.extract.maps import MAPS
from vizworker.render.figure import Figures

MODELS = ("galaxy_imaging", "galaxy_imaging_linear")


def fit_of(kind: str, vector: list[float], use_jax: bool = True) -> ag.FitImaging:
    analysis, model = KINDS[kind](use_jax=use_jax)
    return analysis.fit_from(instance=model.instance_from_vector(vector=vector))


@pytest.fixture(scope="module", params=MODELS)
def pairs(request):
    """Our arrays of two vectors, each with upstream's fit."""
    analysis, model = KINDS[request.param]()
    vectors = parity.vectors(model, 2)
    ours = parity.extracted(analysis, model, vectors)
    return [
        (each, fit_of(request.param, vector)) for each, vector in zip(ours, vectors, strict=True)
    ]


def test_arrays_of_the_graph_equal_upstream_attributes(pairs):
    for ours, fit in pairs:
        assert ours.log_likelihood == pytest.approx(float(fit.figure_of_merit), rel=1e-10)
        for name in MAPS:
            parity.assert_equal(ours.arrays[name], parity.native(getattr(fit, name)), name)


def test_the_figure_shows_what_upstream_s_shows(pairs):
    for ours, fit in pairs:
        theirs = parity.figures(subplot_fit, fit, title_prefix="F814W")
        parity.assert_same_sheet(plain.sheet_of(ours.frame(title_prefix="F814W")), theirs["fit"])


def test_the_figure_has_upstream_s_resolution_and_size(pairs):
    ours, fit = pairs[0]
    figure = parity.figures(subplot_fit, fit)["fit"]
    sheet = plain.sheet_of(ours.frame())
    assert (sheet.names, sheet.dpi) == (("fit",), 300.0)
    [picture] = Figures().render(ours.frame(), dpi=50.0).pictures
    assert plain.shown(picture.png).shape == plain.saved(figure, dpi=50.0).shape
    assert (plain.shown(picture.png) != plain.saved(figure, dpi=50.0)).any(axis=-1).mean() < 1e-3


def test_numpy_analysis_gives_the_same_arrays():
    analysis, model = KINDS["galaxy_imaging"](use_jax=False)
    vectors = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, vectors)
    fit = fit_of("galaxy_imaging", vectors[0], use_jax=False)
    for name in MAPS:
        np.testing.assert_allclose(ours.arrays[name], parity.native(getattr(fit, name)), rtol=1e-12)
