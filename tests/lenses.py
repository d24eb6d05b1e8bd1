"""Simulated strong lenses, models of them, and what PyAutoLens itself makes of a fit."""

import functools
from collections.abc import Iterator
from typing import Any

import autofit as af
import autolens as al
import numpy as np
from autogalaxy.operate.lens_calc import LensCalc, evaluation_grid
from autolens.lens.plot.tracer_plots import plane_image_from

from vizworker.frame import Frame

TRUTH = al.Galaxies(
    [
        al.Galaxy(
            redshift=0.5,
            bulge=al.lp.Sersic(
                centre=(0.0, 0.0),
                ell_comps=(0.05, 0.05),
                intensity=1.5,
                effective_radius=0.6,
                sersic_index=3.0,
            ),
            mass=al.mp.Isothermal(centre=(0.0, 0.0), einstein_radius=1.4, ell_comps=(0.1, 0.05)),
            shear=al.mp.ExternalShear(gamma_1=0.03, gamma_2=-0.02),
        ),
        al.Galaxy(
            redshift=1.0,
            bulge=al.lp.SersicCore(
                centre=(0.05, 0.1),
                ell_comps=(0.1, -0.1),
                intensity=3.0,
                effective_radius=0.2,
                sersic_index=1.0,
            ),
        ),
    ]
)


@functools.cache
def dataset(
    shape: tuple[int, int] = (100, 100),
    pixel_scale: float = 0.1,
    radius: float = 3.0,
    centre: tuple[float, float] = (0.0, 0.0),
) -> al.Imaging:
    """An image of `TRUTH` with noise of a fixed seed, masked by a circle of `radius` arcsec."""
    psf = al.Convolver.from_gaussian(
        shape_native=(21, 21), sigma=0.1, pixel_scales=pixel_scale, normalize=True
    )
    simulator = al.SimulatorImaging(
        exposure_time=1000.0, psf=psf, background_sky_level=0.1, noise_seed=1
    )
    grid = al.Grid2D.uniform(shape_native=shape, pixel_scales=pixel_scale, over_sample_size=4)
    image = simulator.via_tracer_from(tracer=al.Tracer(galaxies=list(TRUTH)), grid=grid)
    mask = al.Mask2D.circular(
        shape_native=shape, pixel_scales=pixel_scale, radius=radius, centre=centre
    )
    masked = image.apply_mask(mask=mask)
    return masked.apply_over_sampling(
        over_sample_size_lp=al.util.over_sample.over_sample_size_via_radial_bins_from(
            grid=masked.grid, sub_size_list=[4, 2, 1], radial_list=[0.3, 0.6]
        )
    )


def hst() -> al.Imaging:
    """An HST-like image: 0.05 arcsec pixels, 15,361 of them unmasked."""
    return dataset(shape=(180, 180), pixel_scale=0.05, radius=3.5)


def analysis(data: al.Imaging | None = None, **kwargs: Any) -> al.AnalysisImaging:
    """An analysis of `data` (the small image when None)."""
    return al.AnalysisImaging(dataset=dataset() if data is None else data, **kwargs)


def sersic() -> af.Collection:
    """Sersic lens light, isothermal mass with shear, cored Sersic source."""
    return _two_planes(_around(TRUTH[0].bulge), bulge=_around(TRUTH[1].bulge))


def mge(total: int = 10) -> af.Collection:
    """Linear Gaussians for the light of lens and source."""
    lens = al.model_util.mge_model_from(mask_radius=3.0, total_gaussians=total)
    source = al.model_util.mge_model_from(mask_radius=1.0, total_gaussians=total)
    return _two_planes(lens, bulge=source)


def rectangular(adaptive: bool = True, shape: tuple[int, int] = (20, 20)) -> af.Collection:
    """A source reconstructed on a rectangular mesh, adaptive or uniform."""
    mesh = al.mesh.RectangularBilinearAdaptDensity if adaptive else al.mesh.RectangularUniform
    pixelization = af.Model(
        al.Pixelization,
        mesh=mesh(shape=shape),
        regularization=al.reg.Constant(coefficient=1.0),
    )
    return _two_planes(_around(TRUTH[0].bulge), pixelization=pixelization)


def one_plane() -> af.Collection:
    """A lens galaxy alone: light, and mass without a source."""
    lens = af.Model(al.Galaxy, redshift=0.5, bulge=_around(TRUTH[0].bulge))
    return af.Collection(galaxies=af.Collection(lens=lens))


def vectors(model: af.AbstractPriorModel, n: int = 2) -> Iterator[list[float]]:
    """`n` parameter vectors near the truth, the same each time."""
    rng = np.random.default_rng(0)
    for _ in range(n):
        unit = 0.5 + rng.uniform(-0.1, 0.1, model.prior_count)
        yield model.vector_from_unit_vector(unit_vector=list(unit))


def fit_of(
    model: af.AbstractPriorModel,
    vector: list[float],
    data: al.Imaging | None = None,
    **kwargs: Any,
) -> al.FitImaging:
    """Upstream's own fit, by numpy unless `use_jax=True` is given."""
    kwargs.setdefault("use_jax", False)
    instance = model.instance_from_vector(vector=vector)
    return analysis(data, **kwargs).fit_from(instance=instance)


def upstream_frame(fit: al.FitImaging, sequence: int = 1, **kwargs: Any) -> Frame:
    """The frame of one fit, every array taken from upstream."""
    return Frame(
        run_id="upstream",
        run="upstream",
        layout="imaging",
        sequence=sequence,
        log_likelihood=float(fit.figure_of_merit),
        arrays=upstream_arrays(fit),
        **kwargs,
    )


