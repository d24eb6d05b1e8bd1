"""Bad input of every kind, for a while: `make fuzz` goes on for a million messages."""

import random
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
import zmq
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from running import PATIENCE, PixelDrawer, small_frame
from test_web import pages

from search_hooks.spawn import socket_folder
from vizworker.config import Config
from vizworker.frame import Cost
from vizworker.wire import (
    Alive,
    AskFrame,
    AskStatus,
    Beat,
    Bye,
    Drawn,
    FrameHeader,
    Refused,
    Status,
    decode,
    encode,
    encode_frame,
)
from vizworker.worker import Worker

FUZZ = Path(__file__).parent / "fuzz"
sys.path.insert(0, str(FUZZ))

from http_requests import answer_to, request  # noqa: E402
from mutations import Spoiler, attempt  # noqa: E402

FOUND = sorted((FUZZ / "corpus").glob("*.viz"))
ROOM = 64 << 20  # bytes that a message of 1 MB may cost


def test_spoilt_messages_are_read_or_refused_by_name_without_allocating_much() -> None:
    spoiler = Spoiler(seed=1)
    tracemalloc.start()
    try:
        ends = {attempt(spoiler.message()) for _ in range(10_000)}
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {"FrameHeader", "FrameError", "WireError", "SchemaError", "Beat"} <= ends
    assert most < ROOM


@pytest.mark.parametrize("path", FOUND, ids=[path.stem for path in FOUND])
def test_message_that_once_failed_is_read_or_refused_by_name(path: Path) -> None:
    attempt([bytes.fromhex(line) for line in path.read_text().splitlines()])


@given(st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_or_refused_by_name(parts: list[bytes]) -> None:
    attempt(parts)


class Conversation(RuleBasedStateMachine):
    """A worker that hears anything in any order answers what it should, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = socket_folder()
        config = Config(f"ipc://{self.folder}/socket", data=self.folder / "data")
        self.worker = Worker(config, PixelDrawer)
        self.worker.startup()
        self.thread = threading.Thread(target=self.worker.run)
        self.thread.start()
        self.context = zmq.Context()
        self.spoiler = Spoiler(seed=2)
        self.sequence = 0
        self.drawn: set[str] = set()  # runs with a frame that the worker holds
        self.connect()

    def teardown(self) -> None:
        self.context.destroy(linger=0)
        self.worker.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        self.folder.rmdir()

    def connect(self) -> None:
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(self.worker.endpoint)

    def say(self, parts: list[bytes]) -> None:
        self.socket.send_multipart(parts)

    def hear(self, *kinds: type) -> object:
        """The next answer of these kinds; those to spoilt messages may come before it."""
        for _ in range(2000):
            assert self.socket.poll(1000 * PATIENCE), "no answer"
            header = decode(self.socket.recv_multipart()).header
            if isinstance(header, kinds):
                return header
        raise AssertionError(f"no answer of {kinds}")

    @rule(run_id=st.sampled_from("ab"))
    def beat(self, run_id: str) -> None:
        self.say(encode(Beat(run_id=run_id, run=run_id, cost=Cost())))
        assert self.hear(Alive) == Alive(instance=self.worker.instance)

    @rule(run_id=st.sampled_from("ab"), layout=st.sampled_from(["pixel", "pixel", "broken"]))
    def frame(self, run_id: str, layout: str) -> None:
        self.sequence += 1
        frame = small_frame(self.sequence, run_id=run_id, layout=layout, run=run_id)
        self.say(encode_frame(frame))
        while True:
            answer = self.hear(Drawn, Refused)
            if (answer.run_id, answer.sequence) == (run_id, self.sequence):
                break
        assert isinstance(answer, Refused if layout == "broken" else Drawn)
        if layout == "pixel":
            self.drawn.add(run_id)

    @rule(run_id=st.sampled_from("ab"))
    def bye(self, run_id: str) -> None:
        self.say(encode(Bye(run_id=run_id, cost=Cost())))
        self.drawn.discard(run_id)

    @rule()
    def status(self) -> None:
        self.say(encode(AskStatus()))
        status = self.hear(Status)
        assert isinstance(status, Status)
        drawn = {run.run_id for run in status.runs if run.drawn and run.state != "ended"}
        assert self.drawn <= drawn

    @precondition(lambda self: self.drawn)
    @rule()
    def ask_for_a_frame(self) -> None:
        run_id = min(self.drawn)
        self.say(encode(AskFrame(run=run_id)))
        answer = self.hear(FrameHeader)
        assert isinstance(answer, FrameHeader)
        assert answer.run_id == run_id

    @rule(n=st.integers(1, 30))
    def spoilt(self, n: int) -> None:
        for _ in range(n):
            parts = self.spoiler.message()
            # what is good in spite of all would end or feed the runs that are looked at
            if parts and len(parts) < 20 and attempt(parts).endswith("Error"):
                self.say(parts)

    @rule()
    def hang_up(self) -> None:
        self.socket.close()
        self.connect()

    @invariant()
    def serves(self) -> None:
        assert self.thread.is_alive()


Conversation.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, database=None
)
TestConversation = Conversation.TestCase


def test_run_that_comes_back_after_its_goodbye_is_live_again() -> None:
    # found by the conversation
    conversation = Conversation()
    conversation.bye("a")
    conversation.beat("a")
    conversation.bye("a")
    conversation.frame("a", "pixel")
    conversation.status()
    conversation.teardown()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with pages(tmp_path) as (_, client):
        yield client.base_url.port
        assert client.get("/healthz").status_code == 200


def test_spoilt_requests_are_answered_or_hung_up_on_and_never_fail(port: int) -> None:
    chance = random.Random(1)
    answers = [answer_to(request(chance), port) for _ in range(500)]
    codes = {answer.split()[1] for answer in answers if answer}
    assert {b"200", b"400", b"404", b"405", b"421"} <= codes
    assert not [code for code in codes if code.startswith(b"5")]


@pytest.mark.parametrize("origin", ["http://[", "http://evil", "null", "://", "\x80"])
def test_request_from_a_page_that_is_not_ours_is_refused(origin: str, port: int) -> None:
    # the first was found by the spoilt requests
    raw = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\n\r\n".encode("latin-1")
    assert answer_to(raw, port).split()[1] == b"403"
