"""A small lens fit as a PyAutoLens user writes it: it knows nothing of being watched."""

import os
import sys
from pathlib import Path

import autofit as af
import autolens as al
from autonerves import conf

folder = Path(sys.argv[1])
conf.instance.output_path = str(folder / "output")

grid = al.Grid2D.uniform(shape_native=(60, 60), pixel_scales=0.1, over_sample_size=4)
psf = al.Convolver.from_gaussian(shape_native=(11, 11), sigma=0.1, pixel_scales=0.1, normalize=True)
lens = al.Galaxy(
    redshift=0.5,
    bulge=al.lp.SersicSph(intensity=1.0, effective_radius=0.6, sersic_index=2.0),
    mass=al.mp.IsothermalSph(einstein_radius=1.2),
)
source = al.Galaxy(
    redshift=1.0,
    bulge=al.lp.SersicCoreSph(centre=(0.05, 0.1), intensity=2.0, effective_radius=0.2),
)
simulator = al.SimulatorImaging(
    exposure_time=500.0, psf=psf, background_sky_level=0.1, noise_seed=1
)
dataset = simulator.via_tracer_from(tracer=al.Tracer(galaxies=[lens, source]), grid=grid)
dataset = dataset.apply_mask(
    al.Mask2D.circular(shape_native=(60, 60), pixel_scales=0.1, radius=2.5)
)

model = af.Collection(
    galaxies=af.Collection(
        lens=af.Model(
            al.Galaxy,
            redshift=0.5,
            bulge=lens.bulge,
            mass=af.Model(al.mp.IsothermalSph, centre=(0.0, 0.0)),
        ),
        source=af.Model(al.Galaxy, redshift=1.0, bulge=al.lp.SersicCoreSph),
    )
)
model.galaxies.lens.mass.einstein_radius = af.UniformPrior(lower_limit=0.9, upper_limit=1.5)

analysis = al.AnalysisImaging(dataset=dataset, use_jax="numpy" not in sys.argv)
search = af.Nautilus(
    path_prefix="watched",
    name="lens",
    n_live=60,
    n_batch=20,
    n_eff=int(os.environ.get("SAMPLES", "500")),
    n_like_max=int(os.environ.get("EVALUATIONS", "400")),
    seed=1,
)
result = search.fit(model=model, analysis=analysis)
print("script arguments:", sys.argv[1:], flush=True)
print("maximum log likelihood:", result.samples.max_log_likelihood_sample.log_likelihood)
