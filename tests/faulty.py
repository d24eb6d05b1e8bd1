"""Little searches, and a worker that is started again whenever it ends: what faults are done to."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from proxy import free_port
from running import PATIENCE, ready_line, wait_until

from search_hooks.spawn import socket_folder

SCRIPTS = Path(__file__).parent / "scripts"


class Search:
    """A little search in a process of its own, which waits halfway until it is let go on."""

    def __init__(
        self,
        folder: Path,
        *flags: object,
        endpoint: str | None = None,
        images: Path | None = None,
        within: tuple[str, ...] = (),
    ) -> None:
        self.image = (images or folder / "image") / "fit.png"
        folder.mkdir()
        self.gate = folder / "go"
        flags = (*flags, "--folder", self.image.parent, "--run", folder.name, "--hold", self.gate)
        if endpoint is not None:
            flags = (*flags, "--endpoint", endpoint)
        self.log = folder / "search.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*within, *little_search(*flags)], stdout=subprocess.PIPE, stderr=log, text=True
            )

    def shown(self) -> "Search":
        """Wait for its first figure."""
        wait_until(self.image.exists, f"a figure ({self.log.read_text()})")
        return self

    def go_on(self) -> None:
        self.gate.touch()

    def end(self, patience: float = 3 * PATIENCE) -> dict[str, object]:
        """Let it end, and return what it says."""
        self.go_on()
        said, _ = self.process.communicate(timeout=patience)
        assert self.process.returncode == 0, self.log.read_text()
        return json.loads(said)

    def check(self) -> dict[str, object]:
        """Nothing that was done to it is to be seen in its result or in its last figure."""
        said = self.end()
        assert said["digest"] == undisturbed()["digest"]
        assert said["delivered"], self.log.read_text()
        assert self.image.read_bytes() == b"\x89PNG of %r" % said["best"]
        assert said["threads"] == ["MainThread"]
        return said


def little_search(*flags: object) -> list[str]:
    return [sys.executable, str(SCRIPTS / "little_search.py"), *map(str, flags)]


@cache
def undisturbed() -> dict[str, object]:
    """What the search finds where nobody watches."""
    return json.loads(subprocess.check_output(little_search(), text=True))


@contextmanager
def searching(*searches: Search) -> Iterator[None]:
    """End the searches with the block, however it ends."""
    try:
        yield
    finally:
        for search in searches:
            search.process.kill()
            search.process.wait()
            search.process.stdout.close()


class Supervised:
    """A worker that is started again when it ends, as systemd does it."""

    def __init__(
        self, endpoint: str, data: Path, *flags: object, within: tuple[str, ...] = ()
    ) -> None:
        self.endpoint = endpoint
        self.lives = 0
        self._within = within
        self._flags = flags
        self._environment = {**os.environ, "VIZWORKER_DATA": str(data)}
        self._over = False
        self._start()
        self._thread = threading.Thread(target=self._supervise)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def connections(self) -> list[str]:
        """Of searches."""
        every = psutil.Process(self.pid).net_connections("all")
        address = urlsplit(self.endpoint)
        if address.path:
            return [str(each) for each in every if each.laddr == address.path][1:]  # it listens
        return [
            str(each)
            for each in every
            if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == address.port
        ]

    def close(self) -> None:
        self._over = True
        self.process.kill()
        self._thread.join()

    def _start(self) -> None:
        script = str(SCRIPTS / "faulty_worker.py")
        command = [*self._within, sys.executable, script, self.endpoint, *map(str, self._flags)]
        self.process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, text=True
        )
        self.endpoint = ready_line(self.process).split()[-1]
        self.lives += 1

    def _supervise(self) -> None:
        while True:
            self.process.wait()
            self.process.stdout.close()
            if self._over:
                return
            self._start()


@contextmanager
def supervised(
    data: Path, *flags: object, tcp: bool = False, within: tuple[str, ...] = ()
) -> Iterator[Supervised]:
    """A worker that always comes back, while the block runs."""
    folder = socket_folder()
    endpoint = f"tcp://127.0.0.1:{free_port()}" if tcp else f"ipc://{folder}/socket"
    worker = Supervised(endpoint, data, *flags, within=within)
    try:
        yield worker
    finally:
        worker.close()
        (folder / "socket").unlink(missing_ok=True)
        folder.rmdir()


@dataclass(frozen=True)
class Party:
    """A search that suffers, and one beside it at the same worker."""

    victim: Search
    bystander: Search


@contextmanager
def party(
    folder: Path, worker: Supervised, *flags: object, endpoint: str | None = None
) -> Iterator[Party]:
    """Both have shown a figure and wait halfway; at the end both are as if nothing had been."""
    searches = Party(
        Search(folder / "victim", *flags, endpoint=endpoint or worker.endpoint),
        Search(folder / "bystander", endpoint=worker.endpoint),
    )
    with searching(searches.victim, searches.bystander):
        yield searches
        searches.victim.go_on()
        searches.bystander.go_on()
        searches.victim.check()
        searches.bystander.check()
