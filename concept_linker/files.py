"""Writes files atomically: to a temporary file, which is then renamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from concept_linker.runtime.processes import is_alive

__all__ = ["orphans_of", "part_of", "sync", "write_text", "write_whole"]


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Yields a temporary path; renames it to ``path`` at the end, removes it after an error.

    Raises:
        OSError: it cannot be written; an existing file is unchanged.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, expected a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    for orphan in orphans_of(path):
        orphan.unlink(missing_ok=True)
    part = part_of(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically; lone surrogates become escapes.

    Raises:
        OSError: it cannot be written; an existing file is unchanged.
    """
    with write_whole(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def sync(path: Path) -> None:
    """Forces the content of a file, or the entries of a folder, onto the disk."""
    if os.name == "nt":  # Windows syncs neither folders nor files opened for reading
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def part_of(path: Path) -> Path:
    """Returns the temporary path at which this process writes a file or folder."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def orphans_of(path: Path) -> list[Path]:
    """Returns the temporary files or folders of a path that killed processes left."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.part")
    return [
        entry
        for entry in path.parent.iterdir()
        if (found := pattern.fullmatch(entry.name)) and not is_alive(int(found[1]))
    ]
