"""Lens imaging: one fit -> every array that `subplot_fit` draws, on numpy or inside a JAX graph."""

import os
from dataclasses import dataclass
from typing import Any

import autoarray as aa
import autogalaxy as ag
import numpy as np
from autogalaxy.operate.lens_calc import LensCalc, evaluation_grid

from search_hooks.extract.maps import MAPS, geometry, maps, native, values
from search_hooks.extract.mesh import triangulated
from search_hooks.extract.source_plane import SourceGrids, source_plane

# slim arrays, (pixels,) or (planes, pixels): the host makes them native
MASKED = (*MAPS, "model_images_of_planes_list", "subtracted_images_of_planes_list")
FINAL_PLANE, ALL_PLANES = "final", "all"  # VIZ_PLANES: which of more than two have a figure


@dataclass(frozen=True)
class Grids:
    """What the extraction evaluates on: made once from the mask."""

    source: SourceGrids
    curves: np.ndarray  # (n, 2) y, x arcsec: the grid of critical curves
    curves_shape: tuple[int, int]

    @classmethod
    def of(cls, mask: aa.Mask2D) -> "Grids":
        """The grids that the host's figure uses for a dataset of this mask."""
        curves = curve_grid(mask)
        return cls(SourceGrids.of(mask), np.asarray(curves.array), curves.shape_native)


@evaluation_grid  # type: ignore[untyped-decorator]
def _curve_grid(_: None, grid: aa.Grid2D, __: float) -> aa.Grid2D:
    return grid


def curve_grid(mask: aa.Mask2D) -> aa.Grid2D:
    """The uniform grid on which the host looks for critical curves."""
    return _curve_grid(None, mask.derive_grid.all_false)


def curve_geometry(mask: aa.Mask2D) -> dict[str, np.ndarray]:
    """Where the grid of critical curves lies."""
    grid = curve_grid(mask)
    return {
        "evaluation_grid_pixel_scale": np.asarray([grid.pixel_scale], dtype=np.float64),
        "evaluation_grid_origin": np.asarray(grid.origin, dtype=np.float64),
    }


def log_likelihood(analysis: Any, fit: Any, instance: Any) -> dict[str, Any]:
    """`log_likelihood`, 0-d: what the analysis of a lens gives the search."""
    penalty = analysis.log_likelihood_penalty_from(instance=instance)
    return {"log_likelihood": fit.figure_of_merit - (0.0 if penalty is None else penalty)}


def extractor(analysis: Any) -> "ImagingExtractor":
    """The extractor of an `al.AnalysisImaging`."""
    return ImagingExtractor(analysis)


class ImagingExtractor:
    """The arrays of lens imaging fits of one dataset.

    `arrays` is pure in its instance and traces under `jax.jit`; `finish` runs on the host.
    """

    layout = "imaging"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        self.choices = (os.environ.get("VIZ_PLANES") or FINAL_PLANE,)
        self.shows_lone_plane = False  # as a source, among several datasets
        self.mask = analysis.dataset.mask
        self.grids = Grids.of(self.mask)
        self.static = geometry(self.mask) | curve_geometry(self.mask)
        self.unmasked = ~self.static["mask"]

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood.

        Args:
            instance: the model instance, concrete or traced.

        Returns:
            Arrays by name: those of `MASKED` slim, the rest as the frame has them, and
            `log_likelihood`, 0-d: what the analysis gives the search.
        """
        fit = self.analysis.fit_from(instance=instance)
        return log_likelihood(self.analysis, fit, instance) | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        xp = fit._xp
        arrays = _image_plane(fit, xp)
        if len(fit.tracer.planes) > 1:
            arrays |= source_plane(fit, xp, self.grids.source) | curves(fit, xp, self.grids)
        elif self.shows_lone_plane:
            arrays |= source_plane(fit, xp, self.grids.source)
        if len(fit.tracer.planes) > 2 and ALL_PLANES in self.choices:
            arrays |= self._each_plane(fit, xp)
        return arrays

    def _each_plane(self, fit: Any, xp: Any) -> dict[str, Any]:
        """Every plane that has light behind the first; the final one is there already."""
        shown = [index for index in fit.tracer.plane_indexes_with_images if index != 0]
        arrays: dict[str, Any] = {"planes": xp.asarray(shown, dtype=np.int64)}
        for index in shown:
            if index != len(fit.tracer.planes) - 1:
                plane = source_plane(fit, xp, self.grids.source, index)
                arrays |= {f"plane_{index}_{name}": array for name, array in plane.items()}
        return arrays

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        shown = {
            name: native(array, self.unmasked) if name in MASKED else array
            for name, array in arrays.items()
        }
        return self.static | triangulated(shown)


def _image_plane(fit: Any, xp: Any) -> dict[str, Any]:
    return maps(fit, xp) | {
        "model_images_of_planes_list": xp.stack(
            [values(image) for image in fit.model_images_of_planes_list]
        ),
        "subtracted_images_of_planes_list": xp.stack(
            [values(image) for image in fit.subtracted_images_of_planes_list]
        ),
    }


def curves(fit: Any, xp: Any, grids: Grids) -> dict[str, Any]:
    """Eigenvalues of the lensing Jacobian, 1 - convergence -/+ shear, and the deflections."""
    tracer = fit.tracer
    if not tracer.has(cls=ag.mp.MassProfile):
        return {}
    grid = aa.Grid2DIrregular(values=grids.curves)
    yy, xy, _, xx = (
        values(component) for component in LensCalc.from_mass_obj(tracer).hessian_from(grid, xp=xp)
    )
    convergence = 0.5 * (yy + xx)
    shear = xp.sqrt((0.5 * (xx - yy)) ** 2 + xy**2)
    deflections = values(tracer.deflections_yx_2d_from(grid=grid, xp=xp))
    return {
        "tangential_eigen_value": (1 - convergence - shear).reshape(grids.curves_shape),
        "radial_eigen_value": (1 - convergence + shear).reshape(grids.curves_shape),
        "deflections_yx_2d": deflections.reshape((*grids.curves_shape, 2)),
    }
