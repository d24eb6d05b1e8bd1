"""The publisher against real workers: alive, killed, stopped, and never there."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import zmq
from running import (
    PIXEL,
    Home,
    publishing,
    running_worker,
    small_frame,
    start_worker,
    stop_worker,
    wait_until,
)
from test_fairness import serving

from search_hooks import delivery, publish
from search_hooks.images import write_image
from search_hooks.publish import Publisher
from search_hooks.spawn import socket_folder
from vizworker import wire
from vizworker.errors import EndpointError
from vizworker.frame import Cost, Frame
from vizworker.wire import Drawn

BIG = {f"array_{i}": np.zeros((161, 161)) for i in range(10)}  # 2 MB


@pytest.fixture
def nowhere() -> Iterator[str]:
    folder = socket_folder()
    yield f"ipc://{folder}/socket"
    Path(folder, "socket").unlink(missing_ok=True)
    folder.rmdir()


def test_image_of_a_frame_comes_home() -> None:
    home = Home()
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        publisher.publish(small_frame())
        assert publisher.close(60.0)
        assert publisher.sent == publisher.drawn == 1
        assert publisher.interpreter > 0
    [(drawn, images)] = home.came
    assert images == (PIXEL,)
    assert drawn.names == (("fit",),)
    assert 0 < drawn.times.sent <= drawn.times.received <= drawn.times.drawn


def test_last_of_many_frames_is_drawn_and_all_are_accounted_for() -> None:
    home = Home()
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        for sequence in range(1, 201):
            publisher.publish(small_frame(sequence))
        assert publisher.close(60.0)
    assert home.sequences[-1] == 200
    assert home.sequences == sorted(home.sequences)
    assert publisher.sent + publisher.replaced == 200


def test_endpoint_that_nobody_listens_on_is_said_once_and_the_search_goes_on(
    nowhere: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PATIENCE", 0.2)
    with publishing(nowhere, Home()) as publisher:
        publisher.publish(small_frame())
        wait_until(lambda: publisher.last_error, "a warning")
        publisher.publish(small_frame(2))
        assert not publisher.close(1.0)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in warnings] == [
        f"nothing listens at {nowhere}; start one with `vizworker serve --bind {nowhere}`; "
        "the search goes on"
    ]


def test_worker_that_starts_late_gets_the_newest_frame(nowhere: str) -> None:
    home = Home()
    with publishing(nowhere, home) as publisher:
        for sequence in range(1, 4):
            publisher.publish(small_frame(sequence))
        with running_worker(nowhere):
            wait_until(lambda: home.came, "an image")
    assert home.sequences == [3]


def test_killed_and_restarted_worker_draws_the_last_frame(nowhere: str) -> None:
    home = Home()
    first = start_worker(nowhere)
    with publishing(nowhere, home) as publisher:
        publisher.publish(small_frame(1))
        wait_until(lambda: home.came, "the first image")
        first.process.kill()
        first.process.wait(60)
        publisher.publish(small_frame(2))
        publisher.publish(small_frame(3))
        second = start_worker(nowhere)
        assert publisher.close(60.0)
        stop_worker(second)
    stop_worker(first)
    assert home.sequences[-1] == 3


def test_frame_that_dies_with_its_worker_is_sent_again(nowhere: str) -> None:
    home = Home()
    first = start_worker(nowhere)
    with publishing(nowhere, home) as publisher:
        publisher.publish(small_frame(1))
        wait_until(lambda: home.came, "the first image")
        os.kill(first.process.pid, signal.SIGSTOP)
        publisher.publish(small_frame(2))
        wait_until(lambda: publisher.sent == 2, "the second frame's way out")
        first.process.kill()
        first.process.wait(60)
        second = start_worker(nowhere)
        assert publisher.close(60.0)
        stop_worker(second)
    stop_worker(first)
    assert home.sequences == [1, 2]


def test_stopped_worker_draws_the_newest_frame_once_it_goes_on() -> None:
    home = Home()
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        publisher.publish(small_frame(1))
        wait_until(lambda: home.came, "the first image")
        os.kill(worker.process.pid, signal.SIGSTOP)
        for sequence in range(2, 10):
            publisher.publish(small_frame(sequence))
        assert not publisher.close(0.5)
        assert publisher.replaced > 0
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        os.kill(worker.process.pid, signal.SIGSTOP)
        publisher.publish(small_frame(11))
        threading.Timer(0.5, os.kill, (worker.process.pid, signal.SIGCONT)).start()
        assert publisher.close(60.0)
    assert home.sequences[-1] == 11


def test_refusal_is_logged_once_and_the_next_good_frame_is_drawn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    home = Home()
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        for sequence in (1, 2):
            publisher.publish(small_frame(sequence, layout="broken"))
            wait_until(lambda n=sequence: publisher.refused == n, "a refusal")
        publisher.publish(small_frame(3))
        assert publisher.close(60.0)
    assert home.sequences == [3]
    refusals = [record for record in caplog.records if "a figure of nothing" in record.getMessage()]
    assert len(refusals) == 1


def test_folder_that_cannot_be_written_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def write(drawn: Drawn, images: tuple[memoryview, ...]) -> None:
        write_image(Path("/dev/full/image"), drawn.names[0], drawn.format, images[0])

    with running_worker() as worker, publishing(worker.endpoint, write) as publisher:
        for sequence in (1, 2):
            publisher.publish(small_frame(sequence))
            wait_until(lambda n=sequence: publisher.drawn == n, "an image")
        assert publisher.close(60.0)
    assert caplog.text.count("could not be kept: [Errno 20] Not a directory") == 1


@contextmanager
def standing_in(endpoint: str, answer: Callable[[wire.Message], list[bytes] | None]) -> Iterator:
    """Something at a worker's address that answers as it likes; what it has heard."""
    heard: list[wire.Message] = []
    over = threading.Event()

    def serve() -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
            socket.linger = 0
            socket.bind(endpoint)
            while not over.is_set():
                if socket.poll(20):
                    route, *parts = socket.recv_multipart()
                    heard.append(wire.decode(parts).header)
                    said = answer(heard[-1])
                    if said is not None:
                        socket.send_multipart([route, *said])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join(60)


