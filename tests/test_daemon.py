"""The daemon as its user runs it: started, found, reloaded, stopped, and gone without a trace."""

import json
import os
import re
import signal
import socket as sockets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import PATIENCE, Home, publishing, ready_line, small_frame, wait_until

from vizworker import ask
from vizworker.auth import find_worker
from vizworker.daemon import Daemon
from vizworker.wire import Status


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folders of a user of one's own; no daemon of his outlives the test."""
    # a socket's path is short
    import shutil
    import tempfile

    run = Path(tempfile.mkdtemp(prefix="vizworker-run-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("VIZWORKER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VIZWORKER_PROCESSES", "0")
    yield run / "vizworker"
    vizworker("stop", "--kill", expect=None)
    shutil.rmtree(run)


def vizworker(*arguments: str, expect: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a command, and hold it to its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "vizworker", *arguments],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert expect is None or done.returncode == expect, done.stdout + done.stderr
    return done


def daemon(home: Path) -> Daemon:
    import msgspec

    return msgspec.json.decode((home / "daemon.lock").read_bytes(), type=Daemon)


def status_of() -> Status:
    endpoint = find_worker()
    assert endpoint is not None
    return ask.status(endpoint, PATIENCE)


def test_daemon_is_started_found_restarted_and_stopped(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "worker.log"
    said = vizworker("serve", "--daemon", "--log-file", str(log), "--keep=7").stdout
    assert "runs in the background" in said
    first = daemon(home)
    assert f"pid {first.pid}" in said
    assert status_of().pid == first.pid
    shown = vizworker("status")
    assert f"daemon: pid {first.pid}" in shown.stdout
    assert json.loads(vizworker("status", "--json").stdout)["daemon"]["log"] == str(log)

    again = vizworker("serve", "--daemon", expect=6)
    assert f"a daemon runs already (pid {first.pid})" in again.stderr
    assert len(again.stderr.splitlines()) == 1

    images = Home()
    with publishing(find_worker(), images) as publisher:
        publisher.publish(small_frame(1, layout="unknown"))
        wait_until(lambda: publisher.refused or publisher.drawn, "an answer")
        vizworker("restart")
        second = daemon(home)
        assert second.pid != first.pid
        assert second.arguments == first.arguments
        publisher.publish(small_frame(2, layout="unknown"))
        wait_until(lambda: publisher.refused + publisher.drawn >= 2, "an answer of the second")

    vizworker("stop")
    assert not second.running
    assert [path.name for path in home.iterdir()] == []
    assert "vizworker has ended" in log.read_text()
    assert find_worker() is None
    for command in ("stop", "restart"):
        assert "no daemon runs" in vizworker(command, expect=3).stderr


def test_daemon_that_was_killed_stops_nobody_from_starting_another(home: Path) -> None:
    vizworker("serve", "--daemon")
    killed = daemon(home)
    os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: not killed.running, "its end")
    assert (home / "daemon.lock").exists()
    assert "no daemon runs" in vizworker("stop", expect=3).stderr
    vizworker("serve", "--daemon")
    assert daemon(home).pid != killed.pid
    assert status_of().pid == daemon(home).pid


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--bind", "tcp://0.0.0.0:5555"], 4, "CURVE keys"),
        (["--keep", "none"], 2, "--keep is 'none'"),
        (["--http", "0.0.0.0:0"], 2, "needs a token"),
        (["--log-file", "/proc/no/log"], 5, "/proc/no"),
    ],
)
@pytest.mark.usefixtures("home")
def test_daemon_that_cannot_start_says_why_and_with_which_code(
    arguments: list[str], code: int, said: str
) -> None:
    done = vizworker("serve", "--daemon", *arguments, expect=code)
    [line] = done.stderr.splitlines()
    assert line.startswith("vizworker: the daemon did not start: ")
    assert said in line
    assert find_worker() is None


@contextmanager
def served(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A worker in the foreground."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vizworker", "serve", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        ready_line(process)
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.usefixtures("home")
def test_settings_are_read_again_while_it_runs(tmp_path: Path) -> None:
    file, log = tmp_path / "worker.toml", tmp_path / "log"
    file.write_text("[limits]\ntext = 100\n")

    def logged(words: str) -> None:
        wait_until(lambda: words in log.read_text(), words)

    with served("--config", str(file), "--log-file", str(log)) as process:
        endpoint = find_worker()
        with publishing(endpoint, Home(), "x" * 50) as publisher:
            publisher.publish(small_frame(run_id="x" * 50))
            wait_until(lambda: publisher.connected, "an answer")
            file.write_text("http = '8080'\n[limits]\ntext = 10\n")
            process.send_signal(signal.SIGHUP)
            logged("settings read again; changed: limits.text")
            logged("these settings need a restart: http")
            wait_until(lambda: "limits.text" in publisher.last_error, "the new limit")
        file.write_text("[limits]\ntext = 'long'\n")
        process.send_signal(signal.SIGHUP)
        logged("the settings stay as they were: limits.text in the file of settings is 'long'")
        # moved away by another program, the log is opened anew
        log.rename(tmp_path / "old")
        file.write_text("")
        process.send_signal(signal.SIGHUP)
        wait_until(log.exists, "a new log")
        logged("settings read again")


@pytest.mark.usefixtures("home")
def test_service_manager_hears_that_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    heard: list[str] = []
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)

        def hear(word: str) -> None:
            while not any(word in each for each in heard):
                heard.append(manager.recv(4096).decode())

        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        with served(**environment) as process:
            hear("READY=1")
            assert re.search(r"STATUS=listens at ipc://", heard[-1])
            heard.clear()
            hear("WATCHDOG=1")
            process.send_signal(signal.SIGHUP)
            hear("RELOADING=1")
            heard.clear()
            hear("READY=1")
            process.send_signal(signal.SIGTERM)
            hear("STOPPING=1")
            assert process.wait(PATIENCE) == 0


STUCK = """
import sys, time
from vizworker.config import Config
from vizworker.service import Service
sys.path.insert(0, sys.argv[1])
from running import PixelDrawer

class Stuck(PixelDrawer):
    def render(self, frame):
        print("drawing", flush=True)
        time.sleep(600)

service = Service(Config(sys.argv[2], grace=0.5, processes=0), Stuck)
service.start()
print("ready", flush=True)
service.run()
"""


@pytest.mark.usefixtures("home")
def test_drawing_that_does_not_end_is_cut_short_with_its_own_code(tmp_path: Path) -> None:
    socket = f"ipc://{tmp_path}/s"
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(Path(__file__).parent), socket],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ready_line(process) == "ready"
    with publishing(socket, Home()) as publisher:
        publisher.publish(small_frame())
        assert ready_line(process) == "drawing"
        started = time.monotonic()
        process.terminate()
        assert process.wait(PATIENCE) == 7
        assert time.monotonic() - started < PATIENCE / 2
    assert process.stdout is not None
    process.stdout.close()
    assert not (tmp_path / "s").exists()


@pytest.mark.usefixtures("home")
def test_worker_at_a_terminal_ends_when_the_terminal_closes() -> None:
    ours, its = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vizworker", "serve"],
        stdin=its,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(its)
    ready_line(process)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(PATIENCE) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert find_worker() is None


@pytest.mark.usefixtures("home")
def test_executor_that_cannot_be_used_is_one_line_and_a_code() -> None:
    done = vizworker("serve", "--executor", "dusk://nowhere", expect=2)
    [line] = done.stderr.strip().splitlines()[-1:]
    assert line.startswith("vizworker: ")
