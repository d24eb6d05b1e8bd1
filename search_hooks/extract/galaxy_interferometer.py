"""Galaxy interferometry: one fit -> its visibilities and their dirty images."""

from typing import Any

import numpy as np

from search_hooks.extract.visibilities import Visibilities


def extractor(analysis: Any) -> "GalaxyInterferometerExtractor":
    """The extractor of an `ag.AnalysisInterferometer`."""
    return GalaxyInterferometerExtractor(analysis)


class GalaxyInterferometerExtractor:
    """The arrays of galaxy fits of one interferometer dataset."""

    layout = "galaxy_interferometer"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        self.visibilities = Visibilities(analysis.dataset)

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood."""
        fit = self.analysis.fit_from(instance=instance)
        return {"log_likelihood": fit.figure_of_merit} | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        return self.visibilities.arrays(fit)

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        return self.visibilities.finish(arrays)
