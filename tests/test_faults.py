"""Faults that are really done to a search and its worker: neither result nor last figure suffers.

Each test has a short form here; those marked slow last as long as such a fault does: `make faults`.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import zmq
from faulty import Search, Supervised, party, searching, supervised, undisturbed
from proxy import proxy_of
from running import PATIENCE, small_frame, wait_until

from search_hooks.delivery import DEATHS_OF_RUN
from vizworker.frame import Cost
from vizworker.wire import Alive, Beat, Drawn, Refused, decode, encode, encode_frame

SHORT = 2.0  # seconds of a fault in the short form
LONG = pytest.param(60.0, marks=pytest.mark.slow, id="a minute")
DEAF = ("--deaf", 1000)  # ms: a cut line is noticed within the short form
OTHER_WAYS_TO_DIE = ("greeting", "answered", "closing")


def slowly(*values: object) -> list[object]:
    """Parameters for the long form alone."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own at a folder; for root alone."""
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def cpu_time(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


# killed


@pytest.mark.parametrize("step", ["greeting", "answering", "recording"])
def test_worker_killed_at_a_step_of_the_protocol_loses_nothing(step: str, tmp_path: Path) -> None:
    dying = ("--die-at", step, "--once", tmp_path / "dead")
    with supervised(tmp_path / "data", *dying) as worker, party(tmp_path, worker):
        wait_until(lambda: worker.lives == 2, "its death")
    assert not list((tmp_path / "data").rglob("*.part"))


def test_worker_killed_in_the_middle_of_a_frame_gets_it_again(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data", tcp=True) as worker,
        proxy_of(worker.endpoint) as line,
    ):
        line.most = 1 << 20
        victim = Search(tmp_path / "victim", "--size", 512, endpoint=line.endpoint)  # 2 MB
        bystander = Search(tmp_path / "bystander", endpoint=worker.endpoint)
        with searching(victim, bystander):
            wait_until(lambda: line.carried > 1 << 19, "half a frame")
            bystander.shown()
            worker.process.kill()
            wait_until(lambda: worker.lives == 2, "another life")
            line.reset()
            line.most = None
            victim.check()
            bystander.check()


def test_frame_that_ends_its_workers_is_given_up_and_others_are_drawn(tmp_path: Path) -> None:
    with supervised(tmp_path / "data", "--die-at", "drawing") as worker:
        deadly = Search(tmp_path / "deadly", "--layout", "deadly", endpoint=worker.endpoint)
        bystander = Search(tmp_path / "bystander", endpoint=worker.endpoint)
        with searching(deadly, bystander):
            said = deadly.end()
            assert not deadly.image.exists()
            assert said["refused"] > 0
            assert "given up: 3 workers ended while they drew it" in deadly.log.read_text()
            assert worker.lives <= 1 + DEATHS_OF_RUN
            bystander.check()


@pytest.mark.parametrize("layout", ["crash", *slowly("broken", "hang", "killed")])
def test_figure_that_fails_costs_neither_the_worker_nor_other_searches(
    layout: str, tmp_path: Path
) -> None:
    with supervised(tmp_path / "data", "--pool") as worker:
        bad = Search(tmp_path / "bad", "--layout", layout, endpoint=worker.endpoint)
        bystander = Search(tmp_path / "bystander", endpoint=worker.endpoint)
        with searching(bad, bystander):
            said = bad.end()
            assert said["digest"] == undisturbed()["digest"]
            assert (said["drawn"], bad.image.exists()) == (0, False)
            assert said["refused"] > 0
            said = bystander.end()
            assert said["digest"] == undisturbed()["digest"]
            assert said["delivered"]
            assert bystander.image.exists()
        assert worker.lives == 1


@pytest.mark.parametrize("step", ["sending", "writing", *slowly(*OTHER_WAYS_TO_DIE)])
def test_search_killed_at_a_step_of_the_protocol_is_watched_again(
    step: str, tmp_path: Path
) -> None:
    with supervised(tmp_path / "data") as worker:
        bystander = Search(tmp_path / "bystander", endpoint=worker.endpoint)
        killed = Search(tmp_path / "killed", "--die-at", step, endpoint=worker.endpoint)
        again = Search(tmp_path / "again", endpoint=worker.endpoint)
        with searching(bystander, killed, again):
            killed.go_on()
            assert killed.process.wait(PATIENCE) == -signal.SIGKILL
            again.check()
            bystander.check()
        assert worker.lives == 1


def test_search_killed_beside_its_private_worker_leaves_nothing(tmp_path: Path) -> None:
    search = Search(tmp_path / "killed", "--layout", "imaging")
    with searching(search):
        wait_until(lambda: "a worker answers" in search.log.read_text(), "its worker")
        [worker] = psutil.Process(search.process.pid).children()
        [socket] = [word for word in worker.cmdline() if word.startswith("ipc://")]
        search.process.kill()
        worker.wait(10.0)
        assert not Path(socket.removeprefix("ipc://")).parent.exists()


# stopped


@pytest.mark.parametrize("seconds", [SHORT, LONG])
def test_stopped_worker_is_waited_for(seconds: float, tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data") as worker,
        party(tmp_path, worker, *DEAF) as searches,
    ):
        searches.victim.shown()
        searches.bystander.shown()
        with stopped(worker.pid):
            searches.victim.go_on()
            time.sleep(seconds)


@pytest.mark.parametrize("seconds", [SHORT, LONG])
def test_stopped_search_is_no_burden_and_goes_on(seconds: float, tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data") as worker,
        party(tmp_path, worker, *DEAF) as searches,
    ):
        searches.victim.shown()
        with stopped(searches.victim.process.pid):
            searches.bystander.check()
            time.sleep(seconds)


# the network


@pytest.mark.parametrize("seconds", [SHORT, LONG])
def test_network_that_is_cut_for_a_while_loses_nothing(seconds: float, tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data", tcp=True) as worker,
        proxy_of(worker.endpoint) as line,
        party(tmp_path, worker, *DEAF, endpoint=line.endpoint) as searches,
    ):
        searches.victim.shown()
        line.cut()
        searches.victim.go_on()
        time.sleep(seconds)
        line.heal()


@pytest.mark.parametrize(
    "flags", [DEAF, pytest.param((), marks=pytest.mark.slow)], ids=["short", "as set"]
)
def test_connection_that_died_without_a_word_is_made_anew(
    flags: tuple[object, ...], tmp_path: Path
) -> None:
    with (
        supervised(tmp_path / "data", *flags, tcp=True) as worker,
        proxy_of(worker.endpoint) as line,
    ):
        with party(tmp_path, worker, *flags, endpoint=line.endpoint) as searches:
            searches.victim.shown()
            line.abandon()
            searches.victim.check()
            assert line.connections > 1
        # the worker's end of the dead connection goes too
        wait_until(lambda: not worker.connections, "its end of the line")


@contextmanager
def network() -> Iterator[tuple[str, ...]]:
    """A network namespace of its own, with a loopback; what to put before a command there."""
    holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    within = ("nsenter", f"--net=/proc/{holder.pid}/ns/net")
    try:
        ours = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != ours, "a namespace")
        subprocess.run([*within, "ip", "link", "set", "lo", "up"], check=True)
        yield within
    finally:
        holder.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root makes network namespaces")
