"""Point sources: one fit -> observed and model positions, how they pair, and the deflections.

The model's positions and the deflections are computed in the graph; which observed position the
fit pairs with which model position is a choice among a few numbers, made on the host.
"""

from typing import Any

import autolens as al
import numpy as np
from autolens.point.fit.positions.image.abstract import AbstractFitPositionsImagePair
from autolens.point.fit.positions.image.pair import FitPositionsImagePair
from autolens.point.fit.positions.image.pair_all import FitPositionsImagePairAll
from autolens.point.fit.solved import SolvedCentre
from scipy.optimize import linear_sum_assignment

from search_hooks.extract.maps import geometry, native, values

FIELD = 400  # points of the deflections along either axis, the host's own number


def extractor(analysis: Any) -> "PointExtractor":
    """The extractor of an `al.AnalysisPoint`."""
    return PointExtractor(analysis)


class PointExtractor:
    """The arrays of the fits of one point source."""

    layout = "point"

    def __init__(self, analysis: Any) -> None:
        self.analysis = analysis
        dataset = analysis.dataset
        self.positions = np.array(values(dataset.positions), dtype=np.float64).reshape(-1, 2)
        self.extent = _extent(self.positions, analysis.solver)
        self.grid = al.Grid2DIrregular(_points(self.extent))
        cls = analysis.fit_positions_cls
        self.in_image_plane = issubclass(cls, AbstractFitPositionsImagePair)
        self.one_to_one = issubclass(cls, FitPositionsImagePair)
        sigma = np.asarray(values(dataset.positions_noise_map), dtype=np.float64).ravel()
        self.static = (
            {
                "positions": self.positions,
                "positions_noise_map": np.broadcast_to(sigma, len(self.positions)).copy(),
                "extent": np.array(self.extent),
                "dataset_name": np.frombuffer(str(dataset.name).encode(), dtype=np.uint8),
                "soft_pairing": np.array([issubclass(cls, FitPositionsImagePairAll)]),
                "solved_centre": np.array([issubclass(cls, SolvedCentre)]),
            }
            | self._fluxes()
            | self._image()
        )

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the log likelihood."""
        fit = self.analysis.fit_from(instance=instance)
        return {"log_likelihood": fit.figure_of_merit} | self.arrays_of_fit(fit)

    def arrays_of_fit(self, fit: Any) -> dict[str, Any]:
        """The same of a fit that has been made already, without its log likelihood."""
        xp, tracer = fit._xp, fit.tracer
        arrays = {"mass_centres": _centres(tracer, xp)}
        plane = len(tracer.planes) - 1
        if fit.positions is not None:
            plane = fit.positions.plane_index % len(tracer.planes)
            arrays["chi_squared"] = xp.asarray(fit.positions.chi_squared).reshape(1)
            if self.in_image_plane:
                arrays["model_positions"] = xp.asarray(values(fit.positions.model_data))
        measured = self.analysis.dataset.redshift
        redshift = tracer.planes[plane].redshift if measured is None else measured
        arrays["redshift"] = xp.asarray([float(redshift)])
        if fit.flux is not None:
            arrays["model_fluxes"] = xp.asarray(values(fit.flux.model_data))
        return arrays | {"deflections_yx_2d": self._deflections(tracer, plane, xp)}

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        arrays = self.static | arrays
        _, first = np.unique(arrays["mass_centres"], axis=0, return_index=True)
        arrays["mass_centres"] = arrays["mass_centres"][np.sort(first)]
        if "model_positions" in arrays:
            model = arrays["model_positions"].reshape(-1, 2)
            arrays["model_positions"] = model[np.isfinite(model).all(axis=1)]
            arrays |= self._pairs(arrays["model_positions"])
        return arrays

    def _pairs(self, model: np.ndarray) -> dict[str, np.ndarray]:
        """Which model position each observed one is paired with, and which have none of their own.

        Where the fit has no hard pairing it is the nearest one, as in the host's figure.
        """
        count = len(self.positions)
        if not len(model):
            return {"pairs": np.full(count, -1), "unpaired": np.ones(count, dtype=bool)}
        distances = np.linalg.norm(self.positions[:, None] - model[None], axis=2)
        pairs, unpaired = distances.argmin(axis=1), np.zeros(count, dtype=bool)
        if self.one_to_one:
            observed, assigned = linear_sum_assignment(distances)
            pairs[observed] = assigned
            unpaired = ~np.isin(np.arange(count), observed)
        return {"pairs": pairs.astype(np.int64), "unpaired": unpaired}

    def _deflections(self, tracer: Any, plane: int, xp: Any) -> Any:
        """(FIELD, FIELD, 2) to the source's plane, row 0 at the least y."""
        if len(tracer.planes) <= 2:
            field = tracer.deflections_yx_2d_from(grid=self.grid, xp=xp)
        else:
            field = tracer.deflections_between_planes_from(
                grid=self.grid, xp=xp, plane_i=0, plane_j=plane
            )
        return xp.asarray(values(field)).reshape(FIELD, FIELD, 2)

    def _fluxes(self) -> dict[str, np.ndarray]:
        fluxes = self.analysis.dataset.fluxes
        return {} if fluxes is None else {"fluxes": np.array(values(fluxes), dtype=np.float64)}

    def _image(self) -> dict[str, np.ndarray]:
        image = getattr(self.analysis, "image", None)
        if image is None:
            return {}
        where = geometry(image.mask)
        slim = np.asarray(image.slim.array, dtype=np.float64)
        return where | {"image": native(slim, ~where["mask"])}


def _extent(positions: np.ndarray, solver: Any) -> tuple[float, float, float, float]:
    """x0, x1, y0, y1 arcsec: the solver's, wide enough for every position; or around these."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    bounds = np.array(
        [[getattr(solver, f"{axis}_{end}", np.nan) for axis in "yx"] for end in ("min", "max")],
        dtype=np.float64,
    )
    if not np.isfinite(bounds).all() or (bounds[0] >= bounds[1]).any():
        half = (high - low).max() + 0.2  # twice half the longer side and a border
        bounds = (low + high) / 2.0 + np.array([[-half], [half]])
    margin = 0.05 * (bounds[1] - bounds[0]).max()
    # along an axis of which a position is outside, both ends are at least a margin away
    outside = (low < bounds[0]) | (high > bounds[1])
    y0, x0 = np.where(outside, np.minimum(bounds[0], low - margin), bounds[0])
    y1, x1 = np.where(outside, np.maximum(bounds[1], high + margin), bounds[1])
    return float(x0), float(x1), float(y0), float(y1)


def _points(extent: tuple[float, float, float, float]) -> np.ndarray:
    x0, x1, y0, y1 = extent
    y, x = np.meshgrid(np.linspace(y0, y1, FIELD), np.linspace(x0, x1, FIELD), indexing="ij")
    return np.stack([y.ravel(), x.ravel()], axis=1)


def _centres(tracer: Any, xp: Any) -> Any:
    """(n, 2) centres of the masses; a shear has none."""
    centres = [
        xp.stack([xp.asarray(coordinate) for coordinate in mass.centre])
        for galaxy in tracer.galaxies
        for mass in galaxy.cls_list_from(cls=al.mp.MassProfile)
        if not isinstance(mass, al.mp.ExternalShear)
    ]
    return xp.stack(centres) if centres else xp.zeros((0, 2))
