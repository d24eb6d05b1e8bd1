"""The worker, asked by raw sockets: it draws what is good, refuses the rest, and ends cleanly."""

import os
import signal
import socket as sockets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq
from running import (
    PATIENCE,
    PIXEL,
    Home,
    PixelDrawer,
    on_a_thread,
    publishing,
    running_worker,
    small_frame,
    start_worker,
    stop_worker,
    wait_until,
)

from search_hooks.spawn import socket_folder
from vizworker import ask, discovery
from vizworker.auth import socket_path
from vizworker.config import Config, Limits
from vizworker.errors import EndpointError
from vizworker.frame import Cost
from vizworker.runs import FORGOTTEN, Runs
from vizworker.wire import (
    Alive,
    AskStatus,
    Beat,
    Bye,
    Drawn,
    Parts,
    Refused,
    RunStatus,
    decode,
    encode,
    encode_frame,
)
from vizworker.worker import Worker

BEAT = encode(Beat(run_id="run", run="name of run", cost=Cost()))


class Peer:
    """A search made of bare messages."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket

    def say(self, parts: list[bytes]) -> None:
        self.socket.send_multipart(parts)

    def hear(self) -> Parts:
        assert self.socket.poll(1000 * PATIENCE), "no answer"
        return decode(self.socket.recv_multipart())

    def ask(self, parts: list[bytes]) -> object:
        self.say(parts)
        return self.hear().header


@contextmanager
def peer_of(endpoint: str) -> Iterator[Peer]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(endpoint)
        yield Peer(socket)


class Sink:
    def __init__(self) -> None:
        self.statuses: list[RunStatus] = []

    def drawn(self, frame: object, image: object, status: RunStatus) -> None:
        raise OSError("the disk is full")

    def ended(self, status: RunStatus) -> None:
        self.statuses.append(status)


@contextmanager
def serving(**limits: int) -> Iterator[Worker]:
    """A worker on a thread of this process."""
    folder = socket_folder()
    drawer, sink = PixelDrawer(), Sink()
    worker = Worker(
        Config(f"ipc://{folder}/socket", limits=Limits(**limits)), lambda: drawer, [sink]
    )
    worker.tests = drawer, sink
    with on_a_thread(worker):
        yield worker
    assert not Path(folder, "socket").exists()
    folder.rmdir()


def test_beat_is_answered_by_the_name_of_the_worker() -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        assert peer.ask(BEAT) == Alive(instance=worker.instance)


def test_frame_is_answered_by_its_image_and_its_times() -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        peer.say(encode_frame(small_frame(3)))
        answer = peer.hear()
        drawn = answer.header
        assert isinstance(drawn, Drawn)
        assert (drawn.run_id, drawn.sequence, drawn.instance) == ("run", 3, worker.instance)
        assert 0 < drawn.times.received <= drawn.times.drawn <= drawn.times.encoded
        assert bytes(answer.buffers[0]) == PIXEL


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([b"\xc1 not a message"], "WireError: a header that is not one of ours"),
        ([msgspec.msgpack.encode({"schema": 2})], "SchemaError: schema 2, expected 1"),
        (encode(Alive(instance="i")), "a worker takes no Alive message"),
        (encode_frame(small_frame())[:1], "WireError: 0 buffers, expected 1"),
        (encode_frame(small_frame(layout="broken")), "ValueError: a figure of nothing"),
        (encode_frame(small_frame(run_id="x" * 600)), "run_id has 600 characters"),
    ],
    ids=["bytes", "schema", "direction", "buffers", "drawing", "text"],
)
def test_bad_message_is_refused_and_the_next_good_frame_is_drawn(
    parts: list[bytes], error: str
) -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        refused = peer.ask(parts)
        assert isinstance(refused, Refused)
        assert error in refused.error
        assert refused.instance == worker.instance
        assert isinstance(peer.ask(encode_frame(small_frame(2))), Drawn)


def test_oversized_buffer_is_refused_and_others_are_served() -> None:
    big = small_frame(arrays={"data": np.zeros(10_000)})
    with serving(message=20_000) as worker, peer_of(worker.endpoint) as peer:
        refused = peer.ask(encode_frame(big))
        assert isinstance(refused, Refused)
        assert "80000 bytes, expected at most 20000 (its setting limits.message)" in refused.error
        with peer_of(worker.endpoint) as other:
            assert isinstance(other.ask(encode_frame(small_frame())), Drawn)
        assert worker.tests[0].forgotten == []


def test_more_frames_than_may_wait_are_refused() -> None:
    with serving(waiting=100) as worker, peer_of(worker.endpoint) as peer:
        refused = peer.ask(encode_frame(small_frame()))
        assert isinstance(refused, Refused)
        assert refused.sequence == 1
        assert "send fewer or smaller frames" in refused.error


def test_more_runs_than_allowed_are_refused_until_one_ends() -> None:
    with serving(runs=1) as worker, peer_of(worker.endpoint) as peer:
        assert isinstance(peer.ask(encode_frame(small_frame(run_id="a"))), Drawn)
        refused = peer.ask(encode_frame(small_frame(run_id="b")))
        assert isinstance(refused, Refused)
        assert "serves 1 runs already" in refused.error
        peer.say(encode(Bye(run_id="a", cost=Cost())))
        assert isinstance(peer.ask(encode_frame(small_frame(run_id="b"))), Drawn)


def test_run_silent_for_long_makes_room() -> None:
    runs = Runs(Limits(runs=1))
    runs.get("a", now=0.0)
    assert runs.abandoned(now=FORGOTTEN + 1) == ["a"]
    assert runs.get("b", now=FORGOTTEN + 1).status.run_id == "b"
    assert runs.known("a") is None


def test_newest_frame_of_each_run_is_drawn_in_turn() -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        peer.say(encode_frame(small_frame(1, run_id="a", layout="slow")))
        peer.say(BEAT)
        answers = [peer.hear().header]
        for sequence in (2, 3):
            for run_id in ("a", "b"):
                peer.say(encode_frame(small_frame(sequence, run_id=run_id)))
        drawn = {("a", 3), ("b", 3)}
        while drawn:
            answers.append(peer.hear().header)
            drawn -= {(getattr(answers[-1], "run_id", ""), getattr(answers[-1], "sequence", 0))}
        assert all(isinstance(answer, Drawn | Alive) for answer in answers)


def test_status_counts_what_happened_to_a_run() -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        peer.ask(encode_frame(small_frame(1, cost=Cost(replaced=4))))
        peer.ask(encode_frame(small_frame(2, layout="broken", cost=Cost(replaced=4))))
        status = ask.status(worker.endpoint)
        [run] = status.runs
        assert (run.received, run.drawn, run.refused, run.replaced) == (2, 1, 1, 4)
        assert run.state == "live"
        assert run.log_likelihood == -1.0
        assert run.last_error == "ValueError: a figure of nothing"
        assert 0.0 <= run.age < PATIENCE
        assert status.memory > 1e6
        assert status.pid == os.getpid()


def test_last_frame_is_given_to_who_asks_by_id_or_name() -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        peer.ask(encode_frame(small_frame(5)))
        for name in ("run", "name of run"):
            assert ask.frame(worker.endpoint, name).sequence == 5
        with pytest.raises(ask.NoAnswerError, match="no frame of 'other'"):
            ask.frame(worker.endpoint, "other")


def test_goodbye_draws_what_waits_then_lets_go_of_the_run() -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        drawer, sink = worker.tests
        peer.say(encode_frame(small_frame(1)))
        peer.say(encode_frame(small_frame(2)))
        peer.say(encode(Bye(run_id="run", cost=Cost(blocked=1.5))))
        peer.say(encode(AskStatus()))
        answers = []
        while not answers or not hasattr(answers[-1], "uptime"):
            answers.append(peer.hear().header)
        [run] = answers[-1].runs
        assert (run.state, run.sequence, run.cost.blocked) == ("ended", 2, 1.5)
        assert drawer.forgotten == ["run"]
        assert sink.statuses[0].state == "ended"


def test_sink_that_fails_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as worker, peer_of(worker.endpoint) as peer:
        for sequence in (1, 2):
            assert isinstance(peer.ask(encode_frame(small_frame(sequence))), Drawn)
    assert caplog.text.count("the disk is full") == 1


def received(endpoint: str) -> int:
    [run] = ask.status(endpoint, PATIENCE).runs
    return run.received


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_worker_after_what_it_has_in_hand(number: int) -> None:
    home = Home()
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        publisher.publish(small_frame(1))
        wait_until(lambda: home.came, "the first image")
        publisher.publish(small_frame(2, layout="slow"))
        # a question on another line may overtake a frame: only this tells that it was read
        wait_until(lambda: received(worker.endpoint) == 2, "the second frame's arrival")
        os.kill(worker.process.pid, number)
        assert worker.process.wait(PATIENCE) == 0
        wait_until(lambda: home.sequences == [1, 2], "the second image")
        assert not Path(socket_path(worker.endpoint)).exists()
        assert worker.process.pid not in {entry.pid for entry in discovery.workers()}


def test_second_worker_at_an_address_is_refused_and_the_first_goes_on() -> None:
    with running_worker() as worker:
        second = subprocess.run(
            [sys.executable, "-m", "vizworker", "serve", "--bind", worker.endpoint],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert second.returncode == 4
        assert second.stderr.splitlines() == [
            f"vizworker: a worker listens at {worker.endpoint} already"
        ]
        assert ask.status(worker.endpoint).pid == worker.process.pid


def test_socket_left_by_a_killed_worker_is_taken_over() -> None:
    with running_worker() as first:
        first.process.kill()
        first.process.wait(PATIENCE)
        second = start_worker(first.endpoint)
        assert ask.status(first.endpoint).pid == second.process.pid
        stop_worker(second)


def test_loopback_port_is_chosen_and_told() -> None:
    with running_worker("tcp://127.0.0.1:*") as worker:
        assert not worker.endpoint.endswith("*")
        home = Home()
        with publishing(worker.endpoint, home) as publisher:
            publisher.publish(small_frame())
            assert publisher.close(PATIENCE)


def test_address_in_use_by_another_program_is_refused() -> None:
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        worker = Worker(Config(f"tcp://127.0.0.1:{taken.getsockname()[1]}"), PixelDrawer)
        with pytest.raises(EndpointError, match="Address already in use"):
            worker.startup()


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("tcp://0.0.0.0:5555", "CURVE keys"),
        ("tcp://*:5555", "CURVE keys"),
        ("tcp://example.org:5555", "CURVE keys"),
        ("tcp://127.0.0.1", "no port"),
        ("tcp://127.0.0.1:99999", "no port"),
        ("tcp://[::1", "not an address"),
        ("ipc://@open-to-all", "no absolute path"),
        ("ipc:///" + "x" * 120, "has 121 bytes, expected at most 107"),
        ("inproc://here", "not an address"),
        ("/tmp/socket", "not an address"),
    ],
)
def test_address_that_must_not_be_bound_is_named(endpoint: str, message: str) -> None:
    with pytest.raises(EndpointError, match=message):
        Worker(Config(endpoint), PixelDrawer).startup()


def test_socket_of_a_served_worker_is_its_users_alone() -> None:
    with running_worker() as worker:
        assert Path(socket_path(worker.endpoint)).stat().st_mode & 0o077 == 0


def test_frame_of_nothing_is_refused_by_the_real_worker_and_it_goes_on() -> None:
    with running_worker(real=True) as worker, peer_of(worker.endpoint) as peer:
        refused = peer.ask(encode_frame(small_frame(layout="hologram", arrays={})))
        assert isinstance(refused, Refused)
        assert "LayoutError: layout 'hologram' is unknown" in refused.error
        assert isinstance(peer.ask(BEAT), Alive)
