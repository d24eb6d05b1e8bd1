"""What the arrays of one update cost, steady: a likelihood, the shared fit, upstream's way.

Beside the time: what compiling each shared fit takes, and what it holds on its device.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from common import MODELS, lens, median, parser, report, vectors


def measure(name: str, repeats: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One model: each way to the arrays beside one likelihood, and the programs of the shared fits.

    The CPU milliseconds are those of all threads: a busy machine disturbs them least.
    """
    import jax
    from autofit.jax.pytrees import enable_pytrees, register_model

    from search_hooks.extract.imaging import _image_plane, extractor
    from search_hooks.shared_fit import SharedFit, to_host

    analysis, model = lens(name)
    enable_pytrees()
    register_model(model)
    extract = extractor(analysis)
    [vector] = vectors(model, 1)

    def instance(parameters: Any) -> Any:
        return model.instance_from_vector(vector=parameters, ignore_assertions=True, xp=jax.numpy)

    def fit_arrays(parameters: Any) -> Any:
        fit = analysis.fit_from(instance(parameters))
        return _image_plane(fit, jax.numpy) | {"log_likelihood": fit.figure_of_merit}

    def arrays_of(fit: SharedFit) -> dict[str, Any]:
        return to_host(fit(vector))

    likelihood = jax.jit(lambda p: analysis.log_likelihood_function(instance(p)))
    shared = {
        "shared fit: image-plane arrays": SharedFit(fit_arrays),
        "shared fit: whole figure": SharedFit(lambda p: extract.arrays(instance(p))),
    }
    programs = [
        {"model": name, "program": what} | program(fit, vector) for what, fit in shared.items()
    ]
    ways: dict[str, Callable[[], Any]] = {
        "one jitted likelihood": lambda: float(likelihood(vector))
    }
    ways |= {what: partial(arrays_of, fit) for what, fit in shared.items()}
    whole = shared["shared fit: whole figure"]
    ways["the same, as the frame has them"] = lambda: extract.finish(arrays_of(whole))
    ways["upstream, eager: image-plane arrays"] = lambda: upstream(analysis, model, vector)
    costs = {what: cost(act, repeats) for what, act in ways.items()}
    base = costs["one jitted likelihood"]
    rows = [
        {"model": name, "arrays": what}
        | each
        | {"ratio": each["ms"] / base["ms"], "CPU ratio": each["CPU ms"] / base["CPU ms"]}
        for what, each in costs.items()
    ]
    return rows, programs


def cost(act: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Milliseconds of one call, by the wall and on all threads, after one that is not counted."""
    act()
    walls, threads = [], []
    for _ in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        act()
        walls.append(time.perf_counter() - start)
        threads.append(time.process_time() - busy)
    return {"ms": 1e3 * median(walls), "CPU ms": 1e3 * median(threads)}


def program(fit: Any, vector: Any) -> dict[str, Any]:
    """One compiled program: wall seconds to make it, and what it holds on its device."""
    took, held = fit.compile(vector), fit.device_bytes()
    return {
        "trace s": took.trace,
        "lower s": took.lower,
        "compile s": took.compile,
        "device MB": "unknown" if held is None else held / 1e6,
    }


def upstream(analysis: Any, model: Any, vector: Any) -> None:
    """What upstream's figure reads of its fit, each property evaluated as it is read."""
    import numpy as np

    fit = analysis.fit_for_visualization(instance=model.instance_from_vector(vector=vector))
    for array in (
        fit.model_data,
        fit.residual_map,
        fit.normalized_residual_map,
        fit.chi_squared_map,
        *fit.model_images_of_planes_list,
        *fit.subtracted_images_of_planes_list,
    ):
        np.asarray(array.array)


def main() -> None:
    """Both models, or the first where it has to be quick; two tables."""
    options = parser(__doc__).parse_args()
    models, repeats = (MODELS[:1], 5) if options.quick else (MODELS, 30)
    measured = [measure(name, repeats) for name in models]
    rows = [row for each, _ in measured for row in each]
    programs = [row for _, each in measured for row in each]
    report("The shared fits as programs", programs, None)
    report("Arrays of one update, steady", rows, options.json, programs=programs)


if __name__ == "__main__":
    main()
