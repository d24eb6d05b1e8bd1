"""The mailbox: newest frame of each run, in the order in which runs began to wait."""

from running import small_frame

from vizworker.mailbox import Mailbox


def test_newer_frame_replaces_waiting_one() -> None:
    mailbox = Mailbox()
    assert not mailbox.put(small_frame(1), b"peer", since=0.0)
    assert mailbox.put(small_frame(2), b"peer", since=1.0)
    assert len(mailbox) == 1
    assert mailbox.take().frame.sequence == 2
    assert mailbox.take() is None


def test_run_that_waited_longest_is_taken_first_though_its_frame_was_replaced() -> None:
    mailbox = Mailbox()
    mailbox.put(small_frame(1, run_id="a"), b"a", since=0.0)
    mailbox.put(small_frame(1, run_id="b"), b"b", since=1.0)
    mailbox.put(small_frame(2, run_id="a"), b"a", since=2.0)
    assert [mailbox.take().frame.run_id for _ in range(2)] == ["a", "b"]


def test_older_frame_that_comes_late_does_not_replace_a_newer_one() -> None:
    mailbox = Mailbox()
    mailbox.put(small_frame(5), b"peer", since=0.0)
    mailbox.put(small_frame(4), b"peer again", since=1.0)
    letter = mailbox.take()
    assert letter.frame.sequence == 5
    assert letter.route == b"peer again"


def test_frame_sent_again_replaces_nothing() -> None:
    mailbox = Mailbox()
    mailbox.put(small_frame(1), b"peer", since=0.0)
    assert not mailbox.put(small_frame(1), b"peer", since=1.0)


def test_one_run_can_be_taken_out_of_turn() -> None:
    mailbox = Mailbox()
    for run in ("a", "b"):
        mailbox.put(small_frame(run_id=run), b"peer", since=0.0)
    assert mailbox.take("b").frame.run_id == "b"
    assert mailbox.take("b") is None
    assert mailbox.nbytes == small_frame().arrays["data"].nbytes
