"""The search's line to its worker: the newest frame goes out, the image of it comes home."""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import msgspec

from search_hooks.delivery import RESEND, Delivery
from search_hooks.link import Link
from search_hooks.say import Once
from vizworker.auth import KEYS_VARIABLE, check_endpoint, key_for
from vizworker.errors import VizError
from vizworker.frame import Cost, Frame, Times
from vizworker.wire import Alive, AskFrame, Beat, Bye, Drawn, Refused, decode, encode, encode_frame

logger = logging.getLogger("search_hooks")

BEAT = 1.0  # seconds between two signs of life
PATIENCE = 5.0  # seconds without anybody at the endpoint before it is said
BUSY = 30.0  # the same for a worker that listens, or is being started
HOPELESS = 2.0  # seconds that `close` waits where nobody ever answered
FAREWELL = 0.2  # seconds for the last message to leave


class Publisher:
    """Ships the frames of one run from a thread of its own.

    One frame is in flight and one waits; a newer frame takes the place of the waiting one.
    In a process forked from the one that made it, every method does nothing.

    Attributes:
        refused: frames that could not be sent or drawn.
        connected: a worker answers.
        interpreter: seconds of processor time that its thread took.
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
        self.refused = 0
        self.connected = False
        self.interpreter = 0.0
        self.last_error = ""
        self._run_id = run_id
        self._run = run
        self._on_image = on_image
        self._cost = cost
        self._revive = revive
        self._pid = os.getpid()
        self._delivery = Delivery()
        self._home = Times()  # of the last image that was handed over
        self._asked = False  # for the whole arrays of the last frame
        self._given = (0, float("-inf"))  # the sequence of those given last, and when
        self._reachable = False  # the last message could be handed to a connection
        self._beaten = self._heard = float("-inf")
        self._complained = False
        self._once = Once()
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._wake_fds: tuple[int, int] | None = None  # read, write

    @property
    def sent(self) -> int:
        """Frames handed to the socket."""
        return self._delivery.sent

    @property
    def drawn(self) -> int:
        """Frames whose image came home."""
        return self._delivery.drawn

    @property
    def replaced(self) -> int:
        """Frames that a newer one overtook before they were drawn."""
        return self._delivery.replaced

    @property
    def waiting(self) -> bool:
        """A frame has not been sent yet."""
        return self._delivery.waiting

    def publish(self, frame: Frame, whole: Frame | None = None) -> None:
        """Leave the newest frame for the publisher's thread; never blocks.

        Args:
            frame: the newest.
            whole: the same with exact arrays, if it is down-sampled: for who asks, and for the end.
        """
        if os.getpid() != self._pid or self._deadline is not None:
            return
        overtakes = self._delivery.put(frame, whole)
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
            self._publish_whole()
            self._deadline = time.monotonic() + timeout
        if self._thread is not None:
            self._wake()
            self._thread.join(timeout + 2 * FAREWELL)
        return self._delivery.over

    def _publish_whole(self) -> None:
        """Have the last frame drawn once more, from the exact arrays."""
        if (last := self._delivery.whole) is not None:
            self.publish(replace(last, sequence=last.sequence + 1, final=True))

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

    def _open(self, wake_fd: int) -> Link | None:
        """A link, once this process has the file descriptors for it; None if it never has."""
        while not self._ended(time.monotonic()):
            try:
                return Link(self.endpoint, wake_fd, self._key)
            except OSError as error:
                self._say(f"figures of {self._run} wait for file descriptors: {error}")
            # nothing that waits on file descriptors: there may be none for it
            time.sleep(min(BEAT, self._idle_for(time.monotonic())))
        return None

    def _serve(self, link: Link) -> None:
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
            self._give_whole(link, now)
            self._complain(now - max(started, self._heard))
            self.interpreter = time.thread_time()
        bye = Bye(run_id=self._run_id, cost=self._cost(), home=self._home)
        self._reachable = link.send(encode(bye))

    def _ended(self, now: float) -> bool:
        if self._deadline is None:
            return False
        return self._delivery.over or now >= self._deadline

    def _idle_for(self, now: float) -> float:
        """Seconds until there is something to do though nothing comes."""
        until_beat = self._beaten + BEAT - now if self._reachable else BEAT
        until_end = BEAT if self._deadline is None else self._deadline - now
        return max(0.0, min(until_beat, until_end))

    def _beat(self, link: Link, now: float) -> None:
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
            self.connected = False
            self._delivery.lose()

    def _send(self, link: Link, now: float) -> None:
        """Send the newest frame, if the worker is known and free for it."""
        if not self._delivery.due(now):
            return
        if given_up := self._delivery.bury():
            self._fail(given_up)
        frame = self._delivery.next()
        if frame is None:
            return
        frame = replace(frame, times=msgspec.structs.replace(frame.times, sent=time.time()))
        try:
            handed = link.send(encode_frame(frame))
        except (VizError, ValueError, TypeError) as error:
            self._fail(f"a frame of {self._run} cannot be sent: {error}")
            self._delivery.drop()
            return
        self._delivery.launch(frame, now, handed=handed)
        self._reach(handed)

    def _give_whole(self, link: Link, now: float) -> None:
        """Send the exact arrays of the last frame, if somebody asked for them."""
        asked, self._asked = self._asked, False
        frame = self._delivery.whole if asked else None
        if frame is None:
            return
        sequence, at = self._given
        # who waits asks again: the same arrays may still be on their way
        if frame.sequence != sequence or now > at + RESEND:
            self._given = (frame.sequence, now)
            self._reach(link.send(encode_frame(frame)))

    def _hear(self, parts: list[bytes]) -> None:
        try:
            message = decode(parts)
        except VizError as error:
            self._fail(f"what answers at {self.endpoint} is no worker of this version: {error}")
            self._delivery.answer(0)
            return
        self._heard = time.monotonic()
        self._delivery.hear(self._heard)
        match message.header:
            case Alive() as alive:
                self._meet(alive)
            case Drawn(run_id=run_id) as drawn if run_id == self._run_id:
                self._receive(drawn, message.buffers)
            case AskFrame():
                self._asked = True
            case Refused() as refused:
                self._fail(f"the worker refused a message of {self._run}: {refused.error}")
                self._delivery.answer(refused.sequence)

    def _meet(self, alive: Alive) -> None:
        self._delivery.meet(alive.instance, alive.holding)
        if not self.connected:
            log = logger.warning if self._complained else logger.info
            log("a worker answers at %s", self.endpoint)
        self.connected, self._complained = True, False

    def _receive(self, drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        """Hand the images over, unless newer ones came home already."""
        if not self._delivery.bring_home(drawn.sequence):
            return
        try:
            self._on_image(drawn, images)
            self._home = msgspec.structs.replace(drawn.times, written=time.time())
        except Exception as error:
            # a read-only or full folder, or a fault of the caller's own
            self._say(f"the figure of {self._run} could not be kept: {error} (the search goes on)")

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
        self._once(message)
