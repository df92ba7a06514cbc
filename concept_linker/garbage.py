"""Pausing the garbage collector."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from concept_linker.locks import Lock

__all__ = ["no_collection"]

_lock = Lock()
#: The thread that has paused the collector, or 0.
_pausing = 0


@contextmanager
def no_collection() -> Iterator[None]:
    """No garbage collection while many values are made: all are in use, and looking takes time.

    The collector is the process's.  Of several threads the first one pauses it, for itself: were
    the last one to wake it, it might never wake where many threads are busy.
    """
    global _pausing
    with _lock:
        is_ours = gc.isenabled()
        if is_ours:
            _pausing = threading.get_ident()
            gc.disable()
    try:
        yield
    finally:
        if is_ours:
            with _lock:
                _pausing = 0
                gc.enable()


def _wake() -> None:
    """In a forked child: the thread that would wake the collector may be no more."""
    global _pausing
    if _pausing not in (0, threading.get_ident()):
        _pausing = 0
        gc.enable()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_wake)
