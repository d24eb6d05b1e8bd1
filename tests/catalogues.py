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


KINDS: dict[str, Callable[..., Kind]] = {
    "weak": weak,
    "weak_reduced": functools.partial(weak, reduced=True),
}
