"""Draws on the machines of a Dask cluster: its scheduler hands frames out, again where one is lost.

The cluster is trusted: what goes over Dask's own lines is pickled. Only bytes of ours and the
name of the function go into it here.
"""

import logging
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vizworker.errors import ConfigError, RenderDelayedError, RenderError, RenderLostError
from vizworker.executors import parcel
from vizworker.executors.shape import Draw, Rendered
from vizworker.frame import Frame

logger = logging.getLogger(__name__)

SCHEMES = {"dask": "tcp", "dask+tls": "tls"}
LOOK = 2.0  # seconds between two looks at the cluster
CONNECT = 10.0  # seconds to reach the scheduler, each time
STARTING = 60.0  # seconds that the imports of a worker may add to a frame


@dataclass
class _Task:
    """A frame on the cluster."""

    theirs: Any  # Dask's future
    ours: "Future[Rendered]"
    since: float | None = None  # monotonic seconds when a worker was first seen to draw it


class Cluster:
    """An executor of any number of Dask workers, which come and go."""

    def __init__(self, address: str, deadline: float) -> None:
        """Connect in the background; until then nothing is free.

        Args:
            address: `dask://HOST:PORT` of the scheduler, or `dask+tls://HOST:PORT` with the
                certificates that Dask's own configuration names.
            deadline: seconds after which a frame that is still drawn is given up.

        Raises:
            ConfigError: Dask is not installed, or that is no address.
        """
        scheme, _, place = address.partition("://")
        if scheme not in SCHEMES or not place.rpartition(":")[2].isdigit():
            raise ConfigError(f"executor is {address!r}, expected dask://HOST:PORT")
        try:
            import distributed
        except ImportError as error:
            raise ConfigError(
                f"--executor dask:// needs more packages ({error}): pip install 'vizworker[dask]'"
            ) from error
        self._distributed: Any = distributed
        self._address = f"{SCHEMES[scheme]}://{place}"
        self._deadline = deadline
        self._client: Any = None
        self._room = 0  # threads of the cluster's workers
        self._tasks: dict[str, _Task] = {}  # by Dask's key
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._complained = False
        self._thread = threading.Thread(target=self._look_after, name="vizworker-dask", daemon=True)
        self._thread.start()

    @property
    def free(self) -> bool:
        """A thread of a worker is."""
        return len(self._tasks) < self._room

    memory = 0  # all of it is elsewhere

    def at_home(self, run_id: str) -> bool:
        """The scheduler decides."""
        return True

    def submit(self, draw: Draw, frame: Frame) -> "Future[Rendered]":
        """Have a frame drawn by a worker; by another if that one is lost."""
        ours: Future[Rendered] = Future()
        packed = [bytes(part) for part in parcel.parts_of(frame)]
        try:
            # in the task, and not scattered: the scheduler still has it when a worker is lost
            theirs = self._client.submit(draw_packed, parcel.name_of(draw), packed, pure=False)
        except Exception as error:
            ours.set_exception(RenderDelayedError(f"the cluster takes no frame: {error}"))
            return ours
        with self._lock:
            self._tasks[theirs.key] = _Task(theirs, ours)
        theirs.add_done_callback(self._land)
        return ours

    def forget(self, run_id: str) -> None:
        """A cluster's workers keep a bounded number of figures."""

    def close(self) -> None:
        """Leave the cluster, which goes on."""
        self._closing.set()
        self._thread.join()
        self._disconnect()

    def _land(self, theirs: Any) -> None:
        """Pass on what became of a frame, on a thread of Dask's."""
        with self._lock:
            task = self._tasks.pop(theirs.key, None)
        if task is None:
            return
        try:
            task.ours.set_result(parcel.images_in(theirs.result(timeout=CONNECT)))
        except RenderError as error:
            task.ours.set_exception(error)
        except self._distributed.KilledWorker as error:
            task.ours.set_exception(RenderLostError(f"it ended several workers: {error}"))
        except Exception as error:
            if theirs.status == "error":
                task.ours.set_exception(RenderError(f"{type(error).__name__}: {error}"))
            else:
                task.ours.set_exception(RenderDelayedError(f"the cluster lost it: {error!r}"))
        theirs.release()

    def _look_after(self) -> None:
        """Connect, count the workers, and give up what hangs, until closed."""
        while True:
            try:
                self._look()
            except Exception as error:
                self._lose(error)
            if self._closing.wait(LOOK):
                return

    def _look(self) -> None:
        if self._client is None or self._client.status != "running":
            self._disconnect()
            self._client = self._distributed.Client(
                self._address, timeout=CONNECT, set_as_default=False, name="vizworker"
            )
            logger.info("draws on the Dask cluster at %s", self._address)
        self._room = sum(self._client.nthreads().values())
        self._complained = False
        if self._tasks:
            self._give_up(time.monotonic())

    def _give_up(self, now: float) -> None:
        """End the workers whose frame hangs; the others of theirs are drawn elsewhere."""
        for worker, keys in self._client.processing().items():
            for key in keys:
                task = self._tasks.get(str(key))
                if task is None:
                    continue
                if task.since is None:
                    task.since = now
                elif now > task.since + self._deadline:
                    self._drop(str(key), worker)

    def _drop(self, key: str, worker: str) -> None:
        with self._lock:
            task = self._tasks.pop(key, None)
        if task is None:
            return
        logger.warning("a frame hangs in %s: it is ended", worker)
        task.theirs.cancel()
        with suppress(Exception):
            # its nanny starts it again
            self._client.restart_workers([worker], timeout=CONNECT, raise_for_error=False)
        task.ours.set_exception(RenderLostError(f"it was not drawn within {self._deadline:g} s"))

    def _lose(self, error: Exception) -> None:
        """The scheduler is not there: what it had is drawn when it is."""
        self._room = 0
        if not self._complained:
            self._complained = True
            logger.warning("the Dask cluster at %s does not answer: %s", self._address, error)
        self._disconnect()

    def _disconnect(self) -> None:
        self._room = 0
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close(timeout=1.0)
        with self._lock:
            tasks, self._tasks = self._tasks, {}
        for task in tasks.values():
            task.ours.set_exception(RenderDelayedError("the cluster is gone"))


def draw_packed(name: str, parts: list[bytes]) -> list[bytes]:
    """What a cluster's worker does with a frame: the parts of an answer."""
    return [bytes(part) for part in parcel.answer(parcel.function_of(name), parts)]
