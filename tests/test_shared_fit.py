"""One program, compiled ahead of time; a retrace is told."""

import logging

import jax.numpy as jnp
import numpy as np
import pytest

from search_hooks.shared_fit import HostFit, SharedFit, to_host


class Counted:
    """A function that counts its traces."""

    def __init__(self):
        self.traces = 0

    def __call__(self, parameters):
        self.traces += 1
        return {"square": parameters**2, "log_likelihood": -jnp.sum(parameters)}


def test_program_compiled_ahead_of_time_is_the_one_that_runs():
    function = Counted()
    fit = SharedFit(function)
    times = fit.compile(np.arange(3.0))
    assert times.total > 0
    arrays = to_host(fit(np.array([1.0, 2.0, 3.0])))
    assert function.traces == 1
    np.testing.assert_array_equal(arrays["square"], [1.0, 4.0, 9.0])
    assert arrays["log_likelihood"] == -6.0


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        (np.arange(4.0), "the shape of parameters changed from (3,) to (4,)"),
        (np.arange(3.0, dtype=np.float32), "dtype of parameters changed from float64 to float32"),
        ({"x": np.arange(3.0)}, "the structure of the parameters changed"),
    ],
)
def test_retrace_is_reported_once_and_names_the_leaf(caplog, parameters, what):
    fit = SharedFit(lambda p: {"log_likelihood": jnp.sum(p["x"] if isinstance(p, dict) else p)})
    fit.compile(np.arange(3.0))
    with caplog.at_level(logging.WARNING):
        fit(parameters)
        fit(parameters)
    assert len(caplog.records) == 1
    assert what in caplog.text


def test_weak_type_is_a_retrace_of_its_own(caplog):
    fit = SharedFit(lambda p: {"log_likelihood": p * 2})
    fit.compile(np.float64(1.0))
    with caplog.at_level(logging.WARNING):
        fit(1.0)
    assert "changed" in caplog.text


def test_bytes_on_the_device_are_those_of_the_results_and_what_is_between():
    fit = SharedFit(lambda p: {"table": p[:, None] * p, "sorted": jnp.sort(jnp.sin(p))})
    assert fit.device_bytes() is None
    fit.compile(np.arange(100.0))
    results = 8 * (100 * 100 + 100)
    held = fit.device_bytes()
    assert held is not None
    assert results <= held < 2 * results


def test_host_fit_is_the_function_itself():
    assert HostFit(lambda p: {"log_likelihood": p})(3.0) == {"log_likelihood": 3.0}
