"""What the search's log is told of a fault: each thing once, in one line."""

import logging

logger = logging.getLogger("search_hooks")

MOST = 100  # different things that one speaker says


class Once:
    """Says each thing the first time only."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, message: str, level: int = logging.WARNING) -> None:
        """Log a message, unless it has been."""
        if message not in self._said and len(self._said) < MOST:
            self._said.add(message)
            logger.log(level, "%s", message)


def in_words(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
