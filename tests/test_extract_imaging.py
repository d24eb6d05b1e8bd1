"""The arrays of the shared graph are PyAutoLens's own."""

import lenses
import numpy as np
import pytest
from autofit.jax.pytrees import register_model

from search_hooks.extract import extractor_for
from search_hooks.shared_fit import SharedFit, to_host
from vizworker.errors import ExtractError

# finite differences upstream, exact derivatives here: the curves are compared, not these
DIFFERENTIATED = {"tangential_eigen_value", "radial_eigen_value"}

# Sersic, Gaussians and an adaptive mesh: in test_export_parity, to the end of the line
MODELS = {
    "rectangular_uniform": lambda: lenses.rectangular(adaptive=False),
    "one_plane": lenses.one_plane,
}


def extracted(model, vectors, **kwargs):
    """Frame arrays of each vector, from one compiled graph (or from numpy)."""
    from search_hooks.pyautofit import _fit_from

    analysis = lenses.analysis(**kwargs)
    extractor = extractor_for(analysis)
    fit_from = _fit_from(extractor, analysis, model)
    if analysis.is_jax:
        register_model(model)
        fit_from = SharedFit(fit_from)
    for vector in vectors:
        arrays = to_host(fit_from(np.asarray(vector)))
        yield float(arrays["log_likelihood"]), extractor.finish(arrays)


def assert_equal_arrays(ours, upstream):
    assert set(ours) - {"log_likelihood"} >= set(upstream)
    for name, expected in upstream.items():
        if name in DIFFERENTIATED:
            np.testing.assert_allclose(
                ours[name], expected, rtol=1e-5, atol=1e-5 * abs(expected).max()
            )
        else:
            scale = np.nanmax(np.abs(expected), initial=0.0)
            np.testing.assert_allclose(
                ours[name], expected, rtol=1e-8, atol=1e-12 * scale, err_msg=name
            )


@pytest.mark.parametrize("name", MODELS)
def test_arrays_of_the_graph_equal_upstream_attributes(name):
    model = MODELS[name]()
    vectors = list(lenses.vectors(model, 2))
    for vector, (log_likelihood, ours) in zip(
        vectors, extracted(model, vectors, use_jax=True), strict=True
    ):
        fit = lenses.fit_of(model, vector, use_jax=True)
        assert log_likelihood == pytest.approx(float(fit.figure_of_merit), rel=1e-10)
        assert_equal_arrays(ours, lenses.upstream_arrays(fit))


def test_numpy_analysis_gives_the_same_arrays():
    model = lenses.sersic()
    vectors = list(lenses.vectors(model, 1))
    [(log_likelihood, ours)] = extracted(model, vectors, use_jax=False)
    fit = lenses.fit_of(model, vectors[0])
    assert log_likelihood == pytest.approx(float(fit.figure_of_merit), rel=1e-12)
    assert_equal_arrays(ours, lenses.upstream_arrays(fit))


def test_analysis_without_an_extractor_is_named():
    import autofit as af

    class Other(af.Analysis):
        pass

    with pytest.raises(ExtractError, match=r"no live figure for .*Other"):
        extractor_for(Other())
