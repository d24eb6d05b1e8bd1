"""Where there is no graph that works the host computes the arrays, and the log says so once."""

import logging

import autofit as af
import autolens as al
import jax
import jax.numpy as jnp
import lenses
import numpy as np
import parity
import pytest
from kinds import KINDS
from test_hook import fit_from, live, log_likelihood, until

import search_hooks

NO_GRAPH = "computed without a graph"
COSMOLOGY = {"H0": 67.7, "Om0": 0.31, "Tcmb0": 2.7255, "Neff": 3.046, "m_nu": 0.06, "Ob0": 0.049}


def untraceable(parameters):
    return fit_from(np.asarray(parameters))


def broken(_):
    raise ValueError("qhull is not amused")


def with_callback(parameters):
    """Traces and compiles, and fails when it is called."""
    shape = jax.ShapeDtypeStruct((), jnp.float64)
    zero = jax.pure_callback(broken, shape, jnp.asarray(parameters)[0])
    return fit_from(jnp.asarray(parameters) + zero)


def test_a_function_that_does_not_trace_is_computed_as_it_stands(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), live(tmp_path, untraceable) as hook:
        for value in (0.5, 0.4):
            hook.step([value], log_likelihood(value))
            until((tmp_path / "fit.png").exists)
            (tmp_path / "fit.png").unlink()
    assert caplog.text.count(NO_GRAPH) == 1
    assert "TracerArrayConversionError" in caplog.text
    assert "is not the search's" not in caplog.text


def test_a_callback_that_fails_is_named_and_the_host_s_own_function_used(tmp_path, caplog):
    hook = live(tmp_path, with_callback, host_fit_from=untraceable)
    with caplog.at_level(logging.WARNING), hook:
        hook.step([0.5], log_likelihood(0.5))
        until((tmp_path / "fit.png").exists)
    assert caplog.text.count(NO_GRAPH) == 1
    assert "qhull is not amused" in caplog.text


def watched_step(name, model, analyses):
    """One step of a watched search until it is drawn; its analysis on JAX, and one by numpy."""
    analysis, plain = analyses
    [vector] = parity.vectors(model, 1)
    expected = float(plain.log_likelihood_function(model.instance_from_vector(vector=vector)))
    search = search_hooks.watch(af.Nautilus(path_prefix="fallback", name=name, n_live=50))
    search.paths.model = model
    fitness = search.make_fitness(analysis=analysis, model=model)
    image = fitness.live.folder / "fit.png"
    image.unlink(missing_ok=True)
    fitness.live.step(np.asarray(vector), expected)
    until(image.exists, timeout=240.0)
    fitness.shutdown_quick_update()


def test_a_regularization_that_jax_cannot_trace_is_drawn_by_the_host(caplog):
    analysis, model = KINDS["delaunay_constant"](use_jax=True)
    plain, _ = KINDS["delaunay_constant"](use_jax=False)
    with caplog.at_level(logging.WARNING):
        watched_step("constant", model, (analysis, plain))
    assert caplog.text.count(NO_GRAPH) == 1
    assert "is not the search's" not in caplog.text  # the arrays are of the fit that was asked for


@pytest.mark.parametrize(
    ("free", "graphs_left"),
    [({"Om0": af.UniformPrior(0.2, 0.4)}, 0), ({"Neff": af.UniformPrior(2.5, 3.5)}, 1)],
    ids=["traced", "not traced"],
)
def test_a_cosmology_with_free_parameters_is_drawn_in_a_graph_or_by_the_host(
    free, graphs_left, caplog
):
    data = lenses.dataset(shape=(40, 40), radius=1.5)
    mass = af.Model(al.mp.IsothermalSph, centre=(0.0, 0.0))
    lens = af.Model(al.Galaxy, redshift=0.5, mass=mass)
    source = al.Galaxy(redshift=1.0, bulge=lenses.TRUTH[1].bulge)
    cosmology = af.Model(al.cosmo.FlatLambdaCDM, **(COSMOLOGY | free))
    galaxies = af.Collection(lens=lens, source=source)
    model = af.Collection(galaxies=galaxies, cosmology=cosmology)
    analyses = (lenses.analysis(data, use_jax=True), lenses.analysis(data, use_jax=False))
    with caplog.at_level(logging.WARNING, "search_hooks"):
        watched_step("cosmology", model, analyses)
    said = [record.getMessage() for record in caplog.records if record.name == "search_hooks"]
    assert len(said) == graphs_left  # nor is it another fit than the search's
    assert all(NO_GRAPH in each and "ConcretizationTypeError" in each for each in said)
