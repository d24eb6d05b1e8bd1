"""The worker's life: startup, tick after tick of receive, draw and answer, shutdown."""

import logging
import os
import secrets
import select
import signal
import socket as sockets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

import msgspec
import psutil
import zmq

from vizworker import __version__, discovery
from vizworker.config import Config
from vizworker.errors import LimitError, RenderDelayedError, RenderError, RenderLostError, VizError
from vizworker.executors.here import Here
from vizworker.executors.shape import Executor, Rendered
from vizworker.frame import Cost, Frame, Times
from vizworker.gate import Gate
from vizworker.keys import Doorkeeper, Keyring
from vizworker.mailbox import Letter, Mailbox
from vizworker.receive import Request, bound_endpoint, drain, listen
from vizworker.runs import Run, Runs
from vizworker.wire import (
    Alive,
    AskFrame,
    AskStatus,
    Beat,
    Bye,
    Drawn,
    Message,
    Refused,
    RunStatus,
    SetScale,
    Status,
    encode,
    encode_frame,
)

__all__ = ["Drawer", "Rendered", "Sink", "Worker"]

logger = logging.getLogger(__name__)

IDLE = 1.0  # seconds between two looks around when nothing comes
FAREWELL = 1.0  # seconds for the last answers to leave
PARENT = 0.5  # seconds between two looks for the parent
REST = 10.0  # times as long as a run's frame has cost a process, its next one waits
ASKERS = 16  # that wait for the whole frame of one run
GRACE = 2.0  # seconds a worker has to end by itself once its parent is gone


class Drawer(Protocol):
    """What draws; the module `vizworker.draw` is one, `vizworker.render.figure.Figures` another."""

    def render(self, frame: Frame) -> Rendered: ...
    def forget(self, run_id: str) -> None: ...


class Sink(Protocol):
    """What else happens to a drawn frame, beside its answer."""

    def drawn(self, frame: Frame, rendered: Rendered, status: RunStatus) -> None: ...
    def ended(self, status: RunStatus) -> None: ...


@dataclass
class Flight:
    """A frame that is being drawn."""

    letter: Letter
    since: float  # monotonic seconds