def test_network_of_a_namespace_that_is_down_for_a_while_loses_nothing(tmp_path: Path) -> None:
    with (
        network() as within,
        supervised(tmp_path / "data", tcp=True, within=within) as worker,
    ):
        # where the kernel has it: late, out of order and lost
        netem = ["netem", "delay", "50ms", "30ms", "reorder", "25%", "loss", "5%"]
        qdisc = [*within, "tc", "qdisc", "add", "dev", "lo", "root", *netem]
        subprocess.run(qdisc, check=False, capture_output=True)
        search = Search(tmp_path / "victim", endpoint=worker.endpoint, within=within)
        with searching(search):
            search.shown()
            subprocess.run([*within, "ip", "link", "set", "lo", "down"], check=True)
            search.go_on()
            time.sleep(30.0)
            subprocess.run([*within, "ip", "link", "set", "lo", "up"], check=True)
            search.check()


def test_slow_network_loses_nothing(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data", tcp=True) as worker,
        proxy_of(worker.endpoint) as line,
    ):
        line.delay = 0.2
        with party(tmp_path, worker, *DEAF, endpoint=line.endpoint):
            pass


def test_connections_that_end_over_and_over_lose_nothing(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data", tcp=True) as worker,
        proxy_of(worker.endpoint) as line,
        party(tmp_path, worker, *DEAF, endpoint=line.endpoint),
    ):
        for n in range(1, 6):
            wait_until(lambda n=n: line.connections >= n, "another connection")
            line.reset()


# the machine


def test_search_on_a_full_disk_goes_on_and_keeps_its_last_figure(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with supervised(tmp_path / "data") as worker, mounted(disk, "size=64k"):
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(1 << 20))
        check_disk(disk, worker, free=filler.unlink)


