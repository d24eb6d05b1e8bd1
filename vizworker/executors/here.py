"""Draws in the worker's own thread: nothing to start, nothing to keep in step."""

from concurrent.futures import Future

from vizworker.executors.shape import Draw, Rendered
from vizworker.frame import Frame


class Here:
    """An executor whose frames are drawn when `submit` returns."""

    free = True
    memory = 0

    def at_home(self, run_id: str) -> bool:
        """There is one home."""
        return True

    def submit(self, draw: Draw, frame: Frame) -> "Future[Rendered]":
        """Draw it."""
        future: Future[Rendered] = Future()
        try:
            future.set_result(draw(frame))
        except Exception as error:
            # whatever a foreign frame does to the figure, the next one is drawn
            future.set_exception(error)
        return future

    def forget(self, run_id: str) -> None:
        """Nothing is kept here."""

    def close(self) -> None:
        """Nothing was started."""
