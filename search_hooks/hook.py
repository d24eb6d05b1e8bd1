"""The hook in a sampling loop: `step` notes the best fit, a thread beside the search shows it."""

import atexit
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from search_hooks import reduce
from search_hooks.best import BUDGET, Best, affordable, due_in, update
from search_hooks.images import write_image
from search_hooks.memory import recall, remember
from search_hooks.publish import Publisher
from search_hooks.shared_fit import Arrays, HostFit, SharedFit, to_host, use_persistent_cache
from search_hooks.spawn import PrivateWorker
from vizworker.frame import Cost, Frame, Style, Times
from vizworker.panels import Layer, grid_of
from vizworker.wire import Drawn

logger = logging.getLogger("search_hooks")

# rounding between the search's program and the figure's, by the precision they compute in
ROUNDING = {"float64": 1e-6, "float32": 1e-3}
SILENCE = 2.0  # seconds that the end of a search may take without a word


class NoHook:
    """The hook that is not there: the same calls, nothing done."""

    def step(self, parameters: Any, log_likelihood: Any) -> None:
        """Nothing."""

    def close(self, timeout: float = 0.0) -> bool:
        """Nothing; True."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LiveFit:
    """Watches one search: its best fit so far becomes a figure, at most every few seconds.

    `step` costs the search microseconds and never raises or blocks. Everything else (compiling
    the shared fit, computing it, sending, writing the image that comes back) happens on threads
    of the hook's own, and a fault there is logged, once, and goes no further.
    """

    def __init__(
        self,
        fit_from: Callable[[Any], Arrays],
        *,
        layout: str = "grid",
        panels: Sequence[Layer | Sequence[Layer]] = (),
        columns: int = 0,
        run: str = "fit",
        folder: Path | str | None = None,
        every: float = 5.0,
        endpoint: str | None = None,
        use_jax: bool = True,
        host_fit_from: Callable[[Any], Arrays] | None = None,
        key: str | None = None,
        finish: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = dict,
        parameter_names: tuple[str, ...] = (),
        title_prefix: str = "",
        style: Style | None = None,
        on_image: Callable[[], None] | None = None,
        memory: Path | None = None,
    ) -> None:
        """Nothing is compiled, computed or sent before the first `step` with a finite value.

        Args:
            fit_from: parameters (n_parameters,) -> arrays by name, with the 0-d
                `log_likelihood` of the fit they belong to. Traced once by `jax.jit` if `use_jax`.
            layout: the worker's layout for these arrays; `grid` shows the declared panels.
            panels: of the grid, row by row: `search_hooks.Image`, `Mesh`, `Curve`, `Scatter` or
                `Histogram`, or several of them in one panel. None shows every array in its own.
            columns: of the grid; 0 makes it nearly square.
            run: what to call the run.
            folder: where images are kept; None keeps none on this side.
            every: the least time between two figures, seconds.
            endpoint: of a running worker; None starts a private one.
            use_jax: False computes `fit_from` as it stands, without compiling.
            host_fit_from: the same without JAX, for a `fit_from` that does not trace or whose
                program fails; None computes `fit_from` itself as it stands.
            key: of the graph among those kept on disk from run to run; None keeps none.
            finish: arrays on the host -> arrays of the frame.
            parameter_names: of the vector, in its order.
            title_prefix: put before each panel's title.
            style: how the figure looks.
            on_image: called after an image has been written.
            memory: a file beside the search's checkpoint that remembers the best fit, so that a
                resumed search starts from it; None starts from nothing.

        Raises:
            FrameError: panels that cannot be declared.
        """
        self.fit = SharedFit(fit_from, key) if use_jax else HostFit(fit_from)
        self.folder = None if folder is None else Path(folder)
        self.run = run
        self.run_id = uuid.uuid4().hex
        self._use_jax = use_jax
        self._host_fit_from = host_fit_from or fit_from
        self._finish = finish
        self._layout = layout
        self._grid = grid_of(panels, columns) if panels else None
        self._every = every
        self._names = parameter_names
        self._title_prefix = title_prefix
        self._style = style or Style()
        self._after_image = on_image
        self._memory = memory
        self._best = Best() if memory is None else recall(memory, len(parameter_names))
        self._recalled = self._best
        self._shown = 0
        self._sequence = 0
        self._steps = 0
        self._blocked = self._interpreter = self._computed = self._compiled = 0.0
        self._compiled_at = 0.0  # unix seconds; 0 where nothing is compiled
        self._started = time.monotonic()
        self._closing = False
        self._closed = False
        self._said: set[str] = set()
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        revive = None
        if endpoint is None:
            worker = PrivateWorker.shared()
            endpoint, revive = worker.endpoint, worker.ensure
        self._publisher = Publisher(
            endpoint,
            self.run_id,
            run,
            self._image_came,
            cost=self.cost,
            revive=revive,
        )
        _open.add(self)

    def step(self, parameters: Any, log_likelihood: Any) -> None:
        """Note what the search has just evaluated.

        Args:
            parameters: one vector (n_parameters,) or a batch (n, n_parameters).
            log_likelihood: its value, or (n,). A JAX array is waited for, as the search would.
        """
        if self._closing or os.getpid() != self._pid:
            return
        try:
            values = np.asarray(log_likelihood)  # the search's own wait, not ours
            start = time.perf_counter()
            best = update(self._best, parameters, values)
            if best is not self._best:
                self._improve(best)
            if self._thread is None and best.version:
                self._start()
            self._steps += 1
            self._blocked += time.perf_counter() - start
        except Exception as error:
            self._say_once(logging.WARNING, f"a step of the search could not be watched: {error!r}")

    def draw(self, arrays: Arrays) -> None:
        """Have a fit drawn that was computed already, whatever the best so far.

        Args:
            arrays: as `fit_from` returns them.
        """
        now = time.time()
        self._ship(None, to_host(arrays), Times(triggered=now, dispatched=now))

    @property
    def best(self) -> Best:
        """The best fit so far."""
        return self._best

    def close(self, timeout: float = 60.0) -> bool:
        """Show the final best fit, wait for it to come home, and end the run.

        A search that ends before its graph is compiled waits for that too.

        Returns:
            Whether the last figure came home before the deadline.
        """
        if self._closed or os.getpid() != self._pid:
            return True
        deadline = time.monotonic() + timeout
        with self._changed:
            self._closing = True
            self._changed.notify()
        computed = self._join(deadline)
        delivered = self._publisher.close(max(0.0, deadline - time.monotonic())) and computed
        self._closed = True
        _open.discard(self)
        self._log_summary(delivered)
        return delivered

    def _join(self, deadline: float) -> bool:
        """Wait for the fit's thread; whether it has computed all there was to show."""
        if self._thread is None:
            return True
        self._thread.join(min(SILENCE, max(0.0, deadline - time.monotonic())))
        left = deadline - time.monotonic()
        if self._thread.is_alive() and left > 0:
            logger.info("%s: waiting for its last figure, at most %.0f s ...", self.run, left)
            self._thread.join(left)
        return not self._thread.is_alive()

    def cost(self) -> Cost:
        """What watching has cost so far."""
        return Cost(
            steps=self._steps,
            updates=self._sequence,
            replaced=self._publisher.replaced,
            blocked=self._blocked,
            interpreter=self._interpreter,
            computed=self._computed,
            compiled=self._compiled,
            elapsed=time.monotonic() - self._started,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _improve(self, best: Best) -> None:
        with self._changed:
            self._best = best
            self._changed.notify()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="vizworker-fit", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        """The thread beside the search: compile, then show each best fit when it is due."""
        if not self._guarded(self._compile):
            return
        last = 0.0
        while (best := self._next(last)) is not None:
            last = time.monotonic()
            start = time.thread_time()
            self._guarded(self._show, best)
            self._interpreter += time.thread_time() - start
            self._shown = best.version

    def _guarded(self, act: Callable[..., None], *arguments: Any) -> bool:
        """The boundary of the fit's thread: whatever goes wrong is said once and stays here."""
        try:
            act(*arguments)
        except Exception as error:
            self._say_once(
                logging.WARNING,
                f"no figure of {self.run}: {_in_words(error)} (the search goes on)",
            )
            logger.debug("while watching %s", self.run, exc_info=True)
            return False
        return True

    def _compile(self) -> None:
        if not self._use_jax:
            return
        folder = use_persistent_cache()
        logger.info("compiling the visualization graph in the background (cache: %s) ...", folder)
        try:
            times = self.fit.compile(self._best.parameters)
        except Exception as error:
            self._leave_graph(error)
            return
        if times is not None:
            self._compiled, self._compiled_at = times.total, time.time()
            logger.info(
                "compiling the visualization graph in the background ... done in %.1f s "
                "(trace %.1f, lower %.1f, compile %.1f)",
                times.total,
                times.trace,
                times.lower,
                times.compile,
            )

    def _next(self, last: float) -> Best | None:
        """Wait until the best fit is due, and return it; None when there is no more to show."""
        every = self._affordable()
        with self._changed:
            while True:
                wait = due_in(self._best, self._shown, last, time.monotonic(), every)
                if self._closing:
                    return None if wait is None else self._best
                if wait is not None and self._publisher.waiting:
                    # the last figure is not even sent: computing another would only replace it
                    wait = max(wait, 0.5)
                if wait == 0.0:
                    return self._best
                self._changed.wait(wait)

    def _affordable(self) -> float:
        """The interval asked for, or a longer one that costs the search little enough."""
        spent = self._blocked + self._interpreter
        every = affordable(self._every, spent, self._sequence)
        if every > self._every:
            self._say_once(
                logging.INFO,
                f"{self.run}: its figures come less often than every {self._every:g} s, "
                f"to cost the search no more than {BUDGET:.0%} of its time",
            )
        return every

    def _show(self, best: Best) -> None:
        triggered = time.time()
        start = time.perf_counter()
        host, dispatched = self._computed_from(best)
        # arrays without a log likelihood of their own cannot be held against the search's
        host.setdefault("log_likelihood", np.asarray(best.log_likelihood))
        if self.fit.kept and not _agrees(host["log_likelihood"], best):
            host = self._without_kept_graph(best)
        self._computed += time.perf_counter() - start
        if best is self._recalled and not _agrees(host["log_likelihood"], best):
            self._forget(best)
            return
        self._ship(best, host, Times(triggered=triggered, dispatched=dispatched))
        if self._memory is not None:
            with suppress(OSError):  # then a resumed search starts from nothing
                remember(self._memory, best)

    def _computed_from(self, best: Best) -> tuple[dict[str, np.ndarray], float]:
        """The arrays of a fit on the host, and when they had been dispatched."""
        try:
            arrays = self.fit(best.parameters)
            dispatched = time.time()
            return to_host(arrays), dispatched
        except Exception as error:
            if not self._use_jax:
                raise
            self._leave_graph(error)
            return self._computed_from(best)

    def _leave_graph(self, error: Exception) -> None:
        """From now on compute the arrays without the graph, still on this thread."""
        self._use_jax = False
        self.fit = HostFit(self._host_fit_from)
        self._say_once(
            logging.WARNING,
            f"{self.run}: the arrays of its figure are computed without a graph, beside the "
            f"search, as there is none that works: {_in_words(error)}",
        )
        logger.debug("while %s was in a graph", self.run, exc_info=True)

    def _without_kept_graph(self, best: Best) -> dict[str, np.ndarray]:
        logger.info("the graph kept from an earlier run is of another fit: tracing it anew")
        self.fit.forget_kept()
        self._compile()
        return to_host(self.fit(best.parameters))

    def _forget(self, recalled: Best) -> None:
        """What an earlier process remembered is not of this fit: start from what this one finds."""
        logger.info("%s: the best fit of the run before is of another fit: left out", self.run)
        with self._changed:
            if self._best is recalled:
                self._best = Best(version=recalled.version)

    def _ship(self, best: Best | None, host: dict[str, np.ndarray], times: Times) -> None:
        """Publish the arrays of one fit as a frame."""
        log_likelihood = host.pop("log_likelihood")
        if best is not None and best.parameters is not None:
            host["parameters"] = best.parameters
        self._sequence += 1
        arrays = self._finish(host)
        shown = reduce.shown(arrays, self._layout, self._style, self._grid)
        frame = Frame(
            run_id=self.run_id,
            run=self.run,
            layout=self._layout,
            sequence=self._sequence,
            log_likelihood=float(log_likelihood),
            arrays=shown.arrays,
            search_log_likelihood=None if best is None else best.log_likelihood,
            parameter_names=self._names,
            final=self._closing,
            title_prefix=self._title_prefix,
            notes=() if best is None else self._notes(best, log_likelihood),
            style=self._style,
            grid=self._grid,
            reduced=shown.reduced,
            times=Times(
                triggered=times.triggered,
                compiled=self._compiled_at,
                dispatched=times.dispatched,
                ready=time.time(),
            ),
            cost=self.cost(),
        )
        self._publisher.publish(*reduce.to_send(frame, arrays))

    def _notes(self, best: Best, log_likelihood: np.ndarray) -> tuple[str, ...]:
        """What must be said on the figure: that it is not the search's fit, if it is not."""
        if _agrees(log_likelihood, best):
            return ()
        note = (
            f"log likelihood {float(log_likelihood):.6g} of this figure is not the search's "
            f"{best.log_likelihood:.6g}: it shows another fit"
        )
        self._say_once(logging.WARNING, f"{self.run}: {note}")
        return (note,)

    def _image_came(self, drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        if self.folder is not None:
            for names, image in zip(drawn.names, images, strict=True):
                write_image(self.folder, names, drawn.format, image)
        if self._after_image is not None:
            self._after_image()

    def _say_once(self, level: int, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            logger.log(level, message)

    def _log_summary(self, delivered: bool) -> None:
        cost = self.cost()
        where = f", in {self.folder}" if self.folder is not None else ""
        logger.info(
            "%s: %d figures drawn%s; watching blocked the search for %.1f ms in all, %.3f %% of "
            "%.1f s (beside it: %.1f s compiling, %.2f s computing, %.2f s of Python)%s",
            self.run,
            self._publisher.drawn,
            where,
            1e3 * cost.blocked,
            100.0 * cost.blocked / max(cost.elapsed, 1e-9),
            cost.elapsed,
            cost.compiled,
            cost.computed,
            cost.interpreter,
            "" if delivered else "; the last figure did not come home in time",
        )


def _in_words(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _agrees(log_likelihood: np.ndarray, best: Best) -> bool:
    """Whether the figure's log likelihood is the search's, but for rounding."""
    rounding = ROUNDING.get(log_likelihood.dtype.name, 1e-3)
    return bool(np.isclose(log_likelihood, best.log_likelihood, rtol=rounding, atol=rounding))


_open: weakref.WeakSet[LiveFit] = weakref.WeakSet()


def _close_all() -> None:
    """A script that ends without closing its hooks still gets its last figure."""
    for hook in list(_open):
        hook.close(timeout=10.0)


atexit.register(_close_all)
