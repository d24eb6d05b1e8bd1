"""Fit a simulated HST-like strong lens with Nautilus: an ordinary PyAutoLens script."""

import argparse
import shutil
from pathlib import Path

import autofit as af
import autolens as al
from autofit import conf

PIXEL_SCALE = 0.05  # arcsec
MASK_RADIUS = 3.5  # arcsec
SEED = 1


def true_galaxies() -> list[al.Galaxy]:
    lens = al.Galaxy(
        redshift=0.5,
        bulge=al.lp.Sersic(
            centre=(0.0, 0.0),
            ell_comps=al.convert.ell_comps_from(axis_ratio=0.9, angle=45.0),
            intensity=0.4,
            effective_radius=0.8,
            sersic_index=2.0,
        ),
        mass=al.mp.Isothermal(
            centre=(0.0, 0.0),
            einstein_radius=1.6,
            ell_comps=al.convert.ell_comps_from(axis_ratio=0.8, angle=45.0),
        ),
        shear=al.mp.ExternalShear(gamma_1=0.05, gamma_2=0.02),
    )
    source = al.Galaxy(
        redshift=1.0,
        bulge=al.lp.SersicCore(
            centre=(0.12, 0.2),
            ell_comps=al.convert.ell_comps_from(axis_ratio=0.7, angle=120.0),
            intensity=2.0,
            effective_radius=0.15,
            sersic_index=1.2,
        ),
    )
    return [lens, source]


def sub_size(grid: al.Grid2D) -> al.Array2D:
    """Light is sampled 4x4, 2x2 and once per pixel in rings around the lens galaxy."""
    return al.util.over_sample.over_sample_size_via_radial_bins_from(
        grid=grid, sub_size_list=[4, 2, 1], radial_list=[0.3, 0.6], centre_list=[(0.0, 0.0)]
    )


def simulated_imaging() -> al.Imaging:
    grid = al.Grid2D.uniform(shape_native=(141, 141), pixel_scales=PIXEL_SCALE)
    grid = grid.apply_over_sampling(over_sample_size=8)
    psf = al.Convolver.from_gaussian(shape_native=(21, 21), sigma=0.1, pixel_scales=PIXEL_SCALE)
    simulator = al.SimulatorImaging(
        exposure_time=300.0,
        background_sky_level=0.1,
        psf=psf,
        add_poisson_noise_to_data=True,
        noise_seed=SEED,
    )
    dataset = simulator.via_tracer_from(tracer=al.Tracer(galaxies=true_galaxies()), grid=grid)
    mask = al.Mask2D.circular(
        shape_native=dataset.shape_native, pixel_scales=PIXEL_SCALE, radius=MASK_RADIUS
    )
    dataset = dataset.apply_mask(mask=mask)
    return dataset.apply_over_sampling(over_sample_size_lp=sub_size(dataset.grid))


def lens_model() -> af.Collection:
    """Lens light, mass and shear and one source: 21 free parameters."""
    bulge = af.Model(al.lp.Sersic)
    bulge.centre.centre_0 = af.GaussianPrior(mean=0.0, sigma=0.05)
    bulge.centre.centre_1 = af.GaussianPrior(mean=0.0, sigma=0.05)
    bulge.intensity = af.LogUniformPrior(lower_limit=0.1, upper_limit=5.0)
    bulge.effective_radius = af.UniformPrior(lower_limit=0.4, upper_limit=1.6)
    bulge.sersic_index = af.UniformPrior(lower_limit=1.0, upper_limit=4.0)

    mass = af.Model(al.mp.Isothermal)
    for profile in (bulge, mass):
        profile.ell_comps.ell_comps_0 = af.GaussianPrior(mean=0.0, sigma=0.1)
        profile.ell_comps.ell_comps_1 = af.GaussianPrior(mean=0.0, sigma=0.1)
    mass.centre.centre_0 = af.GaussianPrior(mean=0.0, sigma=0.05)
    mass.centre.centre_1 = af.GaussianPrior(mean=0.0, sigma=0.05)
    mass.einstein_radius = af.UniformPrior(lower_limit=1.4, upper_limit=1.8)

    shear = af.Model(al.mp.ExternalShear)
    shear.gamma_1 = af.UniformPrior(lower_limit=-0.1, upper_limit=0.1)
    shear.gamma_2 = af.UniformPrior(lower_limit=-0.1, upper_limit=0.1)

    source = af.Model(al.lp.SersicCore)
    source.centre.centre_0 = af.GaussianPrior(mean=0.0, sigma=0.15)
    source.centre.centre_1 = af.GaussianPrior(mean=0.0, sigma=0.15)
    source.intensity = af.LogUniformPrior(lower_limit=0.1, upper_limit=5.0)
    source.effective_radius = af.UniformPrior(lower_limit=0.05, upper_limit=0.4)
    source.sersic_index = af.UniformPrior(lower_limit=0.8, upper_limit=2.5)

    return af.Collection(
        galaxies=af.Collection(
            lens=af.Model(al.Galaxy, redshift=0.5, bulge=bulge, mass=mass, shear=shear),
            source=af.Model(al.Galaxy, redshift=1.0, bulge=source),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("output"), help="folder of results")
    parser.add_argument("--evaluations", type=int, default=6000, help="likelihoods to evaluate")
    parser.add_argument("--fresh", action="store_true", help="remove earlier results of this demo")
    args = parser.parse_args()

    conf.instance.output_path = args.output.absolute()
    if args.fresh:
        shutil.rmtree(args.output / "demo_lens", ignore_errors=True)

    search = af.Nautilus(
        path_prefix="demo_lens",
        name="sersic",
        n_live=100,
        n_batch=100,
        n_like_max=args.evaluations,
        seed=SEED,
    )
    analysis = al.AnalysisImaging(dataset=simulated_imaging(), use_jax=True)
    result = search.fit(model=lens_model(), analysis=analysis)
    print(f"best log likelihood: {result.samples.max_log_likelihood_sample.log_likelihood:.1f}")


if __name__ == "__main__":
    main()