def test_frame_that_a_living_worker_does_not_answer_is_sent_again(
    nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "BEAT", 0.05)
    monkeypatch.setattr(delivery, "PROMPT", 0.05)
    monkeypatch.setattr(delivery, "RESEND", 0.2)

    def forgetful(message: wire.Message) -> list[bytes] | None:
        return wire.encode(wire.Alive(instance="i")) if isinstance(message, wire.Beat) else None

    def frames(heard: list[wire.Message]) -> int:
        return sum(isinstance(message, wire.FrameHeader) for message in heard)

    with standing_in(nowhere, forgetful) as heard, publishing(nowhere, Home()) as publisher:
        publisher.publish(small_frame())
        wait_until(lambda: frames(heard) >= 3, "the same frame again")
        assert not publisher.close(0.1)


def test_frames_that_wait_at_a_busy_worker_are_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "BEAT", 0.1)
    monkeypatch.setattr(delivery, "RESEND", 1.0)
    homes = {f"run {i}": Home() for i in range(15)}  # 0.2 s each, one after the other
    with serving(processes=1) as worker, ExitStack() as open_:
        publishers = [
            open_.enter_context(publishing(worker.endpoint, home, run_id))
            for run_id, home in homes.items()
        ]
        for publisher, run_id in zip(publishers, homes, strict=True):
            publisher.publish(small_frame(run_id=run_id, layout="slow"))
        wait_until(lambda: all(home.came for home in homes.values()), "every image")
    assert [publisher.sent for publisher in publishers] == 15 * [1]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([b"HTTP/1.1 400 Bad Request"], "no worker of this version"),
        ([b"\x81\xa6schema\x02"], "schema 2, expected 1"),
        (wire.encode(wire.Refused(error="schema 1, expected 2")), "schema 1, expected 2"),
    ],
    ids=["foreign", "newer", "refusing"],
)
def test_worker_of_another_version_is_named_and_nobody_waits_for_it(
    nowhere: str, answer: list[bytes], said: str
) -> None:
    with standing_in(nowhere, lambda _: answer), publishing(nowhere, Home()) as publisher:
        publisher.publish(small_frame())
        wait_until(lambda: said in publisher.last_error, "a warning")
        start = time.monotonic()
        publisher.close(60.0)
        assert time.monotonic() - start < 30.0
        assert publisher.sent == 0


def test_publisher_without_frames_opens_nothing(nowhere: str) -> None:
    before = threading.active_count()
    publisher = Publisher(nowhere, "run", "run", Home(), cost=Cost)
    assert threading.active_count() == before
    assert publisher.close(10.0)
    publisher.publish(small_frame())
    assert not publisher.waiting


def test_address_beyond_this_machine_is_refused_with_what_to_do() -> None:
    with pytest.raises(EndpointError, match=r"CURVE keys.*VIZ_WORKER_KEYS"):
        Publisher("tcp://192.0.2.1:5555", "run", "run", Home(), cost=Cost)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_sends_nothing_and_ends_while_the_parent_goes_on() -> None:
    home = Home()
    with running_worker() as worker, publishing(worker.endpoint, home) as publisher:
        publisher.publish(small_frame(1))
        wait_until(lambda: home.came, "the first image")
        child = os.fork()
        if child == 0:
            publisher.publish(small_frame(99))
            os._exit(0 if publisher.close(5.0) and not publisher.waiting else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        publisher.publish(small_frame(2))
        assert publisher.close(60.0)
    assert home.sequences == [1, 2]


@pytest.mark.parametrize("state", ["alive", "stopped", "dead", "never there"])
def test_publish_never_blocks(state: str, nowhere: str) -> None:
    worker = None if state == "never there" else start_worker(nowhere)
    with publishing(nowhere, Home()) as publisher:
        publisher.publish(_big(1))
        if worker is not None:
            wait_until(lambda: publisher.drawn, "the first image")
            if state == "stopped":
                os.kill(worker.process.pid, signal.SIGSTOP)
            elif state == "dead":
                worker.process.kill()
        took = []
        for sequence in range(2, 102):
            frame = _big(sequence)
            start = time.perf_counter()
            publisher.publish(frame)
            took.append(time.perf_counter() - start)
            time.sleep(0.002)
    if worker is not None:
        stop_worker(worker)
    # the goal is 1 ms on a quiet machine; what blocks for real takes far longer
    assert np.percentile(took, 95) < 0.05


def _big(sequence: int) -> Frame:
    return small_frame(sequence, arrays=BIG)
