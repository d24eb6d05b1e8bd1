"""The PyAutoFit adapter: a search whose `Fitness` feeds a hook, through the host's own seams.

A search builds its `Fitness` in one place, `make_fitness`. A watched search gets one that
hands each evaluation to a `LiveFit`; pickled or copied it is a plain `Fitness` again, so nothing
that the search keeps on disk needs this package.
"""

import functools
import logging
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import autofit as af
import numpy as np
from autofit.non_linear.fitness import ITERATIONS_NEVER, Fitness
from autofit.non_linear.quick_update import LiveDisplay
from autonerves import conf

from search_hooks import flag, graph_cache
from search_hooks.extract import Extractor, extractor_for
from search_hooks.extract.style import style_from_config
from search_hooks.hook import LiveFit
from vizworker.errors import VizError

logger = logging.getLogger("search_hooks")

# attributes of a watched Fitness that the plain one does not have
OURS = ("live", "_jit_fit_from", "_unwatched", "_cadence", "_count")

# without a cadence the host neither warms its figure code up nor draws
QUIET = {
    "iterations_per_quick_update": None,
    "background_quick_update": False,
    "live_visual_update": False,
}

_make_fitness = af.NonLinearSearch.make_fitness
_every_search: flag.Settings | None = None


def watch(target: Any, settings: flag.Settings) -> Any:
    """Watch one search, or the searches that will fit one analysis.

    Returns:
        The search itself; of an analysis, the one to fit with in its place.
    """
    _install()
    if isinstance(target, af.NonLinearSearch):
        # plain values: what the host pickles or copies of a search must not need this package
        target.viz_worker = asdict(settings)
        return target
    return _copied(target, SelfWatchingAnalysis, viz_worker=asdict(settings))


def watch_every_search(settings: flag.Settings) -> None:
    """Watch each search of this process from now on."""
    global _every_search
    _every_search = settings
    _install()


def _install() -> None:
    af.NonLinearSearch.make_fitness = _watched_make_fitness


@functools.wraps(_make_fitness)
def _watched_make_fitness(self: Any, analysis: Any, model: Any, **overrides: Any) -> Any:
    own = getattr(self, "viz_worker", None)
    settings = _every_search if own is None else flag.Settings(**own)
    # a search that turns quick updates off builds this one for itself, not for sampling
    throwaway = overrides.get("iterations_per_quick_update", self) is None
    if settings is None or throwaway:
        return _make_fitness(self, analysis=analysis, model=model, **overrides)
    # the boundary: whatever prevents the watching, the search gets the Fitness it asked for
    try:
        extractor = extractor_for(analysis)
        quiet = _make_fitness(self, analysis=analysis, model=model, **(overrides | QUIET))
        return _watched(quiet, self, extractor, settings)
    except VizError as error:
        logger.warning("%s", error)
    except Exception as error:
        logger.warning("%s is not watched: %r (the search goes on)", self.name, error)
        logger.debug("while hooking %s", self.name, exc_info=True)
    return _make_fitness(self, analysis=analysis, model=model, **overrides)


def _watched(fitness: Any, search: Any, extractor: Extractor, settings: flag.Settings) -> Any:
    """Turn a plain Fitness into one that feeds a hook."""
    analysis, model = fitness.analysis, fitness.model
    if not analysis.is_jax and search.number_of_cores > 1:
        logger.warning(
            "%s evaluates in %d forked processes, which are not watched yet: the figure shows the "
            "best fit of this process alone",
            search.name,
            search.number_of_cores,
        )
    live = LiveFit(
        _fit_from(extractor, analysis, model),
        layout=extractor.layout,
        panels=getattr(extractor, "panels", ()),
        run=search.name or type(search).__name__,
        folder=_image_folder(fitness.paths),
        every=settings.every,
        endpoint=settings.endpoint,
        use_jax=analysis.is_jax,
        host_fit_from=_without_jax(analysis, model),
        key=_key(analysis, model, extractor) if analysis.is_jax else None,
        finish=extractor.finish,
        parameter_names=tuple(model.model_component_and_parameter_names),
        title_prefix=getattr(extractor, "title_prefix", None)
        or getattr(analysis, "title_prefix", None)
        or "",
        style=style_from_config(),
        on_image=_display(search, fitness.paths),
        memory=_memory(fitness.paths),
    )
    fitness.__class__ = WatchedFitness
    fitness.live = live
    fitness._jit_fit_from = live.fit
    fitness._unwatched = analysis
    fitness._cadence = search.iterations_per_quick_update or math.inf
    fitness._count = 0
    fitness.analysis = _copied(analysis, WatchedAnalysis, live=live, extractor=extractor)
    fitness.iterations_per_quick_update = 1  # so that every evaluation reaches manage_quick_update
    return fitness


def _key(analysis: Any, model: Any, extractor: Extractor) -> str | None:
    """The digest of all that enters the graph of this analysis and model."""
    modules = {cls.__module__ for cls in (type(analysis), *_classes(model))}
    modules |= {name for name in sys.modules if name.startswith("search_hooks.extract.")}
    parts = getattr(extractor, "parts", ())  # of several datasets
    modules |= {type(each).__module__ for each in (extractor, *parts)}  # perhaps somebody else's
    choices = getattr(extractor, "choices", ())  # its user's, which the analysis does not know
    return graph_cache.key_of(analysis, model, choices, _configuration(), modules=modules)


def _configuration() -> list[str]:
    """The host's general configuration, the files that it takes a value from first coming first.

    Settings of an analysis that its user left alone are read from it during a trace, and which
    package's file comes first depends on the order in which the packages were imported.
    """
    files = (Path(each.path) / "general.yaml" for each in conf.instance.configs)
    return [file.read_text() for file in files if file.is_file()]


