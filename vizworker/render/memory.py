"""Memory that is no longer used goes back to the system, where the C library can be told to."""

import ctypes


def trim() -> None:
    """Give back what the allocator has put aside."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
