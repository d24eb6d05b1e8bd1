"""What a worker is told: one field a setting; its flag, variable, file key and docs row follow."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from vizworker.auth import runtime_folder
from vizworker.errors import ConfigError
from vizworker.values import choice, count, none_or_more, path, seconds, size, text, words

PREFIX = "VIZWORKER_"
FILE = "worker.toml"


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


def default_file() -> Path:
    """The file of settings that is read where no other is named."""
    return Path(platformdirs.user_config_dir("vizworker")) / FILE


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
    arrays: int = _setting(256, count, "Arrays of one frame.", reloads=True)
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
    runs: int = _setting(
        256, count, "Runs known at a time; ended ones make room for new ones.", reloads=True
    )
    connections: int = _setting(
        1024, count, "Searches and askers that talked in the last minute.", reloads=True
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


@dataclass(frozen=True)
class Setting:
    """One setting as its user meets it."""

    name: str  # as in a file: "bind", "limits.runs"
    says: str
    default: str
    reloads: bool
    kind: Callable[[object], Any]

    @property
    def flag(self) -> str:
        """On the command line."""
        return "--" + self.name.replace("_", "-").replace(".", "-")

    @property
    def variable(self) -> str:
        """In the environment."""
        return PREFIX + self.name.replace(".", "_").upper()

    @property
    def help(self) -> str:
        """Its line in `--help`."""
        default = f"default: {self.default}; " if self.default else ""
        return f"{self.says} ({default}environment: {self.variable})"

    @property
    def key(self) -> str:
        """As a name of Python."""
        return self.name.replace(".", "_")


def _settings(of: type, table: str = "") -> Iterator[tuple[str, Setting]]:
    """The settings of a dataclass, each with the name of its field."""
    for each in fields(of):
        if each.metadata:
            about = each.metadata
            name = table + (about["name"] or each.name)
            shown = about["shown"] or _shown(each)
            yield each.name, Setting(name, about["says"], shown, about["reloads"], about["kind"])


def _shown(each: Field[Any]) -> str:
    match each.default:
        case None | "" | ():
            return ""
        case tuple() as several:
            return ",".join(several)
        case int() as number if each.metadata["kind"] is size:
            return f"{number >> 30}G" if number % (1 << 30) == 0 else f"{number >> 20}M"
        case other:
            return f"{other:g}" if isinstance(other, float) else str(other)


_OWN = dict(_settings(Config))
_LIMITS = dict(_settings(Limits, "limits."))
SETTINGS: tuple[Setting, ...] = (*_OWN.values(), *_LIMITS.values())


def load(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str] = os.environ,
    file: Path | None = None,
) -> Config:
    """A worker's configuration: flags before the environment, before the file, before defaults.

    Args:
        flags: what the command line gives, by `Setting.key`; None is not given.
        environment: variables by `Setting.variable`.
        file: TOML; without one, `default_file()` is read if it is there.

    Raises:
        ConfigError: naming the setting, where it was given and what was expected.
    """
    given = read_file(file)
    own = dict(_values(_OWN, flags, environment, given))
    limits = dict(_values(_LIMITS, flags, environment, given))
    return Config(**own, limits=Limits(**limits))


def private(flags: Mapping[str, str | None], parent: int) -> Config:
    """The configuration of a search's own worker: flags alone.

    Its user's settings are those of the worker that serves many; two could not share a port.
    """
    own = {"processes": 0, **dict(_values(_OWN, flags, {}, {}))}
    return Config(**own, parent=parent)


def read_file(file: Path | None) -> dict[str, object]:
    """What a file of settings gives, by `Setting.name`.

    Raises:
        ConfigError: it cannot be read, or holds what is no setting.
    """
    path = file or default_file()
    if file is None and not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the settings in {path} cannot be read: {error}") from error
    limits = tables.pop("limits", {})
    if not isinstance(limits, dict):
        raise ConfigError(f"limits in {path} is no table, expected [limits]")
    given = {**tables, **{f"limits.{name}": value for name, value in limits.items()}}
    unknown = given.keys() - {setting.name for setting in SETTINGS}
    if unknown:
        raise ConfigError(f"{min(unknown)} in {path} is no setting: docs/settings.md lists them")
    return given


def _values(
    settings: Mapping[str, Setting],
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    file: Mapping[str, object],
) -> Iterator[tuple[str, Any]]:
    """The fields that are given, with their values."""
    for name, setting in settings.items():
        places: tuple[tuple[str, object], ...] = (
            (setting.flag, flags.get(setting.key)),
            # a variable set to nothing is one that is not set
            (setting.variable, environment.get(setting.variable) or None),
            (f"{setting.name} in the file of settings", file.get(setting.name)),
        )
        for where, value in places:
            if value is not None:
                yield name, _read(setting, where, value)
                break


def _read(setting: Setting, where: str, value: object) -> object:
    try:
        return setting.kind(value)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where} is {value!r}: {error}") from error


def changed(old: Config, new: Config) -> tuple[list[str], list[str]]:
    """Names of settings that differ: those that a running worker takes up, and the others."""
    takes: list[str] = []
    needs_restart: list[str] = []
    for names, before, after in ((_OWN, old, new), (_LIMITS, old.limits, new.limits)):
        for name, setting in names.items():
            if getattr(before, name) != getattr(after, name):
                (takes if setting.reloads else needs_restart).append(setting.name)
    return takes, needs_restart
