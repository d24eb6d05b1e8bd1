"""The hook in a loop of its own: a real worker, a model small enough to compile at once."""

import logging
import os
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from search_hooks import LiveFit, NoHook
from search_hooks.spawn import PrivateWorker

SHAPE = (12, 12)
DATA = np.random.default_rng(1).normal(size=SHAPE)


def fit_from(parameters):
    """One bright plane: the data is fitted by a constant."""
    xp = jnp if not isinstance(parameters, np.ndarray) else np
    model = xp.full(SHAPE, parameters[0])
    residual = DATA - model
    return {
        "log_likelihood": -0.5 * xp.sum(residual**2),
        "data": xp.asarray(DATA),
        "model_data": model,
        "residual_map": residual,
        "normalized_residual_map": residual,
        "chi_squared_map": residual**2,
        "signal_to_noise_map": xp.asarray(DATA),
        "noise_map": xp.ones(SHAPE),
        "model_images_of_planes_list": model[None],
        "subtracted_images_of_planes_list": residual[None],
    }


STATIC = {
    "mask": np.zeros(SHAPE, dtype=bool),
    "pixel_scales": np.array([0.1, 0.1]),
    "origin": np.zeros(2),
}


def log_likelihood(value):
    return float(-0.5 * np.sum((DATA - value) ** 2))


def live(folder, function=fit_from, **kwargs):
    kwargs.setdefault("every", 0.0)
    return LiveFit(
        function, layout="imaging", folder=folder, finish=lambda arrays: STATIC | arrays, **kwargs
    )


