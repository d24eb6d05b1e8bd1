"""Draws `docs/images/contact_sheet.png`: each kind of fit, by vizworker and by its host.

python tools/contact_sheet.py [KIND ...]
"""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
os.environ["MPLBACKEND"] = "Agg"
os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_cpu_multi_thread_eigen=false"]
).strip()

from autonerves import jax_wrapper  # noqa: E402, F401  first: it sets JAX up

# isort: split
import autofit as af  # noqa: E402
import autogalaxy.ellipse.plot.fit_ellipse_plots as ellipses  # noqa: E402
import autogalaxy.imaging.plot.fit_imaging_plots as galaxy_imaging  # noqa: E402
import autogalaxy.interferometer.plot.fit_interferometer_plots as galaxy_visibilities  # noqa: E402
import autolens as al  # noqa: E402
import autolens.imaging.plot.fit_imaging_plots as imaging  # noqa: E402
import autolens.interferometer.plot.fit_interferometer_plots as visibilities  # noqa: E402
import autolens.point.plot.fit_point_plots as points  # noqa: E402
import autolens.point.plot.multi_source_plots as quasars  # noqa: E402
import autolens.weak.plot.fit_weak_plots as shears  # noqa: E402
import catalogues  # noqa: E402
import kinds  # noqa: E402
import lenses  # noqa: E402
import numpy as np  # noqa: E402
import parity  # noqa: E402
import plain  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from PIL import Image as PillowImage  # noqa: E402

from vizworker.frame import Style  # noqa: E402
from vizworker.render.figure import Figures  # noqa: E402

DPI = 30.0
WIDTH = 8.0  # inches of one figure
PNG = ROOT / "docs" / "images" / "contact_sheet.png"
COLOURS = 80  # of the picture: a file of less than a megabyte

Draw = Callable[..., None]


def over_image(fit: Any, **where: Any) -> None:
    """The host's figure of a point source over the image of its kind."""
    image = lenses.dataset(shape=(60, 60), radius=2.6).data
    points.plot_image_with_points(image, fit.dataset, fit=fit, solver=fit.solver, **where)


# kind -> its title, and what draws the host's figures, by file stem
ROWS: dict[str, tuple[str, dict[str, Draw]]] = {
    "two_planes": ("Lens imaging", {"fit": imaging.subplot_fit}),
    "one_plane": ("Lens imaging, one plane", {"fit_x1_plane": imaging.subplot_fit_x1_plane}),
    "three_planes": ("Lens imaging, three planes", {"fit": imaging.subplot_fit}),
    "log10": ("Lens imaging, logarithmic", {"fit": imaging.subplot_fit_log10}),
    "bilinear_adapt_density": ("Rectangular mesh", {"fit": imaging.subplot_fit}),
    "delaunay": ("Delaunay mesh", {"fit": imaging.subplot_fit}),
    "k_nearest_neighbor": ("Nearest neighbours", {"fit": imaging.subplot_fit}),
    "galaxy_imaging": ("Galaxy imaging", {"fit": galaxy_imaging.subplot_fit}),
    "interferometer": ("Lens interferometry", {"fit": visibilities.subplot_fit}),
    "interferometer_free": ("Lens, without visibilities", {"fit": visibilities.subplot_fit}),
    "galaxy_interferometer": (
        "Galaxy interferometry",
        {
            "fit": galaxy_visibilities.subplot_fit,
            "fit_dirty_images": galaxy_visibilities.subplot_fit_dirty_images,
        },
    ),
    "weak": ("Weak lensing", {"subplot_fit_weak": shears.subplot_fit_weak}),
    "ellipse": (
        "Ellipses",
        {"fit_ellipse": lambda fit, **kw: ellipses.subplot_fit_ellipse(fit.fit_list, **kw)},
    ),
    "point_fluxes": ("Point source with fluxes", {"fit": points.subplot_fit}),
    "point_image": ("Point source with an image", {"fit_image_with_points": over_image}),
    "quasars": ("Several point sources", {"fit": quasars.plot_fit_positions}),
    "lenses": ("Several lens images", {"fit_combined": imaging.subplot_fit_combined}),
    "galaxies": (
        "Several galaxy images",
        {"fit_combined": galaxy_imaging.subplot_fit_imaging_list},
    ),
    "channels": (
        "Several channels",
        {"fit_combined": visibilities.subplot_fit_interferometer_combined},
    ),
}


