"""Executors: frames drawn in other processes, which may raise, hang, crash, grow or be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import drawers
import psutil
import pytest
from running import PATIENCE, small_frame, wait_until

from vizworker import settings
from vizworker.config import Config
from vizworker.errors import ConfigError, RenderError, RenderLostError
from vizworker.executors import Executor, executor_of, processes
from vizworker.executors.here import Here
from vizworker.executors.processes import Processes
from vizworker.frame import Frame

TESTS = str(Path(__file__).parent)


@pytest.fixture
def two() -> Iterator[Processes]:
    executor = Processes(2, deadline=PATIENCE)
    yield executor
    executor.close()


def drawn(future: "Future[object]") -> int:
    """The process that drew a frame."""
    [picture] = future.result(PATIENCE).pictures  # type: ignore[attr-defined]
    return int(picture.png.rsplit(b" ", 1)[1])


def draw(executor: Executor, **fields: object) -> int:
    wait_until(lambda: executor.free, "a free seat")
    return drawn(executor.submit(drawers.render, frame(**fields)))


def frame(**fields: object) -> Frame:
    return small_frame(**{"layout": "pixel", **fields})


def test_frame_is_drawn_in_another_process_and_its_images_come_back(two: Processes) -> None:
    rendered = two.submit(drawers.render, frame()).result(PATIENCE)
    assert [picture.names for picture in rendered.pictures] == [("fit",)]
    assert 0 < rendered.drawn <= rendered.encoded <= time.time()
    assert two.pids != [os.getpid()]
    assert two.memory > 10 << 20


def test_frame_drawn_here_is_drawn_when_submit_returns() -> None:
    future = Here().submit(drawers.render, frame())
    assert future.done()
    assert drawn(future) == os.getpid()
    assert isinstance(Here().submit(drawers.render, frame(layout="broken")).exception(), ValueError)


def test_two_frames_are_drawn_at_a_time_and_no_third_is_taken(two: Processes) -> None:
    futures = [two.submit(drawers.render, frame(run_id=r, layout="slow")) for r in ("a", "b")]
    assert not two.free
    assert len({drawn(future) for future in futures}) == 2
    assert two.free


def test_run_keeps_to_the_process_that_has_its_figures(two: Processes) -> None:
    homes = {run_id: draw(two, run_id=run_id) for run_id in ("a", "b", "c", "d")}
    assert sorted(list(homes.values()).count(pid) for pid in set(homes.values())) == [2, 2]
    assert {run_id: draw(two, run_id=run_id) for run_id in homes} == homes
    two.submit(drawers.render, frame(run_id="a", layout="slow"))
    assert not two.at_home("a")
    assert [two.at_home(run_id) for run_id in homes].count(True) == 2


def test_what_a_frame_raises_is_told_with_its_type(two: Processes) -> None:
    before = draw(two)
    with pytest.raises(RenderError, match=r"^ValueError: a figure of nothing$"):
        draw(two, layout="broken")
    assert draw(two) == before


@pytest.mark.parametrize(("layout", "signalled"), [("crash", "SIGSEGV"), ("killed", "SIGKILL")])
def test_frame_that_ends_its_process_costs_itself_alone(layout: str, signalled: str) -> None:
    executor = Processes(1, deadline=PATIENCE)
    before = draw(executor)
    with pytest.raises(RenderLostError, match=f"ended 2 render processes, the last by {signalled}"):
        draw(executor, layout=layout)
    assert draw(executor) != before
    executor.close()


def test_frame_whose_process_is_killed_once_is_drawn(two: Processes, tmp_path: Path) -> None:
    assert draw(two, layout="killed once", title_prefix=str(tmp_path / "once")) in two.pids


def test_process_killed_while_it_waits_costs_no_frame(two: Processes) -> None:
    before = draw(two)
    os.kill(before, signal.SIGKILL)
    assert draw(two) != before


def test_processes_that_end_at_their_start_refuse_a_frame_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DRAWERS_EXIT", "always")
    executor = Processes(1, deadline=PATIENCE)
    told = "no render process comes up: 2 ended at their start, the last with code 3"
    with pytest.raises(RenderLostError, match=told):
        draw(executor)
    monkeypatch.delenv("DRAWERS_EXIT")
    assert draw(executor) in executor.pids
    executor.close()


def test_frame_whose_process_ends_at_its_start_is_drawn_by_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DRAWERS_EXIT", str(tmp_path / "once"))
    executor = Processes(1, deadline=PATIENCE)
    assert draw(executor) in executor.pids
    assert (tmp_path / "once").exists()
    executor.close()


def test_process_that_does_not_come_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STARTING", 0.01)
    executor = Processes(1, deadline=PATIENCE)
    with pytest.raises(RenderLostError, match=r"no render process comes up.*within 0\.01 s"):
        draw(executor)
    assert executor.pids == []
    executor.close()


def test_frame_that_hangs_is_given_up_and_the_next_is_drawn() -> None:
    executor = Processes(1, deadline=0.5)
    before = draw(executor)
    with pytest.raises(RenderLostError, match=r"not drawn within 0\.5 s"):
        draw(executor, layout="hang")
    assert draw(executor) != before
    assert not psutil.pid_exists(before)
    executor.close()


def test_process_is_replaced_after_its_number_of_frames() -> None:
    executor = Processes(1, deadline=PATIENCE, frames=2)
    pids = [draw(executor) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    executor.close()


def test_process_that_has_grown_is_replaced_and_its_memory_is_back() -> None:
    executor = Processes(1, deadline=PATIENCE, memory=150 << 20)
    before = draw(executor)
    assert draw(executor) == before
    assert draw(executor, layout="leak") == before
    wait_until(lambda: executor.pids and executor.pids != [before], "another process")
    assert executor.memory < 150 << 20
    executor.close()


def test_process_without_a_run_ends_after_a_while() -> None:
    executor = Processes(1, deadline=PATIENCE, unused=0.1)
    pid = draw(executor, run_id="a")
    executor.forget("a")
    wait_until(lambda: not psutil.pid_exists(pid), "the process's end")
    assert executor.pids == []
    draw(executor, run_id="b")
    executor.close()


def test_closing_leaves_no_process(two: Processes) -> None:
    pid = draw(two)
    two.close()
    assert not psutil.pid_exists(pid)


def rests(process: psutil.Process) -> bool:
    """It is done with what it did: its state alone is that of a short wait as well."""
    switches = process.num_ctx_switches()
    time.sleep(0.3)
    return bool(process.num_ctx_switches() == switches)


def test_waiting_processes_take_no_time_of_a_processor(two: Processes) -> None:
    process = psutil.Process(draw(two))
    wait_until(lambda: rests(process), "its sleep")
    before = process.cpu_times()
    switches = process.num_ctx_switches()
    time.sleep(1.0)  # what would be seen is that nothing happens
    assert process.cpu_times() == before
    assert process.num_ctx_switches() == switches


OWNER = """
import sys
sys.path.insert(0, {tests!r})
import drawers
from running import small_frame
from vizworker.executors.processes import Processes
executor = Processes(1, deadline=600)
executor.submit(drawers.render, small_frame(layout="pixel")).result()
print(executor.pids[0], flush=True)
if {hang}:
    while not executor.free:
        pass
    executor.submit(drawers.render, small_frame(layout="hang"))
