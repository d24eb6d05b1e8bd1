"""The commands as a user runs them: their output, their one line of error, their exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from running import PATIENCE, Home, publishing, running_worker, small_frame

from vizworker import __version__
from vizworker.demo import demo_script, newest_image
from vizworker.doctor import examine
from vizworker.errors import VizError
from vizworker.frame import Cost


def vizworker(
    *arguments: str, expect: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, and hold it to its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "vizworker", *arguments],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == expect, done.stderr
    return done


def test_version_is_that_of_the_package() -> None:
    assert vizworker("--version").stdout == f"vizworker {__version__}\n"


COMMANDS = ("serve", "stop", "restart", "keygen", "status", "export", "demo", "doctor")


@pytest.mark.parametrize("command", [[], *([command] for command in COMMANDS)])
def test_every_command_has_help(command: list[str]) -> None:
    assert "Usage:" in vizworker(*command, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["export", "run"], 2, "Missing"),
        (["export", "run", "-o", "x.npz", "--frame", "first"], 2, "is not"),
        (["serve", "--private"], 2, "--private and --parent go together"),
        (["serve", "--bind", "tcp://0.0.0.0:5555"], 4, "CURVE keys"),
        (["serve", "--bind", "ipc:///no/such/folder/socket"], 4, "cannot listen"),
        (["status", "--endpoint", "nonsense"], 4, "is not an address"),
        (["status", "--endpoint", "ipc:///tmp/nobody-is-here"], 3, "nobody answers"),
        (["export", "nobody", "-o", "x.npz"], 3, "no run 'nobody': `vizworker status` lists"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_error_is_one_line_on_stderr_with_its_code(
    arguments: list[str], code: int, error: str
) -> None:
    done = vizworker(*arguments, expect=code)
    [line] = done.stderr.splitlines()
    assert line.startswith("vizworker: ")
    assert error in line
    assert done.stdout == ""


def test_status_and_export_of_a_live_run_and_of_one_that_is_over(tmp_path: Path) -> None:
    data = np.array([[1.5, np.nan], [-2.0, 1e-300]])
    frame = small_frame(
        7,
        run_id="live",
        run="lens one",
        arrays={"data": data, "parameters": np.array([0.1, 0.2])},
        parameter_names=("x", "y"),
        cost=Cost(steps=9, blocked=0.25, elapsed=50.0),
    )
    with running_worker() as worker:
        with publishing(worker.endpoint, Home(), "live") as publisher:
            publisher.publish(frame)
            assert publisher.close(PATIENCE)
        found = json.loads(vizworker("status", "--json").stdout)
        [mine] = [each for each in found["workers"] if each["pid"] == worker.process.pid]
        [run] = mine["runs"]
        assert (run["run"], run["drawn"], run["sequence"]) == ("lens one", 1, 7)
        assert run["latency"]["drawn"] >= run["latency"]["received"] > 0
        assert mine["memory"] > 0
        assert "live" not in {each["run_id"] for each in found["recorded"]}
        table = vizworker("status", "--endpoint", worker.endpoint).stdout
        assert "lens one" in table
        assert worker.endpoint in table
        assert_exported("live", tmp_path / "by_worker.npz", data)

    assert_exported("lens one", tmp_path / "by_record.npz", data)
    found = json.loads(vizworker("status", "--json").stdout)
    [over] = [each for each in found["recorded"] if each["run_id"] == "live"]
    assert over["state"] == "ended"
    assert Path(over["image"]).is_file()


def assert_exported(run: str, path: Path, data: np.ndarray) -> None:
    vizworker("export", run, "--frame", "last", "-o", str(path))
    with np.load(path, allow_pickle=False) as exported:
        np.testing.assert_array_equal(exported["data"], data)
        assert exported["data"].dtype == np.float64
        assert exported["log_likelihood"] == -7.0
        assert list(exported["parameters"]) == [0.1, 0.2]
        assert list(exported["parameter_names"]) == ["x", "y"]


def test_export_that_cannot_be_written_says_so() -> None:
    with running_worker() as worker, publishing(worker.endpoint, Home(), "x") as publisher:
        publisher.publish(small_frame(run_id="x"))
        publisher.close(PATIENCE)
        done = vizworker("export", "x", "-o", "/no/such/folder/x.npz", expect=5)
    assert len(done.stderr.splitlines()) == 1


def test_status_of_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    done = vizworker(
        "status", VIZWORKER_DATA=str(tmp_path / "data"), XDG_RUNTIME_DIR=str(tmp_path / "run")
    )
    assert done.stdout == "no worker runs, and no run is recorded\n"


def test_doctor_draws_with_a_worker_of_its_own() -> None:
    done = vizworker("doctor")
    states = {line.split()[0] for line in done.stdout.splitlines()}
    assert states == {"ok"}  # the tests' environment is guarded against XLA's hang
    assert "a private worker started and answered" in done.stdout
    assert "it drew its first figure" in done.stdout


def test_doctor_names_what_to_fix(tmp_path: Path) -> None:
    done = vizworker(
        "doctor",
        "--endpoint",
        "ipc:///tmp/nobody-is-here",
        expect=1,
        VIZWORKER_DATA="/proc/nowhere",
        JAX_PLATFORMS="abacus",
        XLA_FLAGS="",
    )
    fixes = [line for line in done.stdout.splitlines() if line.startswith("fix")]
    assert len(fixes) == 3
    assert "JAX does not start" in fixes[0]
    assert "the data folder /proc/nowhere cannot be written" in fixes[1]
    assert "nobody answers" in fixes[2]


def test_doctor_tells_how_to_guard_against_the_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "")
    with running_worker(real=True) as worker:
        notes = [line.what for line in examine(worker.endpoint) if line.state == "note"]
    assert len(notes) == 1
    assert "export XLA_FLAGS=--xla_cpu_multi_thread_eigen=false" in notes[0]


def test_demo_without_pyautolens_says_so_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autolens", None)
    with pytest.raises(VizError, match=r"needs PyAutoLens: pip install"):
        demo_script()


def test_demo_finds_its_script_and_the_image_that_came_home(tmp_path: Path) -> None:
    assert demo_script().is_file()
    for name in ("old", "new"):
        image = tmp_path / "demo_lens" / name / "image" / "fit.png"
        image.parent.mkdir(parents=True)
        image.touch()
        os.utime(image, (1, 10) if name == "old" else (1, 20))
    assert newest_image(tmp_path, since=5.0).parts[-3] == "new"
    assert newest_image(tmp_path, since=30.0) is None
