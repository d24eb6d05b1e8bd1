"""The private worker: a process of this search's own, which ends with it."""

import atexit
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from vizworker.auth import MAX_SOCKET_PATH
from vizworker.errors import EndpointError

logger = logging.getLogger("search_hooks")

RESTARTS = 5  # times in an hour that a private worker that died is started again
HOUR = 3600.0  # seconds
SOCKET = "socket"
LOG = "worker.log"

# a worker draws: it sees no device, opens no window and leaves the cores to the search
SURROUNDINGS = {
    "CUDA_VISIBLE_DEVICES": "",
    "HIP_VISIBLE_DEVICES": "",
    "ROCR_VISIBLE_DEVICES": "",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


class PrivateWorker:
    """A worker process on a socket in a folder that only this user can enter.

    It is a fresh interpreter: the script that started the search is not imported again. It ends
    when it is closed, or within seconds of this process's end, however that ends.
    """

    def __init__(self) -> None:
        """Start it, without waiting until it listens.

        Raises:
            EndpointError: no folder has a path short enough for a socket.
            OSError: the process cannot be started.
        """
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._restarts: list[float] = []  # monotonic seconds, the last few
        self._folder = socket_folder()
        self.endpoint = f"ipc://{self._folder}/{SOCKET}"
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Of the worker's process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Its process runs."""
        return os.getpid() == self._pid and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What the worker has to say."""
        return self._folder / LOG

    def ensure(self) -> None:
        """Start it again at the same endpoint if it has died, a few times an hour at most."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._closed or self._process.poll() is None or not self._may_restart():
                return
            logger.warning(
                "the private worker ended with code %d: starting it again%s",
                self._process.returncode,
                _last_words(self.log),
            )
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                self._process = self._start()
            except OSError as error:
                logger.warning("the private worker cannot be started: %s", error)

    def close(self, timeout: float = 5.0) -> None:
        """End it: it draws what it has in hand, or is killed after the timeout in seconds."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self._restarts = [at for at in self._restarts if now < at + HOUR]
        if len(self._restarts) == RESTARTS:
            return False
        self._restarts.append(now)
        return True

    @staticmethod
    def shared() -> "PrivateWorker":
        """The one private worker of this process; a forked child gets one of its own."""
        global _shared
        with _sharing:
            if _shared is None or _shared._pid != os.getpid() or _shared._closed:
                _shared = PrivateWorker()
            return _shared

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command(self.endpoint),
                env=surroundings(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                # the terminal's Ctrl-C is for the search, which then has its last figure drawn
                start_new_session=True,
            )


def command(endpoint: str) -> list[str]:
    """What starts a worker that belongs to this process."""
    # -P: a file in the working folder must not stand in for a module of ours
    program = [sys.executable, "-P", "-m", "vizworker"]
    return [*program, "serve", "--private", "--parent", str(os.getpid()), "--bind", endpoint]


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker, given the search's."""
    return {**environment, **SURROUNDINGS}


def socket_folder() -> Path:
    """A new folder of this user alone, short enough for the path of a socket.

    Raises:
        EndpointError: none of the places for it is short enough and can be written.
    """
    room = MAX_SOCKET_PATH - len(f"/vizworker-12345678/{SOCKET}")
    for place in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if place and len(os.fsencode(place)) <= room and os.access(place, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix="vizworker-", dir=place))
    raise EndpointError(
        f"no folder for a private worker's socket: set TMPDIR to one of at most {room} characters "
        "that can be written"
    )


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines else ""


_shared: PrivateWorker | None = None
_sharing = threading.Lock()


def _close_shared() -> None:
    if _shared is not None:
        _shared.close()


def _after_fork() -> None:
    """A lock that some thread held at the fork would stay locked in the child."""
    global _sharing
    _sharing = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
# at import, so that hooks that are closed at exit still find their worker
atexit.register(_close_shared)
