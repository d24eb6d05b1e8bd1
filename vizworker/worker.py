"""The worker's life: startup, tick after tick of receive, draw and answer, shutdown."""

import logging
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import FrameType
from typing import NoReturn, Protocol

import msgspec
import psutil
import zmq

from vizworker import __version__
from vizworker.config import Config
from vizworker.desk import Desk
from vizworker.errors import LimitError, RenderDelayedError, RenderLostError, VizError
from vizworker.executors.here import Here
from vizworker.executors.shape import Executor, Rendered
from vizworker.frame import Cost, Frame, Times
from vizworker.logs import Once
from vizworker.mailbox import Letter, frame_bytes
from vizworker.post import Post
from vizworker.receive import Request
from vizworker.runs import Runs
from vizworker.turns import Turns
from vizworker.wake import Waker, watch_parent
from vizworker.wire import (
    AskFrame,
    AskStatus,
    Beat,
    Bye,
    Drawn,
    RunStatus,
    SetScale,
    Status,
)

__all__ = ["Drawer", "Rendered", "Sink", "Worker"]

logger = logging.getLogger(__name__)

IDLE = 1.0  # seconds between two looks around when nothing comes
GRACE = 2.0  # seconds a worker has to end by itself once its parent is gone


class Drawer(Protocol):
    """What draws; the module `vizworker.draw` is one, `vizworker.render.figure.Figures` another."""

    def render(self, frame: Frame) -> Rendered: ...
    def forget(self, run_id: str) -> None: ...


class Sink(Protocol):
    """What else happens to a drawn frame, beside its answer."""

    def drawn(self, frame: Frame, rendered: Rendered, status: RunStatus) -> None: ...
    def ended(self, status: RunStatus) -> None: ...


