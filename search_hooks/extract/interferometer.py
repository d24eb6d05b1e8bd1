"""Lens interferometry: visibilities and dirty images as for galaxies, source plane and curves."""

from typing import Any

import numpy as np

from search_hooks.extract.imaging import Grids, curve_geometry, curves, log_likelihood
from search_hooks.extract.mesh import triangulated
from search_hooks.extract.source_plane import source_plane
from search_hooks.extract.visibilities import Visibilities


def extractor(analysis: Any) -> "InterferometerExtractor":
    """The extractor of an `al.AnalysisInterferometer`."""
    return InterferometerExtractor(analysis)


class InterferometerExtractor:
    """The arrays of lens fits of one interferometer dataset."""

    layout = "interferometer"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        self.visibilities = Visibilities(analysis.dataset)
        self.grids = Grids.of(analysis.dataset.real_space_mask)
        self.static = curve_geometry(analysis.dataset.real_space_mask)

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood."""
        fit = self.analysis.fit_from(instance=instance)
        return log_likelihood(self.analysis, fit, instance) | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        xp = fit._xp
        # the host draws a lone plane as if it were a source
        source = source_plane(fit, xp, self.grids.source)
        source.pop("source_plane_mid_zoom", None)  # is in no panel
        source["final_plane"] = xp.asarray([len(fit.tracer.planes) - 1])
        return self.visibilities.arrays(fit) | source | curves(fit, xp, self.grids)

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        return self.static | triangulated(self.visibilities.finish(arrays))
