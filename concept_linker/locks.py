"""A lock that a forked process finds open."""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["Lock"]


class Lock:
    """A lock for what threads share.

    Of a process's threads a fork copies only the one that forks.  What another was writing stays
    half written in the child, and a lock that it held would never be given back.  So a child finds
    a new lock there, and is told, when it first takes it, that what it guards may be torn.

    >>> lock = Lock()
    >>> with lock as is_torn:
    ...     is_torn
    False
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0
        self._is_torn = False
        _LOCKS.add(self)

    def __enter__(self) -> bool:
        """Takes it; tells whether a thread that is no more may have left its work half done."""
        self._lock.acquire()
        self._holder = threading.get_ident()
        is_torn, self._is_torn = self._is_torn, False
        return is_torn

    def __exit__(self, *error: object) -> None:
        self._holder = 0
        self._lock.release()

    def _after_fork(self) -> None:
        if self._holder != threading.get_ident():
            # Even where nobody holds it: who had just got it would have said so in a moment.
            self._lock = threading.Lock()
            self._is_torn |= self._holder != 0
            self._holder = 0


_LOCKS: weakref.WeakSet[Lock] = weakref.WeakSet()


def _reopen() -> None:
    for lock in list(_LOCKS):
        lock._after_fork()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_reopen)
