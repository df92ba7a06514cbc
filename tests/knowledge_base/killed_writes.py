"""Kills ``store.write`` before each of its file operations in turn, and prints the result.

It is a separate program, because it forks, and an audit hook can never be removed:

    python killed_writes.py FOLDER {old,none}

One JSON line a kill: where it was killed, what the folder opened as, and, after the next write,
what the folder opened as, and the other entries of its parent.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store

_FILES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}
_KILLED = 9


def write(folder: Path, mark: int) -> None:
    """Returns the arrays of a base, all with the mark of a write."""
    head = {
        "made_by": "a test",
        "sources": (),
        "options": {"mark": mark},
        "counts": {},
        "types": (),
        "name_sources": (),
        "vocabularies": {},
    }
    arrays = {name: np.full(3, mark) for name in store.REQUIRED}
    store.write(folder, arrays, head, replace=True)


def opened(folder: Path) -> int | str:
    """Returns the mark of a base if it opens and has a single one, else the problem."""
    if not folder.exists() and not folder.with_name(f".{folder.name}.old").exists():
        return "nothing"
    try:
        manifest, arrays = store.open_folder(folder)
    except KnowledgeBaseError as error:
        return str(error)
    marks = {manifest.options["mark"], *(int(n) for array in arrays.values() for n in array)}
    return marks.pop() if len(marks) == 1 else f"a mixture of {sorted(marks)}"


def killed_at(folder: Path, step: int) -> str:
    """Writes in a child that dies before its step-th operation; empty if it did not die."""
    read, written = os.pipe()
    child = os.fork()
    if not child:
        steps = itertools.count()

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event in _FILES and next(steps) == step:
                os.write(written, f"{event} {arguments[0]}".encode())
                os._exit(_KILLED)

        sys.addaudithook(hook)
        write(folder, 2)
        os._exit(0)
    os.close(written)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as stream:
        place = stream.read()
    assert os.waitstatus_to_exitcode(status) == (_KILLED if place else 0)
    return place


def main() -> None:
    """Repeats this for each operation, until a write survives."""
    place, before = Path(sys.argv[1]), sys.argv[2]
    store.os.fsync = lambda _: None  # type: ignore[attr-defined]  # a kill loses no written page
    for step in itertools.count():
        shutil.rmtree(place, ignore_errors=True)
        folder = place / "kb"
        place.mkdir()
        if before == "old":
            write(folder, 1)
        killed = killed_at(folder, step)
        left = opened(folder)
        write(folder, 3)
        neighbours = sorted(path.name for path in place.iterdir())
        print(json.dumps([killed, left, opened(folder), neighbours]))  # noqa: T201
        if not killed:
            break


if __name__ == "__main__":
    main()