class Worker:
    """Serves any number of searches from one thread.

    Attributes:
        instance: random for each worker, so that a search notices a restart.
        endpoint: where it listens, known after `startup`.
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
        self.endpoint = config.endpoint
        self._make_drawer = drawer
        self._make_executor = executor
        self._executor: Executor = Here()
        self._thread = threading.current_thread()
        self._sinks = sinks
        self._turned = turned
        self._keyring: Keyring | None = None
        self._doorkeeper: Doorkeeper | None = None
        self._gate = Gate(config.limits)
        self._mailbox = Mailbox()
        self._runs = Runs(config.limits)
        self._flights: dict[str, Flight] = {}  # by run
        self._landed: deque[tuple[str, Future[Rendered]]] = deque()
        self._turns: dict[str, float] = {}  # when runs had their last one, monotonic
        self._resting: dict[str, float] = {}  # runs that cost a process: until when, monotonic
        self._leaving: dict[str, Bye] = {}  # runs that said goodbye and have a frame in hand
        self._hurried: set[str] = set()  # runs whose last frame has come
        self._stopping = False
        self.ending: list[Callable[[], None]] = []  # called once, as soon as it shall end
        self._said: set[str] = set()

    def run(self) -> None:
        """Serve until `stop` or a signal."""
        try:
            self._thread = threading.current_thread()
            self._drawer, self._executor = self._make_drawer(), self._make_executor()
            self._wake()  # the first turn, which tells that it serves, waits for nothing
            while not self._stopping:
                self.tick()
        finally:
            self.shutdown()

    @property
    def ending_soon(self) -> bool:
        """It takes nothing new."""
        return self._stopping

    def stop(self) -> None:
        """Draw and answer what is in hand, then end; may be called from any thread."""
        self._stopping = True
        self._wake()

    def startup(self) -> None:
        """Listen, and say where.

        Raises:
            EndpointError: the endpoint must not or cannot be used.
        """
        self._started = time.monotonic()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._use_keys()
            self._socket = listen(self._context, self.config.endpoint, self._keyring)
        except VizError:
            self._close_context()
            raise
        self.endpoint = bound_endpoint(self._socket)
        self._waker, self._woken = sockets.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._woken, zmq.POLLIN)
        self._listen_to_signals()
        self._announced = self._announce()
        if self.config.parent is not None:
            _watch_parent(self.config.parent, self._orphaned)

    def tick(self) -> None:
        """One turn: take in what has come, draw the frame of the run that waited longest."""
        self._wait()
        # drain first: the socket fills while we draw, and we would render the past
        self._take_in()
        self._answer_landed()
        if (run_id := self._next()) is not None:
            self._draw(run_id)
        for run_id in self._runs.abandoned(time.monotonic()):
            self._end(run_id)
        for tell in self._turned:
            self._guarded(lambda tell=tell: tell(self), tell)  # type: ignore[misc]

    def _wait(self) -> None:
        """Until something comes, unless there is something to draw."""
        if self._next() is None:
            self._poller.poll(int(1000 * IDLE))
        self._hush()

    def _hush(self) -> None:
        """Take notice of having been woken."""
        with suppress(BlockingIOError):
            self._woken.recv(4096)

    def adopt(self, config: Config) -> None:
        """Take up the limits of a new configuration, on the worker's own thread."""
        self.config = replace(self.config, limits=config.limits)
        self._gate.limits = self._runs.limits = config.limits

    def give_up(self, code: int) -> NoReturn:
        """End this process at once, whatever the drawing does."""
        self._clean_up()
        os._exit(code)

    def shutdown(self) -> None:
        """Draw and answer what is in hand, and leave nothing behind."""
        self._tell_of_the_end()
        try:
            self._take_in()
            self._empty()
        finally:
            self._executor.close()
            self._close_context()
            if threading.current_thread() is threading.main_thread():
                signal.set_wakeup_fd(-1)
            self._waker.close()
            self._woken.close()
            self._clean_up()

    def _use_keys(self) -> None:
        """Ask for keys at `tcp://`, if there are any."""
        if self.config.keys is not None and self.config.endpoint.startswith("tcp://"):
            self._keyring = Keyring(self.config.keys)
            self._doorkeeper = Doorkeeper(self._context, self._keyring)
            self._gate = Gate(self.config.limits, self._keyring)

    def _close_context(self) -> None:
        if self._doorkeeper is not None:
            self._doorkeeper.close()
        self._context.destroy(linger=int(1000 * FAREWELL))

    def _take_in(self) -> None:
        for mail in drain(self._socket, self._gate):
            if isinstance(mail.request, Refused):
                self._send(mail.route, self._signed(mail.request))
            else:
                self._handle(mail.route, mail.request)

    def _handle(self, route: bytes, request: Request) -> None:
        now = time.monotonic()
        try:
            match request:
                case Frame():
                    self._take(route, request, now)
                case Beat():
                    run = self._runs.get(request.run_id, now)
                    run.hear(now, request.run, request.cost)
                    run.route = route
                    run.came_home(request.home)
                    self._send(route, self._alive(request.run_id))
                case Bye():
                    self._bid_farewell(request)
                case AskStatus():
                    self._send(route, self.status(now))
                case AskFrame():
                    self._give_frame(route, request, now)
                case SetScale():
                    self._set_scale(route, request)
        except VizError as error:
            self._refuse(route, request, error)

    def _take(self, route: bytes, frame: Frame, now: float) -> None:
        size = sum(array.nbytes for array in frame.arrays.values())
        if self._mailbox.nbytes + size > self.config.limits.waiting:
            what = "too much waits to be drawn here: send fewer or smaller frames"
            raise LimitError("waiting", what)
        run = self._runs.get(frame.run_id, now)
        run.route = route
        if run.askers and not frame.reduced and self._handed_over(run, frame):
            return
        flight = self._flights.get(frame.run_id)
        if flight is not None and frame.sequence <= flight.letter.frame.sequence:
            # sent again, as it takes long: it is drawn once
            flight.letter = replace(flight.letter, route=route)
            return
        times = msgspec.structs.replace(frame.times, received=time.time())
        # the last frame goes first, once: nothing better comes, and its search waits for it
        hurried = frame.final and frame.run_id not in self._hurried
        if hurried:
            self._hurried.add(frame.run_id)
        turn = self._turns.get(frame.run_id, now)
        overtook = self._mailbox.put(replace(frame, times=times), route, turn, hurried=hurried)
        run.receive(frame, now, overtook=overtook)

    def _handed_over(self, run: Run, frame: Frame) -> bool:
        """Give a whole frame to those who wait for it; whether that is all it came for."""
        parts = encode_frame(frame)
        for asker in run.askers:
            self._socket.send_multipart([asker, *parts], zmq.NOBLOCK)
        run.askers.clear()
        drawn = frame.sequence <= run.status.sequence and not frame.final
        if drawn:
            run.hold(frame)
            self._runs.let_go()
        return drawn

    def _next(self) -> str | None:
        """The run whose frame is to be drawn now, if there is one and room for it."""
        if not self._mailbox or not self._executor.free:
            return None
        now = time.monotonic()
        return self._mailbox.next_of(lambda letter: self._may(letter, now), self._executor.at_home)

    def _may(self, letter: Letter, now: float) -> bool:
        run_id = letter.frame.run_id
        if run_id in self._flights:
            return False
        rested = now >= self._resting.get(run_id, now)
        return rested or letter.hurried or self._stopping or run_id in self._leaving

    def _draw(self, run_id: str) -> None:
        """Have the waiting frame of a run drawn; its answer follows when it is."""
        letter = self._mailbox.take(run_id)
        if letter is None:
            return
        now = self._turns[run_id] = time.monotonic()
        self._flights[run_id] = Flight(letter, now)
        run = self._runs.known(run_id)
        frame = letter.frame if run is None else run.to_draw(letter.frame)
        future = self._executor.submit(self._drawer.render, frame)
        future.add_done_callback(lambda future: self._land(run_id, future))
        self._answer_landed()

    def _land(self, run_id: str, future: "Future[Rendered]") -> None:
        """Note that a frame is drawn, from any thread."""
        self._landed.append((run_id, future))
        if threading.current_thread() is not self._thread:
            self._wake()

    def _answer_landed(self) -> None:
        while self._landed:
            run_id, future = self._landed.popleft()
            flight = self._flights.pop(run_id)
            try:
                self._answer(flight.letter, future.result())
            except RenderDelayedError:
                self._mailbox.put_back(flight.letter)
                continue
            except Exception as error:
                frame = flight.letter.frame
                logger.debug("frame %d of %s", frame.sequence, run_id, exc_info=error)
                if isinstance(error, RenderLostError):
                    self._rest(run_id, flight)
                self._refuse(flight.letter.route, frame, error)
            if run_id in self._leaving and run_id not in self._mailbox:
                bye = self._leaving.pop(run_id)
                self._end(run_id, bye.cost, bye.home)

    def _answer(self, letter: Letter, rendered: Rendered) -> None:
        frame = letter.frame
        times = msgspec.structs.replace(frame.times, drawn=rendered.drawn, encoded=rendered.encoded)
        images = [picture.png for picture in rendered.pictures]
        self._send(letter.route, self._drawn(frame, rendered, times), *images)
        now = time.monotonic()
        run = self._runs.get(frame.run_id, now)
        run.draw(frame, times, now)
        self._runs.let_go()
        self._resting.pop(frame.run_id, None)
        self._tell_sinks(lambda sink: sink.drawn(frame, rendered, run.status_at(now)))

    def _rest(self, run_id: str, flight: Flight) -> None:
        """Others come first for as long as this run has kept them waiting, many times over."""
        now = time.monotonic()
        self._resting[run_id] = now + REST * max(1.0, now - flight.since)

    def _empty(self) -> None:
        """Draw and answer everything in hand."""
        while self._mailbox or self._flights:
            if self._next() is None:
                # not for what comes: nothing new is taken in
                select.select([self._woken], [], [], IDLE)
            self._hush()
            self._answer_landed()
            if (run_id := self._next()) is not None:
                self._draw(run_id)

    def _drawn(self, frame: Frame, rendered: Rendered, times: Times) -> Drawn:
        return Drawn(
            run_id=frame.run_id,
            sequence=frame.sequence,
            instance=self.instance,
            names=tuple(tuple(picture.names) for picture in rendered.pictures),
            format="png",
            times=times,
        )

    def _refuse(self, route: bytes, request: Request, error: Exception) -> None:
        # what was raised elsewhere says itself what it is
        told = type(error) is RenderError
        reason = str(error) if told else f"{type(error).__name__}: {error}"
        self._gate.count(error)
        run_id = getattr(request, "run_id", "")
        sequence = getattr(request, "sequence", 0)
        self._send(route, self._signed(Refused(run_id=run_id, sequence=sequence, error=reason)))
        run = self._runs.known(run_id)
        if run is not None:
            run.refuse(reason)

    def _signed(self, refused: Refused) -> Refused:
        self._say(f"refused: {refused.error}")
        return msgspec.structs.replace(refused, instance=self.instance)

    def _bid_farewell(self, bye: Bye) -> None:
        """End a run, after its last frame is drawn; that goes before others."""
        if bye.run_id not in self._mailbox and bye.run_id not in self._flights:
            self._end(bye.run_id, bye.cost, bye.home)
            return
        self._leaving[bye.run_id] = bye
        if self._executor.free and bye.run_id not in self._flights:
            self._draw(bye.run_id)

    def _end(self, run_id: str, cost: Cost | None = None, home: Times | None = None) -> None:
        """Let go of what is held for a run that said goodbye, or that was given up."""
        run = self._runs.known(run_id)
        if run is None:
            return
        run.came_home(home or Times())
        run.end(run.status.cost if cost is None else cost)
        self._resting.pop(run_id, None)
        self._leaving.pop(run_id, None)
        self._hurried.discard(run_id)
        self._turns.pop(run_id, None)
        self._drawer.forget(run_id)
        self._executor.forget(run_id)
        self._tell_sinks(lambda sink: sink.ended(run.status_at(time.monotonic())))

    def _set_scale(self, route: bytes, request: SetScale) -> None:
        run = self._runs.named(request.run)
        if run is None:
            raise VizError(f"no run {request.run!r} is known here")
        run.scale = request.scale
        self._send(route, Alive(instance=self.instance))

    def _alive(self, run_id: str) -> Alive:
        """Itself, and what of a run waits here or is being drawn."""
        flight = self._flights.get(run_id)
        drawing = 0 if flight is None else flight.letter.frame.sequence
        return Alive(instance=self.instance, holding=max(drawing, self._mailbox.newest(run_id)))

    def _give_frame(self, route: bytes, request: AskFrame, now: float) -> None:
        run = self._runs.named(request.run)
        if run is None or run.frame is None:
            raise VizError(f"no frame of a run {request.run!r} is held here")
        if request.whole and run.frame.reduced:
            self._ask_search(route, run, now)
        else:
            self._socket.send_multipart([route, *encode_frame(run.frame)], zmq.NOBLOCK)

    def _ask_search(self, route: bytes, run: Run, now: float) -> None:
        """Have a search send its whole frame to somebody, who asks again until it comes."""
        if run.status_at(now).state == "silent":
            raise VizError(
                f"the search of {run.status.run!r}, which has the exact arrays, is silent"
            )
        if len(run.askers) < ASKERS:
            run.askers.add(route)
        self._send(run.route, AskFrame(run=run.status.run_id, whole=True))
        self._send(route, Alive(instance=self.instance))

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
            waiting=len(self._mailbox) + len(self._flights),
            waiting_bytes=self._mailbox.nbytes,
            connections=self._gate.connections,
            refusals=dict(self._gate.refused),
        )

    def _send(self, route: bytes, message: Message, *buffers: bytes) -> None:
        # a peer that is gone or does not read loses its answer; it asks again
        self._socket.send_multipart([route, *encode(message, *buffers)], zmq.NOBLOCK)

    def _tell_sinks(self, tell: Callable[[Sink], None]) -> None:
        for sink in self._sinks:
            self._guarded(lambda sink=sink: tell(sink), sink)  # type: ignore[misc]

    def _guarded(self, call: Callable[[], None], whose: object) -> None:
        try:
            call()
        except Exception as error:
            if isinstance(error, VizError):
                self._gate.count(error)
            self._say(f"{type(whose).__name__} failed: {error} (drawing goes on)")

    def _wake(self) -> None:
        # a full line wakes as well; a closed one has nobody to wake
        with suppress(OSError):
            self._waker.send(b"!")

    def _say(self, message: str) -> None:
        """Log a message the first time."""
        if message not in self._said and len(self._said) < 1000:
            self._said.add(message)
            logger.warning("%s", message)

    def _announce(self) -> Path | None:
        try:
            return discovery.announce(
                discovery.Entry(
                    pid=os.getpid(),
                    endpoint=self.endpoint,
                    instance=self.instance,
                    version=__version__,
                    started=time.time(),
                    created=psutil.Process().create_time(),
                    parent=self.config.parent,
                    curve=self._keyring.public if self._keyring else "",
                )
            )
        except OSError as error:
            self._say(f"`vizworker status` will not find this worker: {error}")
            return None

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        # the byte that a signal writes ends the poll at once
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def _signalled(self, number: int, _: FrameType | None) -> None:
        """The first signal ends the worker gracefully, the second at once."""
        if self._stopping:
            raise SystemExit(128 + number)
        self._stopping = True
        self._tell_of_the_end()

    def _tell_of_the_end(self) -> None:
        calls, self.ending = self.ending, []
        for call in calls:
            self._guarded(call, self)

    def _orphaned(self) -> None:
        """The search is gone: end soon, whatever the drawing does."""
        self.stop()
        time.sleep(GRACE)
        self.give_up(1)

    def _clean_up(self) -> None:
        orphan = self.config.parent is not None and os.getppid() != self.config.parent
        discovery.remove_socket(self.endpoint, folder_too=orphan)
        if self._announced is not None:
            discovery.withdraw(self._announced)


def _watch_parent(parent: int, gone: Callable[[], None]) -> None:
    """Call `gone` once, from a thread, when the parent process has ended, however it did."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT)
        gone()

    threading.Thread(target=watch, name="vizworker-parent", daemon=True).start()
