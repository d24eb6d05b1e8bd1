"""Small fits of each kind, on data simulated by upstream: an analysis and a model of each."""

import functools
from collections.abc import Callable
from typing import Any

import autofit as af
import autogalaxy as ag
import autolens as al
import catalogues
import lenses
import numpy as np
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


def ellipse(multipoles: bool = False, use_jax: bool = True) -> Kind:
    """Three ellipses of known sizes with a common centre and shape, the last at the mask's edge.

    Args:
        multipoles: each is disturbed by one of the fourth order.
        use_jax: of the analysis.
    """
    ellipses = [af.Model(ag.Ellipse, major_axis=size) for size in (0.4, 0.9, 1.5)]
    first = ellipses[0]
    first.centre.centre_0 = af.UniformPrior(-0.1, 0.2)
    first.centre.centre_1 = af.UniformPrior(-0.2, 0.1)
    first.ell_comps.ell_comps_0 = af.UniformPrior(0.0, 0.2)
    first.ell_comps.ell_comps_1 = af.UniformPrior(0.0, 0.2)
    for other in ellipses[1:]:
        other.centre, other.ell_comps = first.centre, first.ell_comps
    model = af.Collection(ellipses=ellipses)
    if multipoles:
        disturbed = af.Model(ag.EllipseMultipole, m=4)
        model.multipoles = [[disturbed] for _ in model.ellipses]
    return ag.AnalysisEllipse(dataset=galaxy_dataset(), use_jax=use_jax), model


@functools.cache
def visibilities(transformer: str = "DFT", of: str = "lens") -> al.Interferometer:
    """Sixty visibilities of the lens of `lenses.TRUTH`, or of `GALAXY`.

    Args:
        transformer: `DFT`, `NUFFT`, `sparse` (NUFFT with a sparse operator) or `free` (the
            operator alone, without visibilities).
        of: `lens` or `galaxy`.
    """
    shape, pixel_scale = (40, 40), 0.1
    mask = al.Mask2D.circular(shape_native=shape, pixel_scales=pixel_scale, radius=1.9)
    rng = np.random.default_rng(2)
    grid = al.Grid2D.uniform(shape_native=shape, pixel_scales=pixel_scale)
    simulator = al.SimulatorInterferometer(
        uv_wavelengths=rng.normal(scale=1.5e5, size=(60, 2)),
        exposure_time=300.0,
        noise_sigma=1.0,
        noise_seed=1,
    )
    if of == "galaxy":
        image = ag.Galaxies([GALAXY]).image_2d_from(grid=grid)
    else:
        image = al.Tracer(galaxies=list(lenses.TRUTH)).image_2d_from(grid=grid)
    simulated = simulator.via_image_from(image=image)
    uv, data, noise = simulated.uv_wavelengths, simulated.data, simulated.noise_map
    if transformer == "free":
        return al.Interferometer.from_stream([(uv, data, noise)], real_space_mask=mask)
    dataset = al.Interferometer(
        data=data,
        noise_map=noise,
        uv_wavelengths=uv,
        real_space_mask=mask,
        transformer_class=al.TransformerDFT if transformer == "DFT" else al.TransformerNUFFT,
    )
    return dataset.apply_sparse_operator() if transformer == "sparse" else dataset


def interferometer(
    transformer: str = "DFT", model: Callable[[], Any] = lenses.sersic, use_jax: bool = True
) -> Kind:
    """A lens seen by an interferometer."""
    return al.AnalysisInterferometer(visibilities(transformer), use_jax=use_jax), model()


def galaxy_interferometer(transformer: str = "DFT", use_jax: bool = True) -> Kind:
    """A galaxy seen by an interferometer."""
    _, model = galaxy_imaging()
    dataset = visibilities(transformer, of="galaxy")
    return ag.AnalysisInterferometer(dataset, use_jax=use_jax), model


def three_planes() -> Any:
    """A second source between the lens and the first one."""
    model = lenses.sersic()
    model.galaxies.between = af.Model(
        al.Galaxy,
        redshift=0.7,
        bulge=_around(lenses.TRUTH[1].bulge),
        shear=al.mp.ExternalShear(gamma_1=0.04, gamma_2=0.02),
    )
    return model


