"""One update at the pixel sizes of real instruments: arrays, frame, figure and image.

The same lens on the same 7 arcsec of sky; what grows with the number of pixels, and what does not.

python benchmarks/instruments.py [--only NAME ...] [--quick] [--json FILE]
"""

import time
from typing import Any

from common import median, parser, report, seconds, timed, vectors

FIELD = 7.0  # arcsec
INSTRUMENTS = {"Euclid": 0.1, "HST": 0.05, "JWST": 0.03, "AO": 0.01}  # arcsec per pixel
SUB = 2  # samples of light along each side of a pixel


def dataset(scale: float) -> Any:
    """The lens of the demonstration as an instrument of that pixel size sees it."""
    import autolens as al

    from search_hooks.demo_lens import MASK_RADIUS, SEED, true_galaxies

    shape = (round(FIELD / scale), round(FIELD / scale))
    grid = al.Grid2D.uniform(shape_native=shape, pixel_scales=scale, over_sample_size=SUB)
    psf = al.Convolver.from_gaussian(shape_native=(21, 21), sigma=2 * scale, pixel_scales=scale)
    simulator = al.SimulatorImaging(
        exposure_time=300.0, background_sky_level=0.1, psf=psf, noise_seed=SEED
    )
    imaging = simulator.via_tracer_from(tracer=al.Tracer(galaxies=true_galaxies()), grid=grid)
    mask = al.Mask2D.circular(shape_native=shape, pixel_scales=scale, radius=MASK_RADIUS)
    return imaging.apply_mask(mask=mask).apply_over_sampling(over_sample_size_lp=SUB)


def measure(name: str, scale: float, repeats: int) -> dict[str, Any]:
    """One instrument: milliseconds and megabytes of one update."""
    import autolens as al
    import jax
    from autofit.jax.pytrees import enable_pytrees, register_model

    from search_hooks.demo_lens import lens_model
    from search_hooks.extract.imaging import extractor
    from search_hooks.shared_fit import SharedFit, to_host
    from vizworker.frame import Frame
    from vizworker.render.figure import Figures
    from vizworker.wire import decode, decode_frame, encode_frame

    analysis, model = al.AnalysisImaging(dataset=dataset(scale), use_jax=True), lens_model()
    enable_pytrees()
    register_model(model)
    extract, [vector] = extractor(analysis), vectors(model, 1)

    def instance(parameters: Any) -> Any:
        return model.instance_from_vector(vector=parameters, ignore_assertions=True, xp=jax.numpy)

    likelihood = jax.jit(lambda p: analysis.log_likelihood_function(instance(p)))
    shared = SharedFit(lambda p: extract.arrays(instance(p)))
    start = time.perf_counter()
    shared.compile(vector)
    compiled = time.perf_counter() - start
    one = seconds(lambda: float(likelihood(vector)), repeats)
    arrays = seconds(lambda: to_host(shared(vector)), repeats)
    host = to_host(shared(vector))
    log_likelihood = float(host.pop("log_likelihood"))
    frame = Frame("id", name, "imaging", 1, log_likelihood, extract.finish(host))
    figures = Figures()
    first = timed(lambda: figures.render(frame))
    kept = seconds(lambda: figures.render(frame), repeats)
    parts = encode_frame(frame)
    return {
        "instrument": name,
        "arcsec": scale,
        "pixels": int((~frame.arrays["mask"]).sum()),
        "likelihood_ms": 1e3 * median(one),
        "arrays_ms": 1e3 * median(arrays),
        "compile_s": compiled,
        "frame_MB": sum(memoryview(part).nbytes for part in parts) / 1e6,
        "wire_ms": 1e3 * median(seconds(lambda: decode_frame(decode(encode_frame(frame))), 5)),
        "first_figure_ms": 1e3 * first,
        "figure_ms": 1e3 * median(kept),
        "png_kB": len(figures.render(frame).pictures[0].png) / 1e3,
    }


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--only", nargs="+", choices=INSTRUMENTS, default=list(INSTRUMENTS))
    options = flags.parse_args()
    repeats = 2 if options.quick else 10
    rows = [measure(name, INSTRUMENTS[name], repeats) for name in options.only]
    report("One update at each instrument's pixel size", rows, options.json)


if __name__ == "__main__":
    main()
