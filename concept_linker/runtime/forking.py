"""What threads share, in a process that is forked."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["renew_when_forked"]


class _Shared(Protocol):
    def renew(self) -> None: ...


_shared: weakref.WeakSet[_Shared] = weakref.WeakSet()


def renew_when_forked(shared: _Shared) -> None:
    """Has its ``renew`` called in every forked child, before anything else.

    Of a process's threads a fork copies only the one that forks.  What another was writing stays
    half written in the child, and a lock that it held would never be given back: ``renew`` makes
    both anew.  Whether another thread was at work cannot be asked: who has just been given a lock
    may not have said so yet.
    """
    _shared.add(shared)


def _renew() -> None:
    for one in list(_shared):
        one.renew()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_renew)
