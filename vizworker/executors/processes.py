"""Render processes: a frame that hangs or crashes one costs that frame, and no other.

Each process has a seat: a thread of the worker that hands it one frame at a time. A run keeps to
the seat whose process has its figures, unless it would wait there for long. Processes start when
they are needed, and end after a number of frames, when they have grown, or with their last run.
"""

import os
import queue
import signal
import socket as sockets
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import psutil

from vizworker.errors import RenderLostError, VizError
from vizworker.executors import parcel
from vizworker.executors.shape import Draw, Rendered
from vizworker.frame import Frame

ATTEMPTS = 2  # at a frame whose process ends: it may have been the wrong one to run out of memory
STARTING = 60.0  # seconds that a new process may take for its imports
UNUSED = 30.0  # seconds for which a process stays after the last of its runs has ended


class Processes:
    """An executor of a few processes on this machine."""

    def __init__(
        self,
        number: int,
        *,
        deadline: float,
        frames: int = 10_000,
        memory: int = 1 << 30,
        unused: float = UNUSED,
    ) -> None:
        """Nothing is started before the first frame.

        Args:
            number: of processes at most.
            deadline: seconds after which a frame that is still drawn is given up.
            frames: that a process draws before a new one takes its place.
            memory: resident bytes of a process above which the same happens.
            unused: seconds that a process stays after the last of its runs has ended.
        """
        terms = _Terms(deadline, frames, memory, unused)
        self._seats = [_Seat(terms, i) for i in range(number)]

    @property
    def free(self) -> bool:
        """A seat is."""
        return any(not seat.busy for seat in self._seats)

    @property
    def memory(self) -> int:
        """Of all its processes."""
        return sum(seat.memory for seat in self._seats)

    @property
    def pids(self) -> list[int]:
        """Of those that run."""
        return [seat.pid for seat in self._seats if seat.pid]

    def at_home(self, run_id: str) -> bool:
        """Its seat is free, or it has none."""
        homes = [seat for seat in self._seats if run_id in seat.runs]
        return not homes or any(not seat.busy for seat in homes)

    def submit(self, draw: Draw, frame: Frame) -> "Future[Rendered]":
        """Have a frame drawn by a seat that is free: that of its run, or the least used."""
        seat = min(
            (seat for seat in self._seats if not seat.busy),
            key=lambda seat: (frame.run_id not in seat.runs, len(seat.runs)),
        )
        return seat.submit(draw, frame)

    def forget(self, run_id: str) -> None:
        """Processes without a run end."""
        for seat in self._seats:
            seat.forget(run_id)

    def close(self) -> None:
        """End every process."""
        for seat in self._seats:
            seat.close()
        for seat in self._seats:
            seat.join()


@dataclass(frozen=True)
class _Terms:
    """What `Processes` was told."""

    deadline: float
    frames: int
    memory: int
    unused: float


@dataclass(frozen=True)
class _Job:
    draw: Draw
    frame: Frame
    future: "Future[Rendered]" = field(default_factory=Future)


