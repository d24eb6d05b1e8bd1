"""The adapter: a real Fitness of a real search, hooked through make_fitness."""

import logging
import pickle
import time
from pathlib import Path

import autofit as af
import autolens as al
import dill
import lenses
import numpy as np
import pytest
from autofit.non_linear.fitness import Fitness

import search_hooks
from search_hooks.pyautofit import WatchedFitness
from search_hooks.shared_fit import to_host


@pytest.fixture(scope="module")
def model():
    return lenses.one_plane()


@pytest.fixture(scope="module")
def vectors(model):
    return [np.asarray(vector) for vector in lenses.vectors(model, 3)]


def search_named(name, **kwargs):
    kwargs.setdefault("n_live", 50)
    return af.Nautilus(path_prefix="adapter", name=name, **kwargs)


@pytest.fixture
def search(request, model):
    made = search_named(request.node.name)
    made.paths.model = model
    return made


def until(condition, timeout=120.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_watched_search_draws_its_best_fit_where_the_host_keeps_its_images(search, model, vectors):
    analysis = lenses.analysis(use_jax=True)
    fitness = search_hooks.watch(search, every=0.0).make_fitness(
        analysis=analysis, model=model, batched=True
    )
    assert isinstance(fitness, WatchedFitness)
    values = fitness.call_wrap(np.stack(vectors))
    fitness.shutdown_quick_update()
    image = Path(search.paths.image_path) / "fit.png"
    assert image.read_bytes().startswith(b"\x89PNG")
    assert fitness.live.best.log_likelihood == float(np.max(values))


def test_warm_up_of_the_host_does_not_run(search, model, caplog):
    with caplog.at_level(logging.INFO):
        fitness = search_hooks.watch(search).make_fitness(
            analysis=lenses.analysis(use_jax=True), model=model
        )
    fitness.shutdown_quick_update()
    assert "Warming up" not in caplog.text


def test_unwatched_search_is_left_alone(search, model):
    search_hooks.watch(search_named("another"))
    fitness = search.make_fitness(
        analysis=lenses.analysis(use_jax=False), model=model, iterations_per_quick_update=None
    )
    assert type(fitness) is Fitness


def test_shared_compiled_function_stands_where_its_readers_look(search, model, vectors):
    fitness = search_hooks.watch(search).make_fitness(
        analysis=lenses.analysis(use_jax=True), model=model
    )
    arrays = to_host(fitness._jit_fit_from(vectors[0]))
    assert float(arrays["log_likelihood"]) == pytest.approx(float(fitness(vectors[0])), rel=1e-10)
    instance = model.instance_from_vector(vector=vectors[0])
    of_instance = to_host(fitness._jit_fit_from(instance))
    np.testing.assert_allclose(of_instance["model_data"], arrays["model_data"], rtol=1e-12)
    fitness.shutdown_quick_update()


@pytest.mark.parametrize("computed", ["arrays", "fit"])
def test_computed_fit_is_drawn_on_request(search, model, vectors, computed):
    analysis = lenses.analysis(use_jax=True)
    fitness = search_hooks.watch(search).make_fitness(analysis=analysis, model=model)
    if computed == "arrays":
        fit = fitness._jit_fit_from(vectors[0])
    else:
        fit = analysis.fit_from(model.instance_from_vector(vector=vectors[0]))
    fitness.analysis.visualize_quick_update(search.paths, fit)
    until((Path(search.paths.image_path) / "fit.png").exists)
    fitness.shutdown_quick_update()


@pytest.mark.parametrize("pickler", [pickle, dill])
def test_pickled_fitness_is_the_host_s_own_again(search, model, vectors, pickler):
    fitness = search_hooks.watch(search).make_fitness(
        analysis=lenses.analysis(use_jax=True), model=model
    )
    written = pickler.dumps(fitness)
    fitness.shutdown_quick_update()
    assert b"search_hooks" not in written
    loaded = pickler.loads(written)
    assert type(loaded) is Fitness
    assert type(loaded.analysis) is al.AnalysisImaging
    assert float(loaded(vectors[0])) == pytest.approx(float(fitness(vectors[0])))


def test_users_analysis_and_search_stay_what_they_were(search, model):
    analysis = lenses.analysis(use_jax=True)
    before = dict(vars(analysis))
    identifier = search.paths.identifier
    fitness = search_hooks.watch(search).make_fitness(analysis=analysis, model=model)
    fitness.shutdown_quick_update()
    assert type(analysis) is al.AnalysisImaging
    assert vars(analysis) == before
    assert search.paths.identifier == identifier


def test_analysis_can_be_watched_in_place_of_a_search(search, model):
    analysis = search_hooks.watch(lenses.analysis(use_jax=True), every=3.0)
    assert isinstance(analysis, al.AnalysisImaging)
    analysis = analysis.modify_before_fit(paths=search.paths, model=model)
    fitness = search.make_fitness(analysis=analysis, model=model)
    fitness.shutdown_quick_update()
    assert isinstance(fitness, WatchedFitness)


def test_numpy_analysis_is_watched_too(search, model, vectors):
    fitness = search_hooks.watch(search, every=0.0).make_fitness(
        analysis=lenses.analysis(use_jax=False), model=model
    )
    value = fitness(vectors[0])
    fitness.shutdown_quick_update()
    assert (Path(search.paths.image_path) / "fit.png").exists()
    assert fitness.live.best.log_likelihood == value


def test_analysis_without_an_extractor_is_named_and_its_search_goes_on(search, caplog):
    class Line(af.Analysis):
        def log_likelihood_function(self, instance):
            return -((instance.centre - 1.0) ** 2)

    with caplog.at_level(logging.WARNING):
        fitness = search_hooks.watch(search).make_fitness(
            analysis=Line(), model=af.Model(af.ex.Gaussian)
        )
    assert type(fitness) is Fitness
    assert "no live figure for" in caplog.text
    assert "Line" in caplog.text
    assert float(fitness([1.0, 2.0, 3.0])) == 0.0


def test_model_that_maps_to_no_instance_does_not_win_or_stop_anything(search, model, vectors):
    model = lenses.one_plane()
    bulge = model.galaxies.lens.bulge
    model.add_assertion(bulge.effective_radius > bulge.sersic_index)
    search.paths.model = model
    fitness = search_hooks.watch(search, every=0.0).make_fitness(
        analysis=lenses.analysis(use_jax=False), model=model
    )
    assert fitness(vectors[0]) == fitness.resample_figure_of_merit
    fitness.shutdown_quick_update()
    assert fitness.live.cost().updates == 0


def test_users_own_cadence_still_writes_the_results_text_but_draws_nothing(
    request, model, vectors, caplog
):
    search = search_named(request.node.name, iterations_per_quick_update=2)
    search.paths.model = model
    fitness = search_hooks.watch(search, every=3600.0).make_fitness(
        analysis=lenses.analysis(use_jax=False), model=model
    )
    with caplog.at_level(logging.INFO):
        for vector in vectors[:2]:
            fitness(vector)
    assert (Path(search.paths.output_path) / "model.results").exists()
    fitness.shutdown_quick_update()


def test_hook_s_own_cadence_prints_and_clears_nothing(search, model, vectors, caplog, capsys):
    fitness = search_hooks.watch(search, every=0.0).make_fitness(
        analysis=lenses.analysis(use_jax=False), model=model
    )
    with caplog.at_level(logging.INFO):
        for vector in vectors:
            fitness(vector)
        fitness.shutdown_quick_update()
    assert "quick update" not in caplog.text
    assert not (Path(search.paths.output_path) / "model.results").exists()
