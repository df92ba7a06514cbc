"""Pauses the garbage collector."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from concept_linker.runtime.forking import renew_when_forked

__all__ = ["no_collection"]


class _Pause:
    """Records which of our threads has paused the collector, if any."""

    def __init__(self) -> None:
        self.thread = 0
        self.lock = threading.Lock()
        renew_when_forked(self)

    def renew(self) -> None:
        self.lock = threading.Lock()
        if self.thread not in (
            0,
            threading.get_ident(),
        ):  # that thread does not exist here
            self.thread = 0
            gc.enable()


_pause = _Pause()


@contextmanager
def no_collection() -> Iterator[None]:
    """Pauses garbage collection while many values are created, because all are in use.

    The collector belongs to the process.  The first of several threads pauses and resumes it. If
    the last one resumed it, it might never run while many threads are busy.
    """
    with _pause.lock:
        is_ours = gc.isenabled()
        if is_ours:
            _pause.thread = threading.get_ident()
            gc.disable()
    try:
        yield
    finally:
        if is_ours:
            with _pause.lock:
                _pause.thread = 0
                gc.enable()
