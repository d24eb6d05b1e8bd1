"""Words to the service manager, one datagram each: ready, alive, stopping (sd_notify)."""

import os
import socket as sockets
import time

VARIABLE = "NOTIFY_SOCKET"


class Manager:
    """Who started this process and waits for word; nobody, where `NOTIFY_SOCKET` is not set."""

    def __init__(self) -> None:
        """Take its address from the environment, where no child of ours shall find it."""
        address = os.environ.pop(VARIABLE, "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        interval = int(os.environ.pop("WATCHDOG_USEC", "0") or 0) / 1e6
        meant = os.environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._every = interval / 4 if meant else 0.0
        self._told = float("-inf")

    def ready(self, what: str) -> None:
        """Serving now; again after a reload."""
        self._tell(f"READY=1\nSTATUS={what}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """Reading the configuration again; `ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """Drawing what is in hand, and then gone."""
        self._tell("STOPPING=1")

    def alive(self, now: float) -> None:
        """The loop turns; told a few times in each interval of the watchdog, if there is one."""
        if self._every and now - self._told >= self._every:
            self._told = now
            self._tell("WATCHDOG=1")

    def _tell(self, words: str) -> None:
        if not self._address:
            return
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM | sockets.SOCK_CLOEXEC) as line:
            try:
                line.sendto(words.encode(), self._address)
            except OSError:
                return  # a manager that does not listen is no reason to stop
