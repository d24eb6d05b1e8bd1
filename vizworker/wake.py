"""What wakes a waiting worker: a thread of it, a signal, or the end of its parent."""

import os
import select
import signal
import socket as sockets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

PARENT = 0.5  # seconds between two looks for the parent


class Waker:
    """A line to oneself: a byte on it ends any wait."""

    def __init__(self) -> None:
        """Open, and quiet."""
        self._waker, self._woken = sockets.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)

    def fileno(self) -> int:
        """What to poll."""
        return self._woken.fileno()

    def wake(self) -> None:
        """End the wait, from any thread."""
        # a full line wakes as well; a closed one has nobody to wake
        with suppress(OSError):
            self._waker.send(b"!")

    def wait(self, seconds: float) -> None:
        """Until woken, for at most so long."""
        select.select([self._woken], [], [], seconds)

    def hush(self) -> None:
        """Take notice of having been woken."""
        with suppress(BlockingIOError):
            self._woken.recv(4096)

    def listen_to_signals(self, signalled: Callable[[int, FrameType | None], None]) -> None:
        """Have a worker on the main thread told to end."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signalled)
        # the byte that a signal writes ends the poll at once
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def close(self) -> None:
        """Hear no more."""
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        self._waker.close()
        self._woken.close()


def watch_parent(parent: int, gone: Callable[[], None]) -> None:
    """Call `gone` once, from a thread, when the parent process has ended, however it did."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT)
        gone()

    threading.Thread(target=watch, name="vizworker-parent", daemon=True).start()
