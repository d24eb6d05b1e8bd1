"""Settings as their user meets them: flags, variables of the environment, lines of a file."""

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

import platformdirs

from vizworker.config import Config, Limits
from vizworker.errors import ConfigError
from vizworker.values import size

PREFIX = "VIZWORKER_"
FILE = "worker.toml"


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


def default_file() -> Path:
    """The file of settings that is read where no other is named."""
    return Path(platformdirs.user_config_dir("vizworker")) / FILE


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
