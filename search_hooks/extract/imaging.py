"""Lens imaging: one fit -> every array that `subplot_fit` draws, on numpy or inside a JAX graph."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import autoarray as aa
import autogalaxy as ag
import numpy as np
from autogalaxy.operate.lens_calc import LensCalc, evaluation_grid
from autonerves import conf

from search_hooks.extract.maps import MAPS, geometry, maps, native, values
from search_hooks.extract.mesh import reconstruction, triangulated

# slim arrays, (pixels,) or (planes, pixels): the host makes them native
MASKED = (*MAPS, "model_images_of_planes_list", "subtracted_images_of_planes_list")
FINAL_PLANE, ALL_PLANES = "final", "all"  # VIZ_PLANES: which of more than two have a figure
BRIGHT_REGION_BUFFER = 1.0e-2  # arcsec around a source's bright region, as upstream
MID_ZOOM_SCALE = 2.0  # how much wider the middle zoom is
MID_ZOOM_CAP = 0.7  # and the most of the whole source plane that it shows


@dataclass(frozen=True)
class UniformGrid:
    """The sub-pixel coordinates of a uniform grid, one vector an axis."""

    y: np.ndarray  # (ny, sub) arcsec, row 0 at the largest y
    x: np.ndarray  # (nx, sub) arcsec
    extent: tuple[float, float, float, float]  # x0, x1, y0, y1 arcsec, as drawn

    @classmethod
    def of(cls, grid: aa.Grid2D) -> "UniformGrid":
        """The axes of the host's over-sampled uniform grid."""
        ny, nx = grid.shape_native
        sub = int(np.asarray(grid.over_sample_size.array).flat[0])
        points = np.asarray(grid.over_sampled.array).reshape(ny, nx, sub, sub, 2)
        return cls(
            y=points[:, 0, :, 0, 0].copy(),
            x=points[0, :, 0, :, 1].copy(),
            extent=aa.Array2D.no_mask(
                values=np.zeros((ny, nx)), pixel_scales=grid.pixel_scales, origin=grid.origin
            ).geometry.extent,
        )


@dataclass(frozen=True)
class Grids:
    """What the extraction evaluates on: made once from the mask."""

    full: UniformGrid  # the whole image
    rows: np.ndarray  # (ny,) y of the image's pixel centres, arcsec
    columns: np.ndarray  # (nx,) x of them
    no_zoom: UniformGrid  # the source plane at full extent
    no_zoom_bounds: tuple[float, float, float, float]  # its extent as the middle zoom's limit
    curves: np.ndarray  # (n, 2) y, x arcsec: the grid of critical curves
    curves_shape: tuple[int, int]
    plane_percent: float  # a source's bright region: above this fraction of its maximum

    @classmethod
    def of(cls, mask: aa.Mask2D) -> "Grids":
        """The grids that the host's figure uses for a dataset of this mask."""
        full = mask.derive_grid.all_false
        native = np.asarray(full.native.array)
        zoom = aa.Zoom2D(mask=mask)
        no_zoom = aa.Grid2D.from_extent(
            extent=zoom.extent_from(buffer=0), shape_native=zoom.shape_native
        )
        curves = curve_grid(mask)
        return cls(
            full=UniformGrid.of(full),
            rows=native[:, 0, 0],
            columns=native[0, :, 1],
            no_zoom=UniformGrid.of(no_zoom),
            no_zoom_bounds=no_zoom.geometry.extent,
            curves=np.asarray(curves.array),
            curves_shape=curves.shape_native,
            plane_percent=conf.instance["visualize"]["general"]["zoom"]["plane_percent"],
        )


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
            arrays |= source_plane(fit, xp, self.grids) | curves(fit, xp, self.grids)
        elif self.shows_lone_plane:
            arrays |= source_plane(fit, xp, self.grids)
        if len(fit.tracer.planes) > 2 and ALL_PLANES in self.choices:
            arrays |= self._each_plane(fit, xp)
        return arrays

    def _each_plane(self, fit: Any, xp: Any) -> dict[str, Any]:
        """Every plane that has light behind the first; the final one is there already."""
        shown = [index for index in fit.tracer.plane_indexes_with_images if index != 0]
        arrays: dict[str, Any] = {"planes": xp.asarray(shown, dtype=np.int64)}
        for index in shown:
            if index != len(fit.tracer.planes) - 1:
                plane = source_plane(fit, xp, self.grids, index)
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


def source_plane(fit: Any, xp: Any, grids: Grids, index: int = -1) -> dict[str, Any]:
    """A plane, the final one by default: images at three zooms, or a reconstruction on its mesh."""
    index %= len(fit.tracer.planes)
    if fit.tracer.planes[index].has(cls=aa.Pixelization):
        return reconstruction(fit, index, xp)
    galaxies = fit.tracer_linear_light_profiles_to_light_profiles.planes[index]
    return _zooms(partial(_plane_image, galaxies, xp), xp, grids)


