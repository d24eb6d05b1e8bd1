"""An hour of searches at one worker while faults happen at random: nothing may be lost.

    python tests/soak.py --minutes 60 --runs 20

The worker is the real one and draws real figures. Searches come and go; half of them reach it
through a line that is cut, delayed and reset. Worker and searches are killed and stopped. At the
end every search that was not killed has had its last figure drawn, and every frame is accounted
for. Exit code 1 says that it was not so; the faults of a seed are the same ones again.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from proxy import Proxy, free_port
from running import ready_line

SEARCH = Path(__file__).parent / "scripts" / "soaking_search.py"
WARM = 45.0  # seconds of a worker's life in which its memory still grows
LOOK = 0.2  # seconds
TELL = 30.0  # seconds between two lines of progress
LAST = 90.0  # seconds that the last searches may take to end


@dataclass
class Life:
    """One life of the worker: seconds since its start, and megabytes with its processes."""

    started: float
    samples: list[tuple[float, float]] = field(default_factory=list)


class Worker:
    """`vizworker serve`, started again whenever it ends."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.lives: list[Life] = []
        self._folder = folder
        self._over = False
        self._start()
        self._thread = threading.Thread(target=self._supervise)
        self._thread.start()

    def kill(self) -> None:
        """As an out-of-memory kill: without a word."""
        self._process.kill()

    def stop(self, seconds: float) -> None:
        """Stop it for some seconds."""
        pause(self._process.pid, seconds)

    def sample(self) -> None:
        """Note how much memory it has."""
        try:
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
            memory = sum(each.memory_info().rss for each in family) / 1e6
        except psutil.Error:
            return
        life = self.lives[-1]
        life.samples.append((time.monotonic() - life.started, memory))

    def close(self) -> list[int]:
        """End it in order; processes of it that are left."""
        self._over = True
        try:
            family = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        self._process.terminate()
        self._thread.join()
        _, left = psutil.wait_procs(family, timeout=10.0)
        return [process.pid for process in left]

    def _start(self) -> None:
        command = [sys.executable, "-P", "-m", "vizworker", "serve", "--bind", self.endpoint]
        data = {"VIZWORKER_DATA": str(self._folder / "data"), "VIZWORKER_PROCESSES": "1"}
        with (self._folder / "worker.log").open("a") as log:
            self._process = subprocess.Popen(
                command, env=os.environ | data, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.lives.append(Life(time.monotonic()))
        ready_line(self._process)

    def _supervise(self) -> None:
        while True:
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            if self._over:
                return
            # it may be killed before it is ready: then it ends, and is started again
            with suppress(AssertionError):
                self._start()


@dataclass
class Search:
    """One search, and whether it was killed."""

    process: subprocess.Popen[str]
    folder: Path
    killed: bool = False


class Soak:
    """Searches at a worker, and what happens to them."""

    def __init__(self, folder: Path, runs: int, seed: int, lasting: float) -> None:
        self.worker = Worker(folder)
        self.line = Proxy(self.worker.endpoint)
        self.faults = Counter[str]()
        self.totals = Counter[str]()
        self.slowest = 0.0
        self.troubles: list[str] = []
        self._folder = folder
        self._chance = random.Random(seed)
        self._runs = runs
        self._lasting = lasting
        self._searches: list[Search] = []
        self._started = 0
        self._ways: tuple[Callable[[], None], ...] = (
            self.worker_killed,
            self.worker_stopped,
            self.search_killed,
            self.search_stopped,
            self.line_cut,
            self.line_reset,
            self.line_slow,
            self.line_dead,
        )

    def run(self, seconds: float, between: float) -> None:
        """Have faults happen every `between` seconds on average."""
        end = time.monotonic() + seconds
        fault = time.monotonic() + 3.0
        told = time.monotonic()
        while (now := time.monotonic()) < end:
            if now > told:
                self._tell(end - now)
                told = now + TELL
            self._replenish(end - now)
            self.worker.sample()
            if now > fault:
                self._chance.choice(self._ways)()
                fault = time.monotonic() + self._chance.expovariate(1.0 / between)
            time.sleep(LOOK)
        last = time.monotonic() + LAST
        while self._searches and time.monotonic() < last:
            self._collect()
            time.sleep(LOOK)

    def close(self) -> None:
        """End everything, and note what is left."""
        for search in self._searches:
            self.troubles.append(f"{search.folder.name} did not end")
            search.process.kill()
            search.process.wait()
        self.line.close()
        if left := self.worker.close():
            self.troubles.append(f"processes are left: {left}")

    def worker_killed(self) -> None:
        self.faults["worker killed"] += 1
        self.worker.kill()

    def worker_stopped(self) -> None:
        self.faults["worker stopped"] += 1
        self.worker.stop(self._chance.uniform(1.0, 5.0))

    def search_killed(self) -> None:
        search = self._any_search()
        if search is not None:
            self.faults["search killed"] += 1
            search.killed = True
            search.process.kill()

    def search_stopped(self) -> None:
        search = self._any_search()
        if search is not None:
            self.faults["search stopped"] += 1
            pause(search.process.pid, self._chance.uniform(1.0, 5.0))

    def line_cut(self) -> None:
        self.faults["line cut"] += 1
        self.line.cut()
        time.sleep(self._chance.uniform(0.5, 4.0))
        self.line.heal()

    def line_reset(self) -> None:
        self.faults["connections reset"] += 1
        self.line.reset()

    def line_slow(self) -> None:
        self.faults["line slowed or quick again"] += 1
        self.line.delay = self._chance.choice((0.0, 0.05, 0.2))

    def line_dead(self) -> None:
        self.faults["connections dead without a word"] += 1
        self.line.abandon()

    def report(self) -> list[tuple[str, object]]:
        """What is to be said at the end, and what must be as it is."""
        totals = self.totals
        return [
            ("searches ended in order", totals["searches"]),
            ("searches killed", totals["killed"]),
            ("frames sent", totals["sent"]),
            ("frames drawn", totals["drawn"]),
            ("frames replaced by newer ones", totals["replaced"]),
            ("frames refused or given up", totals["refused"]),
            ("frames lost", totals["lost"]),
            ("final frames delivered", f"{totals['delivered']} of {totals['searches']}"),
            ("the worker's lives", len(self.worker.lives)),
            ("its memory, at most", f"{self.most_memory():.0f} MB"),
            ("its memory's slope, once warm", f"{self.slope():+.1f} MB an hour"),
            ("slowest step of a search", f"{1e3 * self.slowest:.0f} ms"),
            *self.faults.most_common(),
        ]

    def most_memory(self) -> float:
        return max(memory for life in self.worker.lives for _, memory in life.samples)

    def slope(self) -> float:
        """Least squares through the lives of the worker, each about its own mean."""
        pieces = []
        for life in self.worker.lives:
            warm = np.array([sample for sample in life.samples if sample[0] > WARM])
            if len(warm) > 1:
                pieces.append(warm - warm.mean(axis=0))
        if not pieces:
            return float("nan")
        age, memory = np.concatenate(pieces).T
        return float(age @ memory / (age @ age) * 3600.0)

    def _tell(self, left: float) -> None:
        counts = {name: self.totals[name] for name in ("searches", "drawn", "lost")}
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        faults = sum(self.faults.values())
        print(f"{left / 60.0:.0f} min left: {said}, faults {faults}", file=sys.stderr, flush=True)

    def _replenish(self, left: float) -> None:
        self._collect()
        while len(self._searches) < self._runs and left > 5.0:
            self._start(min(left, self._chance.uniform(0.3, 1.0) * self._lasting))

    def _start(self, seconds: float) -> None:
        self._started += 1
        folder = self._folder / f"search-{self._started}"
        folder.mkdir()
        endpoint = (self.worker, self.line)[self._started % 2].endpoint
        process = subprocess.Popen(
            [sys.executable, str(SEARCH), endpoint, str(folder), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._searches.append(Search(process, folder))

    def _collect(self) -> None:
        """Take the accounts of the searches that have ended."""
        for search in [each for each in self._searches if each.process.poll() is not None]:
            self._searches.remove(search)
            assert search.process.stdout is not None
            with search.process.stdout as said:
                self._count(search, said.read())

    def _count(self, search: Search, said: str) -> None:
        if search.killed:
            self.totals["killed"] += 1
            return
        if search.process.returncode != 0:
            self.troubles.append(f"{search.folder.name} ended with {search.process.returncode}")
            return
        accounts = json.loads(said)
        self.totals["searches"] += 1
        for name in ("sent", "drawn", "replaced", "refused"):
            self.totals[name] += accounts[name]
        lost = accounts["sent"] - sum(accounts[name] for name in ("drawn", "replaced", "refused"))
        self.totals["lost"] += max(0, lost)
        self.totals["delivered"] += accounts["delivered"] and accounts["final"]
        self.slowest = max(self.slowest, accounts["slowest step"])
        if lost > 0 or not (accounts["delivered"] and accounts["final"]):
            log = (search.folder / "search.log").read_text()
            self.troubles.append(f"{search.folder.name}: {accounts}\n{log}")

    def _any_search(self) -> Search | None:
        alive = [search for search in self._searches if search.process.poll() is None]
        return self._chance.choice(alive) if alive else None


def pause(pid: int, seconds: float) -> None:
    """Stop a process, and have it go on some seconds later."""

    def go_on() -> None:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGCONT)

    if psutil.pid_exists(pid):
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(seconds, go_on).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=20, help="searches at a time")
    parser.add_argument("--between", type=float, default=15.0, help="seconds between two faults")
    parser.add_argument("--lasting", type=float, default=60.0, help="seconds of a search, at most")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vizworker-soak-") as folder:
        soak = Soak(Path(folder), arguments.runs, arguments.seed, arguments.lasting)
        try:
            soak.run(60.0 * arguments.minutes, arguments.between)
        finally:
            soak.close()
    rows = soak.report()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    for trouble in soak.troubles[:10]:
        print(f"TROUBLE: {trouble[:2000]}")
    totals = soak.totals
    whole = totals["searches"] and totals["delivered"] == totals["searches"]
    raise SystemExit(0 if whole and not totals["lost"] and not soak.troubles else 1)


if __name__ == "__main__":
    main()