def imaging(model: Callable[[], Any], use_jax: bool = True) -> Kind:
    """A lens on 40 x 40 pixels."""
    data = lenses.dataset(shape=(40, 40), radius=1.8)
    return lenses.analysis(data, use_jax=use_jax), model()


MESHES = {
    "rectangular_uniform": al.mesh.RectangularUniform,
    "rtu_adapt_density": al.mesh.RectangularRTUAdaptDensity,
    "rtu_adapt_image": al.mesh.RectangularRTUAdaptImage,
    "bilinear_adapt_density": al.mesh.RectangularBilinearAdaptDensity,
    "bilinear_adapt_image": al.mesh.RectangularBilinearAdaptImage,
    "delaunay": al.mesh.Delaunay,
    "delaunay_nn": al.mesh.DelaunayNN,
    "k_nearest_neighbor": al.mesh.KNearestNeighbor,
    "knn_barycentric": al.mesh.KNNBarycentric,
}
SOURCE = str(("galaxies", "source"))


def mesh(name: str, regularization: Any = None, use_jax: bool = True) -> Kind:
    """A source on one of `MESHES`, seen through a lens without light on 40 x 40 pixels."""
    data = lenses.dataset(shape=(40, 40), radius=1.8)
    overlay = al.image_mesh.Overlay(shape=(12, 12), respect_small_datasets=False)
    points = overlay.image_plane_mesh_grid_from(mask=data.mask)
    cls = MESHES[name]
    triangles = issubclass(cls, al.mesh.Delaunay)
    regular = al.reg.ConstantSplit if triangles else al.reg.Constant
    pixelization = al.Pixelization(
        mesh=cls(pixels=len(points)) if triangles else cls(shape=(10, 10)),
        regularization=regularization or regular(coefficient=1.0),
    )
    model = lenses._two_planes(None, pixelization=pixelization)
    adapt = al.AdaptImages(
        galaxy_name_image_dict={SOURCE: data.signal_to_noise_map},
        galaxy_name_image_plane_mesh_grid_dict={SOURCE: points},
    )
    analysis = lenses.analysis(
        data,
        adapt_images=adapt,
        use_jax=use_jax,
        raise_inversion_positions_likelihood_exception=False,
    )
    return analysis, model


def mesh_source() -> Any:
    """A source on a small rectangular mesh, and no light of the lens."""
    model = lenses.rectangular(shape=(8, 8))
    model.galaxies.lens.bulge = None
    return model


def combined(*names: str, use_jax: bool = True) -> Kind:
    """Datasets of these kinds fitted together, with models that share nothing."""
    made = [KINDS[name](use_jax=use_jax) for name in names]
    factors = [af.AnalysisFactor(prior_model=model, analysis=each) for each, model in made]
    graph = af.FactorGraphModel(*factors)
    return graph, graph.global_prior_model


KINDS: dict[str, Callable[..., Kind]] = {
    "combined": functools.partial(combined, "galaxy_imaging", "galaxy_imaging"),
    "ellipse": ellipse,
    "ellipse_multipoles": functools.partial(ellipse, multipoles=True),
    "galaxy_imaging": galaxy_imaging,
    "galaxy_imaging_linear": galaxy_imaging_linear,
    "interferometer": interferometer,
    "interferometer_mesh": functools.partial(interferometer, model=mesh_source),
    "interferometer_nufft": functools.partial(interferometer, "NUFFT"),
    "interferometer_sparse": functools.partial(interferometer, "sparse", mesh_source),
    "interferometer_free": functools.partial(interferometer, "free"),
    "interferometer_one_plane": functools.partial(interferometer, model=lenses.one_plane),
    "galaxy_interferometer": galaxy_interferometer,
    "galaxy_interferometer_free": functools.partial(galaxy_interferometer, "free"),
    "three_planes": functools.partial(imaging, three_planes),
    **{name: functools.partial(mesh, name) for name in MESHES},
    # its neighbours are found by scipy, which JAX cannot trace
    "delaunay_constant": functools.partial(mesh, "delaunay", al.reg.Constant(coefficient=1.0)),
    **catalogues.KINDS,
}
