"""Settings: flags before the environment, before the file; what cannot be used is named."""

from pathlib import Path

import pytest

from vizworker.config import Config, Limits
from vizworker.errors import ConfigError
from vizworker.frame import DTYPES, MAX_ARRAYS, MAX_BUFFER
from vizworker.settings import SETTINGS, changed, load, private, read_file
from vizworker.wire import MAX_FRAME

# one value for each setting, as text and as a worker sees it
VALUES = {
    "bind": ("ipc:///tmp/s", "ipc:///tmp/s"),
    "keys": ("/k", Path("/k")),
    "data": ("/d", Path("/d")),
    "keep": ("7", 7),
    "http": ("127.0.0.1:80", "127.0.0.1:80"),
    "http_token": ("/t", Path("/t")),
    "http_hosts": ("a, b", ("a", "b")),
    "log_format": ("json", "json"),
    "log_level": ("debug", "debug"),
    "log_file": ("/l", Path("/l")),
    "log_size": ("1M", 1 << 20),
    "log_keep": ("2", 2),
    "grace": ("1.5", 1.5),
    "limits.message": ("4K", 4096),
    "limits.frame": ("2GiB", 2 << 30),
    "limits.arrays": ("3", 3),
    "limits.dtypes": ("float64", ("float64",)),
    "limits.text": ("9", 9),
    "limits.waiting": ("1000", 1000),
    "limits.held": ("3G", 3 << 30),
    "limits.runs": ("5", 5),
    "limits.connections": ("6", 6),
    "limits.rate": ("8", 8),
    "limits.disk": ("1T", 1 << 40),
}
TESTED = [each for each in SETTINGS if each.name in VALUES]


def value_of(config: Config, name: str) -> object:
    table, _, field = name.rpartition(".")
    return getattr(config.limits if table else config, {"bind": "endpoint"}.get(field, field))


def written(folder: Path, text: str) -> Path:
    file = folder / "worker.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("setting", TESTED, ids=lambda setting: setting.name)
def test_each_setting_is_a_flag_a_variable_and_a_line_of_the_file(setting, tmp_path: Path) -> None:
    text, expected = VALUES[setting.name]
    table, _, field = setting.name.rpartition(".")
    file = written(tmp_path, f'{f"[{table}]" if table else ""}\n{field} = "{text}"\n')
    given = [
        load({setting.key: text}, {}, None),
        load({}, {setting.variable: text}, None),
    ]
    if not isinstance(expected, float | int) or setting.kind.__name__ == "size":
        given.append(load({}, {}, file))
    assert [value_of(config, setting.name) for config in given] == [expected] * len(given)


def test_flag_goes_before_variable_before_file_before_default(tmp_path: Path) -> None:
    file = written(tmp_path, "keep = 3\n[limits]\nruns = 3\ndtypes = ['bool']\n")
    assert load({"keep": "1"}, {"VIZWORKER_KEEP": "2"}, file).keep == 1
    assert load({}, {"VIZWORKER_KEEP": "2"}, file).keep == 2
    assert load({}, {"VIZWORKER_KEEP": ""}, file).keep == 3
    assert load({}, {}, file).limits == Limits(runs=3, dtypes=("bool",))
    assert load({}, {}).keep == 50


@pytest.mark.parametrize(
    ("flags", "environment", "file", "said"),
    [
        ({"keep": "0"}, {}, "", "--keep is '0': expected a whole number, 1 or more"),
        ({"grace": "-1"}, {}, "", "--grace is '-1': expected a number of seconds"),
        ({}, {"VIZWORKER_LIMITS_DISK": "much"}, "", "VIZWORKER_LIMITS_DISK is 'much': expected by"),
        ({}, {"VIZWORKER_LOG_FORMAT": "xml"}, "", "expected one of text, json"),
        ({}, {}, "keep = true", "keep in the file of settings is True"),
        ({}, {}, "[limits]\nruns = 'x'", "limits.runs in the file of settings is 'x'"),
        ({}, {}, "kep = 1", "kep in .* is no setting: docs/settings.md lists them"),
        ({}, {}, "[limits]\nrun = 1", "limits.run in .* is no setting"),
        ({}, {}, "limits = 1", "is no table"),
        ({}, {}, "keep = ", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_place(
    flags: dict[str, str], environment: dict[str, str], file: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        load(flags, environment, written(tmp_path, file))


def test_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_file(tmp_path / "none.toml")


def test_private_worker_takes_flags_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIZWORKER_HTTP", "8080")
    config = private({"bind": "ipc:///tmp/s"}, parent=1)
    assert (config.endpoint, config.http, config.private) == ("ipc:///tmp/s", "", True)


def test_configuration_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        Config("ipc:///tmp/s").keep = 1  # type: ignore[misc]


def test_what_differs_is_told_apart_by_whether_a_running_worker_takes_it_up() -> None:
    old = Config("ipc:///tmp/s")
    new = Config("ipc:///tmp/t", keep=1, limits=Limits(runs=2))
    assert changed(old, new) == (["keep", "limits.runs"], ["bind"])
    assert changed(old, old) == ([], [])


def test_limits_are_no_wider_than_what_the_wire_takes() -> None:
    limits = Limits()
    assert (limits.message, limits.frame) == (MAX_BUFFER, MAX_FRAME)
    assert limits.arrays == MAX_ARRAYS
    assert set(limits.dtypes) == DTYPES
