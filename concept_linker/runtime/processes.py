"""Processes of this machine."""

from __future__ import annotations

import os

__all__ = ["is_alive"]


def is_alive(process: int) -> bool:
    """Returns whether another process with this id is running.

    Ids are reused, in containers especially, so the id of this process itself counts as not
    running: it may be that of an earlier process.

    >>> is_alive(os.getpid())
    False
    """
    if process == os.getpid():
        return False
    if os.name == "nt":  # os.kill would end it, so leftovers of killed processes stay there
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
