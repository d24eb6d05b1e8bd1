"""What a worker logs: lines of text or of JSON, to stderr or to a file that is rotated."""

import json
import logging
import sys
from logging.handlers import RotatingFileHandler
from typing import Protocol

TEXT = "%(asctime)s %(levelname)s %(message)s"
LOUD = ("asyncio", "uvicorn", "matplotlib")  # of others: their warnings alone


class LogSettings(Protocol):
    """What is asked of the log; a worker's `Config` is one."""

    @property
    def log_format(self) -> str: ...
    @property
    def log_level(self) -> str: ...
    @property
    def log_size(self) -> int: ...
    @property
    def log_keep(self) -> int: ...


class JsonLines(logging.Formatter):
    """One JSON object a line: time (unix seconds), level, logger, message, and an error's trace."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def printable(text: str) -> str:
    """A text that moves no cursor and begins no line: what cannot be printed is escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class OneLine(logging.Formatter):
    """One line of text: a message from elsewhere cannot look like two."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line of a record, without its trace."""
        record.message = printable(record.message)
        return super().formatMessage(record)


def set_up(settings: LogSettings, file: str | None) -> None:
    """Log as settings say, in place of what was set up before.

    Raises:
        OSError: the file cannot be written.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        handler = RotatingFileHandler(
            file, maxBytes=settings.log_size, backupCount=settings.log_keep, encoding="utf-8"
        )
    handler.setFormatter(JsonLines() if settings.log_format == "json" else OneLine(TEXT))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


class Once:
    """Logs each warning the first time only."""

    def __init__(self, logger: logging.Logger, most: int = 1000) -> None:
        """Nothing is said yet.

        Args:
            logger: to which it goes.
            most: different warnings in all.
        """
        self._logger = logger
        self._most = most
        self._said: set[str] = set()

    def __call__(self, message: str) -> None:
        """Log a message, unless it has been."""
        if message not in self._said and len(self._said) < self._most:
            self._said.add(message)
            self._logger.warning("%s", message)
