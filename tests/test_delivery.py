"""The state of delivery, without sockets and with a clock of its own."""

import pytest
from running import small_frame

from search_hooks.delivery import DEATHS_OF_FRAME, DEATHS_OF_RUN, PROMPT, RESEND, Delivery
from vizworker.errors import VizError
from vizworker.frame import Frame

LATE = RESEND + 0.1  # seconds


def met(instance: str = "a") -> Delivery:
    """A delivery whose worker is there."""
    delivery = Delivery()
    delivery.meet(instance)
    return delivery


def sent(delivery: Delivery, now: float = 0.0) -> int:
    """The sequence that goes out at a time, or 0."""
    if not delivery.due(now):
        return 0
    delivery.bury()
    frame = delivery.next()
    if frame is None:
        return 0
    delivery.launch(frame, now, handed=True)
    return frame.sequence


def put(delivery: Delivery, *sequences: int, final: bool = False) -> None:
    for sequence in sequences:
        delivery.put(small_frame(sequence, final=final))


def test_nothing_goes_to_a_worker_that_is_not_known() -> None:
    delivery = Delivery()
    put(delivery, 1)
    assert sent(delivery) == 0
    delivery.meet("a")
    assert sent(delivery) == 1


def test_newer_frame_takes_the_place_of_the_waiting_one() -> None:
    delivery = met()
    put(delivery, 1, 2, 3)
    assert sent(delivery) == 3
    assert delivery.replaced == 2
    assert not delivery.waiting


def test_one_frame_is_in_flight_until_it_is_answered() -> None:
    delivery = met()
    put(delivery, 1)
    sent(delivery)
    put(delivery, 2)
    assert sent(delivery, 1.0) == 0
    assert delivery.bring_home(1)
    assert sent(delivery, 1.0) == 2
    assert not delivery.over
    delivery.answer(2)
    assert delivery.over


def test_frame_that_a_living_worker_does_not_answer_is_lost_after_a_while() -> None:
    delivery = met()
    put(delivery, 1)
    sent(delivery)
    delivery.hear(PROMPT + 0.1)
    assert not delivery.due(RESEND)
    assert sent(delivery, LATE) == 1
    assert delivery.sent == 2


def test_frame_is_not_sent_again_to_a_worker_that_says_nothing() -> None:
    delivery = met()
    put(delivery, 1)
    sent(delivery)
    delivery.hear(PROMPT)
    assert not delivery.due(LATE)


@pytest.mark.parametrize("holding", [2, 3])
def test_frame_that_the_worker_holds_is_not_sent_again_and_nothing_goes_before_it(
    holding: int,
) -> None:
    delivery = met()
    put(delivery, 2)
    sent(delivery)
    put(delivery, 3)
    delivery.hear(LATE)
    delivery.meet("a", holding)
    assert not delivery.due(100 * LATE)


def test_frame_that_the_worker_no_longer_holds_is_sent_again() -> None:
    delivery = met()
    put(delivery, 2)
    sent(delivery)
    delivery.hear(LATE)
    delivery.meet("a", 2)
    assert not delivery.due(LATE)
    delivery.meet("a", 1)
    assert sent(delivery, LATE) == 2


def test_last_frame_of_a_run_does_not_wait_for_one_that_the_worker_holds() -> None:
    delivery = met()
    put(delivery, 2)
    sent(delivery)
    put(delivery, 3, final=True)
    delivery.hear(LATE)
    delivery.meet("a", 2)
    assert sent(delivery, LATE) == 3


def test_frame_that_another_worker_holds_is_sent_again_at_once() -> None:
    delivery = met("a")
    put(delivery, 2)
    sent(delivery)
    delivery.meet("b", 2)
    assert sent(delivery, 0.1) == 2


@pytest.mark.parametrize("newer", [False, True], ids=["the same", "a newer one"])
def test_cut_connection_loses_what_was_in_flight(newer: bool) -> None:
    delivery = met()
    put(delivery, 1)
    sent(delivery)
    delivery.lose()
    if newer:
        put(delivery, 2)
    assert not delivery.due(0.1)
    delivery.meet("a", 1)
    assert sent(delivery, 0.1) == (2 if newer else 1)
    assert delivery.replaced == newer


def test_overtaken_frame_that_comes_home_after_all_was_not_replaced() -> None:
    delivery = met()
    put(delivery, 1)
    sent(delivery)
    delivery.lose()
    put(delivery, 2)
    delivery.meet("a")
    sent(delivery)
    assert delivery.replaced == 1
    assert delivery.bring_home(1)
    assert delivery.replaced == 0
    assert not delivery.over
    assert delivery.bring_home(2)
    assert delivery.drawn == delivery.sent == 2


def test_image_older_than_one_that_is_home_is_left_out() -> None:
    delivery = met()
    assert delivery.bring_home(2)
    assert not delivery.bring_home(1)
    assert delivery.drawn == 1


def test_frame_that_ends_its_workers_is_given_up_and_the_next_one_is_not() -> None:
    delivery = met("0")
    put(delivery, 1)
    sent(delivery)
    for death in range(1, DEATHS_OF_FRAME):
        delivery.meet(str(death))
        assert sent(delivery) == 1
    delivery.meet("last")
    assert (
        delivery.bury() == "frame 1 of name of run is given up: 3 workers ended while they drew it"
    )
    assert delivery.next() is None
    put(delivery, 2)
    assert sent(delivery) == 2


def test_run_whose_frames_end_every_worker_is_ended() -> None:
    delivery = met("0")
    for death in range(1, DEATHS_OF_RUN + 1):
        put(delivery, death)
        assert sent(delivery) == death
        delivery.meet(str(death))
    with pytest.raises(VizError, match="6 workers ended one after the other"):
        delivery.bury()


def test_answer_forgives_the_deaths_before_it() -> None:
    delivery = met("0")
    for death in range(1, 2 * DEATHS_OF_RUN):
        put(delivery, death)
        sent(delivery)
        delivery.meet(str(death))
        delivery.bury()
        delivery.answer(death)
    assert delivery.over


def test_frame_that_could_not_be_handed_over_counts_no_death() -> None:
    delivery = met("a")
    put(delivery, 1)
    frame: Frame | None = delivery.next()
    assert frame is not None
    delivery.launch(frame, 0.0, handed=False)
    delivery.lose()
    delivery.meet("b")
    assert delivery.bury() == ""
    assert sent(delivery) == 1
    assert delivery.sent == 1


@pytest.mark.parametrize("known", [True, False])
def test_refusal_of_a_greeting_drops_what_waits_but_only_of_a_stranger(known: bool) -> None:
    delivery = met() if known else Delivery()
    put(delivery, 1)
    delivery.answer(0)
    assert delivery.waiting == known
