"""Workers for tests: in a process of their own, drawing one pixel or the real figures."""

import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from search_hooks.publish import Publisher
from search_hooks.spawn import socket_folder
from vizworker.config import Config
from vizworker.frame import Cost, Frame
from vizworker.sinks.record import Records
from vizworker.wire import Drawn
from vizworker.worker import Worker

PATIENCE = 60.0  # seconds before a test gives up on an event: the machine may be busy
PIXEL = b"\x89PNG, or so"


@dataclass(frozen=True)
class Picture:
    names: tuple[str, ...]
    png: bytes


@dataclass(frozen=True)
class Rendered:
    pictures: tuple[Picture, ...]
    drawn: float
    encoded: float


def pixel() -> Rendered:
    """What a worker for tests draws of any frame."""
    return Rendered((Picture(("fit",), PIXEL),), time.time(), time.time())


class PixelDrawer:
    """Draws nothing, at once; refuses the layout "broken", takes half a second for "slow"."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def render(self, frame: Frame) -> Rendered:
        if frame.layout == "broken":
            raise ValueError("a figure of nothing")
        if frame.layout == "slow":
            time.sleep(0.5)
        return pixel()

    def forget(self, run_id: str) -> None:
        self.forgotten.append(run_id)


@dataclass
class Running:
    """A worker's process and where it listens."""

    process: subprocess.Popen[str]
    endpoint: str


def wait_until(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait for an event that has no handle to wait on."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {patience} s"
        time.sleep(0.01)


@contextmanager
def on_a_thread(worker: Worker) -> Iterator[Worker]:
    """A worker on a thread of this process while the block runs."""
    worker.startup()
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join(PATIENCE)


def start_worker(endpoint: str, *, real: bool = False) -> Running:
    """A worker's process, ready."""
    command = (
        [sys.executable, "-m", "vizworker", "serve", "--bind", endpoint]
        if real
        else [sys.executable, __file__, endpoint]
    )
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return Running(process, ready_line(process).split()[-1])


def ready_line(process: subprocess.Popen[str], patience: float = PATIENCE) -> str:
    """The first line on a worker's standard output."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(patience), "no ready line"
    line = process.stdout.readline()
    assert line, f"the worker ended with code {process.wait(PATIENCE)}"
    return line.strip()


def stop_worker(running: Running) -> None:
    running.process.kill()
    running.process.wait(PATIENCE)
    assert running.process.stdout is not None
    running.process.stdout.close()


@contextmanager
def running_worker(endpoint: str | None = None, *, real: bool = False) -> Iterator[Running]:
    """A worker that serves while the block runs."""
    folder = socket_folder()
    running = start_worker(endpoint or f"ipc://{folder}/socket", real=real)
    try:
        yield running
    finally:
        stop_worker(running)
        Path(folder, "socket").unlink(missing_ok=True)
        folder.rmdir()


def small_frame(
    sequence: int = 1, *, run_id: str = "run", size: int = 4, **fields: object
) -> Frame:
    """A frame of a few numbers."""
    given: dict[str, object] = {
        "run_id": run_id,
        "run": f"name of {run_id}",
        "layout": "pixel",
        "sequence": sequence,
        "log_likelihood": -float(sequence),
        "arrays": {"data": np.full((4, 4), float(sequence))},
        **fields,
    }
    return Frame(**given)  # type: ignore[arg-type]


@dataclass
class Home:
    """Where images come home to."""

    came: list[tuple[Drawn, tuple[bytes, ...]]] = field(default_factory=list)

    def __call__(self, drawn: Drawn, image: bytes) -> None:
        self.came.append((drawn, image))

    @property
    def sequences(self) -> list[int]:
        return [drawn.sequence for drawn, _ in self.came]


@contextmanager
def publishing(
    endpoint: str, home: Callable[[Drawn, bytes], None], run_id: str = "run"
) -> Iterator[Publisher]:
    """A publisher of one run, closed without waiting."""
    publisher = Publisher(endpoint, run_id, f"name of {run_id}", home, cost=Cost)
    try:
        yield publisher
    finally:
        publisher.close(0.0)


def main() -> None:
    config = Config(sys.argv[1])
    os.umask(0o077)
    worker = Worker(config, PixelDrawer, [Records(config.data, config.keep)])
    worker.startup()
    print("ready", worker.endpoint, flush=True)
    worker.run()


if __name__ == "__main__":
    main()
