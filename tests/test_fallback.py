"""Where there is no graph that works the host computes the arrays, and the log says so once."""

import logging

import autofit as af
import jax
import jax.numpy as jnp
import numpy as np
import parity
from kinds import KINDS
from test_hook import fit_from, live, log_likelihood, until

import search_hooks

NO_GRAPH = "computed without a graph"


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


def test_a_regularization_that_jax_cannot_trace_is_drawn_by_the_host(caplog):
    _, model = KINDS["delaunay_constant"](use_jax=False)
    plain, _ = KINDS["delaunay_constant"](use_jax=False)
    analysis, _ = KINDS["delaunay_constant"](use_jax=True)
    [vector] = parity.vectors(model, 1)
    expected = float(plain.log_likelihood_function(model.instance_from_vector(vector=vector)))
    search = search_hooks.watch(af.Nautilus(path_prefix="fallback", name="constant", n_live=50))
    search.paths.model = model
    fitness = search.make_fitness(analysis=analysis, model=model)
    image = fitness.live.folder / "fit.png"
    image.unlink(missing_ok=True)
    with caplog.at_level(logging.WARNING):
        fitness.live.step(np.asarray(vector), expected)
        until(image.exists, timeout=120.0)
        fitness.shutdown_quick_update()
    assert caplog.text.count(NO_GRAPH) == 1
    assert "is not the search's" not in caplog.text  # the arrays are of the fit that was asked for
