"""One update at the pixel sizes of real instruments: arrays, frame, figure and image.

The same lens on the same 7 arcsec of sky, and once on twice as much, where maps are so large that
they are down-sampled for display. Times are CPU seconds of this process, as other work on the
machine matters less to them. `growth` compares each row with the one before it: 1 is growth with
the number of pixels, and more is worse.

python benchmarks/instruments.py [--only NAME ...] [--quick] [--json FILE]
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from common import median, parser, report, vectors

INSTRUMENTS = {  # arcsec per pixel, arcsec of sky
    "Euclid": (0.1, 7.0),
    "HST": (0.05, 7.0),
    "JWST": (0.03, 7.0),
    "AO": (0.01, 7.0),
    "AO, wide": (0.01, 14.0),
}
SUB = 2  # samples of light along each side of a pixel
QUICK = 3  # of them take seconds, the others minutes
NOTHING = 0.1  # ms: a step that there was no need for
SMALL = 20.0  # ms: what takes less on both sides is not held to its growth


def dataset(scale: float, field: float) -> Any:
    """The lens of the demonstration as an instrument of that pixel size sees it."""
    import autolens as al

    from search_hooks.demo_lens import SEED, true_galaxies

    shape = (round(field / scale), round(field / scale))
    grid = al.Grid2D.uniform(shape_native=shape, pixel_scales=scale, over_sample_size=SUB)
    psf = al.Convolver.from_gaussian(shape_native=(21, 21), sigma=2 * scale, pixel_scales=scale)
    simulator = al.SimulatorImaging(
        exposure_time=300.0, background_sky_level=0.1, psf=psf, noise_seed=SEED
    )
    imaging = simulator.via_tracer_from(tracer=al.Tracer(galaxies=true_galaxies()), grid=grid)
    mask = al.Mask2D.circular(shape_native=shape, pixel_scales=scale, radius=field / 2)
    return imaging.apply_mask(mask=mask).apply_over_sampling(over_sample_size_lp=SUB)


def cpu_ms(act: Callable[[], Any], repeats: int) -> float:
    """Median CPU milliseconds of a call, after one that is not counted."""
    act()
    return median([once(act) for _ in range(repeats)])


def once(act: Callable[[], Any]) -> float:
    """CPU milliseconds of one call."""
    start = time.process_time()
    act()
    return 1e3 * (time.process_time() - start)


def measure(name: str, repeats: int) -> dict[str, Any]:
    """One instrument: CPU milliseconds and megabytes of one update."""
    import autolens as al
    import jax
    from autofit.jax.pytrees import enable_pytrees, register_model

    from search_hooks import reduce
    from search_hooks.demo_lens import lens_model
    from search_hooks.extract.imaging import extractor
    from search_hooks.shared_fit import SharedFit, to_host
    from vizworker.frame import Frame
    from vizworker.layouts import sheets
    from vizworker.render.figure import Figures
    from vizworker.wire import decode, decode_frame, encode_frame

    analysis = al.AnalysisImaging(dataset=dataset(*INSTRUMENTS[name]), use_jax=True)
    model = lens_model()
    enable_pytrees()
    register_model(model)
    extract, [vector] = extractor(analysis), vectors(model, 1)

    def instance(parameters: Any) -> Any:
        return model.instance_from_vector(vector=parameters, ignore_assertions=True, xp=jax.numpy)

    likelihood = jax.jit(lambda p: analysis.log_likelihood_function(instance(p)))
    shared = SharedFit(lambda p: extract.arrays(instance(p)))
    compiled = once(lambda: shared.compile(vector))
    host = to_host(shared(vector))
    log_likelihood = float(host.pop("log_likelihood"))
    exact = Frame("id", name, "imaging", 1, log_likelihood, extract.finish(host))
    style = exact.style
    shown = reduce.shown(dict(exact.arrays), "imaging", style)
    frame = replace(exact, arrays=shown.arrays, reduced=shown.reduced)
    figures = Figures()
    first = once(lambda: figures.render(frame))
    return {
        "instrument": name,
        "arcsec": INSTRUMENTS[name][0],
        "pixels": int((~exact.arrays["mask"]).sum()),
        "likelihood": cpu_ms(lambda: float(likelihood(vector)), repeats),
        "arrays": cpu_ms(lambda: to_host(shared(vector)), repeats),
        "native": cpu_ms(lambda: extract.finish(host), repeats),
        "reduce": cpu_ms(lambda: reduce.shown(dict(exact.arrays), "imaging", style), repeats),
        "wire": cpu_ms(lambda: decode_frame(decode(encode_frame(frame))), 5),
        "layout": cpu_ms(lambda: sheets(frame), repeats),
        "figure": cpu_ms(lambda: figures.render(frame), repeats),
        "first figure": first,
        "compile": compiled,
        "exact MB": megabytes(encode_frame(exact)),
        "sent MB": megabytes(encode_frame(frame)),
        "PNG MB": len(figures.render(frame).pictures[0].png) / 1e6,
    }


def megabytes(parts: list[Any]) -> float:
    """Of a message."""
    return sum(memoryview(part).nbytes for part in parts) / 1e6


def growths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each step's time from one row to the next: the power of the number of pixels."""
    steps = ("likelihood", "arrays", "native", "reduce", "layout", "figure")
    found = []
    for before, after in pairwise(rows):
        more = math.log(after["pixels"] / before["pixels"])
        row = {"growth": f"{before['instrument']} to {after['instrument']}"}
        for step in steps:
            if max(before[step], after[step]) < SMALL:
                row[step] = "small"
            elif before[step] < NOTHING:
                row[step] = "begins"
            else:
                row[step] = f"{math.log(after[step] / before[step]) / more:.2f}"
        found.append(row)
    return found


def main() -> None:
    flags = parser(__doc__)
    flags.add_argument("--only", nargs="+", choices=INSTRUMENTS)
    options = flags.parse_args()
    repeats = 2 if options.quick else 10
    rows = []
    for name in options.only or list(INSTRUMENTS)[: QUICK if options.quick else None]:
        rows.append(measure(name, repeats))
        print(rows[-1], file=sys.stderr, flush=True)  # the largest take minutes
    growth = growths(rows)
    report("One update at each instrument's pixel size, CPU ms", rows, options.json, growth=growth)
    if growth:
        report("Its growth, as a power of the number of pixels", growth, None)


if __name__ == "__main__":
    main()
