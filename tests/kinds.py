"""Small fits of each kind, on data simulated by upstream: an analysis and a model of each."""

import functools
from collections.abc import Callable
from typing import Any

import autofit as af
import autogalaxy as ag
import lenses
from lenses import _around

GALAXY = ag.Galaxy(
    redshift=0.5,
    bulge=ag.lp.Sersic(
        centre=(0.05, -0.1),
        ell_comps=(0.1, 0.05),
        intensity=1.0,
        effective_radius=0.8,
        sersic_index=2.0,
    ),
    disk=ag.lp.Exponential(centre=(0.0, 0.0), ell_comps=(0.0, 0.2), intensity=0.4),
)

Kind = tuple[Any, Any]  # analysis, model


@functools.cache
def galaxy_dataset(shape: tuple[int, int] = (40, 40), pixel_scale: float = 0.1) -> ag.Imaging:
    """An image of `GALAXY`, masked by a circle."""
    grid = ag.Grid2D.uniform(shape_native=shape, pixel_scales=pixel_scale, over_sample_size=2)
    psf = ag.Convolver.from_gaussian(
        shape_native=(7, 7), sigma=0.1, pixel_scales=pixel_scale, normalize=True
    )
    simulator = ag.SimulatorImaging(
        exposure_time=500.0, psf=psf, background_sky_level=0.1, noise_seed=1
    )
    image = simulator.via_galaxies_from(galaxies=ag.Galaxies([GALAXY]), grid=grid)
    mask = ag.Mask2D.circular(shape_native=shape, pixel_scales=pixel_scale, radius=1.6)
    return image.apply_mask(mask=mask)


def galaxy_imaging(use_jax: bool = True) -> Kind:
    """Bulge and disk of one galaxy."""
    galaxy = af.Model(
        ag.Galaxy, redshift=0.5, bulge=_around(GALAXY.bulge), disk=_around(GALAXY.disk)
    )
    model = af.Collection(galaxies=af.Collection(galaxy=galaxy))
    return ag.AnalysisImaging(dataset=galaxy_dataset(), use_jax=use_jax), model


def galaxy_imaging_linear(use_jax: bool = True) -> Kind:
    """Linear Gaussians."""
    bulge = ag.model_util.mge_model_from(mask_radius=1.6, total_gaussians=5)
    galaxy = af.Model(ag.Galaxy, redshift=0.5, bulge=bulge)
    model = af.Collection(galaxies=af.Collection(galaxy=galaxy))
    return ag.AnalysisImaging(dataset=galaxy_dataset(), use_jax=use_jax), model


KINDS: dict[str, Callable[..., Kind]] = {
    "galaxy_imaging": galaxy_imaging,
    "galaxy_imaging_linear": galaxy_imaging_linear,
    "lens_imaging": lambda use_jax=True: (lenses.analysis(use_jax=use_jax), lenses.sersic()),
}
