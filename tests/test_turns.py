"""Turns: whose frame is drawn next, at times that the tests say."""

from running import small_frame

from vizworker.frame import Cost
from vizworker.turns import REST, Turns
from vizworker.wire import Bye


def turns_of(*run_ids: str) -> Turns:
    """A frame waits of each run, the first came first."""
    turns = Turns()
    for number, run_id in enumerate(run_ids):
        turns.put(small_frame(run_id=run_id), b"peer", float(number))
    return turns


def next_of(turns: Turns, now: float = 100.0, *, rest: bool = True) -> str | None:
    return turns.next(now, lambda run_id: False, rest=rest)


def draw(turns: Turns, run_id: str, now: float = 100.0) -> None:
    turns.take(run_id, now)
    turns.land(run_id)


def test_runs_take_turns_though_one_sends_without_end() -> None:
    turns, drawn = turns_of("flood", "a", "b"), []
    for now in range(10, 16):
        run_id = next_of(turns, now)
        draw(turns, run_id, now)
        drawn.append(run_id)
        turns.put(small_frame(now, run_id=run_id), b"peer", now)
        turns.put(small_frame(now + 1, run_id="flood"), b"peer", now)
    assert drawn == 2 * ["flood", "a", "b"]


def test_run_whose_frame_is_being_drawn_waits_for_it() -> None:
    turns = turns_of("a")
    turns.take("a", 1.0)
    turns.put(small_frame(2, run_id="a"), b"peer", 2.0)
    assert next_of(turns) is None
    turns.land("a")
    assert next_of(turns) == "a"


def test_frame_sent_again_while_it_is_drawn_moves_its_answer_to_the_new_route() -> None:
    turns = turns_of("a")
    assert not turns.drawing(small_frame(1, run_id="a"), b"again")
    turns.take("a", 1.0)
    assert not turns.drawing(small_frame(2, run_id="a"), b"newer")
    assert turns.drawing(small_frame(1, run_id="a"), b"again")
    assert turns.land("a").letter.route == b"again"


def test_run_that_cost_a_process_rests_many_times_as_long_as_it_took() -> None:
    turns = turns_of("a")
    turns.take("a", 10.0)
    turns.rest(turns.land("a"), 13.0)
    turns.put(small_frame(2, run_id="a"), b"peer", 13.0)
    rested = 13.0 + REST * 3.0
    assert next_of(turns, rested - 0.1) is None
    assert next_of(turns, rested - 0.1, rest=False) == "a"
    assert next_of(turns, rested) == "a"
    turns.wake("a")
    assert next_of(turns, 13.0) == "a"


def test_last_frame_of_a_run_goes_first_and_does_not_rest_but_once() -> None:
    turns = turns_of("a", "b")
    turns.put(small_frame(2, run_id="b", final=True), b"peer", 2.0)
    assert next_of(turns, 3.0) == "b"
    turns.take("b", 3.0)
    turns.rest(turns.land("b"), 4.0)
    turns.put(small_frame(3, run_id="b", final=True), b"peer", 5.0)
    assert next_of(turns, 5.0) == "a"


def test_goodbye_comes_after_the_frames_in_hand() -> None:
    turns, bye = turns_of("a"), Bye(run_id="a", cost=Cost())
    assert not turns.leave(Bye(run_id="b", cost=Cost()))
    assert turns.leave(bye)
    assert turns.left("a") is None
    draw(turns, "a")
    assert turns.left("a") is bye
    assert turns.left("a") is None


def test_frame_put_back_keeps_its_place_unless_a_newer_one_came() -> None:
    turns = turns_of("a", "b")
    turns.take("a", 5.0)
    turns.put_back(turns.land("a"))
    assert (len(turns), next_of(turns)) == (2, "a")
    turns.take("a", 6.0)
    turns.put(small_frame(2, run_id="a"), b"peer", 7.0)
    turns.put_back(turns.land("a"))
    assert turns.holding("a") == 2


def test_newest_sequence_in_hand_is_told() -> None:
    turns = turns_of("a")
    assert turns.holding("a") == 1
    turns.take("a", 1.0)
    assert turns.holding("a") == 1
    turns.put(small_frame(2, run_id="a"), b"peer", 2.0)
    assert (turns.holding("a"), len(turns)) == (2, 2)
    turns.land("a")
    draw(turns, "a")
    assert (turns.holding("a"), len(turns), turns.nbytes) == (0, 0, 0)