sys.stdin.read()
"""


@pytest.mark.parametrize("hang", [False, True], ids=["waiting", "hanging"])
def test_processes_end_with_their_worker_however_it_ends(hang: bool) -> None:
    code = OWNER.format(tests=TESTS, hang=hang)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        child = psutil.Process(int(owner.stdout.readline()))
        assert child.ppid() == owner.pid
        owner.kill()
        child.wait(PATIENCE)


class Scheduler:
    """A Dask cluster: a scheduler and workers, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self._file = folder / "scheduler.json"
        self.process = self._start("scheduler", "--port", "0", "--no-dashboard")
        wait_until(self._file.exists, "the scheduler")
        self.address = json.loads(self._file.read_text())["address"].replace("tcp://", "dask://")

    def add(self) -> subprocess.Popen[bytes]:
        """One more worker, with a nanny that starts it again."""
        return self._start("worker", "--nthreads", "1", "--no-dashboard")

    def _start(self, role: str, *flags: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + role]
        process = subprocess.Popen(
            [*command, *flags, "--scheduler-file", str(self._file), "--host", "127.0.0.1"],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": TESTS},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self._started):
            with suppress(psutil.NoSuchProcess):
                for each in psutil.Process(process.pid).children(recursive=True):
                    each.kill()
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    made = Scheduler(tmp_path_factory.mktemp("dask"))
    yield made
    made.close()


@pytest.fixture
def cluster(scheduler: Scheduler) -> Iterator[Executor]:
    executor = executor_of(Config("ipc:///unused", executor=scheduler.address, draw_deadline=2.0))
    yield executor
    executor.close()


def test_cluster_draws_while_workers_come_and_are_lost(
    scheduler: Scheduler, cluster: Executor
) -> None:
    assert not cluster.free
    first = scheduler.add()
    by = draw(cluster)
    with pytest.raises(RenderError, match=r"^ValueError: a figure of nothing$"):
        draw(cluster, layout="broken")
    second = scheduler.add()
    seen: set[int] = set()
    while len(seen) < 2:  # a frame each, once the second is there
        futures = []
        while cluster.free:
            futures.append(cluster.submit(drawers.render, frame(layout="slow")))
        seen |= {drawn(future) for future in futures}
    assert by in seen
    future = cluster.submit(drawers.render, frame(layout="slow", sequence=9))
    for nanny in (first, second):
        nanny.kill()  # its worker ends with it
    for pid in seen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    scheduler.add()
    assert drawn(future) not in seen


def test_cluster_gives_a_hanging_frame_up_and_draws_the_next(
    scheduler: Scheduler, cluster: Executor
) -> None:
    scheduler.add()
    before = draw(cluster)
    with pytest.raises(RenderLostError, match="not drawn within 2 s"):
        draw(cluster, layout="hang")
    draw(cluster)
    wait_until(lambda: not psutil.pid_exists(before), "the end of the worker that hung")


def test_cluster_that_is_not_one_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="expected dask://HOST:PORT"):
        executor_of(Config("ipc:///unused", executor="spark://here"))


def test_configuration_chooses_the_executor() -> None:
    assert isinstance(executor_of(settings.private({}, os.getpid())), Here)
    executor = executor_of(settings.load({"processes": "3"}, {}))
    assert isinstance(executor, Processes)
    executor.close()
    assert 1 <= settings.load({}, {}).processes <= 4
