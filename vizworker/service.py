"""A worker with all that surrounds it: logs, HTTP pages, the service manager, reloads."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING

from vizworker import __version__
from vizworker.config import Config
from vizworker.errors import ConfigError, VizError
from vizworker.executors import executor_of
from vizworker.logs import set_up
from vizworker.notify import Manager
from vizworker.settings import changed
from vizworker.sinks.record import Records
from vizworker.worker import Drawer, Sink, Worker

if TYPE_CHECKING:
    from vizworker.web.server import Web

logger = logging.getLogger(__name__)

CUT_SHORT = 7  # the exit code of a worker that could not draw in time what it had in hand


class Service:
    """Serves until a signal ends it."""

    def __init__(
        self, config: Config, drawer: Callable[[], Drawer], load: Callable[[], Config] | None = None
    ) -> None:
        """Put it together; nothing is opened before `start`.

        Args:
            config: the worker's.
            drawer: makes what draws.
            load: reads the configuration again; None where that makes no sense.

        Raises:
            VizError: a setting that cannot be used.
        """
        self.config = config
        self._load = load
        self._wanted = False  # a reload
        self._ready = False  # has been told
        self._at_terminal = os.isatty(0)
        self._manager = Manager()
        self._timer: threading.Timer | None = None  # until what is in hand is given up
        self._log_file = None if config.log_file is None else str(config.log_file)
        self._records = Records(config.data, config.keep, config.limits.disk)
        self._web = _web(config)
        sinks: Sequence[Sink] = [self._records, *([self._web.board] if self._web else [])]
        turned = [self._turned, *([self._web.board.turned] if self._web else [])]
        self.worker = Worker(config, drawer, sinks, turned, lambda: executor_of(config))

    def start(self) -> None:
        """Log, listen and answer.

        Raises:
            VizError: an address that must not or cannot be used.
            OSError: a file or folder that cannot be written.
        """
        if self.config.log_file is not None:
            self.config.log_file.parent.mkdir(parents=True, exist_ok=True)
        set_up(self.config, self._log_file)
        if self._web is not None:
            self._web.start()
        try:
            self.worker.startup()
        except BaseException:
            self._stop_web()
            raise
        if self._load is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, self._hung_up)
        logger.info("vizworker %s listens at %s", __version__, self.worker.endpoint)
        if self.http:
            logger.info("its pages are at %s", self.http)

    @property
    def http(self) -> str:
        """Where the HTTP pages are, or ""."""
        return self._web.address if self._web is not None else ""

    def run(self) -> None:
        """Serve."""
        self.worker.ending.append(self._ending)
        try:
            self.worker.run()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._stop_web()
            logger.info("vizworker has ended")

    def _turned(self, worker: Worker) -> None:
        if not self._ready:
            self._ready = True
            self._manager.ready(self._where())
        self._manager.alive(time.monotonic())
        if self._wanted:
            self._wanted = False
            self._reload()

    def _where(self) -> str:
        pages = f", its pages are at {self.http}" if self.http else ""
        return f"listens at {self.worker.endpoint}{pages}"

    def _ending(self) -> None:
        """Whatever is drawn, the end comes when its time is up."""
        self._manager.stopping()
        self._timer = threading.Timer(self.config.grace, self._cut_short)
        self._timer.daemon = True
        self._timer.start()

    def _cut_short(self) -> None:
        what = "what was in hand could not be drawn within %g s: it is given up"
        logger.error(what, self.config.grace)
        logging.shutdown()
        self.worker.give_up(CUT_SHORT)

    def _hung_up(self, _: int, __: FrameType | None) -> None:
        # a terminal that closed wants it gone; anybody else, its settings read again
        if self._at_terminal and not os.isatty(0):
            self.worker.stop()
        self._wanted = True

    def _reload(self) -> None:
        """Take up what can be taken up; a file that cannot be read changes nothing."""
        assert self._load is not None
        self._manager.reloading()
        try:
            new = self._load()
            takes, others = changed(self.config, new)
            set_up(new, self._log_file)
            self.worker.adopt(new)
            self._records.keep, self._records.most = new.keep, new.limits.disk
            self.config = replace(
                self.config,
                **{name: getattr(new, name) for name in takes if "." not in name},
                limits=new.limits,
            )
            logger.info("settings read again; changed: %s", ", ".join(takes) or "nothing")
            if others:
                logger.warning("these settings need a restart: %s", ", ".join(others))
        except (VizError, OSError) as error:
            logger.error("the settings stay as they were: %s", error)
        self._manager.ready(self._where())

    def _stop_web(self) -> None:
        if self._web is not None:
            self._web.stop()


def _web(config: Config) -> "Web | None":
    if not config.http:
        return None
    try:
        from vizworker.web.server import Web
    except ImportError as error:
        raise ConfigError(
            f"--http needs more packages ({error}): pip install 'vizworker[web]'"
        ) from error
    return Web(config)
