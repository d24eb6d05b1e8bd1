"""Many runs at one worker whose frames are drawn by processes: shares, faults, crowds."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import drawers
import psutil
import pytest
import zmq
from running import PATIENCE, Home, on_a_thread, small_frame, wait_until

from search_hooks.publish import Publisher
from search_hooks.spawn import socket_folder
from vizworker import ask
from vizworker.config import Config, Limits
from vizworker.executors.processes import Processes
from vizworker.frame import Cost
from vizworker.mailbox import PATIENCE as OVERTAKEN
from vizworker.mailbox import Letter, Mailbox
from vizworker.wire import Alive, Beat, Bye, Drawn, Refused, decode, encode, encode_frame
from vizworker.worker import Worker


@contextmanager
def serving(processes: int = 1, deadline: float = PATIENCE, **limits: int) -> Iterator[Worker]:
    """A worker on a thread of this process, with render processes."""
    folder = socket_folder()
    config = Config(f"ipc://{folder}/socket", limits=Limits(**limits))
    executor = Processes(processes, deadline=deadline)
    worker = Worker(config, lambda: drawers, executor=lambda: executor)
    worker.tests = executor
    try:
        with on_a_thread(worker):
            yield worker
        assert executor.pids == []
    finally:
        folder.rmdir()


@contextmanager
def line_to(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(endpoint)
        yield socket


def hear(socket: zmq.Socket[bytes]) -> object:
    assert socket.poll(1000 * PATIENCE), "no answer"
    return decode(socket.recv_multipart()).header


def hear_frame(socket: zmq.Socket[bytes]) -> Drawn | Refused:
    return next(each for each in iter(lambda: hear(socket), None) if not isinstance(each, Alive))


def say(socket: zmq.Socket[bytes], run_id: str, sequence: int = 1, **fields: object) -> None:
    frame = small_frame(sequence, **{"run_id": run_id, "layout": "pixel", **fields})
    socket.send_multipart(encode_frame(frame))


def beat(socket: zmq.Socket[bytes]) -> None:
    socket.send_multipart(encode(Beat(run_id="beats", run="beats", cost=Cost())))


def test_heartbeats_are_answered_while_a_frame_is_drawn() -> None:
    with serving(deadline=2.0) as worker, line_to(worker.endpoint) as socket:
        say(socket, "a")
        hear_frame(socket)
        say(socket, "a", 2, layout="hang")
        for _ in range(3):
            beat(socket)
            assert isinstance(hear(socket), Alive)
        runs = {run.run_id: run for run in ask.status(worker.endpoint).runs}
        assert (runs["a"].received, runs["a"].drawn, runs["a"].refused) == (2, 1, 0)
        assert isinstance(hear_frame(socket), Refused)


@pytest.mark.parametrize(
    ("layout", "error"),
    [
        ("broken", "ValueError: a figure of nothing"),
        ("crash", "RenderLostError: it ended 2 render processes, the last by SIGSEGV"),
        ("hang", "RenderLostError: it was not drawn within 1 s"),
    ],
)
def test_frame_that_fails_is_refused_by_name_and_counted_and_others_are_drawn(
    layout: str, error: str
) -> None:
    with serving(deadline=1.0) as worker, line_to(worker.endpoint) as socket:
        say(socket, "good")
        assert isinstance(hear_frame(socket), Drawn)
        say(socket, "bad", 7, layout=layout)
        refused = hear_frame(socket)
        assert isinstance(refused, Refused)
        assert (refused.run_id, refused.sequence, refused.error) == ("bad", 7, error)
        say(socket, "good", 2)
        assert isinstance(hear_frame(socket), Drawn)
        runs = {run.run_id: run for run in ask.status(worker.endpoint).runs}
        assert (runs["bad"].refused, runs["bad"].last_error) == (1, error)
        assert (runs["good"].drawn, runs["good"].refused) == (2, 0)


def test_run_that_cost_a_process_rests_but_its_last_frame_is_drawn_at_once() -> None:
    with serving() as worker, line_to(worker.endpoint) as socket:
        say(socket, "bad", 1, layout="crash")
        assert isinstance(hear_frame(socket), Refused)
        say(socket, "bad", 2)
        say(socket, "good", 1)
        assert hear_frame(socket).run_id == "good"
        say(socket, "bad", 3, final=True)
        drawn = hear_frame(socket)
        assert isinstance(drawn, Drawn)
        assert (drawn.run_id, drawn.sequence) == ("bad", 3)


def test_frame_sent_again_while_it_is_drawn_is_drawn_once() -> None:
    with serving() as worker, line_to(worker.endpoint) as socket:
        say(socket, "a")
        hear_frame(socket)
        say(socket, "a", 2, layout="slow")
        say(socket, "a", 2, layout="slow")
        assert hear_frame(socket).sequence == 2
        [run] = ask.status(worker.endpoint).runs
        assert run.drawn == 2


def test_goodbye_waits_for_the_frame_in_hand() -> None:
    with serving() as worker, line_to(worker.endpoint) as socket:
        say(socket, "a", 1, layout="slow")
        say(socket, "a", 2, layout="slow")
        socket.send_multipart(encode(Bye(run_id="a", cost=Cost(blocked=1.5))))
        while (answer := hear_frame(socket)).sequence < 2:
            assert isinstance(answer, Drawn)

        def ended() -> bool:
            [run] = ask.status(worker.endpoint).runs
            return (run.state, run.sequence, run.cost.blocked) == ("ended", 2, 1.5)

        wait_until(ended, "the run's end")


def test_worker_says_what_it_holds_and_has_not_answered() -> None:
    with serving() as worker, line_to(worker.endpoint) as socket:

        def held() -> int:
            socket.send_multipart(encode(Beat(run_id="a", run="a", cost=Cost())))
            return next(
                each for each in iter(lambda: hear(socket), None) if isinstance(each, Alive)
            ).holding

        assert held() == 0
        say(socket, "a")
        hear_frame(socket)
        assert held() == 0
        say(socket, "a", 2, layout="slow")
        assert held() == 2
        say(socket, "a", 3, layout="slow")
        assert held() == 3
        while hear_frame(socket).sequence < 3:
            pass
        assert held() == 0


def test_stopped_worker_draws_and_answers_all_it_has_in_hand() -> None:
    with ExitStack() as open_lines:
        with serving(processes=2) as worker:
            lines = [open_lines.enter_context(line_to(worker.endpoint)) for _ in range(5)]
            for i, socket in enumerate(lines):
                say(socket, f"run {i}", layout="slow")
            wait_until(lambda: len(ask.status(worker.endpoint).runs) == 5, "all frames")
        assert all(isinstance(hear_frame(socket), Drawn) for socket in lines)


def drawn_of(worker: Worker, run_id: str) -> int:
    """Frames of a run that were drawn, 0 before it is known."""
    runs = worker.status(time.monotonic()).runs
    return next((run.drawn for run in runs if run.run_id == run_id), 0)


FLOOD = """
import itertools, sys, zmq
from running import small_frame
from vizworker.wire import encode_frame
with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
    socket.linger = 0
    socket.connect(sys.argv[1])
    for sequence in itertools.count(1):
        socket.send_multipart(encode_frame(small_frame(sequence, run_id="flood", layout="slow")))
