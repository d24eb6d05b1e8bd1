"""Which analysis is taken apart by which module: one file a fit type, one entry here."""

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy as np

from vizworker.errors import ExtractError

# class of the host -> module with `extractor(analysis)`; subclasses are found through their bases
EXTRACTORS = {
    "autofit.graphical.declarative.collection.FactorGraphModel": "search_hooks.extract.combined",
    "autolens.imaging.model.analysis.AnalysisImaging": "search_hooks.extract.imaging",
    "autolens.interferometer.model.analysis.AnalysisInterferometer": (
        "search_hooks.extract.interferometer"
    ),
    "autogalaxy.ellipse.model.analysis.AnalysisEllipse": "search_hooks.extract.ellipse",
    "autogalaxy.imaging.model.analysis.AnalysisImaging": "search_hooks.extract.galaxy_imaging",
    "autogalaxy.interferometer.model.analysis.AnalysisInterferometer": (
        "search_hooks.extract.galaxy_interferometer"
    ),
    "autolens.point.model.analysis.AnalysisPoint": "search_hooks.extract.point",
    "autolens.weak.model.analysis.AnalysisWeak": "search_hooks.extract.weak",
}


GROUP = "search_hooks.extractors"  # entry points: class of the host = module:function


class Extractor(Protocol):
    """The arrays of the fits of one dataset."""

    layout: str  # the worker's layout that draws them; with `grid`, `panels` may declare its panels

    def arrays(self, instance: Any) -> dict[str, Any]:
        """What changes with the parameters and `log_likelihood`; traces under `jax.jit`."""
        ...

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that exists already, without its log likelihood."""
        ...

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays as the frame has them; runs on the host."""
        ...


def extractor_for(analysis: Any) -> Extractor:
    """The extractor of an analysis: ours, or one that an installed distribution registers.

    Raises:
        ExtractError: there is none for its type.
    """
    for cls in type(analysis).__mro__:
        name = f"{cls.__module__}.{cls.__qualname__}"
        make = _ours(name) or _registered(name)
        if make is not None:
            extractor: Extractor = make(analysis)
            return extractor
    known = ", ".join(sorted(name.rsplit(".", 1)[1] for name in EXTRACTORS))
    raise ExtractError(
        f"no live figure for {type(analysis).__module__}.{type(analysis).__name__} yet "
        f"(there is one for PyAutoLens's {known}): the search runs as it would without --viz-worker"
    )


def _ours(name: str) -> Any:
    module = EXTRACTORS.get(name)
    return None if module is None else importlib.import_module(module).extractor


@cache
def _registered(name: str) -> Any:
    for point in entry_points(group=GROUP, name=name):
        return point.load()
    return None
