"""Doctor at a running worker: over CURVE, with what the worker refused, and keys that are bad."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from running import PATIENCE, PixelDrawer, wait_until

from vizworker import ask, keys
from vizworker.auth import find_worker
from vizworker.config import Config
from vizworker.doctor import Line, examine
from vizworker.worker import Worker


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """Where a worker with keys is found by its user."""
    keys.make_worker(tmp_path / "keys")
    worker = Worker(Config("tcp://0.0.0.0:*", keys=tmp_path / "keys"), PixelDrawer)
    worker.startup()
    thread = threading.Thread(target=worker.run)
    thread.start()
    found = find_worker()
    assert found is not None
    yield found
    worker.stop()
    thread.join(PATIENCE)


@pytest.fixture(autouse=True)
def _no_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are of workers: JAX takes seconds to find its devices."""
    monkeypatch.setattr("vizworker.doctor._jax", lambda: iter(()))


def lines(endpoint: str, state: str) -> list[str]:
    return [line.what for line in examine(endpoint) if line.state == state]


def test_worker_with_keys_answers_and_draws(endpoint: str) -> None:
    fine = lines(endpoint, "ok")
    assert any(f"answers at {endpoint} in " in line for line in fine)
    assert any("it drew its first figure" in line for line in fine)
    assert lines(endpoint, "fix") == []
    wait_until(
        lambda: [run.state for run in ask.status(endpoint).runs] == ["ended"],
        "the check leaves no run behind that seems to go on",
    )


def test_what_a_worker_refused_is_noted(tmp_path: Path) -> None:
    worker = Worker(Config(f"ipc://{tmp_path}/s"), PixelDrawer)
    worker.startup()
    thread = threading.Thread(target=worker.run)
    thread.start()
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(worker.endpoint)
        socket.send_multipart([b"\xc1 no message"])
        assert socket.poll(1000 * PATIENCE)
    noted = lines(worker.endpoint, "note")
    worker.stop()
    thread.join(PATIENCE)
    assert noted == ["it refused 1 messages by WireError (docs/settings.md)"]


def test_key_that_is_named_is_looked_at(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = keys.make_client(tmp_path / "keys", "alice")
    monkeypatch.setenv("VIZ_WORKER_KEYS", str(issued))
    assert any("alice.key is " in line for line in lines(endpoint, "ok"))
    issued.chmod(0o644)
    assert any("chmod 600" in line for line in lines(endpoint, "fix"))


def test_lines_are_ok_a_note_or_to_fix() -> None:
    found = list(examine("ipc:///tmp/nobody-is-here"))
    assert {line.state for line in found} <= {"ok", "note", "fix"}
    assert Line(
        "fix", "NoAnswerError: nobody answers at ipc:///tmp/nobody-is-here (waited 5 s)"
    ) in (found)


def test_unit_of_the_docs_is_one_for_systemd(tmp_path: Path) -> None:
    import re
    import shutil
    import sys

    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd here")
    page = (Path(__file__).parents[1] / "docs" / "deploy.md").read_text()
    [unit] = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    for line in ("Type=notify", "WatchdogSec=", "NoNewPrivileges=yes", "MemoryMax="):
        assert line in unit
    file = tmp_path / "vizworker.service"
    file.write_text(unit.replace("%h/venv/bin/vizworker", sys.executable))
    done = subprocess.run(
        [analyze, "verify", "--user", str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
