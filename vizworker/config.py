"""What a worker is told once, and the folders it uses."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from vizworker.frame import MAX_BUFFER


@dataclass(frozen=True)
class Limits:
    """What a worker accepts before it refuses."""

    message: int = MAX_BUFFER  # bytes of one buffer of a message
    waiting: int = 1 << 30  # bytes of all frames that wait to be drawn
    runs: int = 256  # runs known at a time
    text: int = 512  # characters of a run's id or name


def data_folder() -> Path:
    """Where workers keep each run's last frame, image and numbers; `VIZWORKER_DATA` overrides."""
    given = os.environ.get("VIZWORKER_DATA")
    return Path(given) if given else Path(platformdirs.user_data_dir("vizworker"))


def runtime_folder() -> Path:
    """Where running workers say that they run: a folder of this user alone, made if needed.

    Raises:
        PermissionError: the folder belongs to somebody else.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    # not platformdirs': it warns where there is no login session, as in containers and batch jobs
    folder = (
        Path(given) / "vizworker"
        if given and os.access(given, os.W_OK)
        else Path(tempfile.gettempdir()) / f"vizworker-{os.getuid()}"
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone: remove it")
    return folder


def default_endpoint() -> str:
    """Where `vizworker serve` listens unless told otherwise."""
    return f"ipc://{runtime_folder()}/socket"


@dataclass(frozen=True)
class Config:
    """One worker."""

    endpoint: str  # where it listens
    parent: int | None = None  # pid of the search it belongs to, and with which it ends
    keep: int = 50  # runs kept in the data folder
    data: Path = field(default_factory=data_folder)
    limits: Limits = field(default_factory=Limits)

    @property
    def private(self) -> bool:
        """It belongs to one search process."""
        return self.parent is not None
