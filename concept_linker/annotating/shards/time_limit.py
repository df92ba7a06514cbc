"""A time limit that holds even inside a regular expression or compiled code."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["TIMED_OUT", "TimeLimit"]

#: The exit status of a process that exceeded the limit; :mod:`faulthandler` sets it.
TIMED_OUT: Final = 1


class TimeLimit:
    """Ends this process if a block of code takes too long.

    A Python thread would have to wait for the interpreter's lock, and a signal handler for the
    next bytecode.  The thread of :mod:`faulthandler` waits for neither.

    Args:
        seconds: the limit; ``None`` means no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._devnull = open(os.devnull, "w") if seconds else None  # noqa: SIM115

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Ends the process if this block exceeds the limit."""
        if self._seconds is None or self._devnull is None:
            yield
            return
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._devnull)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