"""


@contextmanager
def flooding(endpoint: str) -> Iterator[None]:
    """A process that sends frames as fast as the line takes them."""
    command = [sys.executable, "-c", FLOOD, endpoint]
    tests = str(Path(__file__).parent)
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": tests}) as process:
        try:
            yield
        finally:
            process.kill()


def test_run_that_floods_has_no_more_than_its_share() -> None:
    with serving(rate=100_000) as worker, ExitStack() as lines:
        sockets = {f"run {i}": lines.enter_context(line_to(worker.endpoint)) for i in range(3)}
        lines.enter_context(flooding(worker.endpoint))
        wait_until(lambda: drawn_of(worker, "flood"), "a frame of the flood")
        before = drawn_of(worker, "flood")
        poller, names = zmq.Poller(), {socket: run_id for run_id, socket in sockets.items()}
        for socket, run_id in names.items():
            poller.register(socket, zmq.POLLIN)
            say(socket, run_id, layout="slow")
        sequence = 0
        while sequence < 6:
            for socket, _ in poller.poll(1000 * PATIENCE):
                sequence = hear_frame(socket).sequence
                say(socket, names[socket], sequence + 1, layout="slow")
        runs = {run.run_id: run for run in worker.status(time.monotonic()).runs}
    others = [runs[run_id].drawn for run_id in sockets]
    assert runs["flood"].received > 10 * others[0]
    assert runs["flood"].drawn - before <= max(others) + 2


def test_two_hundred_that_connect_at_once_are_all_served() -> None:
    homes = {f"run {i}": Home() for i in range(200)}
    with serving(processes=2) as worker:
        publishers = [
            Publisher(worker.endpoint, run_id, run_id, home, cost=Cost)
            for run_id, home in homes.items()
        ]
        for publisher, run_id in zip(publishers, homes, strict=True):
            publisher.publish(small_frame(run_id=run_id, layout="pixel", final=True))
        assert all(publisher.close(PATIENCE) for publisher in publishers)
        assert all(home.sequences == [1] for home in homes.values())
        assert worker.status(time.monotonic()).refusals == {}


def test_waiting_worker_takes_no_time_of_a_processor() -> None:
    with serving() as worker, line_to(worker.endpoint) as socket:
        say(socket, "a")
        hear_frame(socket)
        [pid] = worker.tests.pids
        before = psutil.Process().cpu_times()
        time.sleep(2.0)  # what would be seen is that nothing happens
        after = psutil.Process().cpu_times()
        assert after.user - before.user + after.system - before.system <= 0.1
        assert psutil.Process(pid).status() == psutil.STATUS_SLEEPING


def mailbox_of(*waiting: tuple[str, float]) -> Mailbox:
    mailbox = Mailbox()
    for run_id, since in waiting:
        mailbox.put(small_frame(run_id=run_id), b"peer", since=since)
    return mailbox


def any_letter(letter: Letter) -> bool:
    return True


@pytest.mark.parametrize(
    ("rather", "later", "chosen"),
    [
        (lambda run_id: run_id == "b", 1.0, "b"),
        (lambda run_id: run_id == "b", OVERTAKEN + 0.1, "a"),
        (lambda run_id: False, 1.0, "a"),
    ],
    ids=["cheap one first", "but not for long", "nothing is cheap"],
)
def test_cheap_frame_goes_first_but_not_for_long(
    rather: Callable[[str], bool], later: float, chosen: str
) -> None:
    assert mailbox_of(("a", 0.0), ("b", later)).next_of(any_letter, rather) == chosen


def test_last_frame_of_a_run_goes_before_all_others() -> None:
    mailbox = mailbox_of(("a", 0.0), ("b", 1.0))
    mailbox.put(small_frame(2, run_id="b"), b"peer", since=9.0, hurried=True)
    assert mailbox.next_of(any_letter, lambda run_id: run_id == "a") == "b"


def test_frame_put_back_keeps_its_place_unless_a_newer_one_came() -> None:
    mailbox = mailbox_of(("a", 0.0), ("b", 1.0))
    letter = mailbox.take("a")
    mailbox.put_back(letter)
    assert mailbox.take() == letter
    letter = mailbox.take("b")
    mailbox.put(small_frame(2, run_id="b"), b"peer", since=3.0)
    mailbox.put_back(letter)
    assert mailbox.take("b").frame.sequence == 2


def test_bytes_that_wait_are_counted() -> None:
    mailbox = mailbox_of(("a", 0.0), ("b", 1.0))
    assert mailbox.nbytes == 2 * small_frame().arrays["data"].nbytes
    mailbox.take()
    mailbox.put(small_frame(2, run_id="b"), b"peer", since=2.0)
    assert mailbox.nbytes == small_frame().arrays["data"].nbytes
    mailbox.take()
    assert mailbox.nbytes == 0
