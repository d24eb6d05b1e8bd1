"""Galaxy imaging: one fit -> the maps that its `subplot_fit` draws."""

from typing import Any

import numpy as np

from search_hooks.extract.maps import MAPS, geometry, maps, native


def extractor(analysis: Any) -> "GalaxyImagingExtractor":
    """The extractor of an `ag.AnalysisImaging`."""
    return GalaxyImagingExtractor(analysis)


class GalaxyImagingExtractor:
    """The arrays of galaxy imaging fits of one dataset."""

    layout = "galaxy_imaging"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        self.static = geometry(analysis.dataset.mask)
        self.unmasked = ~self.static["mask"]

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood."""
        fit = self.analysis.fit_from(instance=instance)
        return {"log_likelihood": fit.figure_of_merit} | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        return maps(fit, fit._xp)

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        shown = {
            name: native(array, self.unmasked) if name in MAPS else array
            for name, array in arrays.items()
        }
        return self.static | shown
