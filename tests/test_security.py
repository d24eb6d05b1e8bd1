"""Who is let in: keys at tcp://, their revocation, limits, and nothing of the wire that acts."""

import ast
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import zmq
from msgspec import structs
from running import (
    PATIENCE,
    Home,
    PixelDrawer,
    on_a_thread,
    pixel,
    publishing,
    small_frame,
    wait_until,
)

from search_hooks.flag import Settings
from vizworker import ask, keys
from vizworker.auth import check_endpoint, find_worker, key_for, read_key, secure
from vizworker.config import Config, Limits
from vizworker.errors import ConfigError, EndpointError, LimitError, VizError
from vizworker.frame import Cost
from vizworker.report import Report, as_table
from vizworker.sinks.record import Records
from vizworker.wire import Alive, Beat, Drawn, Refused, RunStatus, decode, encode, encode_frame
from vizworker.worker import Worker

ROOT = Path(__file__).parents[1]
BEAT = encode(Beat(run_id="run", run="run", cost=Cost()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Keys of a worker and of two searches."""
    keys.make_worker(tmp_path / "keys")
    for name in ("alice", "bob"):
        keys.make_client(tmp_path / "keys", name)
    return tmp_path / "keys"


@contextmanager
def serving(folder: Path | None, endpoint: str = "tcp://0.0.0.0:*", **limits: object) -> Iterator:
    """A worker on a thread, found by its user; gives it and where to connect."""
    config = Config(endpoint, keys=folder, limits=Limits(**limits))  # type: ignore[arg-type]
    with on_a_thread(Worker(config, PixelDrawer)) as worker:
        yield worker


@contextmanager
def stranger(worker: Worker, key: Path | None) -> Iterator[zmq.Socket[bytes]]:
    """A connection with a key of one's own choice; not from this user's runtime folder."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        secure(socket, None if key is None else read_key(key))
        socket.connect(worker.endpoint.replace("0.0.0.0", "127.0.0.1"))
        yield socket


def answer(socket: zmq.Socket[bytes], parts: list[bytes]) -> object:
    socket.send_multipart(parts)
    assert socket.poll(1000 * PATIENCE), "no answer"
    return decode(socket.recv_multipart()).header


def silent(socket: zmq.Socket[bytes], parts: list[bytes]) -> bool:
    socket.send_multipart(parts)
    return not socket.poll(1000)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The searches' side of another machine: no runtime folder with our own key."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "elsewhere"))
    return tmp_path


def test_figure_comes_home_over_curve(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(folder) as worker:
        there = worker.endpoint.replace("0.0.0.0", "127.0.0.1")
        (folder.parent / "elsewhere").mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder.parent / "elsewhere"))
        monkeypatch.setenv("VIZ_WORKER_KEYS", str(folder / "issued" / "alice.key"))
        home = Home()
        with publishing(there, home) as publisher:
            publisher.publish(small_frame(arrays={"data": np.ones((300, 300))}))
            assert publisher.close(PATIENCE)
        assert home.sequences == [1]
        assert ask.status(there, PATIENCE).runs[0].drawn == 1


@pytest.mark.parametrize("who", ["no key", "unknown key", "key of another worker"])
def test_who_has_no_good_key_is_not_heard(who: str, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    keys.make_worker(other)
    key = keys.make_client(other, "mallory")
    if who == "unknown key":
        # it knows the worker's public key, and nobody authorised its own
        worker_key = read_key(folder / "issued" / "alice.key").worker
        key.write_text(key.read_text().replace(read_key(key).worker, worker_key))
    with serving(folder) as worker, stranger(worker, None if who == "no key" else key) as socket:
        assert silent(socket, BEAT)
        if who == "unknown key":
            wait_until(lambda: "unknown key" in worker.status(0.0).refusals, "the door closes")
    assert worker.status(0.0).runs == ()


def test_key_is_revoked_while_its_search_is_connected(folder: Path) -> None:
    with (
        serving(folder) as worker,
        stranger(worker, folder / "issued" / "alice.key") as alice,
        stranger(worker, folder / "issued" / "bob.key") as bob,
    ):
        assert isinstance(answer(alice, BEAT), Alive)
        keys.revoke_client(folder, "alice")
        wait_until(lambda: isinstance(answer(alice, BEAT), Refused), "the revocation")
        refused = answer(alice, encode_frame(small_frame()))
        assert "KeyRefusedError: this key has been revoked" in refused.error
        assert isinstance(answer(bob, encode_frame(small_frame())), Drawn)
        with stranger(worker, folder / "issued" / "alice.key") as again:
            assert silent(again, BEAT)
        keys.make_client(folder, "carol")
        with stranger(worker, folder / "issued" / "carol.key") as carol:
            assert isinstance(answer(carol, BEAT), Alive)
        assert ask.status(find_worker()).refusals["KeyRefusedError"] >= 2


def test_user_of_the_workers_machine_needs_no_key_of_his_own(folder: Path) -> None:
    with serving(folder) as worker:
        found = find_worker()
        assert found == worker.endpoint.replace("0.0.0.0", "127.0.0.1")
        home = Home()
        with publishing(found, home) as publisher:
            publisher.publish(small_frame())
            assert publisher.close(PATIENCE)
        assert home.sequences == [1]


def test_ipc_is_guarded_by_its_mode_and_not_by_keys(folder: Path, tmp_path: Path) -> None:
    with serving(folder, f"ipc://{tmp_path}/socket") as worker:
        assert key_for(worker.endpoint) is None
        assert ask.status(worker.endpoint, PATIENCE).endpoint == worker.endpoint


@pytest.mark.usefixtures("nobody")
def test_address_beyond_this_machine_needs_keys_and_says_how(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VIZ_WORKER_KEYS", raising=False)
    with pytest.raises(EndpointError, match=r"`vizworker keygen FOLDER`.*--keys FOLDER"):
        check_endpoint("tcp://0.0.0.0:5555", bind=True)
    with pytest.raises(EndpointError, match=r"VIZ_WORKER_KEYS.*keygen FOLDER --client NAME"):
        ask.status("tcp://192.0.2.1:5555")
    assert check_endpoint("tcp://0.0.0.0:5555", bind=True, keys=True)


def test_secrets_are_files_of_their_owner_alone(folder: Path) -> None:
    made = [folder / "worker.key", folder / "http.token", *(folder / "issued").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_dir()} == {
        0o700
    }
    alice = folder / "issued" / "alice.key"
    assert read_key(alice).secret not in repr(read_key(alice))
    alice.chmod(0o644)
    with pytest.raises(EndpointError, match="chmod 600"):
        read_key(alice)
    (folder / "worker.key").chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.Keyring(folder)


@pytest.mark.parametrize("name", ["../alice", "a/b", "", ".hidden", "x" * 65, "a b"])
def test_name_of_a_client_is_no_path(name: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match="no name of a client"):
        keys.make_client(folder, name)
    with pytest.raises(ConfigError, match="no client"):
        keys.revoke_client(folder, name)


def test_key_that_is_there_is_never_made_again(folder: Path) -> None:
    before = (folder / "worker.key").read_bytes(), (folder / "http.token").read_bytes()
    assert not keys.make_worker(folder)
    assert ((folder / "worker.key").read_bytes(), (folder / "http.token").read_bytes()) == before
    with pytest.raises(ConfigError, match="a key 'alice'"):
        keys.make_client(folder, "alice")


@pytest.mark.parametrize("content", ["", "public = 1", 'public = "short"', "\x00"])
def test_file_that_holds_no_key_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(EndpointError, match=r"some\.key holds no key"):
        read_key(path)


BIG = {"data": np.zeros((64, 64))}  # 32 KiB
LIMITED = [
    ({"message": 10_000}, small_frame(arrays=BIG), "message", "expected at most 10000"),
    ({"frame": 40_000}, small_frame(arrays={**BIG, "b": BIG["data"]}), "frame", "65536 bytes"),
    ({"arrays": 1}, small_frame(arrays={**BIG, "b": BIG["data"]}), "arrays", "2 arrays"),
    ({"dtypes": ("bool",)}, small_frame(), "dtypes", "'data' is float64, expected one of bool"),
    ({"text": 4}, small_frame(run_id="12345"), "text", "run_id has 5 characters"),
    ({"waiting": 100}, small_frame(), "waiting", "too much waits"),
]


@pytest.mark.parametrize(("limits", "frame", "name", "said"), LIMITED, ids=lambda value: str(value))
def test_more_than_a_limit_is_named_answered_and_counted(limits, frame, name, said, tmp_path):
    with serving(None, f"ipc://{tmp_path}/socket", **limits) as worker:
        with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.connect(worker.endpoint)
            refused = answer(socket, encode_frame(frame))
            assert isinstance(refused, Refused)
            assert said in refused.error
            assert f"(its setting limits.{name})" in refused.error
            assert isinstance(answer(socket, BEAT), Alive)
        assert ask.status(worker.endpoint, PATIENCE).refusals == {name: 1}


def test_disk_is_limited_the_oldest_runs_make_room(tmp_path: Path) -> None:
    records = Records(tmp_path, most=100_000)
    status = RunStatus(run_id="", run="")
    for number in range(5):  # of 33 kB each
        frame = small_frame(run_id=str(number), arrays=BIG)
        records.drawn(frame, pixel(), structs.replace(status, run_id=str(number)))
        records.ended(structs.replace(status, run_id=str(number), state="ended"))
        os.utime(records.image(str(number)).parent, (number, number))
    assert {each.status.run_id for each in records.runs()} == {"3", "4"}
    kept = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert 0 < kept < 100_000
    with pytest.raises(LimitError, match=r"is not kept.*limits\.disk"):
        Records(tmp_path, most=1000).drawn(frame, pixel(), status)


def test_last_frames_held_are_limited_the_oldest_go_first(tmp_path: Path) -> None:
    with serving(None, f"ipc://{tmp_path}/socket", held=70_000) as worker:
        for run_id in ("a", "b", "c"):
            with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
                socket.connect(worker.endpoint)
                frame = small_frame(run_id=run_id, arrays=BIG)
                assert isinstance(answer(socket, encode_frame(frame)), Drawn)
        for run_id in ("b", "c"):
            assert ask.frame(worker.endpoint, run_id, PATIENCE).run_id == run_id
        with pytest.raises(VizError, match="no frame of 'a'"):
            ask.frame(worker.endpoint, "a", PATIENCE)


def test_flood_is_refused_by_its_rate_and_others_are_heard(tmp_path: Path) -> None:
    with (
        serving(None, f"ipc://{tmp_path}/socket", rate=20) as worker,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as flood,
    ):
        flood.linger = 0
        flood.connect(worker.endpoint)
        for _ in range(30):
            flood.send_multipart(BEAT)
        answers = []
        while len(answers) < 30:
            assert flood.poll(1000 * PATIENCE)
            answers.append(decode(flood.recv_multipart()).header)
        errors = {each.error for each in answers if isinstance(each, Refused)}
        assert all("limits.rate" in error for error in errors)
        assert errors
        assert ask.status(worker.endpoint, PATIENCE).refusals["rate"] >= 1


def test_more_connections_than_allowed_are_answered_no(tmp_path: Path) -> None:
    with (
        serving(None, f"ipc://{tmp_path}/socket", connections=1) as worker,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as first,
        context.socket(zmq.DEALER) as second,
    ):
        for socket in (first, second):
            socket.linger = 0
            socket.connect(worker.endpoint)
        assert isinstance(answer(first, BEAT), Alive)
        assert "limits.connections" in answer(second, BEAT).error
        assert isinstance(answer(first, BEAT), Alive)


def test_auto_finds_the_newest_worker_of_this_user_that_serves_all(tmp_path: Path) -> None:
    with serving(None, f"ipc://{tmp_path}/a"):
        time.sleep(0.01)
        with serving(None, f"ipc://{tmp_path}/b"):
            assert find_worker() == f"ipc://{tmp_path}/b"
            assert settings_of("auto") == Settings(endpoint=f"ipc://{tmp_path}/b")
        assert find_worker() == f"ipc://{tmp_path}/a"
    assert settings_of("auto") == Settings()


def settings_of(wanted: str) -> Settings | None:
    import argparse

    from search_hooks import add_arguments
    from search_hooks.flag import settings_from

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settings_from(parser.parse_args([f"--viz-worker={wanted}"]))


FORBIDDEN = {"pickle", "dill", "cloudpickle", "marshal", "shelve"}


@pytest.mark.parametrize("path", sorted((ROOT / "vizworker").rglob("*.py")), ids=lambda p: p.name)
def test_worker_neither_unpickles_nor_evaluates(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}


def test_keygen_makes_authorises_and_revokes(tmp_path: Path) -> None:
    def keygen(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vizworker", "keygen", str(tmp_path / "k"), *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    made = keygen("--client", "alice", "--client", "bob")
    assert "alice.key: give it to alice" in made.stdout
    assert sorted(os.listdir(tmp_path / "k" / "clients")) == ["alice.pub", "bob.pub"]
    assert keygen("--revoke", "alice").stdout.endswith("alice is revoked\n")
    assert os.listdir(tmp_path / "k" / "clients") == ["bob.pub"]
    again = keygen("--revoke", "alice")
    assert again.returncode == 2
    assert len(again.stderr.splitlines()) == 1


def test_name_of_a_run_moves_no_cursor_in_a_terminal(tmp_path: Path) -> None:
    name = "lens\x1b[2J\rroot"
    with serving(None, f"ipc://{tmp_path}/socket") as worker:
        with publishing(worker.endpoint, Home(), name) as publisher:
            publisher.publish(small_frame(run_id=name))
            assert publisher.close(PATIENCE)
        report = Report((ask.status(worker.endpoint, PATIENCE),), (), ())
    table = as_table(report)
    assert "\x1b" not in table
    assert "\r" not in table
    assert "name of lens\\x1b[2J\\rroot" in table
