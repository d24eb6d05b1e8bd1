"""What a worker is told: one field a setting, from which all else about it follows."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from vizworker.auth import runtime_folder
from vizworker.values import choice, count, none_or_more, path, seconds, size, text, words


def data_folder() -> Path:
    """Where workers keep each run's last frame, image and numbers; `VIZWORKER_DATA` overrides."""
    given = os.environ.get("VIZWORKER_DATA")
    return Path(given) if given else Path(platformdirs.user_data_dir("vizworker"))


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_endpoint() -> str:
    """Where `vizworker serve` listens unless told otherwise."""
    return f"ipc://{runtime_folder()}/socket"


def _setting(
    default: Any,
    kind: Callable[[object], Any],
    says: str,
    *,
    name: str = "",
    shown: str = "",
    reloads: bool = False,
) -> Any:
    """A field with what its flag, its variable and its row in the docs need.

    Args:
        default: its value, or what makes it.
        kind: makes the value of a text, or of what a TOML file holds.
        says: one sentence for `--help` and the docs.
        name: where it is called other than the field.
        shown: the default, for people.
        reloads: SIGHUP changes it in a running worker.
    """
    metadata = {"kind": kind, "says": says, "name": name, "shown": shown, "reloads": reloads}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Limits:
    """What a worker accepts before it refuses."""

    message: int = _setting(
        256 << 20, size, "Bytes of one array, or of any other part of a message.", reloads=True
    )
    frame: int = _setting(1 << 30, size, "Bytes of all arrays of one frame.", reloads=True)
    arrays: int = _setting(1024, count, "Arrays of one frame.", reloads=True)
    dtypes: tuple[str, ...] = _setting(
        ("float64", "float32", "int64", "int32", "uint8", "bool"),
        words,
        "Types of numbers that an array may have.",
        reloads=True,
    )
    text: int = _setting(512, count, "Characters of a run's id or name.", reloads=True)
    waiting: int = _setting(
        1 << 30, size, "Bytes of all frames that wait to be drawn.", reloads=True
    )
    held: int = _setting(
        1 << 30,
        size,
        "Bytes of the last frames held for `export`; older ones are in the data folder alone.",
        reloads=True,
    )
    runs: int = _setting(
        1024, count, "Runs known at a time; ended ones make room for new ones.", reloads=True
    )
    connections: int = _setting(
        2048, count, "Searches and askers that talked in the last minute.", reloads=True
    )
    rate: int = _setting(200, count, "Messages a second of one connection.", reloads=True)
    disk: int = _setting(
        4 << 30, size, "Bytes of the data folder; the oldest runs make room.", reloads=True
    )


@dataclass(frozen=True)
class Config:
    """One worker."""

    endpoint: str = _setting(
        default_endpoint,
        text,
        "Where to listen: ipc:///PATH, tcp://127.0.0.1:PORT, or with keys tcp://ADDRESS:PORT.",
        name="bind",
        shown="a socket in the user's runtime folder",
    )
    keys: Path | None = _setting(
        None, path, "Folder of keys, made by `vizworker keygen`: tcp:// then speaks CURVE."
    )
    data: Path = _setting(
        data_folder,
        path,
        "Folder of each run's last frame, image and numbers.",
        shown="the user's data folder",
    )
    keep: int = _setting(50, count, "Runs kept in the data folder.", reloads=True)
    http: str = _setting(
        "", text, "HOST:PORT of the HTTP pages, or PORT on the loopback; off unless given."
    )
    http_token: Path | None = _setting(
        None, path, "File with the token that HTTP beyond the loopback needs."
    )
    http_hosts: tuple[str, ...] = _setting(
        (), words, "Further host names by which the HTTP pages may be asked for."
    )
    log_format: str = _setting(
        "text", choice("text", "json"), "How log lines are written: text or json.", reloads=True
    )
    log_level: str = _setting(
        "info",
        choice("debug", "info", "warning", "error"),
        "The least that is logged: debug, info, warning or error.",
        reloads=True,
    )
    log_file: Path | None = _setting(None, path, "File of the log, rotated; stderr unless given.")
    log_size: int = _setting(
        10 << 20, size, "Bytes of the log file before it is rotated.", reloads=True
    )
    log_keep: int = _setting(5, count, "Rotated log files kept.", reloads=True)
    grace: float = _setting(
        30.0, seconds, "Seconds to draw and answer what is in hand at the end.", reloads=True
    )
    processes: int = _setting(
        lambda: min(4, cores()),
        none_or_more,
        "Processes that draw; 0 draws in the worker's own.",
        shown="the cores, at most 4",
    )
    executor: str = _setting(
        "",
        text,
        "dask://HOST:PORT of a scheduler whose workers draw instead; dask+tls:// with TLS.",
    )
    draw_deadline: float = _setting(
        30.0, seconds, "Seconds after which a frame that is still drawn is given up."
    )
    recycle_frames: int = _setting(
        10_000, count, "Frames after which a render process is replaced by a new one."
    )
    recycle_memory: int = _setting(
        1 << 30, size, "Bytes of a render process above which it is replaced by a new one."
    )
    limits: Limits = field(default_factory=Limits)
    parent: int | None = None  # pid of the search it belongs to, and with which it ends

    @property
    def private(self) -> bool:
        """It belongs to one search process."""
        return self.parent is not None
