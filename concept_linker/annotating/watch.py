"""A limit on time that holds even inside a regular expression or compiled code."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["TIMED_OUT", "Watch"]

#: The exit status of a process that is ended for the time it took; :mod:`faulthandler`'s own.
TIMED_OUT: Final = 1


class Watch:
    """Ends this process where something takes too long.

    A thread in Python would have to wait until what takes so long lets it run, and a signal until
    the interpreter looks for it.  The thread of :mod:`faulthandler` waits for neither.

    Args:
        seconds: how long it may take; no limit if not given.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._nowhere = open(os.devnull, "w") if seconds else None  # noqa: SIM115

    @contextmanager
    def over(self) -> Iterator[None]:
        """What is done in this block has the time; when it is over, the process ends."""
        if self._seconds is None or self._nowhere is None:
            yield
            return
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