def until(condition, timeout=120.0):
    """Wait for something that happens on another thread or in another process."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_best_fit_becomes_a_figure_in_the_folder(tmp_path):
    with live(tmp_path) as hook:
        hook.step([0.5], log_likelihood(0.5))
        until((tmp_path / "fit.png").exists)
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "fit_x1_plane.png").exists()  # upstream's name for one plane


def test_final_best_fit_is_shown_though_it_was_not_due(tmp_path):
    hook = live(tmp_path, every=3600.0)
    hook.step([0.5], log_likelihood(0.5))
    until((tmp_path / "fit.png").exists)
    hook.step([[0.4], [0.3]], [log_likelihood(0.4), log_likelihood(0.3)])
    assert hook.close()
    assert hook.cost().updates == 2
    assert hook.best.parameters[0] == 0.3


def test_nothing_is_sent_while_the_best_fit_stays_the_same(tmp_path):
    hook = live(tmp_path)
    hook.step([0.1], log_likelihood(0.1))
    until((tmp_path / "fit.png").exists)
    for worse in (0.5, np.nan, 2.0):
        hook.step([worse], log_likelihood(worse))
    hook.close()
    assert hook.cost().updates == 1


def test_search_without_a_finite_fit_sends_nothing_and_starts_no_thread(tmp_path):
    hook = live(tmp_path)
    hook.step([[1.0], [2.0]], [np.nan, -1e99])
    assert hook.close()
    assert hook.cost().updates == 0
    assert not list(tmp_path.iterdir())


def test_figure_of_another_fit_is_marked_and_logged(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), live(tmp_path) as hook:
        hook.step([0.5], log_likelihood(0.5) + 1.0)
        until((tmp_path / "fit.png").exists)
    assert "is not the search's" in caplog.text


def test_rounding_is_not_another_fit(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), live(tmp_path) as hook:
        hook.step([0.5], log_likelihood(0.5) * (1 + 1e-12))
        until((tmp_path / "fit.png").exists)
    assert not caplog.records


def test_fit_that_fails_in_a_graph_and_without_one_is_told_once_each(tmp_path, caplog):
    def impossible(parameters):
        raise ValueError("no such galaxy")

    with caplog.at_level(logging.WARNING):
        hook = live(tmp_path, impossible)
        for value in (0.3, 0.2, 0.1):
            hook.step([value], log_likelihood(value))
        hook.close()
    assert caplog.text.count("computed without a graph") == 1
    assert (
        caplog.text.count("no figure of fit: ValueError: no such galaxy (the search goes on)") == 1
    )


def test_next_good_fit_is_drawn_after_one_that_cannot_be(tmp_path, caplog):
    def sometimes(parameters):
        if parameters[0] > 0.4:
            raise ValueError("no such galaxy")
        return fit_from(np.asarray(parameters))

    with caplog.at_level(logging.WARNING):
        hook = live(tmp_path, sometimes, use_jax=False)
        hook.step([0.5], log_likelihood(0.5))
        until(lambda: "no such galaxy" in caplog.text)
        hook.step([0.1], log_likelihood(0.1))
        until((tmp_path / "fit.png").exists)
        hook.close()


def test_folder_that_cannot_be_written_is_told_and_nothing_stops(tmp_path, caplog):
    (tmp_path / "image").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        hook = live(tmp_path / "image")
        hook.step([0.5], log_likelihood(0.5))
        assert hook.close()
    assert "could not be kept" in caplog.text


def test_endpoint_nobody_listens_at_does_not_hold_the_search_up(tmp_path, caplog):
    start = time.monotonic()
    hook = live(tmp_path, endpoint=f"ipc://{tmp_path}/nobody")
    hook.step([0.5], log_likelihood(0.5))
    assert not hook.close(timeout=2.0)
    assert time.monotonic() - start < 10.0


def test_hook_of_the_parent_does_nothing_in_a_forked_child(tmp_path):
    hook = live(tmp_path)
    pid = os.fork()
    if pid == 0:  # in the child: no step, no wait, no figure
        hook.step([0.5], log_likelihood(0.5))
        os._exit(0 if hook.close() and hook.best.version == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    hook.step([0.5], log_likelihood(0.5))
    assert hook.close()
    assert (tmp_path / "fit.png").exists()


def test_worker_that_is_killed_is_started_again_for_the_next_figure(tmp_path):
    hook = live(tmp_path)
    hook.step([0.5], log_likelihood(0.5))
    until((tmp_path / "fit.png").exists)
    os.kill(PrivateWorker.shared().pid, 9)
    (tmp_path / "fit.png").unlink()
    hook.step([0.1], log_likelihood(0.1))
    assert hook.close()
    assert (tmp_path / "fit.png").exists()


def test_graph_kept_from_another_fit_is_found_out_and_traced_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("VIZWORKER_CACHE", str(tmp_path / "cache"))

    def other(parameters):
        return fit_from(parameters + 0.25)

    with live(tmp_path / "a", other, key="same") as hook:
        hook.step([0.5], log_likelihood(0.75))
    assert list((tmp_path / "cache" / "graphs").iterdir())
    with caplog.at_level(logging.INFO), live(tmp_path / "b", key="same") as hook:
        hook.step([0.5], log_likelihood(0.5))
        until((tmp_path / "b" / "fit.png").exists)
    assert "kept from an earlier run is of another fit" in caplog.text
    assert "shows another fit" not in caplog.text


def test_kept_graph_is_used_without_tracing(tmp_path, monkeypatch):
    monkeypatch.setenv("VIZWORKER_CACHE", str(tmp_path / "cache"))
    traces = []

    def counted(parameters):
        traces.append(1)
        return fit_from(parameters)

    for name in ("first", "second"):
        with live(tmp_path / name, counted, key="counted") as hook:
            hook.step([0.5], log_likelihood(0.5))
        assert (tmp_path / name / "fit.png").exists()
    assert len(traces) == 1
    assert hook.fit.kept


@pytest.mark.parametrize("values", [0.0, [1.0, 2.0]])
def test_no_hook_takes_the_same_calls(values):
    with NoHook() as hook:
        hook.step([1.0], values)
        assert hook.close()


def test_step_never_raises(tmp_path, caplog):
    with live(tmp_path) as hook:
        hook.step(Path("nonsense"), "more nonsense")
    assert "could not be watched" in caplog.text


def test_resumed_search_starts_from_the_best_fit_it_had(tmp_path):
    memory = tmp_path / "internal" / "best_fit.json"
    names = ("level",)
    with live(tmp_path / "a", memory=memory, parameter_names=names) as hook:
        hook.step([0.1], log_likelihood(0.1))
    with live(tmp_path / "b", memory=memory, parameter_names=names) as hook:
        hook.step([0.9], log_likelihood(0.9))
    assert hook.best.parameters[0] == 0.1
    assert (tmp_path / "b" / "fit.png").exists()


def test_best_fit_remembered_of_another_fit_is_left_out(tmp_path, caplog):
    memory = tmp_path / "best_fit.json"
    memory.write_text('{"parameters": [0.1], "log_likelihood": 1000.0}')
    with caplog.at_level(logging.INFO):
        hook = live(tmp_path / "image", memory=memory, parameter_names=("level",))
        hook.step([0.9], log_likelihood(0.9))
        until(lambda: "left out" in caplog.text)
        hook.step([0.5], log_likelihood(0.5))
        assert hook.close()
    assert hook.best.parameters[0] == 0.5
    assert (tmp_path / "image" / "fit.png").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"parameters": [1, 2], "log_likelihood": 1}', "{"])
def test_memory_that_says_nothing_is_no_memory(tmp_path, text):
    memory = tmp_path / "best_fit.json"
    memory.write_text(text)
    hook = live(tmp_path, memory=memory, parameter_names=("level",))
    assert hook.best.version == 0
    hook.close()
