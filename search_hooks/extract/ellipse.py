"""Ellipse fits: the image, and its values around each ellipse."""

from typing import Any

import numpy as np

from search_hooks.extract.maps import geometry, native, values


def extractor(analysis: Any) -> "EllipseExtractor":
    """The extractor of an `ag.AnalysisEllipse`."""
    return EllipseExtractor(analysis)


class EllipseExtractor:
    """The arrays of the fits of ellipses to one image.

    Each but `number_of_points` and the image is of all points (n, ...), ellipse by ellipse; points
    on masked pixels are NaN.
    """

    layout = "ellipse"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        dataset = analysis.dataset
        self.pixel_scale = dataset.pixel_scales[0]
        self.static = geometry(dataset.mask)
        self.static["data"] = native(np.asarray(values(dataset.data)), ~self.static["mask"])

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood."""
        fit = self.analysis.fit_from(instance=instance)
        return {"log_likelihood": fit.figure_of_merit} | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        xp = fit.fit_list[0]._xp
        ellipses = [self._around(each, xp) for each in fit.fit_list]
        return {
            name: xp.concatenate([ellipse[name] for ellipse in ellipses]) for name in ellipses[0]
        }

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        return self.static | arrays

    def _around(self, fit: Any, xp: Any) -> dict[str, Any]:
        """The points of one ellipse, and what is there."""
        points = fit.points_from_major_axis_from()
        data, noise_map = values(fit.data_interp), values(fit.noise_map_interp)
        residual = data - xp.nanmean(data)
        normalized = residual / noise_map
        return {
            "number_of_points": xp.asarray([len(points)]),
            "points": points,
            "angles": fit.ellipse.angles_from_x0_from(pixel_scale=self.pixel_scale, xp=xp),
            "data_interp": data,
            "noise_map_interp": noise_map,
            "residual_map": residual,
            "normalized_residual_map": normalized,
            "chi_squared_map": normalized**2,
        }
