"""Which workers run on this machine: each leaves a small file in the user's runtime folder."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from vizworker.auth import ENTRY, runtime_folder, socket_path, to_connect

logger = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """A running worker, as it announces itself."""

    pid: int
    endpoint: str
    instance: str
    version: str
    started: float  # unix seconds
    created: float  # of its process, unix seconds: tells a reused pid
    parent: int | None  # of a private worker: the search it belongs to
    curve: str = ""  # the public key by which it is known, where it has keys

    @property
    def address(self) -> str:
        """Where to connect to it on this machine."""
        return to_connect(self.endpoint)

    @property
    def running(self) -> bool:
        """Its process is there."""
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.created) < 1.0)
        except psutil.Error:
            return False


def announce(entry: Entry) -> Path:
    """Leave a worker's entry; the folder to `withdraw` at its end."""
    folder = runtime_folder() / entry.instance
    folder.mkdir(mode=0o700, exist_ok=True)
    write_whole(folder / ENTRY, msgspec.json.encode(entry))
    return folder


def withdraw(folder: Path) -> None:
    """Take an entry back."""
    shutil.rmtree(folder, ignore_errors=True)


def workers() -> list[Entry]:
    """Every running worker of this user, the oldest first; what dead ones left is removed."""
    running = []
    for folder, entry in _entries():
        if entry.running:
            running.append(entry)
        else:
            _sweep(folder, entry)
    return sorted(running, key=lambda entry: entry.started)


def remove_socket(endpoint: str, *, folder_too: bool) -> None:
    """Remove an endpoint's socket file, and its folder if that was made for it alone."""
    path = socket_path(endpoint)
    if path is None:
        return
    Path(path).unlink(missing_ok=True)
    if folder_too:
        shutil.rmtree(Path(path).parent, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that its readers see the old content or all of the new."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _entries() -> Iterator[tuple[Path, Entry]]:
    for path in runtime_folder().glob(f"*/{ENTRY}"):
        try:
            yield path.parent, msgspec.json.decode(path.read_bytes(), type=Entry)
        except (OSError, msgspec.DecodeError) as error:
            logger.debug("%s is not readable: %s", path, error)


def _sweep(folder: Path, entry: Entry) -> None:
    logger.debug("worker %s (pid %d) is gone: removing %s", entry.instance, entry.pid, folder)
    if entry.parent is not None and not psutil.pid_exists(entry.parent):
        remove_socket(entry.endpoint, folder_too=True)
    withdraw(folder)
