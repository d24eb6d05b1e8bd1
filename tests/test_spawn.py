"""The private worker: it is this process's own, and goes with it however that ends."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from running import PATIENCE, Home, publishing, small_frame, wait_until

from search_hooks import spawn
from search_hooks.spawn import PrivateWorker
from vizworker import ask, discovery
from vizworker.auth import socket_path
from vizworker.errors import EndpointError

ORPHAN = 5.0  # seconds in which a worker whose search is gone must be gone too
SEARCH = """
import sys, time
from search_hooks.spawn import PrivateWorker
print("the script runs", file=sys.stderr)
worker = PrivateWorker.shared()
print(worker.pid, worker.endpoint, flush=True)
{then}
"""


@pytest.fixture
def private() -> Iterator[PrivateWorker]:
    worker = PrivateWorker()
    yield worker
    worker.close()


def start_search(
    folder: Path, then: str = "time.sleep(600)"
) -> tuple[subprocess.Popen[str], int, str]:
    """A script that starts a private worker: its process, the worker's pid and endpoint."""
    script = folder / "search.py"
    script.write_text(SEARCH.format(then=then))
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pid, endpoint = process.stdout.readline().split()
    return process, int(pid), endpoint


def assert_nothing_left(pid: int, endpoint: str, patience: float) -> None:
    wait_until(lambda: not psutil.pid_exists(pid) or is_zombie(pid), "its end", patience)
    assert not Path(socket_path(endpoint)).parent.exists()
    assert endpoint not in {entry.endpoint for entry in discovery.workers()}


def seconds_to_come_up() -> float:
    """How long the worker's program takes to start on this machine, as busy as it is."""
    started = time.monotonic()
    subprocess.run([*spawn.command("")[:4], "--version"], check=True, capture_output=True)
    return time.monotonic() - started


def is_zombie(pid: int) -> bool:
    """Ended; whoever adopted it has not asked for its exit code yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_private_worker_answers_and_closes_without_a_trace(private: PrivateWorker) -> None:
    assert ask.status(private.endpoint, PATIENCE).pid == private.pid
    [entry] = [entry for entry in discovery.workers() if entry.endpoint == private.endpoint]
    assert entry.parent == os.getpid()
    private.close()
    assert not private.alive
    assert_nothing_left(private.pid, private.endpoint, patience=1.0)


def test_private_worker_sees_no_device_and_gives_way_to_the_search(private: PrivateWorker) -> None:
    ask.status(private.endpoint, PATIENCE)
    process = psutil.Process(private.pid)
    surroundings = process.environ()
    assert surroundings["CUDA_VISIBLE_DEVICES"] == surroundings["ROCR_VISIBLE_DEVICES"] == ""
    assert surroundings["OMP_NUM_THREADS"] == "1"
    wait_until(lambda: process.nice() >= 10, "a low priority")
    assert os.getsid(private.pid) == private.pid
    assert Path(socket_path(private.endpoint)).parent.stat().st_mode & 0o077 == 0


def test_killed_private_worker_comes_back_at_the_same_address(private: PrivateWorker) -> None:
    home = Home()
    with publishing(private.endpoint, home) as publisher:
        publisher.publish(small_frame(1))
        wait_until(
            lambda: publisher.refused + publisher.drawn == 1, "an answer of the first worker"
        )
        first = private.pid
        private.ensure()
        assert private.pid == first
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not private.alive, "the worker's end")
        private.ensure()
        assert private.pid != first
        publisher.publish(small_frame(2))
        wait_until(
            lambda: publisher.refused + publisher.drawn == 2, "an answer of the second worker"
        )


def test_private_worker_is_restarted_only_a_few_times(
    private: PrivateWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "RESTARTS", 1)
    for restarts in (True, False):
        os.kill(private.pid, signal.SIGKILL)
        wait_until(lambda: not private.alive, "the worker's end")
        private.ensure()
        assert private.alive is restarts


def test_script_that_ends_takes_its_worker_along(tmp_path: Path) -> None:
    process, pid, endpoint = start_search(tmp_path, then="")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert said.splitlines() == ["the script runs"]  # once: nothing imports it again
    assert_nothing_left(pid, endpoint, patience=ORPHAN)


@pytest.mark.parametrize("ready", [True, False], ids=["serving", "starting"])
def test_worker_is_gone_soon_after_its_search_is_killed(tmp_path: Path, ready: bool) -> None:
    # it sees to its search once its interpreter is up
    up = 0.0 if ready else 2 * seconds_to_come_up()
    process, pid, endpoint = start_search(tmp_path)
    if ready:
        ask.status(endpoint, PATIENCE)
    process.kill()
    process.communicate()
    assert_nothing_left(pid, endpoint, patience=ORPHAN + up)


def test_searches_in_parallel_have_workers_of_their_own(tmp_path: Path) -> None:
    searches = [start_search(tmp_path) for _ in range(2)]
    answers = {ask.status(endpoint, PATIENCE).pid for _, _, endpoint in searches}
    assert answers == {pid for _, pid, _ in searches}
    for process, pid, endpoint in searches:
        process.kill()
        process.communicate()
        assert_nothing_left(pid, endpoint, patience=ORPHAN)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_leaves_the_worker_of_its_parent_alone() -> None:
    shared = PrivateWorker.shared()
    assert PrivateWorker.shared() is shared
    child = os.fork()
    if child == 0:
        shared.ensure()
        shared.close()
        own = PrivateWorker.shared()
        other = own is not shared and own.pid != shared.pid and not shared.alive
        own.close()
        os._exit(0 if other else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert shared.alive
    assert ask.status(shared.endpoint, PATIENCE).pid == shared.pid
    shared.close()


def test_worker_that_cannot_import_says_so_when_it_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "zmq.py").write_text("raise ImportError('not this one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = PrivateWorker()
    wait_until(lambda: not worker.alive, "the worker's end")
    worker.ensure()
    assert "starting it again (ImportError: not this one)" in caplog.text
    worker.close()


def test_file_in_the_working_folder_does_not_stand_in_for_a_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "zmq.py").write_text("raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path)
    worker = PrivateWorker()
    assert ask.status(worker.endpoint, PATIENCE).pid == worker.pid
    worker.close()


def test_folder_too_long_for_a_socket_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", None)
    folder = spawn.socket_folder()
    folder.rmdir()
    assert folder.parent == Path(tempfile.gettempdir())


def test_no_folder_short_enough_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "MAX_SOCKET_PATH", 20)
    with pytest.raises(EndpointError, match="set TMPDIR"):
        spawn.socket_folder()
