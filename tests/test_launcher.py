"""The launcher on scripts as users write them: real processes from end to end."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import h5py
import psutil
import pytest

SCRIPTS = Path(__file__).parent / "scripts"


def environment(tmp_path, **extra):
    """A user's environment whose folders are this test's own, without upstream's own figures."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    return {
        **os.environ,
        "XLA_FLAGS": "",
        "TMPDIR": str(run),
        "XDG_RUNTIME_DIR": str(run),
        "VIZWORKER_DATA": str(tmp_path / "data"),
        "PYAUTO_SKIP_VISUALIZATION": "1",
        **extra,
    }


def launched(tmp_path, *words, module="search_hooks", timeout=600, **extra):
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment(tmp_path, **extra),
        cwd=tmp_path,
    )


def workers_of(tmp_path):
    """Processes whose command line names a socket below this test's folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(tmp_path) in word for word in process.info["cmdline"] or [])
    ]


def until(condition, timeout=300.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def pause_between_checkpoints(process, tmp_path):
    """Stop a search where its sampler's own checkpoint is whole: half of one cannot be resumed."""
    search = psutil.Process(process.pid)

    def whole():
        search.suspend()
        until(lambda: search.status() == psutil.STATUS_STOPPED)
        checkpoints = {str(path) for path in tmp_path.glob("output/**/checkpoint.hdf5")}
        writing = {file.path for file in search.open_files()}
        if checkpoints and not checkpoints & writing:  # the sampler closes it when it is whole
            return True
        search.resume()
        return False

    until(whole)


def evaluations_in(checkpoint):
    with h5py.File(checkpoint) as file:
        return int(file["sampler"].attrs["n_like"])


def best_of(output):
    return re.search(r"maximum log likelihood: (\S+)", output).group(1)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """One watched run of an unmodified script, shared by the tests that look at it."""
    tmp_path = tmp_path_factory.mktemp("watched")
    run = launched(
        tmp_path, SCRIPTS / "fit_lens.py", tmp_path, "extra", "--viz-worker", "--viz-every", "0.5"
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return tmp_path, run.stdout + run.stderr


def test_unmodified_script_gets_its_figure(watched):
    tmp_path, output = watched
    [image] = tmp_path.glob("output/watched/lens/*/image/fit.png")
    assert image.read_bytes().startswith(b"\x89PNG")
    assert "figures drawn" in output


def test_script_sees_its_own_arguments_alone(watched):
    tmp_path, output = watched
    assert f"script arguments: {[str(tmp_path), 'extra']}" in output


def test_status_says_how_many_figures_were_drawn(watched):
    tmp_path, _ = watched
    status = launched(tmp_path, "status", "--json", module="vizworker")
    [run] = [each for each in json.loads(status.stdout)["recorded"] if each["run"] == "lens"]
    assert run["drawn"] >= 1
    assert run["state"] == "ended"
    assert run["cost"]["blocked"] < 1.0
    steps = ("triggered", "dispatched", "ready", "sent", "received", "drawn", "encoded", "written")
    assert run["latency"]["compiled"] > 0
    times = [run["latency"][step] for step in steps]
    assert times[0] > 0
    assert times == sorted(times)


def test_no_process_and_no_socket_is_left_behind(watched):
    tmp_path, _ = watched
    assert not workers_of(tmp_path)
    assert not list((tmp_path / "run").glob("vizworker-*"))


def test_last_frame_can_be_exported_and_is_the_search_s_best_fit(watched, tmp_path_factory):
    import numpy as np

    tmp_path, output = watched
    out = tmp_path / "out.npz"
    launched(tmp_path, "export", "lens", "--frame", "last", "-o", out, module="vizworker")
    with np.load(out) as arrays:
        assert float(arrays["log_likelihood"]) == pytest.approx(float(best_of(output)), rel=1e-9)
        assert arrays["data"].shape == (60, 60)
        assert arrays["parameters"].shape == arrays["parameter_names"].shape


def test_watched_search_finds_what_the_unwatched_one_finds(watched, tmp_path):
    _, output = watched
    alone = launched(tmp_path, SCRIPTS / "fit_lens.py", tmp_path, VIZ_WORKER="0")
    assert alone.returncode == 0, alone.stderr
    assert best_of(alone.stdout) == best_of(output)


def test_completed_search_is_loaded_without_a_worker(watched):
    tmp_path, output = watched
    again = launched(tmp_path, SCRIPTS / "fit_lens.py", tmp_path, "--viz-worker")
    assert again.returncode == 0, again.stderr
    assert best_of(again.stdout) == best_of(output)
    assert "figures drawn" not in again.stdout


def test_killed_search_leaves_nothing_behind_and_is_watched_again_when_it_resumes(tmp_path):
    words = [SCRIPTS / "fit_lens.py", tmp_path, "--viz-worker", "--viz-every", "0"]
    endless = {"SAMPLES": "1000000", "EVALUATIONS": "1000000"}  # it is not done before it is killed
    with (tmp_path / "first.log").open("w") as log:
        first = subprocess.Popen(
            [sys.executable, "-m", "search_hooks", *map(str, words)],
            env=environment(tmp_path, **endless),
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: list(tmp_path.glob("output/watched/lens/*/image/fit.png")))
        until(lambda: list(tmp_path.glob("output/**/best_fit.json")))
        [memory] = tmp_path.glob("output/**/best_fit.json")
        assert len(workers_of(tmp_path)) == 2  # the search and its worker
        pause_between_checkpoints(first, tmp_path)
    finally:
        first.kill()
        first.wait()
    until(lambda: not workers_of(tmp_path), timeout=5.0)
    assert not list((tmp_path / "run").glob("vizworker-*"))
    [image] = tmp_path.glob("output/watched/lens/*/image/fit.png")
    [checkpoint] = tmp_path.glob("output/**/checkpoint.hdf5")
    image.unlink()

    a_few_more = {"EVALUATIONS": str(evaluations_in(checkpoint) + 400)}
    again = launched(tmp_path, *words, **(endless | a_few_more))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Resuming" in again.stdout
    assert image.exists()
    assert not memory.exists()  # it goes with the checkpoint of a completed search


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py", "--viz-worker"], "there is no script nowhere.py"),
        (["--viz-worker"], "which script?"),
        (["script.py", "--viz-wroker"], "expected --viz-worker"),
        (["script.py", "--viz-every", "soon"], "--viz-every"),
    ],
)
def test_wrong_command_line_is_one_clear_message(tmp_path, words, message):
    run = launched(tmp_path, *words, timeout=120)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_script_runs_as_ever_without_the_flag(tmp_path):
    script = tmp_path / "plain.py"
    script.write_text("import sys; print(__name__, sys.argv[1:], sys.path[0]); sys.exit(3)")
    run = launched(tmp_path, script, "--mine", "x", timeout=120)
    assert run.returncode == 3
    assert run.stdout.split("\n")[0] == f"__main__ ['--mine', 'x'] {tmp_path}"


def test_flags_in_a_script_of_the_user_s_own_hook_every_search(tmp_path):
    script = SCRIPTS / "fit_with_flags.py"
    run = subprocess.run(
        [sys.executable, str(script), "--mine", "here", "--viz-worker"],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(tmp_path),
    )
    assert "watched: True mine: here" in run.stdout, run.stderr
    assert "hooked: autofit" in run.stdout  # wrapped: it still looks like the host's own
