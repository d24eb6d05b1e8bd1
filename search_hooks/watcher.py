"""The thread beside a search: it waits until the best fit is due, computes it and hands it on."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from search_hooks.best import BUDGET, Best, affordable, due_in, update
from search_hooks.computing import Computed, Computing, agrees
from search_hooks.memory import recall, remember
from search_hooks.say import Once, in_words
from vizworker.frame import Cost

logger = logging.getLogger("search_hooks")

SILENCE = 2.0  # seconds that the end of a search may take without a word
AGAIN = 0.5  # seconds between two looks whether the frame before has gone


class Watcher:
    """Keeps the best fit of one search, and shows it from a thread of its own.

    Attributes:
        best: the best fit so far.
        closing: no more is to be noted; what is left is the last.
        computed: seconds that computing the fits took.
        interpreter: seconds of processor time that showing them took.
    """

    def __init__(
        self,
        computing: Computing,
        ship: Callable[[Best, Computed, float], None],
        *,
        run: str,
        every: float,
        cost: Callable[[], Cost],
        stuck: Callable[[], bool],
        say: Once,
        memory: Path | None,
        n_parameters: int,
    ) -> None:
        """No thread runs before the first fit.

        Args:
            computing: of the fits.
            ship: gets a fit, its arrays, and the unix time at which it became due.
            run: what the run is called.
            every: the least time between two fits, seconds.
            cost: what watching has cost so far.
            stuck: the last fit has not even been sent: another would only replace it.
            say: tells the log.
            memory: a file that remembers the best fit, or None.
            n_parameters: of the fit.
        """
        self.best = Best() if memory is None else recall(memory, n_parameters)
        self.closing = False
        self.computed = self.interpreter = 0.0
        self._computing = computing
        self._ship = ship
        self._run = run
        self._every = every
        self._cost = cost
        self._stuck = stuck
        self._say = say
        self._memory = memory
        self._recalled = self.best
        self._shown = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def note(self, parameters: Any, log_likelihoods: Any) -> None:
        """Keep the best of what the search has evaluated; see `search_hooks.best.update`."""
        best = update(self.best, parameters, log_likelihoods)
        if best is not self.best:
            with self._changed:
                self.best = best
                self._changed.notify()
        if self._thread is None and best.version:
            self._thread = threading.Thread(target=self._watch, name="vizworker-fit", daemon=True)
            self._thread.start()

    def close(self, deadline: float) -> bool:
        """Show the last fit, and wait for it until a time of `time.monotonic()`.

        Returns:
            Whether all that there was to show is computed.
        """
        with self._changed:
            self.closing = True
            self._changed.notify()
        if self._thread is None:
            return True
        self._thread.join(min(SILENCE, max(0.0, deadline - time.monotonic())))
        left = deadline - time.monotonic()
        if self._thread.is_alive() and left > 0:
            logger.info("%s: waiting for its last figure, at most %.0f s ...", self._run, left)
            self._thread.join(left)
        return not self._thread.is_alive()

    def _watch(self) -> None:
        """The thread: compile, then show each best fit when it is due."""
        if not self._guarded(self._computing.compile, self.best):
            return
        last = 0.0
        while (best := self._next(last)) is not None:
            last = time.monotonic()
            start = time.thread_time()
            self._guarded(self._show, best)
            self.interpreter += time.thread_time() - start
            self._shown = best.version

    def _guarded(self, act: Callable[[Best], None], best: Best) -> bool:
        """The boundary of the thread: whatever goes wrong is said once and stays here."""
        try:
            act(best)
        except Exception as error:
            self._say(f"no figure of {self._run}: {in_words(error)} (the search goes on)")
            logger.debug("while watching %s", self._run, exc_info=True)
            return False
        return True

    def _next(self, last: float) -> Best | None:
        """Wait until the best fit is due, and return it; None when there is no more to show."""
        every = self._affordable()
        with self._changed:
            while True:
                wait = due_in(self.best, self._shown, last, time.monotonic(), every)
                if self.closing:
                    return None if wait is None else self.best
                if wait is not None and self._stuck():
                    wait = max(wait, AGAIN)
                if wait == 0.0:
                    return self.best
                self._changed.wait(wait)

    def _affordable(self) -> float:
        """The interval asked for, or a longer one that costs the search little enough."""
        cost = self._cost()
        every = affordable(self._every, cost.blocked + cost.interpreter, cost.updates)
        if every > self._every:
            self._say(
                f"{self._run}: its figures come less often than every {self._every:g} s, "
                f"to cost the search no more than {BUDGET:.0%} of its time",
                logging.INFO,
            )
        return every

    def _show(self, best: Best) -> None:
        triggered = time.time()
        start = time.perf_counter()
        computed = self._computing(best)
        self.computed += time.perf_counter() - start
        if best is self._recalled and not agrees(computed.arrays["log_likelihood"], best):
            self._forget(best)
            return
        self._ship(best, computed, triggered)
        if self._memory is not None:
            with suppress(OSError):  # then a resumed search starts from nothing
                remember(self._memory, best)

    def _forget(self, recalled: Best) -> None:
        """What an earlier process remembered is not of this fit: start from what this one finds."""
        logger.info("%s: the best fit of the run before is of another fit: left out", self._run)
        with self._changed:
            if self.best is recalled:
                self.best = Best(version=recalled.version)
