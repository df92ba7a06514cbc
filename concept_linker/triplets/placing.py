"""Outputs are written beside their place and renamed into it: whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from concept_linker.runtime.processes import is_alive

__all__ = ["beside"]


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yields where to write; renames that to ``path`` at the end, or removes it after an error.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder, wanted a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Removes what runs for the same file left when they were killed."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.part")
    for left in path.parent.iterdir():
        if (found := pattern.fullmatch(left.name)) and not is_alive(int(found[1])):
            left.unlink(missing_ok=True)
