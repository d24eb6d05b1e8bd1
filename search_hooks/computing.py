"""The arrays of a best fit: by the graph while one works, by the host's own functions after."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_hooks.best import Best
from search_hooks.say import Once, in_words
from search_hooks.shared_fit import Arrays, HostFit, SharedFit, to_host, use_persistent_cache

logger = logging.getLogger("search_hooks")

# rounding between the search's program and the figure's, by the precision they compute in
ROUNDING = {"float64": 1e-6, "float32": 1e-3}


@dataclass(frozen=True)
class Computed:
    """The arrays of one fit, on the host."""

    arrays: dict[str, np.ndarray]
    dispatched: float  # unix seconds


class Computing:
    """Computes fits on the thread that calls it.

    Attributes:
        fit: parameters -> arrays, perhaps still being computed.
        compiled: seconds that compiling took.
        compiled_at: unix seconds, when it was done; 0 where nothing is compiled.
    """

    def __init__(
        self,
        fit_from: Callable[[Any], Arrays],
        *,
        use_jax: bool,
        host_fit_from: Callable[[Any], Arrays] | None,
        key: str | None,
        run: str,
        say: Once,
    ) -> None:
        """Nothing is compiled yet; the arguments are those of `LiveFit`."""
        self.fit = SharedFit(fit_from, key) if use_jax else HostFit(fit_from)
        self.compiled = self.compiled_at = 0.0
        self._use_jax = use_jax
        self._host_fit_from = host_fit_from or fit_from
        self._run = run
        self._say = say

    def compile(self, best: Best) -> None:
        """Make the graph ready, or leave it if it cannot be made."""
        if not self._use_jax:
            return
        folder = use_persistent_cache()
        logger.info("compiling the visualization graph in the background (cache: %s) ...", folder)
        try:
            times = self.fit.compile(best.parameters)
        except Exception as error:
            self._leave_graph(error)
            return
        if times is not None:
            self.compiled, self.compiled_at = times.total, time.time()
            logger.info(
                "compiling the visualization graph in the background ... done in %.1f s "
                "(trace %.1f, lower %.1f, compile %.1f)",
                times.total,
                times.trace,
                times.lower,
                times.compile,
            )

    def __call__(self, best: Best) -> Computed:
        """The arrays of a fit, with the log likelihood that they were computed with."""
        computed = self._with_log_likelihood(best)
        if self.fit.kept and not agrees(computed.arrays["log_likelihood"], best):
            logger.info("the graph kept from an earlier run is of another fit: tracing it anew")
            self.fit.forget_kept()
            self.compile(best)
            return self._with_log_likelihood(best)
        return computed

    def _with_log_likelihood(self, best: Best) -> Computed:
        computed = self._computed(best)
        # arrays without a log likelihood of their own cannot be held against the search's
        computed.arrays.setdefault("log_likelihood", np.asarray(best.log_likelihood))
        return computed

    def _computed(self, best: Best) -> Computed:
        try:
            arrays = self.fit(best.parameters)
            dispatched = time.time()
            return Computed(to_host(arrays), dispatched)
        except Exception as error:
            if not self._use_jax:
                raise
            self._leave_graph(error)
            return self._computed(best)

    def _leave_graph(self, error: Exception) -> None:
        """From now on compute the arrays without the graph, still on this thread."""
        self._use_jax = False
        self.fit = HostFit(self._host_fit_from)
        self._say(
            f"{self._run}: the arrays of its figure are computed without a graph, beside the "
            f"search, as there is none that works: {in_words(error)}"
        )
        logger.debug("while %s was in a graph", self._run, exc_info=True)


def agrees(log_likelihood: np.ndarray, best: Best) -> bool:
    """Whether the figure's log likelihood is the search's, but for rounding."""
    rounding = ROUNDING.get(log_likelihood.dtype.name, 1e-3)
    return bool(np.isclose(log_likelihood, best.log_likelihood, rtol=rounding, atol=rounding))
