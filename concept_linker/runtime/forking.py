"""Renews objects that threads share in forked processes."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["renew_when_forked"]


class _Shared(Protocol):
    def renew(self) -> None: ...


_shared: weakref.WeakSet[_Shared] = weakref.WeakSet()


def renew_when_forked(shared: _Shared) -> None:
    """Registers an object whose ``renew`` is called in every forked child, before anything else.

    A fork copies only the thread that forks.  In the child, data that another thread was writing
    stay half written, and a lock that it held is never released, so ``renew`` recreates both.
    It does so always, because there is no reliable way to know whether another thread was at work.
    """
    _shared.add(shared)


def _renew() -> None:
    for one in list(_shared):
        one.renew()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_renew)
