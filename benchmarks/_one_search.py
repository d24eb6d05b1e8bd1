"""One Nautilus search in a process of its own, timed: what `search_overhead.py` starts.

python benchmarks/_one_search.py MODE FOLDER [--model M] [--evaluations N] [--every SECONDS]
"""

import argparse
import functools
import json
import time
from pathlib import Path
from typing import Any

from common import MODELS, lens

UPSTREAM_CADENCE = 500  # evaluations between two of upstream's figures
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("folder", type=Path, help="of the search's output and the measurements")
    parser.add_argument("--model", choices=MODELS, default="sersic")
    parser.add_argument("--evaluations", type=int, default=3001)
    parser.add_argument("--every", type=float, default=5.0)
    options = parser.parse_args()
    measured = run(options)
    (options.folder / "measured.json").write_text(json.dumps(measured))


def run(options: argparse.Namespace) -> dict[str, float]:
    """Fit once; seconds, evaluations, figures of upstream's, and the best log likelihood."""
    analysis, model = lens(options.model)

    import autofit as af

    configure(options.folder, background=options.mode == "background")
    calls, figures = wait_for_likelihoods(), count_upstream_figures(analysis)
    search = af.Nautilus(
        name="benchmark",
        n_live=100,
        n_batch=100,
        n_like_max=options.evaluations,
        seed=SEED,
        iterations_per_quick_update=UPSTREAM_CADENCE if options.mode in UPSTREAM else None,
    )
    MODES[options.mode](search, options.every)
    start = time.perf_counter()
    result = search.fit(model=model, analysis=analysis)
    return {
        "fit_s": time.perf_counter() - start,
        "likelihood_s": sum(seconds for seconds, _ in calls),
        "evaluations": sum(size for _, size in calls),
        "upstream_figures": len(figures),
        "log_likelihood": result.samples.max_log_likelihood_sample.log_likelihood,
    }


def configure(folder: Path, background: bool) -> None:
    """Results go to `folder`; upstream draws on its own thread if `background`."""
    from autofit import conf

    config = folder / "config"
    config.mkdir(parents=True)
    (config / "general.yaml").write_text(
        f"updates:\n  quick_update_background: {str(background).lower()}\n"
    )
    conf.instance.push(new_path=config, output_path=folder / "output")


def wait_for_likelihoods() -> list[tuple[float, int]]:
    """Time each call of the likelihood, its result waited for: (seconds, evaluations) of each."""
    import jax
    import numpy as np
    from autofit.non_linear.fitness import Fitness

    calls: list[tuple[float, int]] = []
    call = Fitness.call_wrap

    @functools.wraps(call)
    def timed(self: Any, parameters: Any) -> Any:
        start = time.perf_counter()
        # without the wait one would time the dispatch: the result is still being computed
        result = jax.block_until_ready(call(self, parameters))
        calls.append((time.perf_counter() - start, int(np.size(result))))
        return result

    Fitness.call_wrap = timed
    return calls


def count_upstream_figures(analysis: Any) -> list[None]:
    """One entry for each quick update that upstream has drawn."""
    drawn: list[None] = []
    cls = next(each for each in type(analysis).__mro__ if "perform_quick_update" in vars(each))
    draw = cls.perform_quick_update

    @functools.wraps(draw)
    def counted(self: Any, paths: Any, instance: Any) -> None:
        draw(self, paths, instance)
        drawn.append(None)

    cls.perform_quick_update = counted
    return drawn


def as_it_is(search: Any, every: float) -> None:
    """As the search was made."""


def without_warm_up(search: Any, every: float) -> None:
    """Upstream compiles its figure code before it samples, unless there is no cadence at all."""
    import autofit as af

    make_fitness = af.NonLinearSearch.make_fitness

    @functools.wraps(make_fitness)
    def bare(self: Any, analysis: Any, model: Any, **overrides: Any) -> Any:
        overrides["iterations_per_quick_update"] = None
        return make_fitness(self, analysis=analysis, model=model, **overrides)

    af.NonLinearSearch.make_fitness = bare


def watched(search: Any, every: float) -> None:
    """By vizworker, in a private worker."""
    from search_hooks import watch

    watch(search, every=every)


UPSTREAM = ("foreground", "background")
MODES = {
    "bare": without_warm_up,
    "off": as_it_is,
    "foreground": as_it_is,
    "background": as_it_is,
    "watched": watched,
}

if __name__ == "__main__":
    main()
