"""The best fit so far and the trigger, without sleeping."""

import math

import numpy as np
import pytest

from search_hooks.best import Best, affordable, due_in, update


def test_first_finite_point_is_the_best():
    best = update(Best(), [1.0, 2.0], -3.0)
    assert best.log_likelihood == -3.0
    assert best.version == 1
    np.testing.assert_array_equal(best.parameters, [1.0, 2.0])


def test_batch_gives_its_highest_point():
    best = update(Best(), [[1.0], [2.0], [3.0]], np.array([-3.0, -1.0, -2.0]))
    assert (best.log_likelihood, best.parameters[0]) == (-1.0, 2.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0e99])
def test_nan_infinities_and_sentinels_never_win(value):
    assert update(Best(), [1.0], value) == Best()
    best = update(Best(), [1.0], -5.0)
    assert update(best, [2.0], value) is best


def test_invalid_points_do_not_hide_a_finite_one_in_their_batch():
    values = np.array([math.nan, -7.0, math.inf, -1.0e99])
    assert update(Best(), np.arange(4.0)[:, None], values).log_likelihood == -7.0


def test_equal_or_lower_value_leaves_the_best_as_it_is():
    best = update(Best(), [1.0], -5.0)
    assert update(best, [2.0], -5.0) is best
    assert update(best, [[2.0]], [-6.0]) is best


def test_empty_batch_changes_nothing():
    assert update(Best(), np.empty((0, 3)), np.empty(0)) == Best()


def test_best_point_survives_reuse_of_the_sampler_array():
    points = np.array([[1.0], [2.0]])
    best = update(Best(), points, [-2.0, -1.0])
    points[:] = 9.0
    assert best.parameters[0] == 2.0


def test_nothing_is_due_before_the_first_fit_or_when_the_best_is_shown():
    assert due_in(Best(), shown=0, last=0.0, now=100.0, every=5.0) is None
    best = update(Best(), [1.0], -1.0)
    assert due_in(best, shown=1, last=0.0, now=100.0, every=5.0) is None


def test_first_fit_is_due_at_once():
    best = update(Best(), [1.0], -1.0)
    assert due_in(best, shown=0, last=99.0, now=100.0, every=5.0) == 0.0


def test_later_fit_waits_for_the_interval():
    best = update(update(Best(), [1.0], -2.0), [1.0], -1.0)
    assert due_in(best, shown=1, last=98.0, now=100.0, every=5.0) == 3.0
    assert due_in(best, shown=1, last=90.0, now=100.0, every=5.0) == 0.0


def test_cheap_figures_come_as_often_as_they_were_asked_for():
    assert affordable(5.0, spent=0.0, figures=0) == 5.0
    assert affordable(5.0, spent=0.4, figures=10) == 5.0


def test_dear_figures_come_less_often_so_that_they_cost_one_percent():
    assert affordable(5.0, spent=3.0, figures=3) == 100.0
