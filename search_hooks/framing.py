"""The frames of one run: what they have in common, and what each fit adds."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from search_hooks import reduce
from search_hooks.best import Best
from search_hooks.computing import agrees
from vizworker.frame import Cost, Frame, Style, Times
from vizworker.panels import Grid


@dataclass
class Framing:
    """What all frames of a run share; `LiveFit` says what each is.

    Attributes:
        sequence: of the last frame that was made.
    """

    run: str
    layout: str
    grid: Grid | None
    finish: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
    parameter_names: tuple[str, ...]
    title_prefix: str
    style: Style
    cost: Callable[[], Cost]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    sequence: int = 0

    def frame(
        self, best: Best | None, host: dict[str, np.ndarray], times: Times, *, final: bool
    ) -> tuple[Frame, Frame | None]:
        """The frame to send of a fit, and the whole one behind it where it is down-sampled.

        Args:
            best: what the search knows of the fit; None if it is not of a search.
            host: arrays by name, with `log_likelihood`.
            times: until the arrays were dispatched.
            final: the run ends with this frame.
        """
        host = dict(host)
        log_likelihood = host.pop("log_likelihood")
        if best is not None and best.parameters is not None:
            host["parameters"] = best.parameters
        self.sequence += 1
        arrays = self.finish(host)
        shown = reduce.shown(arrays, self.layout, self.style, self.grid)
        frame = Frame(
            run_id=self.run_id,
            run=self.run,
            layout=self.layout,
            sequence=self.sequence,
            log_likelihood=float(log_likelihood),
            arrays=shown.arrays,
            search_log_likelihood=None if best is None else best.log_likelihood,
            parameter_names=self.parameter_names,
            title_prefix=self.title_prefix,
            notes=() if best is None else notes(best, log_likelihood),
            style=self.style,
            grid=self.grid,
            reduced=shown.reduced,
            times=msgspec.structs.replace(times, ready=time.time()),
            final=final,
            cost=self.cost(),
        )
        return reduce.to_send(frame, arrays)


def notes(best: Best, log_likelihood: np.ndarray) -> tuple[str, ...]:
    """What must be said on the figure: that it is not the search's fit, if it is not."""
    if agrees(log_likelihood, best):
        return ()
    return (
        f"log likelihood {float(log_likelihood):.6g} of this figure is not the search's "
        f"{best.log_likelihood:.6g}: it shows another fit",
    )
