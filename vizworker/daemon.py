"""The daemon: a worker in the background, one for each user, found by its lock.

The lock is a file in the runtime folder that the daemon itself holds locked; the system lets go
of it however the daemon ends, so that what a dead one left stops nobody.
"""

import fcntl
import os
import secrets
import signal
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec
import platformdirs
import psutil

from vizworker.auth import runtime_folder
from vizworker.errors import VizError
from vizworker.notify import VARIABLE

LOCK = "daemon.lock"
START = 60.0  # seconds for a daemon to be ready
POLL = 0.05  # seconds between two looks at a process


class DaemonRunsError(VizError):
    """A daemon of this user runs already."""


class Daemon(msgspec.Struct, frozen=True):
    """A running daemon, as its lock says."""

    pid: int
    created: float  # of its process, unix seconds: tells a reused pid
    started: float  # unix seconds
    log: str  # path
    arguments: tuple[str, ...]  # of `vizworker serve`

    @property
    def running(self) -> bool:
        """Its process is there."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


class Lock:
    """Held by the daemon for as long as it lives."""

    def __init__(self, log: Path, arguments: Sequence[str]) -> None:
        """Take it.

        Raises:
            DaemonRunsError: another process holds it.
            OSError: the runtime folder cannot be written.
        """
        self._path = runtime_folder() / LOCK
        # not truncated: what stands in it is another's until it is locked
        self._file = self._path.open("a+")
        if not _lock(self._file):
            self._file.close()
            raise DaemonRunsError(_runs_already(find()))
        now = time.time()
        created = psutil.Process().create_time()
        held = Daemon(os.getpid(), created, now, str(log), tuple(arguments))
        self._file.truncate(0)
        self._file.write(msgspec.json.encode(held).decode())
        self._file.flush()

    def release(self) -> None:
        """Let go, at the end."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def default_log() -> Path:
    """Where a daemon logs unless told otherwise."""
    return Path(platformdirs.user_log_dir("vizworker")) / "worker.log"


def find() -> Daemon | None:
    """The daemon of this user, if it runs."""
    try:
        daemon = msgspec.json.decode((runtime_folder() / LOCK).read_bytes(), type=Daemon)
    except (OSError, msgspec.DecodeError):
        return None
    return daemon if daemon.running else None


def start(arguments: Sequence[str]) -> tuple[int, str]:
    """Start a daemon and wait until it is ready.

    Args:
        arguments: of `vizworker serve`.

    Returns:
        Its exit code, or 0 if it serves; and its last words, or where it listens.

    Raises:
        DaemonRunsError: there is one.
        OSError: it cannot be started.
    """
    if (other := find()) is not None:
        raise DaemonRunsError(_runs_already(other))
    address = runtime_folder() / f"ready-{secrets.token_hex(4)}"
    program = [sys.executable, "-P", "-m", "vizworker", "serve", "--as-daemon", *arguments]
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM) as line:
        line.bind(str(address))
        line.settimeout(POLL)
        try:
            process = subprocess.Popen(
                program,
                env={**os.environ, VARIABLE: str(address)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            return _wait_until_ready(process, line)
        finally:
            address.unlink(missing_ok=True)


def detach(log: Path) -> None:
    """Let go of the folder and the terminal that it was started from."""
    os.chdir("/")
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())


def stop(daemon: Daemon, timeout: float, *, kill: bool = False) -> bool:
    """End a daemon: it draws and answers what it has in hand.

    Args:
        daemon: which.
        timeout: seconds it has.
        kill: end it at once where it does not end in time.

    Returns:
        Whether it has ended.
    """
    _signal(daemon, signal.SIGTERM)
    if _ended(daemon, timeout):
        return True
    if kill:
        _signal(daemon, signal.SIGKILL)
    return kill and _ended(daemon, timeout)


def _wait_until_ready(process: "subprocess.Popen[bytes]", line: sockets.socket) -> tuple[int, str]:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        try:
            words = dict(word.split("=", 1) for word in line.recv(4096).decode().splitlines())
        except TimeoutError:
            words = {}
        if words.get("READY") == "1":
            assert process.stderr is not None
            process.stderr.close()
            return 0, f"pid {process.pid} {words.get('STATUS', '')}"
        if process.poll() is not None:
            return process.returncode, _last_words(process)
    process.kill()
    return 1, f"it was not ready within {START:g} s: {_last_words(process)}"


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    said = process.communicate()[1].decode(errors="replace").strip().splitlines()
    return said[-1].removeprefix("vizworker: ") if said else "it said nothing"


def _lock(file: IO[str]) -> bool:
    try:
        # of the process, not of the file: no child that it forks holds it too
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _signal(daemon: Daemon, number: int) -> None:
    if daemon.running:
        os.kill(daemon.pid, number)


def _ended(daemon: Daemon, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while daemon.running:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _runs_already(daemon: Daemon | None) -> str:
    pid = "" if daemon is None else f" (pid {daemon.pid})"
    return f"a daemon runs already{pid}: `vizworker stop` ends it, `vizworker restart` renews it"
