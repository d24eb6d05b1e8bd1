"""Values of settings, made of a text or of what a TOML file holds."""

import math
from collections.abc import Callable
from pathlib import Path

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def text(value: object) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def count(value: object) -> int:
    """A whole number, 1 or more."""
    number = int(value) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("expected a whole number, 1 or more")
    return number


def none_or_more(value: object) -> int:
    """A whole number, 0 or more."""
    return 0 if value == "0" or (value == 0 and not isinstance(value, bool)) else count(value)


def size(value: object) -> int:
    """A number of bytes: 1000, or with a unit of 1024: 4K, 256M, 1G."""
    if not isinstance(value, str):
        return count(value)
    number, unit = value.strip().upper().removesuffix("B").removesuffix("I"), 1
    if number[-1:] in UNITS:
        number, unit = number[:-1], UNITS[number[-1]]
    if not (number.isascii() and number.isdigit()):
        raise ValueError("expected bytes as 1000, 4K, 256M or 1G")
    return count(int(number) * unit)


def seconds(value: object) -> float:
    """A number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError("expected a number of seconds")
    number = float(value)
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError("expected a number of seconds, 0 or more")
    return number


def path(value: object) -> Path:
    """An absolute path; a leading ~ is the user's home."""
    return Path(text(value)).expanduser().absolute()


def words(value: object) -> tuple[str, ...]:
    """A list: words with commas between them, or a list of a file."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        raise TypeError("expected words with commas between them")
    return tuple(word.strip() for word in given if word.strip())


def choice(*allowed: str) -> Callable[[object], str]:
    """One of a few words."""

    def one(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"expected one of {', '.join(allowed)}")
        return str(value)

    return one