def _classes(model: Any) -> Iterator[type]:
    """The classes of a model's components, all the way down."""
    if isinstance(model, af.Model):
        yield model.cls
    for _, component in model.direct_prior_model_tuples:
        yield from _classes(component)


def _fit_from(extractor: Extractor, analysis: Any, model: Any) -> Callable[[Any], dict[str, Any]]:
    """Parameters (a vector, or an instance of the model) -> arrays, on the analysis's backend."""

    def fit_from(parameters: Any) -> dict[str, Any]:
        if not hasattr(parameters, "shape"):
            return extractor.arrays(parameters)
        # as the search's own likelihood: a trace cannot raise for a model it forbids
        skip = {"ignore_assertions": True} if analysis.is_jax else {}
        instance = model.instance_from_vector(vector=parameters, xp=analysis._xp, **skip)
        return extractor.arrays(instance)

    return fit_from


def _without_jax(analysis: Any, model: Any) -> Callable[[Any], dict[str, Any]]:
    """Parameters -> arrays by numpy, of an analysis that computes by JAX."""

    @functools.cache
    def fit_from() -> Callable[[Any], dict[str, Any]]:
        plain = _by_numpy(analysis)
        return _fit_from(extractor_for(plain), plain, model)

    return lambda parameters: fit_from()(parameters)


def _by_numpy(analysis: Any) -> Any:
    """A copy of an analysis, with all of its datasets, that computes by numpy."""
    plain = object.__new__(type(analysis))
    plain.__dict__.update(analysis.__dict__, _use_jax=False)
    if isinstance(analysis, af.FactorGraphModel):
        factors = [_with_numpy(factor) for factor in analysis._model_factors]
        plain.__dict__.update(_explicit_use_jax=False, _model_factors=factors)
    return plain


def _with_numpy(factor: Any) -> Any:
    if not isinstance(factor, af.AnalysisFactor):
        return factor
    plain = object.__new__(type(factor))
    plain.__dict__.update(factor.__dict__, analysis=_by_numpy(factor.analysis))
    return plain


class WatchedFitness(Fitness):  # type: ignore[misc]
    """A Fitness that shows its hook what it evaluates."""

    live: LiveFit
    _cadence: float  # of its user, in evaluations
    _count: int  # evaluations since the host last wrote its text

    def manage_quick_update(self, parameters: Any, log_likelihood: Any) -> None:
        """Feed the hook; at its user's own cadence, have the host write `model.results` as ever."""
        self.live.step(parameters, log_likelihood)
        if self._cadence >= ITERATIONS_NEVER:
            return
        self._count += int(np.size(log_likelihood))
        best = self.live.best
        if self._count >= self._cadence and best.parameters is not None:
            self._count = 0
            super().manage_quick_update(best.parameters, best.log_likelihood)

    def shutdown_quick_update(self) -> None:
        """Called when sampling ends, and when it fails: show the final best fit."""
        self.live.close()
        super().shutdown_quick_update()

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = super().__getstate__()
        state["analysis"] = self._unwatched
        state["iterations_per_quick_update"] = None
        for name in OURS:
            state.pop(name, None)
        return object.__new__, (Fitness,), state


class WatchedAnalysis:
    """Mixed into the analysis of a watched Fitness: its figures are the hook's."""

    live: LiveFit
    extractor: Extractor

    def perform_quick_update(self, paths: Any, instance: Any) -> None:
        """Nothing: the hook shows each best fit by itself, and in time."""

    def visualize_quick_update(self, paths: Any, fit: Any) -> None:
        """Have a computed fit drawn; the image comes to the search's folder by itself.

        Args:
            paths: of the search, as in the host's other calls; the hook knows them.
            fit: the arrays that `Fitness._jit_fit_from` returned, or a `FitImaging`.
        """
        if isinstance(fit, dict):
            self.live.draw(fit)
        else:
            arrays = self.extractor.arrays_of_fit(fit)
            self.live.draw(arrays | {"log_likelihood": fit.figure_of_merit})


class SelfWatchingAnalysis:
    """Mixed into an analysis that is to be watched by whatever search fits it."""

    viz_worker: dict[str, Any]

    def modify_before_fit(self, paths: Any, model: Any) -> Any:
        """The host's first call with its search at hand."""
        paths.search.viz_worker = self.viz_worker
        return super().modify_before_fit(paths=paths, model=model)  # type: ignore[misc]


@functools.cache
def _mixed(mixin: Any, cls: Any) -> Any:
    # the host's name and module: they appear in its messages and files
    return type(cls.__name__, (mixin, cls), {"__module__": cls.__module__})


def _copied(analysis: Any, mixin: Any, **attributes: Any) -> Any:
    """A shallow copy of an analysis with one of our mixins; its user's own stays as it was."""
    host: Any = type(analysis)
    cls = _mixed(mixin, host)
    copied = cls.__new__(cls)
    copied.__dict__.update(analysis.__dict__ | attributes)
    return copied


def _image_folder(paths: Any) -> Path | None:
    folder = getattr(paths, "image_path", None)
    return None if folder is None else Path(folder)


def _memory(paths: Any) -> Path | None:
    """A file in the folder of the search's checkpoint, which the host removes when it completes."""
    folder = getattr(paths, "search_internal_path", None)
    return None if folder is None else Path(folder) / "best_fit.json"


def _display(search: Any, paths: Any) -> Callable[[], None] | None:
    """The host's own live window or notebook output, where its user asked for it."""
    if not search.live_visual_update:
        return None
    display = LiveDisplay(live_visual_update=True)
    return lambda: display.update(paths)
