"""Small fits to catalogues and to ellipses, on data simulated by upstream."""

import functools
from collections.abc import Callable
from typing import Any

import autofit as af
import autolens as al
import lenses

Kind = tuple[Any, Any]  # analysis, model


@functools.cache
def shears(reduced: bool = False) -> al.WeakDataset:
    """Forty galaxies behind the lens of `lenses.TRUTH`."""
    simulator = al.SimulatorShearYX(noise_sigma=0.05, seed=1, reduced=reduced)
    tracer = al.Tracer(galaxies=list(lenses.TRUTH))
    return simulator.via_tracer_random_positions_from(tracer, n_galaxies=40, grid_extent=8.0)


def dark_lens() -> Any:
    """A lens without light, and a source that is not seen."""
    lens = af.Model(al.Galaxy, redshift=0.5, mass=lenses._around(lenses.TRUTH[0].mass))
    source = af.Model(al.Galaxy, redshift=1.0)
    return af.Collection(galaxies=af.Collection(lens=lens, source=source))


def weak(use_jax: bool = True, reduced: bool = False) -> Kind:
    """The shears behind a lens."""
    return al.AnalysisWeak(dataset=shears(reduced), use_jax=use_jax), dark_lens()


SOLVER = {"shape_native": (80, 80), "pixel_scales": 0.05}
IMAGES = [(1.05, 1.0), (-1.2, -0.9), (1.1, -0.8), (-0.8, 1.25)]  # y, x arcsec, of a quasar


def quasar(fluxes: bool = False, name: str = "point_0") -> al.PointDataset:
    """Four images of a point source."""
    grid = al.Grid2DIrregular(IMAGES)
    extra = {"fluxes": [1.0, 2.0, 1.5, 0.7], "fluxes_noise_map": [0.1] * 4} if fluxes else {}
    return al.PointDataset(name, grid, positions_noise_map=[0.05, 0.05, 0.04, 0.05], **extra)


def point(
    use_jax: bool = True,
    fluxes: bool = False,
    image: bool = False,
    positions: Any = al.FitPositionsImagePairRepeat,
    name: str = "point_0",
) -> Kind:
    """A quasar behind a lens."""
    grid = al.Grid2D.uniform(**SOLVER)
    solver = al.PointSolver.for_grid(
        grid=grid, pixel_scale_precision=0.025, magnification_threshold=0.1
    )
    analysis = al.AnalysisPoint(
        dataset=quasar(fluxes, name),
        solver=solver,
        fit_positions_cls=positions,
        image=lenses.dataset(shape=(60, 60), radius=2.6).data if image else None,
        use_jax=use_jax,
    )
    model = dark_lens()
    solved = "Solved" in positions.__name__
    kind = al.ps.PointSolved if solved else (al.ps.PointFlux if fluxes else al.ps.Point)
    source = af.Model(kind)
    if not solved:
        source.centre.centre_0, source.centre.centre_1 = _near(0.05), _near(0.1)
    if fluxes:
        source.flux = af.UniformPrior(0.5, 1.5)
    setattr(model.galaxies.source, name, source)
    return analysis, model


def _near(value: float) -> Any:
    return af.UniformPrior(value - 0.02, value + 0.02)


KINDS: dict[str, Callable[..., Kind]] = {
    "point": point,
    "point_fluxes": functools.partial(point, fluxes=True),
    # JAX cannot trace how it pairs: a search of it is numpy's
    "point_image": functools.partial(
        point, image=True, positions=al.FitPositionsImagePair, use_jax=False
    ),
    "point_soft": functools.partial(point, positions=al.FitPositionsImagePairAllSolved),
    "point_source_plane": functools.partial(point, positions=al.FitPositionsSource),
    "weak": weak,
    "weak_reduced": functools.partial(weak, reduced=True),
}