class _Seat:
    """One process at a time, and the thread that talks to it."""

    def __init__(self, terms: _Terms, index: int) -> None:
        self.busy = False
        self.runs: set[str] = set()
        self._terms = terms
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._process: _Process | None = None
        # a thread for the seat's life: on Linux a process ends with the thread that started it
        self._thread = threading.Thread(
            target=self._main, name=f"vizworker-render-{index}", daemon=True
        )
        self._thread.start()

    @property
    def pid(self) -> int:
        process = self._process
        return 0 if process is None else process.pid

    @property
    def memory(self) -> int:
        process = self._process
        return 0 if process is None else process.memory

    def submit(self, draw: Draw, frame: Frame) -> "Future[Rendered]":
        job = _Job(draw, frame)
        self.busy = True
        self.runs.add(frame.run_id)
        self._jobs.put(job)
        return job.future

    def forget(self, run_id: str) -> None:
        if run_id in self.runs:
            self.runs.discard(run_id)
            self._jobs.put(None)

    def close(self) -> None:
        self._closed = True
        self._jobs.put(None)

    def join(self) -> None:
        self._thread.join()

    def _main(self) -> None:
        while not self._closed:
            try:
                needless = self._process is not None and not self.runs
                job = self._jobs.get(timeout=self._terms.unused if needless else None)
            except queue.Empty:
                self._end_process()
                continue
            if job is not None:
                self._work(job)
        self._end_process()

    def _work(self, job: _Job) -> None:
        """Draw a frame; whatever happens, the seat is free before its future says so."""
        try:
            result = self._draw(job)
        except Exception as error:
            self.busy = False
            job.future.set_exception(error)
        else:
            self.busy = False
            job.future.set_result(result)
        self._recycle(job.draw)

    def _draw(self, job: _Job) -> Rendered:
        parts = parcel.parts_of(job.frame)
        for attempt in range(ATTEMPTS):
            process = self._started(job.draw)
            try:
                return parcel.images_in(process.draw(parts, self._terms.deadline))
            except TimeoutError:
                self._end_process()
                raise RenderLostError(
                    f"it was not drawn within {self._terms.deadline:g} s"
                ) from None
            except (EOFError, OSError) as error:
                reason = self._end_process()
                if attempt + 1 == ATTEMPTS:
                    raise RenderLostError(
                        f"it ended {ATTEMPTS} render processes, the last {reason}"
                    ) from error
        raise AssertionError("unreachable")

    def _started(self, draw: Draw) -> "_Process":
        """A process that is up: the one that is there, or a new one."""
        for _ in range(ATTEMPTS):
            if self._process is None or not self._process.alive:
                self._end_process()
                self._process = _Process(draw)
            try:
                self._process.greet()
            except TimeoutError:
                self._end_process()
                raise RenderLostError(
                    f"no render process comes up: one had not within {STARTING:g} s"
                ) from None
            except (EOFError, OSError):
                reason = self._end_process()
            else:
                return self._process
        raise RenderLostError(
            f"no render process comes up: {ATTEMPTS} ended at their start, the last {reason}"
        )

    def _recycle(self, draw: Draw) -> None:
        """Let a new process take the place of one that has drawn enough or grown too big."""
        process, terms = self._process, self._terms
        if process is None or self._closed:
            return
        if process.frames >= terms.frames or process.memory > terms.memory:
            self._end_process()
            self._process = _Process(draw)

    def _end_process(self) -> str:
        """How it ended, in words."""
        process, self._process = self._process, None
        return "" if process is None else process.end()


class _Process:
    """A render process and the line to it."""

    def __init__(self, draw: Draw) -> None:
        self.frames = 0
        self._up = False
        self._line, theirs = sockets.socketpair()
        command = [sys.executable, "-P", "-m", "vizworker.executors.child"]
        try:
            self._popen = subprocess.Popen(
                [*command, str(theirs.fileno()), parcel.name_of(draw)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        except OSError as error:
            self._line.close()
            raise VizError(f"no render process can be started: {error}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def memory(self) -> int:
        """Resident bytes."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def greet(self) -> None:
        """Wait until it is ready to draw.

        Raises:
            TimeoutError: it is not in time.
            EOFError, OSError: it has ended.
        """
        if self._up:
            return
        self._line.settimeout(STARTING)
        if not self._line.recv(len(parcel.READY)):
            raise EOFError("it ended at its start")
        self._up = True

    def draw(self, parts: parcel.Parts, deadline: float) -> parcel.Parts:
        """The answer to a frame.

        Raises:
            TimeoutError: none came in time.
            EOFError, OSError: the process has ended.
        """
        limit = time.monotonic() + deadline
        self.frames += 1
        self._line.settimeout(limit - time.monotonic())
        parcel.send(self._line, parts)
        self._line.settimeout(max(0.001, limit - time.monotonic()))
        return parcel.receive(self._line)

    def end(self) -> str:
        """Kill it if it runs, and tell how it ended."""
        self._line.close()
        self._popen.kill()
        code = self._popen.wait()
        if code >= 0:
            return f"with code {code}"
        return f"by {signal.Signals(-code).name}"