def imaging_kind(model: Callable[[], Any], use_jax: bool = True) -> kinds.Kind:
    """A lens on 100 x 100 pixels."""
    return lenses.analysis(lenses.dataset(), use_jax=use_jax), model()


def two_quasars(use_jax: bool = False) -> kinds.Kind:
    """Two point sources behind one lens; by numpy, as their solver is slow to compile."""
    made = [catalogues.point(use_jax=use_jax, name=name) for name in ("point_0", "point_1")]
    (_, first), (analysis, second) = made
    second.galaxies.lens = first.galaxies.lens
    images = al.Grid2DIrregular([(x, y) for y, x in catalogues.IMAGES])
    analysis.dataset = al.PointDataset("point_1", images, positions_noise_map=[0.05] * len(images))
    graph = af.FactorGraphModel(
        *(af.AnalysisFactor(prior_model=model, analysis=each) for each, model in made),
        use_jax=use_jax,
    )
    return graph, graph.global_prior_model


MADE: dict[str, Callable[..., kinds.Kind]] = kinds.KINDS | {
    "two_planes": lambda use_jax=True: imaging_kind(lenses.sersic, use_jax),
    "log10": lambda use_jax=True: imaging_kind(lenses.sersic, use_jax),
    "quasars": two_quasars,
    "one_plane": lambda use_jax=True: imaging_kind(lenses.one_plane, use_jax),
    "lenses": lambda use_jax=True: kinds.combined("two_planes", "two_planes", use_jax=use_jax),
    "galaxies": lambda use_jax=True: kinds.combined(
        "galaxy_imaging", "galaxy_imaging", use_jax=use_jax
    ),
    "channels": lambda use_jax=True: kinds.combined(
        "interferometer", "interferometer", use_jax=use_jax
    ),
}
kinds.KINDS.update(MADE)


def main() -> None:
    """Draw the kinds named, or all."""
    pairs = [pair for kind in sys.argv[1:] or ROWS for pair in pairs_of(kind)]
    PNG.write_bytes(sheet(pairs))
    print(f"{PNG}: {PNG.stat().st_size // 1000} kB")


def pairs_of(kind: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """A title, our figure and the host's, for each figure of a kind."""
    print(f"drawing {kind} ...", flush=True)
    title, draws = ROWS[kind]
    analysis, model = MADE[kind]()
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, [vector])
    style = Style(scale="log10" if kind == "log10" else "linear")
    pictures = Figures().render(ours.frame(style=style), dpi=DPI).pictures
    by_name = {name: plain.shown(picture.png) for picture in pictures for name in picture.names}
    fit = fits_of(*MADE[kind](use_jax=False), vector)
    theirs = {stem: parity.figures(draw, fit) for stem, draw in draws.items()}
    return [
        # the host gives its logarithmic figure another name
        (title, by_name[stem], plain.saved(saved.get(stem) or saved[f"{stem}_log10"], DPI))
        for stem, saved in theirs.items()
    ]


def fits_of(analysis: Any, model: Any, vector: list[float]) -> Any:
    """The host's fit, or one a dataset."""
    instance = model.instance_from_vector(vector=vector)
    if not hasattr(analysis, "model_factors"):
        return analysis.fit_from(instance=instance)
    factors = zip(analysis.model_factors, instance, strict=False)
    return [factor.analysis.fit_from(instance=own) for factor, own in factors]


def sheet(pairs: list[tuple[str, np.ndarray, np.ndarray]]) -> bytes:
    """A PNG with a row for each pair."""
    heights = [WIDTH * ours.shape[0] / ours.shape[1] for _, ours, _ in pairs]
    figure = Figure(figsize=(2 * WIDTH, sum(heights) + 0.6 * len(pairs)), layout="constrained")
    places = figure.subplots(len(pairs), 2, squeeze=False, height_ratios=heights)
    for (title, *images), (left, right) in zip(pairs, places, strict=True):
        for axes, image, by in zip((left, right), images, ("vizworker", "host"), strict=True):
            axes.imshow(image, interpolation="lanczos")
            axes.set_title(f"{title}: {by}", fontsize=14)
            axes.axis("off")
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=55)
    with PillowImage.open(drawn) as sheet:
        sheet.convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