def _plane_image(galaxies: Any, xp: Any, y: Any, x: Any) -> Any:
    """The unlensed image of a plane, (ny, nx), at sub-pixel coordinates (ny, sub) and (nx, sub)."""
    ny, nx = y.shape, x.shape
    shape = (*ny, *nx)
    points = xp.stack(
        [
            xp.broadcast_to(y[:, :, None, None], shape).ravel(),
            xp.broadcast_to(x[None, None], shape).ravel(),
        ],
        axis=-1,
    )
    grid = aa.Grid2DIrregular(values=points)
    image = sum(values(galaxy.image_2d_from(grid=grid, xp=xp)) for galaxy in galaxies)
    return _whole(image, xp).reshape(shape).mean(axis=(1, 3))


def _whole(image: Any, xp: Any) -> Any:
    """The image, computed before it is binned.

    Fused into the mean over sub-pixels, XLA's CPU code evaluates a profile one value at a time:
    eight times slower for a sum of Gaussians.
    """
    if xp is np:
        return image
    from jax.lax import optimization_barrier

    return optimization_barrier(image)  # type: ignore[no-untyped-call]


def _zooms(image_at: Callable[[Any, Any], Any], xp: Any, grids: Grids) -> dict[str, Any]:
    full = image_at(xp.asarray(grids.full.y), xp.asarray(grids.full.x))
    found, bright = _bright_extent(full, xp, grids)
    maximum = xp.where(found, xp.stack(bright), xp.asarray(grids.full.extent))
    middle = xp.where(
        found, xp.stack(_wider(bright, grids.no_zoom_bounds, xp)), xp.asarray(grids.full.extent)
    )
    return {
        "source_plane_max_zoom": image_at(*_axes(maximum, grids.full, xp)),
        "source_plane_mid_zoom": image_at(*_axes(middle, grids.full, xp)),
        "source_plane_no_zoom": image_at(xp.asarray(grids.no_zoom.y), xp.asarray(grids.no_zoom.x)),
        "source_plane_extents": xp.stack([maximum, middle, xp.asarray(grids.no_zoom.extent)]),
    }


def _bright_extent(image: Any, xp: Any, grids: Grids) -> tuple[Any, tuple[Any, ...]]:
    """Whether any pixel is bright, and the square x0, x1, y0, y1 around those that are."""
    bright = image > image.max() * grids.plane_percent
    rows, columns = bright.any(axis=1), bright.any(axis=0)
    ys, xs = xp.asarray(grids.rows), xp.asarray(grids.columns)
    extent = (
        xp.where(columns, xs, xp.inf).min() - BRIGHT_REGION_BUFFER,
        xp.where(columns, xs, -xp.inf).max() + BRIGHT_REGION_BUFFER,
        xp.where(rows, ys, xp.inf).min() - BRIGHT_REGION_BUFFER,
        xp.where(rows, ys, -xp.inf).max() + BRIGHT_REGION_BUFFER,
    )
    return bright.any(), _square(extent, xp)


def _square(extent: tuple[Any, ...], xp: Any) -> tuple[Any, ...]:
    x0, x1, y0, y1 = extent
    excess = (x1 - x0) - (y1 - y0)
    dx, dy = xp.maximum(-excess, 0.0) / 2, xp.maximum(excess, 0.0) / 2
    return x0 - dx, x1 + dx, y0 - dy, y1 + dy


def _wider(extent: tuple[Any, ...], bounds: tuple[float, ...], xp: Any) -> tuple[Any, ...]:
    """A square about the same centre, twice as wide, inside the bounds."""
    x0, x1, y0, y1 = extent
    x, y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    left, right, bottom, top = bounds
    half = 0.5 * xp.maximum(x1 - x0, y1 - y0) * MID_ZOOM_SCALE
    for limit in (x - left, right - x, y - bottom, top - y):
        half = xp.minimum(half, limit)
    half = xp.minimum(half, MID_ZOOM_CAP * 0.5 * min(right - left, top - bottom))
    return x - half, x + half, y - half, y + half


def _axes(extent: Any, like: UniformGrid, xp: Any) -> tuple[Any, Any]:
    """The sub-pixel axes of a grid over `extent` with the shape of another."""
    (ny, sub), nx = like.y.shape, like.x.shape[0]
    x0, x1, y0, y1 = extent
    down = (xp.arange(ny * sub) + 0.5) / (ny * sub)
    along = (xp.arange(nx * sub) + 0.5) / (nx * sub)
    return (y1 - (y1 - y0) * down).reshape(ny, sub), (x0 + (x1 - x0) * along).reshape(nx, sub)
