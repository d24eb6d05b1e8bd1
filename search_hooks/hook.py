"""The hook in a sampling loop: `step` notes the best fit, a thread beside the search shows it."""

import atexit
import logging
import os
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from search_hooks.best import Best
from search_hooks.computing import Computed, Computing
from search_hooks.framing import Framing
from search_hooks.images import write_image
from search_hooks.publish import Publisher
from search_hooks.say import Once
from search_hooks.shared_fit import Arrays, HostFit, SharedFit, to_host
from search_hooks.spawn import PrivateWorker
from search_hooks.watcher import Watcher
from vizworker.frame import Cost, Frame, Style, Times
from vizworker.panels import Layer, grid_of
from vizworker.wire import Drawn

logger = logging.getLogger("search_hooks")


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
        say = Once()
        self.run = run
        self.folder = None if folder is None else Path(folder)
        self._after_image = on_image
        self._framing = Framing(
            run=run,
            layout=layout,
            grid=grid_of(panels, columns) if panels else None,
            finish=finish,
            parameter_names=parameter_names,
            title_prefix=title_prefix,
            style=style or Style(),
            cost=self.cost,
        )
        self._computing = Computing(
            fit_from, use_jax=use_jax, host_fit_from=host_fit_from, key=key, run=run, say=say
        )
        self._watcher = Watcher(
            self._computing,
            self._show,
            run=run,
            every=every,
            cost=self.cost,
            stuck=lambda: self._publisher.waiting,
            say=say,
            memory=memory,
            n_parameters=len(parameter_names),
        )
        self._say = say
        self._steps = 0
        self._blocked = 0.0
        self._started = time.monotonic()
        self._closed = False
        self._pid = os.getpid()
        self._publisher = self._publisher_to(endpoint)
        _open.add(self)

    def _publisher_to(self, endpoint: str | None) -> Publisher:
        revive = None
        if endpoint is None:
            worker = PrivateWorker.shared()
            endpoint, revive = worker.endpoint, worker.ensure
        return Publisher(
            endpoint, self.run_id, self.run, self._image_came, cost=self.cost, revive=revive
        )

    def step(self, parameters: Any, log_likelihood: Any) -> None:
        """Note what the search has just evaluated.

        Args:
            parameters: one vector (n_parameters,) or a batch (n, n_parameters).
            log_likelihood: its value, or (n,). A JAX array is waited for, as the search would.
        """
        if self._watcher.closing or os.getpid() != self._pid:
            return
        try:
            values = np.asarray(log_likelihood)  # the search's own wait, not ours
            start = time.perf_counter()
            self._watcher.note(parameters, values)
            self._steps += 1
            self._blocked += time.perf_counter() - start
        except Exception as error:
            self._say(f"a step of the search could not be watched: {error!r}")

    def draw(self, arrays: Arrays) -> None:
        """Have a fit drawn that was computed already, whatever the best so far.

        Args:
            arrays: as `fit_from` returns them.
        """
        now = time.time()
        self._ship(None, Computed(to_host(arrays), now), now)

    @property
    def best(self) -> Best:
        """The best fit so far."""
        return self._watcher.best

    @property
    def fit(self) -> SharedFit | HostFit:
        """What computes the arrays: the graph, or the host if there is none that works."""
        return self._computing.fit

    @property
    def run_id(self) -> str:
        """Of this run alone."""
        return self._framing.run_id

    def close(self, timeout: float = 60.0) -> bool:
        """Show the final best fit, wait for it to come home, and end the run.

        A search that ends before its graph is compiled waits for that too.

        Returns:
            Whether the last figure came home before the deadline.
        """
        if self._closed or os.getpid() != self._pid:
            return True
        deadline = time.monotonic() + timeout
        computed = self._watcher.close(deadline)
        delivered = self._publisher.close(max(0.0, deadline - time.monotonic())) and computed
        self._closed = True
        _open.discard(self)
        self._log_summary(delivered)
        return delivered

    def cost(self) -> Cost:
        """What watching has cost so far."""
        return Cost(
            steps=self._steps,
            updates=self._framing.sequence,
            replaced=self._publisher.replaced,
            blocked=self._blocked,
            interpreter=self._watcher.interpreter + self._publisher.interpreter,
            computed=self._watcher.computed,
            compiled=self._computing.compiled,
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

    def _show(self, best: Best, computed: Computed, triggered: float) -> None:
        """Ship the search's best fit, on the watcher's thread."""
        for note in self._ship(best, computed, triggered).notes:
            self._say(f"{self.run}: {note}")

    def _ship(self, best: Best | None, computed: Computed, triggered: float) -> Frame:
        """Publish the arrays of one fit as a frame."""
        compiled, final = self._computing.compiled_at, self._watcher.closing
        times = Times(triggered=triggered, compiled=compiled, dispatched=computed.dispatched)
        frame, whole = self._framing.frame(best, computed.arrays, times, final=final)
        self._publisher.publish(frame, whole)
        return frame

    def _image_came(self, drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        if self.folder is not None:
            for names, image in zip(drawn.names, images, strict=True):
                write_image(self.folder, names, drawn.format, image)
        if self._after_image is not None:
            self._after_image()

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


_open: weakref.WeakSet[LiveFit] = weakref.WeakSet()


def _close_all() -> None:
    """A script that ends without closing its hooks still gets its last figure."""
    for hook in list(_open):
        hook.close(timeout=10.0)


atexit.register(_close_all)
