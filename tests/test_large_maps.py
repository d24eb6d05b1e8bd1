"""A search of large maps: what is sent is small, and what is exported is exact."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import zmq
from running import pixel, running_worker

from search_hooks import Image, LiveFit, reduce
from search_hooks.reduce import SIDE
from vizworker import ask
from vizworker.config import data_folder
from vizworker.frame import Cost, Frame, Style
from vizworker.sinks.record import Records
from vizworker.wire import Alive, AskFrame, Beat, RunStatus, decode, encode, encode_frame

SHAPE = (1500, 1300)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
NOISE = np.random.default_rng(5).normal(size=SHAPE)


def fit_from(parameters):
    """Anything with an image: a ripple under noise."""
    image = np.sin(X / 40.0) * parameters[0] + NOISE
    return {
        "log_likelihood": np.asarray(-abs(parameters[0])),
        "image": image,
        "table": np.arange(6.0),
    }


def until(true, timeout=60.0):
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def export(*arguments):
    """The command, and what it said."""
    command = [sys.executable, "-m", "vizworker", "export", *map(str, arguments)]
    return subprocess.run(command, timeout=120, capture_output=True, text=True, check=False)


def assert_exact(path, parameters):
    expected = fit_from(parameters)
    with np.load(path) as arrays:
        assert "reduced" not in arrays
        for name in ("image", "table"):
            np.testing.assert_array_equal(arrays[name], expected[name])


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A search in the middle: its first figure is drawn."""
    folder = tmp_path_factory.mktemp("image")
    panels = [Image(values="image")]
    with running_worker(real=True) as worker:
        hook = LiveFit(
            fit_from,
            panels=panels,
            folder=folder,
            run="large",
            every=0.0,
            endpoint=worker.endpoint,
            use_jax=False,
        )
        hook.step(np.array([2.0]), -2.0)
        until((folder / "fit.png").exists)
        yield hook, worker, folder
        hook.close()


def test_what_is_sent_while_it_runs_is_bounded(search):
    hook, worker, _ = search
    frame = ask.frame(worker.endpoint, hook.run_id)
    assert frame.reduced == {"image": SHAPE}
    assert max(frame.arrays["image"].shape) == SIDE
    [run] = [run for run in ask.status(worker.endpoint).runs if run.run_id == hook.run_id]
    assert run.reduced


def test_export_while_it_runs_is_exact(search, tmp_path):
    hook, worker, _ = search
    path = tmp_path / "out.npz"
    done = export(hook.run_id, "-o", path, "--endpoint", worker.endpoint)
    assert done.returncode == 0, done.stderr
    assert_exact(path, [2.0])
    # the worker has them now, and goes on as before
    assert not ask.frame(worker.endpoint, hook.run_id).reduced


def test_export_of_the_figure_arrays_says_which_are_reduced(search, tmp_path):
    hook, worker, folder = search
    before = (folder / "fit.png").stat().st_mtime_ns
    hook.step(np.array([1.0]), -1.0)
    until(lambda: (folder / "fit.png").stat().st_mtime_ns != before)
    path = tmp_path / "out.npz"
    done = export(hook.run_id, "-o", path, "--reduced", "--endpoint", worker.endpoint)
    assert done.returncode == 0, done.stderr
    with np.load(path) as arrays:
        assert list(arrays["reduced"]) == ["image"]
        exact = fit_from([1.0])["image"]
        assert (arrays["image"].min(), arrays["image"].max()) == (exact.min(), exact.max())


def test_export_after_the_end_is_exact(search, tmp_path):
    hook, *_ = search
    assert hook.close()
    # the worker answers before it keeps the frame, and lets go of it after that
    until(lambda: not Records(data_folder()).frame(hook.run_id).reduced)
    path = tmp_path / "out.npz"
    done = export(hook.run_id, "-o", path)
    assert done.returncode == 0, done.stderr
    assert_exact(path, hook.best.parameters)


def test_reduced_arrays_are_not_passed_off_as_exact(tmp_path):
    arrays = {"image": NOISE}
    shown = reduce.shown(arrays, "grid", Style())
    frame = Frame("lost", "lost run", "grid", 1, 0.0, shown.arrays, reduced=shown.reduced)
    Records(data_folder()).drawn(frame, pixel(), RunStatus(run_id="lost", run="lost run"))
    path = tmp_path / "out.npz"
    done = export("lost", "-o", path)
    assert done.returncode == 3
    assert "down-sampled, and its search" in done.stderr
    assert not path.exists()
    assert export("lost", "-o", path, "--reduced").returncode == 0


class SlowSearch:
    """A search that sends its exact arrays when it is told to."""

    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)
        shown = reduce.shown({"image": NOISE}, "grid", Style())
        self.frame = Frame("slow", "slow", "grid", 1, 0.0, shown.arrays, reduced=shown.reduced)
        self.say(encode(Beat(run_id="slow", run="slow", cost=Cost())))
        assert isinstance(self.hear(), Alive)

    def say(self, parts):
        self.socket.send_multipart(parts)

    def hear(self):
        assert self.socket.poll(60_000), "nothing came"
        return decode(self.socket.recv_multipart()).header

    def close(self):
        self.context.destroy(linger=0)


def test_who_waits_for_exact_arrays_is_told_and_gets_them_in_the_end():
    came, waits = [], threading.Event()
    with running_worker() as worker:
        search = SlowSearch(worker.endpoint)
        search.say(encode_frame(search.frame))
        assert search.hear().sequence == 1

        def get():
            came.append(
                ask.whole_frame(worker.endpoint, "slow", waiting=lambda seconds: waits.set())
            )

        asker = threading.Thread(target=get)
        asker.start()
        assert search.hear() == AskFrame(run="slow", whole=True)
        assert waits.wait(30.0)
        search.say(encode_frame(Frame("slow", "slow", "grid", 1, 0.0, {"image": NOISE})))
        asker.join(30.0)
        search.close()
    [frame] = came
    np.testing.assert_array_equal(frame.arrays["image"], NOISE)


def test_search_that_does_not_send_them_is_named():
    with running_worker() as worker:
        search = SlowSearch(worker.endpoint)
        search.say(encode_frame(search.frame))
        assert search.hear().sequence == 1
        with pytest.raises(ask.NoAnswerError, match="'slow' has not sent its exact arrays"):
            ask.whole_frame(worker.endpoint, "slow", timeout=1.0)
        search.close()
