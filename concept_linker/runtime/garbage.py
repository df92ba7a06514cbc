"""Pausing the garbage collector."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from concept_linker.runtime.forking import renew_when_forked

__all__ = ["no_collection"]


class _Pause:
    """Whether one of our threads has paused the collector, and which."""

    def __init__(self) -> None:
        self.thread = 0
        self.lock = threading.Lock()
        renew_when_forked(self)

    def renew(self) -> None:
        self.lock = threading.Lock()
        if self.thread not in (0, threading.get_ident()):  # who would wake it is no more
            self.thread = 0
            gc.enable()


_pause = _Pause()


@contextmanager
def no_collection() -> Iterator[None]:
    """No garbage collection while many values are made: all are in use, and looking takes time.

    The collector is the process's.  Of several threads the first one pauses it, for itself: were
    the last one to wake it, it might never wake where many threads are busy.
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
