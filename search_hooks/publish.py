"""The search's line to its worker: the newest frame goes out, the image of it comes home."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from vizworker.auth import KEYS_VARIABLE, ClientKey, check_endpoint, key_for, secure
from vizworker.errors import VizError
from vizworker.frame import Cost, Frame, Times
from vizworker.wire import Alive, AskFrame, Beat, Bye, Drawn, Refused, decode, encode, encode_frame

logger = logging.getLogger("search_hooks")

BEAT = 1.0  # seconds between two signs of life
RESEND = 10.0  # seconds after which a living worker that has not answered gets the frame again
PATIENCE = 5.0  # seconds without anybody at the endpoint before it is said
BUSY = 30.0  # the same for a worker that listens, or is being started
HOPELESS = 2.0  # seconds that `close` waits where nobody ever answered
FAREWELL = 0.2  # seconds for the last message to leave
HIGH_WATER = 16  # messages to a worker that does not read
MAX_IMAGE = 256 << 20  # bytes
HEARTBEAT, DEAF = 2000, 10_000  # ms between two pings, and without a pong until a line is cut
DEATHS_OF_FRAME = 3  # workers that may end with a frame in hand before it is given up
DEATHS_OF_RUN = 6  # the same for all frames of a run, one after the other
SPARE_FDS = 16  # file descriptors that must be free before a socket is made


@dataclass(frozen=True)
class Flight:
    """A frame that was sent and is not answered."""

    frame: Frame
    instance: str  # of the worker it was sent to; empty if it could not be sent
    at: float  # monotonic seconds
    cut: bool = False  # the connection ended since
    deaths: int = 0  # workers that ended while they had this frame


class Publisher:
    """Ships the frames of one run from a thread of its own.

    One frame is in flight and one waits; a newer frame takes the place of the waiting one.
    In a process forked from the one that made it, every method does nothing.

    Attributes:
        sent: frames handed to the socket.
        drawn: frames whose image came home.
        replaced: frames that a newer one overtook before they were sent.
        refused: frames that could not be sent or drawn.
        connected: a worker answers.
        last_error: the last thing that went wrong, or "".
    """

    def __init__(
        self,
        endpoint: str,
        run_id: str,
        run: str,
        on_image: Callable[[Drawn, tuple[memoryview, ...]], None],
        *,
        cost: Callable[[], Cost],
        revive: Callable[[], None] | None = None,
    ) -> None:
        """Nothing is connected before the first frame.

        Args:
            endpoint: where the worker listens, now or later.
            run_id: unique to this run.
            run: its name for people.
            on_image: gets each answer and its images, on the publisher's thread.
            cost: what watching has cost so far; called on the publisher's thread.
            revive: starts the worker again if it has died, where it is this process's own; called
                on the publisher's thread while nobody answers.

        Raises:
            EndpointError: an address that must not be used.
        """
        self._key = key_for(endpoint)
        self.endpoint = check_endpoint(endpoint, keys=self._key is not None)
        self.sent = self.drawn = self.replaced = self.refused = 0
        self.connected = False
        self.last_error = ""
        self._run_id = run_id
        self._run = run
        self._on_image = on_image
        self._cost = cost
        self._revive = revive
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting: Frame | None = None
        self._whole: Frame | None = None  # the last published, if that was down-sampled
        self._asked = False  # for the whole one
        self._flight: Flight | None = None
        self._home = Times()  # of the last image that was handed over
        self._deaths = 0  # workers that ended with a frame in hand since the last answer
        self._overtaken: set[int] = set()  # sent, not answered, and counted as replaced
        self._delivered = 0  # the sequence of the newest image that came home
        self._instance = ""  # the worker behind this connection, once it has said so
        self._reachable = False  # the last message could be handed to a connection
        self._beaten = self._heard = float("-inf")
        self._complained = False
        self._said: set[str] = set()
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None
        self._wake_fds: tuple[int, int] | None = None  # read, write

    @property
    def waiting(self) -> bool:
        """A frame has not been sent yet."""
        return self._waiting is not None

    def publish(self, frame: Frame, whole: Frame | None = None) -> None:
        """Leave the newest frame for the publisher's thread; never blocks.

        Args:
            frame: the newest.
            whole: the same with exact arrays, if it is down-sampled: for who asks, and for the end.
        """
        if os.getpid() != self._pid or self._deadline is not None:
            return
        with self._lock:
            overtakes = self._waiting is not None
            self._waiting, self._whole = frame, whole
            self.replaced += overtakes
        if self._thread is None:
            self._start()
        elif not overtakes:
            self._wake()

    def close(self, timeout: float) -> bool:
        """Wait for the answer to the last frame, and end the run.

        Returns:
            Whether the last frame was answered before the timeout, in seconds.
        """
        if os.getpid() != self._pid:
            return True
        if self._complained and self._heard == float("-inf"):
            timeout = min(timeout, HOPELESS)
        if self._thread is None and self.waiting:
            self._start()
        if self._deadline is None:
            if (last := self._whole) is not None:
                # it is drawn once more, from the exact arrays
                self.publish(replace(last, sequence=last.sequence + 1, final=True))
            self._deadline = time.monotonic() + timeout
        if self._thread is not None:
            self._wake()
            self._thread.join(timeout + 2 * FAREWELL)
        return self._answered

    @property
    def _answered(self) -> bool:
        return self._waiting is None and self._flight is None

    def _start(self) -> None:
        try:
            self._wake_fds = os.pipe()
        except OSError as error:
            # the next frame, or the end of the run, tries again
            self._say(f"figures of {self._run} wait for a file descriptor: {error}")
            return
        os.set_blocking(self._wake_fds[0], False)
        os.set_blocking(self._wake_fds[1], False)
        self._thread = threading.Thread(target=self._main, name="vizworker-publish", daemon=True)
        self._thread.start()

    def _wake(self) -> None:
        # a full pipe wakes as well; a closed one has nobody to wake
        with suppress(OSError), self._lock:
            if self._wake_fds is not None:
                os.write(self._wake_fds[1], b"!")

    def _main(self) -> None:
        """The boundary of the thread: a fault here ends the watching, and nothing else."""
        assert self._wake_fds is not None
        try:
            link = self._open(self._wake_fds[0])
            if link is None:
                return
            try:
                self._serve(link)
            finally:
                link.close(FAREWELL if self._reachable else 0.0)
        except Exception as error:
            self._say(f"figures of {self._run} are no longer sent: {error!r} (the search goes on)")
            logger.debug("in the publisher of %s", self._run, exc_info=True)
        finally:
            self.connected = False
            with self._lock:
                fds, self._wake_fds = self._wake_fds, None
            for fd in fds:
                os.close(fd)

    def _open(self, wake_fd: int) -> "Link | None":
        """A link, once this process has the file descriptors for it; None if it never has."""
        while not self._ended(time.monotonic()):
            try:
                return Link(self.endpoint, wake_fd, self._key)
            except OSError as error:
                self._say(f"figures of {self._run} wait for file descriptors: {error}")
            # nothing that waits on file descriptors: there may be none for it
            time.sleep(min(BEAT, self._idle_for(time.monotonic())))
        return None

    def _serve(self, link: "Link") -> None:
        started = time.monotonic()
        while not self._ended(now := time.monotonic()):
            link.wait(self._idle_for(now), to_send=not self._reachable)
            for parts in link.receive():
                self._hear(parts)
            if link.ended():
                self._reach(False)
            now = time.monotonic()
            self._beat(link, now)
            self._send(link, now)
            self._give_whole(link)
            self._complain(now - max(started, self._heard))
        bye = Bye(run_id=self._run_id, cost=self._cost(), home=self._home)
        self._reachable = link.send(encode(bye))

    def _ended(self, now: float) -> bool:
        if self._deadline is None:
            return False
        return self._answered or now >= self._deadline

    def _idle_for(self, now: float) -> float:
        """Seconds until there is something to do though nothing comes."""
        until_beat = self._beaten + BEAT - now if self._reachable else BEAT
        until_end = BEAT if self._deadline is None else self._deadline - now
        return max(0.0, min(until_beat, until_end))

    def _beat(self, link: "Link", now: float) -> None:
        if self._reachable and now < self._beaten + BEAT:
            return
        if not self._reachable and self._revive is not None:
            self._revive()
        beat = Beat(run_id=self._run_id, run=self._run, cost=self._cost(), home=self._home)
        self._reach(link.send(encode(beat)))
        if self._reachable:
            self._beaten = now

    def _reach(self, reachable: bool) -> None:
        self._reachable = reachable
        if not reachable:
            # who answers on the next connection may be another worker
            self._instance = ""
            self.connected = False
            if self._flight is not None:
                self._flight = replace(self._flight, cut=True)

    def _send(self, link: "Link", now: float) -> None:
        """Send the newest frame, if the worker is known and free for it."""
        if not self._instance:
            return
        if self._flight is not None and not self._lost(self._flight, now):
            return
        deaths = self._count_deaths()
        frame = self._next()
        if frame is None:
            return
        deaths *= self._flight is not None and frame.sequence == self._flight.frame.sequence
        frame = replace(frame, times=msgspec.structs.replace(frame.times, sent=time.time()))
        self._flight = Flight(frame, self._instance, now, deaths=deaths)
        try:
            self._reach(link.send(encode_frame(frame)))
        except (VizError, ValueError, TypeError) as error:
            self._fail(f"a frame of {self._run} cannot be sent: {error}")
            self._flight = None
            return
        self.sent += self._reachable
        if not self._reachable:
            self._flight = Flight(frame, "", now, deaths=deaths)

    def _give_whole(self, link: "Link") -> None:
        """Send the exact arrays of the last frame, if somebody asked for them."""
        asked, self._asked = self._asked, False
        with self._lock:
            frame = self._whole
        if asked and frame is not None:
            self._reach(link.send(encode_frame(frame)))

    def _lost(self, flight: Flight, now: float) -> bool:
        overdue = now > flight.at + RESEND and self._heard > flight.at + BEAT
        return flight.cut or flight.instance != self._instance or overdue

    def _count_deaths(self) -> int:
        """Workers that ended with the frame in flight, which is given up if it ended too many."""
        flight = self._flight
        if flight is None or flight.instance in ("", self._instance):
            return 0 if flight is None else flight.deaths
        deaths = flight.deaths + 1
        self._deaths += 1
        if self._deaths == DEATHS_OF_RUN:
            raise VizError(f"{self._deaths} workers ended one after the other with one in hand")
        if deaths >= DEATHS_OF_FRAME:
            self._fail(
                f"frame {flight.frame.sequence} of {self._run} is given up: "
                f"{deaths} workers ended while they drew it"
            )
            self._flight = None
        return deaths

    def _next(self) -> Frame | None:
        """The waiting frame, or else the one that was lost on its way."""
        with self._lock:
            frame, self._waiting = self._waiting, None
        if frame is None:
            return None if self._flight is None else self._flight.frame
        if self._flight is not None:
            self._overtaken.add(self._flight.frame.sequence)
            self.replaced += 1
        return frame

    def _hear(self, parts: list[bytes]) -> None:
        try:
            message = decode(parts)
        except VizError as error:
            self._fail(f"what answers at {self.endpoint} is no worker of this version: {error}")
            self._land(0)
            return
        self._heard = time.monotonic()
        match message.header:
            case Alive(instance=instance):
                self._meet(instance)
            case Drawn(run_id=run_id) as drawn if run_id == self._run_id:
                self._receive(drawn, message.buffers)
            case AskFrame():
                self._asked = True
            case Refused() as refused:
                self._fail(f"the worker refused a message of {self._run}: {refused.error}")
                self._land(refused.sequence)

    def _meet(self, instance: str) -> None:
        self._instance = instance
        if not self.connected:
            log = logger.warning if self._complained else logger.info
            log("a worker answers at %s", self.endpoint)
        self.connected, self._complained = True, False

    def _receive(self, drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        """Hand the images over, unless newer ones came home already."""
        self._land(drawn.sequence)
        if drawn.sequence <= self._delivered:
            return
        self._delivered = drawn.sequence
        if drawn.sequence in self._overtaken:
            self.replaced -= 1  # it was drawn after all
        self._overtaken = {each for each in self._overtaken if each > drawn.sequence}
        self.drawn += 1
        try:
            self._on_image(drawn, images)
            self._home = msgspec.structs.replace(drawn.times, written=time.time())
        except Exception as error:
            # a read-only or full folder, or a fault of the caller's own
            self._say(f"the figure of {self._run} could not be kept: {error} (the search goes on)")

    def _land(self, sequence: int) -> None:
        """An answer to a frame answers all before it; one to no frame (0) answers any.

        What refuses even to be greeted gets no frame: the one that waits is dropped.
        """
        self._deaths = 0
        if sequence == 0 and not self._instance:
            with self._lock:
                self._waiting = None
        if self._flight is not None and (sequence == 0 or sequence >= self._flight.frame.sequence):
            self._flight = None

    def _complain(self, silent: float) -> None:
        slow = self._reachable or self._revive is not None
        if self._complained or silent < (BUSY if slow else PATIENCE):
            return
        self.connected, self._complained = False, True
        if slow:
            what = f"the worker at {self.endpoint} has not answered for {silent:.0f} s"
        else:
            what = (
                f"nothing listens at {self.endpoint}; "
                f"start one with `vizworker serve --bind {self.endpoint}`"
            )
            if self.endpoint.startswith("tcp://"):
                # who has the wrong key is not answered at all
                what += f", or see whether it accepts this search's key ({KEYS_VARIABLE})"
        self.last_error = what
        logger.warning("%s; the search goes on", what)

    def _fail(self, message: str) -> None:
        self.refused += 1
        self._say(f"{message} (the search goes on)")

    def _say(self, message: str) -> None:
        """Log a message the first time."""
        self.last_error = message
        if message not in self._said and len(self._said) < 100:
            self._said.add(message)
            logger.warning("%s", message)


class Link:
    """A socket to a worker that may or may not be there, and a file descriptor that wakes."""

    def __init__(self, endpoint: str, wake_fd: int, key: ClientKey | None = None) -> None:
        import zmq  # 60 ms: not before somebody publishes

        self._wake_fd = wake_fd
        self._again = zmq.Again
        self._flags = zmq.NOBLOCK
        self._events = (zmq.POLLIN, zmq.POLLIN | zmq.POLLOUT)
        _check_spare_descriptors(wake_fd)
        self._context = zmq.Context()
        try:
            self._socket = self._context.socket(zmq.DEALER)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise OSError(error.errno, str(error)) from error
        # nothing is queued for a worker that is not there: what it would read first is the past
        self._socket.immediate = 1
        self._socket.linger = 0
        self._socket.sndhwm = self._socket.rcvhwm = HIGH_WATER
        self._socket.maxmsgsize = MAX_IMAGE
        self._socket.reconnect_ivl, self._socket.reconnect_ivl_max = 100, 1000  # ms
        # a line that was cut without a word is noticed, and made anew, on both sides
        self._socket.heartbeat_ivl, self._socket.heartbeat_timeout = HEARTBEAT, DEAF
        self._socket.heartbeat_ttl = self._socket.handshake_ivl = DEAF
        self._socket.connect_timeout = DEAF
        secure(self._socket, key)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._socket.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._monitor, zmq.POLLIN)
        self._poller.register(wake_fd, zmq.POLLIN)

    def wait(self, seconds: float, *, to_send: bool) -> None:
        """Wait until something comes, somebody wakes us or, `to_send`, a worker is there."""
        self._poller.register(self._socket, self._events[to_send])
        self._poller.poll(math.ceil(1000 * seconds))
        with suppress(BlockingIOError):
            os.read(self._wake_fd, 4096)

    def receive(self) -> Iterator[list[bytes]]:
        """Every message that has come."""
        with suppress(self._again):
            while True:
                yield self._socket.recv_multipart(self._flags)

    def ended(self) -> bool:
        """A connection has ended since the last call, though there may be another by now."""
        ended = False
        with suppress(self._again):
            while True:
                self._monitor.recv_multipart(self._flags)
                ended = True
        return ended

    def send(self, parts: list[bytes | memoryview]) -> bool:
        """Hand a message to the connection; False if there is none."""
        try:
            self._socket.send_multipart(parts, self._flags)
        except self._again:
            return False
        return True

    def close(self, linger: float) -> None:
        """Close, with at most `linger` seconds for what was sent last."""
        self._context.destroy(linger=int(1000 * linger))


def _check_spare_descriptors(fd: int) -> None:
    """Raise OSError where file descriptors are short: a socket without one ends the process.

    Args:
        fd: any that is open.
    """
    spare = []
    try:
        for _ in range(SPARE_FDS):
            spare.append(os.dup(fd))
    finally:
        for each in spare:
            os.close(each)
