"""Weak lensing: one fit -> the shears of a catalogue, measured and modelled, and their misfit."""

from typing import Any

import numpy as np

from search_hooks.extract.maps import values


def extractor(analysis: Any) -> "WeakExtractor":
    """The extractor of an `al.AnalysisWeak`."""
    return WeakExtractor(analysis)


class WeakExtractor:
    """The arrays of the fits of one shear catalogue; shears are (n, 2), second component first."""

    layout = "weak"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        dataset = analysis.dataset
        self.static = {
            "positions": np.array(values(dataset.positions), dtype=np.float64),
            "data": np.array(values(dataset.shear_yx), dtype=np.float64),
            "noise_map": np.array(values(dataset.noise_map), dtype=np.float64),
        }

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood."""
        fit = self.analysis.fit_from(instance=instance)
        return {"log_likelihood": fit.figure_of_merit} | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        xp = fit._xp
        # by our own arithmetic: the host's maps wrap shears that JAX has as bare arrays
        model = xp.asarray(values(fit.model_shear))
        residual = self.static["data"] - model
        normalized = residual / self.static["noise_map"][:, None]
        return {
            "model_shear": model,
            "residual_map": residual,
            "normalized_residual_map": normalized,
            "chi_squared_map": normalized**2,
        }

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        return self.static | arrays
