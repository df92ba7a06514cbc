"""Reads lines from plain, gzip and zstd files in constant memory, and JSON from a line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from concept_linker.triplets.breach import BadRow, Breach

__all__ = [
    "LINE_END_BREACHES",
    "MAX_LINE",
    "Line",
    "Progress",
    "line_end_breaches",
    "parse_line",
    "read_head",
    "read_lines",
]

#: The longest line of a record, in bytes; a longer line is not held in memory.
MAX_LINE: Final = 1 << 20
#: How many bytes of a longer line are kept, to show them.
_HEAD: Final = 1000
_CHUNK: Final = 1 << 18
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}

#: What can be wrong with the ends of a line, whatever its content.
LINE_END_BREACHES: Final = (
    Breach("line", "begins with a byte order mark"),
    Breach("line", "ends with CRLF, expected LF"),
)

#: Called with the number of bytes read since the last call.
Progress = Callable[[int], None]


class Line(NamedTuple):
    """One line of a file.

    Args:
        data: its bytes without the line feed, or their beginning.
        omitted: how many bytes are left out of ``data``.
        broken: why the file ends within the line, or ``""``.
    """

    data: bytes
    omitted: int = 0
    broken: str = ""


def read_lines(path: Path, progress: Progress | None = None) -> Iterator[Line]:
    """Yields the lines of a file; its first bytes tell the compression.

    Raises:
        OSError: it cannot be opened or read.
    """
    rest, omitted, broken = b"", 0, ""
    for chunk in _chunks(path, progress):
        if isinstance(chunk, str):
            broken = chunk
            break
        *whole, tail = chunk.split(b"\n")
        if whole:
            whole[0] = rest + whole[0]
            if omitted:
                yield Line(rest[:_HEAD], omitted + len(whole.pop(0)) - len(rest[:_HEAD]))
            for data in whole:
                if len(data) > MAX_LINE:
                    yield Line(data[:_HEAD], len(data) - _HEAD)
                else:
                    yield Line(data)
            rest, omitted = tail, 0
        else:
            rest += tail
        if omitted or len(rest) > MAX_LINE:
            omitted += max(0, len(rest) - _HEAD)
            rest = rest[:_HEAD]
    if rest or broken:
        yield Line(rest, omitted, broken or "the file ends here without a line feed")


def read_head(path: Path) -> bytes:
    """Returns the beginning of a file's uncompressed content, at most 256 KiB.

    Raises:
        OSError: it cannot be opened or read.
    """
    head = next(_chunks(path, None), b"")
    return head if isinstance(head, bytes) else b""


def _chunks(path: Path, progress: Progress | None) -> Iterator[bytes | str]:
    """Yields the uncompressed bytes, and last, if the compression is damaged, the reason."""
    with path.open("rb") as file:
        magic = file.peek(4)[:4]
        packing = next((name for head, name in _MAGIC.items() if magic.startswith(head)), "")
        read: Callable[[int], bytes]
        if packing == "gzip":
            # Unlike read(), read1() returns everything that comes before a cut.
            read = gzip.GzipFile(fileobj=file).read1
        elif packing == "zstd":
            import pyarrow as pa

            read = pa.input_stream(file, compression="zstd").read
        else:
            read = file.read
        reported = 0
        while True:
            try:
                chunk = read(_CHUNK)
            except (EOFError, OSError, zlib.error) as error:
                if not packing:
                    raise
                yield f"the {packing} stream breaks off or is damaged here ({error})"
                return
            if not chunk:
                return
            if progress is not None:
                progress(file.tell() - reported)
                reported = file.tell()
            yield chunk


class _DuplicateKeyError(ValueError):
    """A JSON object has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        known: set[str] = set()
        for key, _ in pairs:
            if key in known:
                raise _DuplicateKeyError(key)
            known.add(key)
    return made


_decode = json.JSONDecoder(object_pairs_hook=_object).decode


def line_end_breaches(line: Line) -> tuple[Breach, ...]:
    """Which of :data:`LINE_END_BREACHES` a line has."""
    mark, carriage_return = LINE_END_BREACHES
    found = [mark] if line.data.startswith(b"\xef\xbb\xbf") else []
    return (*found, carriage_return) if line.data.endswith(b"\r") else tuple(found)


def parse_line(line: Line, *, lenient: bool = False) -> Any | BadRow:
    r"""Returns the JSON value of a line, or what is wrong with the line.

    Args:
        line: the line.
        lenient: remove a byte order mark and a carriage return.  Otherwise they are the line's
            breaches, and its content is not looked at.

    >>> parse_line(Line(b'{"a": 1, "a": 2}')).breaches
    (Breach(key='a', reason='occurs twice in one object'),)
    """
    if line.omitted:
        length = len(line.data) + line.omitted
        reason = f"has {length:,} bytes, expected at most {MAX_LINE:,}"
        return _bad(line.data.decode("utf-8", "replace") + "…", "line", reason)
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start} ({error.reason})"
        return _bad(line.data.decode("utf-8", "backslashreplace"), "line", reason)
    if not lenient and (found := line_end_breaches(line)):
        return BadRow(found, text)
    text = text.removeprefix("\ufeff").removesuffix("\r")
    try:
        return _decode(text)
    except _DuplicateKeyError as error:
        return _bad(text, str(error), "occurs twice in one object")
    except RecursionError:
        return _bad(text, "line", "nested too deeply")
    except ValueError as error:
        reason = f"not JSON: {error}" if text.strip() else "is empty"
        if line.broken:
            reason += f"; {line.broken}"
        return _bad(text, "line", reason)


def _bad(text: str, key: str, reason: str) -> BadRow:
    return BadRow((Breach(key, reason),), text)