def upstream_arrays(fit: al.FitImaging) -> dict[str, np.ndarray]:
    """The arrays of the layout `imaging` as upstream's attributes have them."""
    mask = np.array(fit.mask.array, dtype=bool)
    maps = {
        name: _native(getattr(fit, name), mask)
        for name in (
            "data",
            "noise_map",
            "signal_to_noise_map",
            "model_data",
            "residual_map",
            "normalized_residual_map",
            "chi_squared_map",
        )
    }
    planes = {
        name: np.stack([_native(image, mask) for image in getattr(fit, name)])
        for name in ("model_images_of_planes_list", "subtracted_images_of_planes_list")
    }
    return {
        "mask": mask,
        "pixel_scales": np.array(fit.mask.pixel_scales),
        "origin": np.array(fit.mask.origin),
        **maps,
        **planes,
        **source_plane(fit),
        **lensing(fit),
    }


def source_plane(fit: al.FitImaging) -> dict[str, np.ndarray]:
    """The final plane of a fit: images at three zooms, or a reconstruction on its mesh."""
    tracer = fit.tracer_linear_light_profiles_to_light_profiles
    if len(tracer.planes) == 1:
        return {}
    galaxies = tracer.planes[-1]
    if galaxies.has(cls=al.Pixelization):
        return _reconstruction(fit, len(tracer.planes) - 1)
    zoom = al.Zoom2D(mask=fit.mask)
    full = al.Grid2D.from_extent(extent=zoom.extent_from(buffer=0), shape_native=zoom.shape_native)
    grid = fit.mask.derive_grid.all_false
    images = {
        "max_zoom": plane_image_from(galaxies=galaxies, grid=grid),
        "mid_zoom": plane_image_from(
            galaxies=galaxies,
            grid=grid,
            zoom_extent_scale=2.0,
            zoom_extent_bounds=full.geometry.extent,
        ),
        "no_zoom": plane_image_from(galaxies=galaxies, grid=full, zoom_to_brightest=False),
    }
    return {
        **{f"source_plane_{k}": np.array(v.native.array) for k, v in images.items()},
        "source_plane_extents": np.array([v.geometry.extent for v in images.values()]),
    }


def _reconstruction(fit: al.FitImaging, plane: int) -> dict[str, np.ndarray]:
    mapper = fit.inversion.cls_list_from(cls=al.Mapper)[plane - 1]
    arrays = {
        "reconstruction": np.array(fit.inversion.reconstruction_dict[mapper]),
        "source_plane_mesh_grid": np.array(mapper.source_plane_mesh_grid.array),
    }
    geometry = mapper.mesh_geometry
    if isinstance(mapper.mesh, al.mesh.RectangularUniform):
        arrays["mesh_shape"] = np.array(geometry.shape, dtype=np.int64)
        arrays["mesh_extent"] = np.array(geometry.geometry.extent)
    elif hasattr(geometry, "edges_transformed"):
        arrays["mesh_shape"] = np.array(geometry.shape, dtype=np.int64)
        arrays["mesh_edges"] = np.array(geometry.edges_transformed)
    else:
        arrays["simplices"] = np.array(mapper.interpolator.delaunay.simplices, dtype=np.int64)
    return arrays


def lensing(fit: al.FitImaging) -> dict[str, np.ndarray]:
    """Eigenvalues of the lensing Jacobian and deflections on upstream's evaluation grid."""
    tracer = fit.tracer_linear_light_profiles_to_light_profiles
    if not tracer.has(cls=al.mp.MassProfile):
        return {}
    lens = LensCalc.from_mass_obj(tracer)
    grid = _evaluation_grid(lens, fit.mask.derive_grid.all_false)
    deflections = lens.deflections_yx_2d_from(grid=grid)
    return {
        "tangential_eigen_value": np.array(
            lens.tangential_eigen_value_from(grid=grid).native.array
        ),
        "radial_eigen_value": np.array(lens.radial_eigen_value_from(grid=grid).native.array),
        "deflections_yx_2d": np.array(deflections.native.array),
        "evaluation_grid_pixel_scale": np.array([grid.pixel_scale]),
        "evaluation_grid_origin": np.array(grid.origin),
    }


@evaluation_grid
def _evaluation_grid(lens: LensCalc, grid: al.Grid2D, pixel_scale: float = 0.05) -> al.Grid2D:
    return grid


def _native(array: Any, mask: np.ndarray) -> np.ndarray:
    native = np.array(array.native.array, dtype=np.float64)
    return np.where(mask, np.nan, native)


def _two_planes(light: Any, **source: Any) -> af.Collection:
    lens = af.Model(
        al.Galaxy,
        redshift=0.5,
        bulge=light,
        mass=_around(TRUTH[0].mass),
        shear=_around(TRUTH[0].shear),
    )
    return af.Collection(
        galaxies=af.Collection(lens=lens, source=af.Model(al.Galaxy, redshift=1.0, **source))
    )


def _around(profile: Any) -> af.Model:
    """A model of a profile whose free parameters lie within a tenth of its values."""
    model = af.Model(type(profile))
    for name in model.__dict__.copy():
        value = getattr(profile, name, None)
        if isinstance(value, tuple):
            parts = getattr(model, name)
            for i, part in enumerate(value):
                setattr(parts, f"{name}_{i}", _prior(part))
        elif isinstance(getattr(model, name), af.Prior):
            setattr(model, name, _prior(value))
    return model


def _prior(value: float) -> af.UniformPrior:
    width = max(0.1 * abs(value), 0.02)
    return af.UniformPrior(lower_limit=value - width, upper_limit=value + width)
