"""Other processes of this machine."""

from __future__ import annotations

import os

__all__ = ["is_alive"]


def is_alive(process: int) -> bool:
    """Whether another process with this number runs.

    Numbers come again in containers: this process's own says nothing of who had it before.

    >>> is_alive(os.getpid())
    False
    """
    if process == os.getpid():
        return False
    if os.name == "nt":  # os.kill would end it; what a killed process left there stays
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