class Worker:
    """Serves any number of searches from one thread.

    Attributes:
        instance: random for each worker, so that a search notices a restart.
        config: where it listens and what it accepts.
        ending: called once, as soon as it shall end.
    """

    def __init__(
        self,
        config: Config,
        drawer: Callable[[], Drawer],
        sinks: Sequence[Sink] = (),
        turned: Sequence[Callable[["Worker"], None]] = (),
        executor: Callable[[], Executor] = Here,
    ) -> None:
        """Nothing is opened before `startup`.

        Args:
            config: where it listens and what it accepts.
            drawer: makes what draws; called once the worker listens, as it may be slow.
            sinks: told of every frame that was drawn and every run that ended.
            turned: called after each tick, once a second at least.
            executor: makes where it is drawn; called as `drawer` is.
        """
        self.config = config
        self.instance = secrets.token_hex(8)
        self.ending: list[Callable[[], None]] = []
        self._make_drawer = drawer
        self._make_executor = executor
        self._executor: Executor = Here()
        self._thread = threading.current_thread()
        self._sinks = sinks
        self._turned = turned
        self._say = Once(logger)
        self._post = Post(config, self.instance, self._say)
        self._runs = Runs(config.limits)
        self._turns = Turns()
        self._desk = Desk(self.instance, self._post, self._runs, self._turns)
        self._landed: deque[tuple[str, Future[Rendered]]] = deque()
        self._stopping = False

    @property
    def endpoint(self) -> str:
        """Where it listens, known after `startup`."""
        return self._post.endpoint

    @property
    def ending_soon(self) -> bool:
        """It takes nothing new."""
        return self._stopping

    def run(self) -> None:
        """Serve until `stop` or a signal."""
        try:
            self._thread = threading.current_thread()
            self._drawer, self._executor = self._make_drawer(), self._make_executor()
            self._waker.wake()  # the first turn, which tells that it serves, waits for nothing
            while not self._stopping:
                self.tick()
        finally:
            self.shutdown()

    def startup(self) -> None:
        """Listen, and say where.

        Raises:
            EndpointError: the endpoint must not or cannot be used.
        """
        self._started = time.monotonic()
        self._post.open()
        self._waker = Waker()
        self._poller = zmq.Poller()
        self._poller.register(self._post.socket, zmq.POLLIN)
        self._poller.register(self._waker, zmq.POLLIN)
        self._waker.listen_to_signals(self._signalled)
        self._post.announce()
        if self.config.parent is not None:
            watch_parent(self.config.parent, self._orphaned)

    def tick(self) -> None:
        """One turn: take in what has come, draw the frame of the run that waited longest."""
        self._wait()
        # drain first: the socket fills while we draw, and we would render the past
        self._take_in()
        self._answer_landed()
        self._draw(self._next())
        for run_id in self._runs.abandoned(time.monotonic()):
            self._end(run_id)
        for tell in self._turned:
            self._guarded(lambda tell=tell: tell(self), tell)  # type: ignore[misc]

    def shutdown(self) -> None:
        """Draw and answer what is in hand, and leave nothing behind."""
        self._tell_of_the_end()
        try:
            self._take_in()
            self._empty()
        finally:
            self._executor.close()
            self._post.close()
            self._waker.close()
            self._post.clean_up()

    def stop(self) -> None:
        """Draw and answer what is in hand, then end; may be called from any thread."""
        self._stopping = True
        self._waker.wake()

    def adopt(self, config: Config) -> None:
        """Take up the limits of a new configuration, on the worker's own thread."""
        self.config = replace(self.config, limits=config.limits)
        self._post.gate.limits = self._runs.limits = config.limits

    def give_up(self, code: int) -> NoReturn:
        """End this process at once, whatever the drawing does."""
        self._post.clean_up()
        os._exit(code)

    def status(self, now: float) -> Status:
        """Itself and its runs, at a time of `time.monotonic()`; for the worker's own thread."""
        return Status(
            instance=self.instance,
            version=__version__,
            pid=os.getpid(),
            endpoint=self.endpoint,
            uptime=now - self._started,
            memory=psutil.Process().memory_info().rss + self._executor.memory,
            runs=self._runs.statuses(now),
            waiting=len(self._turns),
            waiting_bytes=self._turns.nbytes,
            connections=self._post.gate.connections,
            refusals=self._post.refusals,
        )

    def _wait(self) -> None:
        """Until something comes, unless there is something to draw."""
        if self._next() is None:
            self._poller.poll(int(1000 * IDLE))
        self._waker.hush()

    def _take_in(self) -> None:
        for route, request in self._post.requests():
            try:
                self._handle(route, request, time.monotonic())
            except VizError as error:
                self._refuse(route, request, error)

    def _handle(self, route: bytes, request: Request, now: float) -> None:
        match request:
            case Frame():
                self._take(route, request, now)
            case Beat():
                self._desk.hear(route, request, now)
            case Bye():
                self._bid_farewell(request)
            case AskStatus():
                self._post.send(route, self.status(now))
            case AskFrame():
                self._desk.give_frame(route, request, now)
            case SetScale():
                self._desk.set_scale(route, request)

    def _take(self, route: bytes, frame: Frame, now: float) -> None:
        if self._turns.nbytes + frame_bytes(frame) > self.config.limits.waiting:
            what = "too much waits to be drawn here: send fewer or smaller frames"
            raise LimitError("waiting", what)
        run = self._runs.get(frame.run_id, now)
        run.route = route
        # one that is sent again, as it takes long, is drawn once
        if self._desk.hand_over(run, frame) or self._turns.drawing(frame, route):
            return
        times = msgspec.structs.replace(frame.times, received=time.time())
        overtook = self._turns.put(replace(frame, times=times), route, now)
        run.receive(frame, now, overtook=overtook)

    def _next(self) -> str | None:
        """The run whose frame is to be drawn now, if there is one and room for it."""
        if not self._turns or not self._executor.free:
            return None
        now, at_home = time.monotonic(), self._executor.at_home
        return self._turns.next(now, at_home, rest=not self._stopping)

    def _draw(self, run_id: str | None) -> None:
        """Have the waiting frame of a run drawn; its answer follows when it is."""
        frame = None if run_id is None else self._turns.take(run_id, time.monotonic())
        if run_id is None or frame is None:
            return
        run = self._runs.known(run_id)
        frame = frame if run is None else run.to_draw(frame)
        future = self._executor.submit(self._drawer.render, frame)
        future.add_done_callback(lambda future: self._land(run_id, future))
        self._answer_landed()

    def _land(self, run_id: str, future: "Future[Rendered]") -> None:
        """Note that a frame is drawn, from any thread."""
        self._landed.append((run_id, future))
        if threading.current_thread() is not self._thread:
            self._waker.wake()

    def _answer_landed(self) -> None:
        while self._landed:
            run_id, future = self._landed.popleft()
            flight = self._turns.land(run_id)
            try:
                self._answer(flight.letter, future.result())
            except RenderDelayedError:
                self._turns.put_back(flight)
            except Exception as error:
                frame = flight.letter.frame
                logger.debug("frame %d of %s", frame.sequence, run_id, exc_info=error)
                if isinstance(error, RenderLostError):
                    self._turns.rest(flight, time.monotonic())
                self._refuse(flight.letter.route, frame, error)
            if (bye := self._turns.left(run_id)) is not None:
                self._end(run_id, bye.cost, bye.home)

    def _answer(self, letter: Letter, rendered: Rendered) -> None:
        frame = letter.frame
        times = msgspec.structs.replace(frame.times, drawn=rendered.drawn, encoded=rendered.encoded)
        images = [picture.png for picture in rendered.pictures]
        self._post.send(letter.route, self._drawn(frame, rendered, times), *images)
        now = time.monotonic()
        run = self._runs.get(frame.run_id, now)
        run.draw(frame, times, now)
        self._runs.let_go()
        self._turns.wake(frame.run_id)
        self._tell_sinks(lambda sink: sink.drawn(frame, rendered, run.status_at(now)))

    def _drawn(self, frame: Frame, rendered: Rendered, times: Times) -> Drawn:
        return Drawn(
            run_id=frame.run_id,
            sequence=frame.sequence,
            instance=self.instance,
            names=tuple(tuple(picture.names) for picture in rendered.pictures),
            format="png",
            times=times,
        )

    def _empty(self) -> None:
        """Draw and answer everything in hand."""
        while self._turns:
            if self._next() is None:
                # not for what comes: nothing new is taken in
                self._waker.wait(IDLE)
            self._waker.hush()
            self._answer_landed()
            self._draw(self._next())

    def _refuse(self, route: bytes, request: Request, error: Exception) -> None:
        reason = self._post.refuse(route, request, error)
        run = self._runs.known(getattr(request, "run_id", ""))
        if run is not None:
            run.refuse(reason)

    def _bid_farewell(self, bye: Bye) -> None:
        """End a run, after its last frame is drawn; that goes before others."""
        if not self._turns.leave(bye):
            self._end(bye.run_id, bye.cost, bye.home)
        elif self._executor.free and not self._turns.flies(bye.run_id):
            self._draw(bye.run_id)

    def _end(self, run_id: str, cost: Cost | None = None, home: Times | None = None) -> None:
        """Let go of what is held for a run that said goodbye, or that was given up."""
        run = self._runs.known(run_id)
        if run is None:
            return
        run.came_home(home or Times())
        run.end(run.status.cost if cost is None else cost)
        self._turns.forget(run_id)
        self._drawer.forget(run_id)
        self._executor.forget(run_id)
        self._tell_sinks(lambda sink: sink.ended(run.status_at(time.monotonic())))

    def _tell_sinks(self, tell: Callable[[Sink], None]) -> None:
        for sink in self._sinks:
            self._guarded(lambda sink=sink: tell(sink), sink)  # type: ignore[misc]

    def _tell_of_the_end(self) -> None:
        calls, self.ending = self.ending, []
        for call in calls:
            self._guarded(call, self)

    def _guarded(self, call: Callable[[], None], whose: object) -> None:
        try:
            call()
        except Exception as error:
            if isinstance(error, VizError):
                self._post.gate.count(error)
            self._say(f"{type(whose).__name__} failed: {error} (drawing goes on)")

    def _signalled(self, number: int, _: FrameType | None) -> None:
        """The first signal ends the worker gracefully, the second at once."""
        if self._stopping:
            raise SystemExit(128 + number)
        self._stopping = True
        self._tell_of_the_end()

    def _orphaned(self) -> None:
        """The search is gone: end soon, whatever the drawing does."""
        self.stop()
        time.sleep(GRACE)
        self.give_up(1)
