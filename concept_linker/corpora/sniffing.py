"""The beginning of a file, from which its corpus format is detected."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.opening import chunks

__all__ = ["Head", "read_heads"]

_SIZE = 1 << 20  # bytes


class Head(NamedTuple):
    """The beginning of a file, as a format's ``detect`` takes it.

    Args:
        path: the file or folder.
        text: about the first MiB, without white space at the start; empty for a folder.
        keys: keys of JSON objects in it; empty if the text is not JSON.
    """

    path: Path
    text: str = ""
    keys: Set[str] = frozenset()


def read_heads(path: Path) -> Iterator[Head]:
    """Yields what is known of a file, the surest evidence first.

    The first head has the path alone, the second one also the text. For JSON, the second head has
    the keys of the first line's object, and a third one all keys: that one serves files with a bad
    first line, and objects over several lines.

    Raises:
        SourceError: the file is empty or cannot be read.
    """
    yield Head(path)
    if path.is_dir():
        return
    raw = b""
    for piece in chunks(path):
        raw += piece
        if len(raw) > _SIZE:
            break
    text = raw.decode("utf-8", "replace").lstrip()
    if not text:
        raise SourceError(path, "is empty, expected a gold corpus")
    if text.startswith(("{", "[")):
        yield Head(path, text, _first_keys(text))
        yield Head(path, text, set(re.findall(r'"(\w+)"\s*:', text)))
    else:
        yield Head(path, text)


def _first_keys(text: str) -> set[str]:
    try:
        first = json.loads(text.partition("\n")[0])
    except (ValueError, RecursionError):
        return set()
    return set(first) if isinstance(first, dict) else set()
