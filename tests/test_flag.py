"""The flags, their environment, and the guard against XLA's hang."""

import argparse
import os
import subprocess
import sys

import pytest

from search_hooks import add_arguments
from search_hooks.flag import XLA_FLAG, Settings, protect_from_xla_hang, settings_from


def parsed(words, monkeypatch, **environment):
    for name in ("VIZ_WORKER", "VIZ_EVERY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settings_from(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        ([], {}, None),
        (["--viz-worker"], {}, Settings()),
        (["--viz-worker=ipc:///tmp/s"], {}, Settings(endpoint="ipc:///tmp/s")),
        (["--viz-worker", "--viz-every", "0.5"], {}, Settings(every=0.5)),
        ([], {"VIZ_WORKER": "1"}, Settings()),
        ([], {"VIZ_WORKER": "0"}, None),
        ([], {"VIZ_WORKER": "tcp://127.0.0.1:5"}, Settings(endpoint="tcp://127.0.0.1:5")),
        (["--viz-worker=off"], {"VIZ_WORKER": "1"}, None),
        ([], {"VIZ_WORKER": "1", "VIZ_EVERY": "7"}, Settings(every=7.0)),
    ],
)
def test_flags_and_environment_say_the_same(words, environment, expected, monkeypatch):
    assert parsed(words, monkeypatch, **environment) == expected


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_interval_that_is_none_is_a_usage_error(text, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        parsed(["--viz-worker", f"--viz-every={text}"], monkeypatch)
    assert "--viz-every" in capsys.readouterr().err


def test_users_own_choice_of_the_xla_flag_is_kept():
    environment = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true"}
    assert protect_from_xla_hang(environment) == "kept"
    assert environment["XLA_FLAGS"] == "--xla_cpu_multi_thread_eigen=true"


SCRIPT = """
import os, sys
os.environ.pop("XLA_FLAGS", None)
from search_hooks.flag import protect_from_xla_hang
if "jax" in sys.argv:
    import jax
    jax.devices()
print(protect_from_xla_hang(), os.environ.get("XLA_FLAGS", ""))
"""


@pytest.mark.parametrize(("argument", "expected"), [("", f"set {XLA_FLAG}"), ("jax", "late")])
def test_flag_is_set_before_jax_starts_and_not_claimed_after(argument, expected):
    run = [sys.executable, "-c", SCRIPT, argument]
    printed = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert printed.stdout.strip() == expected


WARNED = """
import os, sys, logging
os.environ.pop("XLA_FLAGS", None)
logging.basicConfig(format="%(message)s", stream=sys.stdout)
import jax
jax.devices()
from search_hooks import flag
flag.warn_of_xla_hang()
flag.warn_of_xla_hang()
"""


def test_process_whose_backend_is_up_without_the_flag_is_warned_once():
    printed = subprocess.run(
        [sys.executable, "-c", WARNED], capture_output=True, text=True, timeout=60, check=True
    )
    assert printed.stdout.count("can hang for ever") == 1
    assert XLA_FLAG in printed.stdout


def test_key_that_is_named_is_for_every_search_of_the_process(monkeypatch):
    monkeypatch.setenv("VIZ_WORKER_KEYS", "/other.key")
    words = ["--viz-worker=tcp://viz.example:5555", "--viz-keys", "/my.key"]
    assert parsed(words, monkeypatch) == Settings(endpoint="tcp://viz.example:5555")
    assert os.environ["VIZ_WORKER_KEYS"] == "/my.key"
