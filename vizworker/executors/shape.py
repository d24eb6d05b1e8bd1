"""What a worker asks of an executor, whichever it is."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from vizworker.frame import Frame


class Picture(Protocol):
    """One image of a frame."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def png(self) -> bytes: ...


class Rendered(Protocol):
    """A drawn frame; that of `vizworker.render.figure` is one."""

    @property
    def pictures(self) -> Sequence[Picture]: ...
    @property
    def drawn(self) -> float: ...
    @property
    def encoded(self) -> float: ...


@dataclass(frozen=True)
class Image:
    """One image of a frame that was drawn elsewhere."""

    names: tuple[str, ...]
    png: bytes


@dataclass(frozen=True)
class Images:
    """A frame that was drawn elsewhere."""

    pictures: tuple[Image, ...]
    drawn: float  # unix seconds
    encoded: float


Draw = Callable[[Frame], Rendered]


class Executor(Protocol):
    """Draws frames; its methods are called from one thread."""

    @property
    def free(self) -> bool:
        """It draws one more frame now, beside those it has."""
        ...

    def at_home(self, run_id: str) -> bool:
        """A frame of this run would be drawn now where its figures are kept, or kept nowhere."""
        ...

    def submit(self, draw: Draw, frame: Frame) -> "Future[Rendered]":
        """Have a frame drawn.

        Args:
            draw: a function of a module, which other processes import.
            frame: of any run.

        Returns:
            What comes: the images, what `draw` raised, a `RenderError` for what it would have
            raised in another process, a `RenderLostError` where it hung or ended its process.
        """
        ...

    def forget(self, run_id: str) -> None:
        """No more frames come of this run."""
        ...

    @property
    def memory(self) -> int:
        """Resident bytes of processes of its own on this machine."""
        ...

    def close(self) -> None:
        """End what it started; nothing is being drawn any more."""
        ...