def test_search_on_a_read_only_disk_goes_on_and_keeps_its_last_figure(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with supervised(tmp_path / "data") as worker, mounted(disk, "size=64k,ro"):
        check_disk(disk, worker, free=lambda: remount(disk, "rw"))


def check_disk(disk: Path, worker: Supervised, free: Callable[[], None]) -> None:
    """A search whose image folder is a disk that takes nothing, until it is freed halfway."""
    search = Search(disk.parent / "victim", endpoint=worker.endpoint, images=disk)
    with searching(search):
        wait_until(lambda: "could not be kept" in search.log.read_text(), "a failure")
        assert not search.image.exists()
        free()
        search.check()
        assert not list(disk.glob(".*.part"))


@pytest.mark.parametrize("fault", ["full", "read-only", "no bigger files"])
def test_worker_that_cannot_write_draws_on(fault: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    if fault == "no bigger files":
        with supervised(data, "--file-size", 100) as worker, party(tmp_path, worker):
            pass
    else:
        with (
            mounted(data, "size=4k" if fault == "full" else "size=64k,ro"),
            supervised(data) as worker,
            party(tmp_path, worker),
        ):
            pass
    assert not list(data.rglob("*.part"))


def test_search_without_file_descriptors_goes_on_and_is_drawn_once_there_are_some(
    tmp_path: Path,
) -> None:
    with supervised(tmp_path / "data") as worker:
        search = Search(tmp_path / "victim", "--no-fds", endpoint=worker.endpoint)
        with searching(search):
            wait_until(lambda: "file descriptor" in search.log.read_text(), "a warning")
            assert not search.image.exists()
            search.check()


@pytest.mark.parametrize("tcp", [True, *slowly(False)], ids=["tcp", "ipc"])
def test_worker_without_file_descriptors_loses_nothing(tcp: bool, tmp_path: Path) -> None:
    with supervised(tmp_path / "data", "--fds", 40, tcp=tcp) as worker:
        bystander = Search(tmp_path / "bystander", endpoint=worker.endpoint).shown()
        with searching(bystander):
            with crowd(worker.endpoint, 60) as peers:
                served = sum(bool(peer.poll(100)) for peer in peers)
                assert 0 < served < 60
                late = Search(tmp_path / "late", endpoint=worker.endpoint)
            with searching(late):
                late.check()
            bystander.check()
        # the listener of an ipc:// socket cannot bear it: such a worker starts again
        assert worker.lives == 1 or not tcp


@pytest.mark.parametrize("side", ["search", "worker"])
@pytest.mark.parametrize("seconds", [-3600, *slowly(3600)])
def test_clock_that_jumps_changes_nothing(side: str, seconds: int, tmp_path: Path) -> None:
    jump = ("--clock-jump", seconds)
    of_worker, of_search = ((), jump) if side == "search" else (jump, ())
    with (
        supervised(tmp_path / "data", *of_worker) as worker,
        party(tmp_path, worker, *of_search) as searches,
    ):
        searches.victim.shown()


# the others


@contextmanager
def crowd(endpoint: str, n: int) -> Iterator[list[zmq.Socket[bytes]]]:
    """Searches made of bare messages, which all connect at once; each has sent a frame."""
    with zmq.Context() as context:
        context.max_sockets = n + 1
        peers = [context.socket(zmq.DEALER) for _ in range(n)]
        for i, peer in enumerate(peers):
            peer.linger = 0
            peer.connect(endpoint)
            peer.send_multipart(encode_frame(small_frame(run_id=f"run {i}")))
        try:
            yield peers
        finally:
            for peer in peers:
                peer.close()


def test_two_hundred_searches_that_connect_at_once_are_all_drawn(tmp_path: Path) -> None:
    with supervised(tmp_path / "data") as worker, party(tmp_path, worker) as searches:
        searches.victim.shown()
        searches.bystander.shown()
        before = len(worker.connections)
        with crowd(worker.endpoint, 200) as peers:
            for peer in peers:
                assert peer.poll(1000 * PATIENCE), "no answer"
                assert isinstance(decode(peer.recv_multipart()).header, Drawn)
        wait_until(lambda: len(worker.connections) <= before, "their connections' end")


def test_search_that_floods_is_no_burden_to_others(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data") as worker,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as flood,
    ):
        flood.linger = 0
        flood.sndhwm = 1
        flood.connect(worker.endpoint)
        with party(tmp_path, worker) as searches:
            searches.victim.shown()
            before = worker.memory
            for sequence in range(1, 2000):
                frame = small_frame(sequence, run_id="flood")
                flood.send_multipart(encode_frame(frame))
                while flood.poll(0):
                    flood.recv_multipart()
        assert worker.lives == 1
        assert worker.memory < before + (64 << 20)


def test_search_that_never_reads_its_answers_is_no_burden_to_others(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data") as worker,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as deaf,
    ):
        deaf.linger = 0
        deaf.rcvhwm = 1
        deaf.connect(worker.endpoint)
        with party(tmp_path, worker) as searches:
            searches.victim.shown()
            before = worker.memory
            for _ in range(20_000):
                deaf.send_multipart(encode(Beat(run_id="deaf", run="deaf", cost=Cost())))
        assert worker.lives == 1
        assert worker.memory < before + (64 << 20)


def test_search_of_another_schema_is_told_so_and_is_no_burden_to_others(tmp_path: Path) -> None:
    with (
        supervised(tmp_path / "data") as worker,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as other,
        party(tmp_path, worker),
    ):
        other.linger = 0
        other.connect(worker.endpoint)
        other.send_multipart([b"\x82\xa4type\xa4beat\xa6schema\x07"])
        assert other.poll(1000 * PATIENCE)
        answer = decode(other.recv_multipart()).header
        assert isinstance(answer, Refused)
        assert "schema 7, expected 1: install the same version" in answer.error
        other.send_multipart(encode(Beat(run_id="run", run="run", cost=Cost())))
        assert isinstance(decode(other.recv_multipart()).header, Alive)
