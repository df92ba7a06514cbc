"""Lines out of plain, gzip and zstd files in constant memory, and what stands in one of them."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from concept_linker.triplets.checking import Breach

__all__ = ["ENDS", "MAX_LINE", "BadRow", "Line", "Progress", "edges", "head_of", "lines", "parse"]

#: No record is longer; a longer line is not held in memory.
MAX_LINE: Final = 1 << 20
#: How much of such a line is kept, to show it.
_HEAD: Final = 1000
_CHUNK: Final = 1 << 18
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}

#: How many breaches of one row are told in one message.
_MOST_TOLD: Final = 50
#: What can be wrong with the ends of a line, whatever stands in it.
ENDS: Final = (
    Breach("line", "begins with a byte order mark"),
    Breach("line", "ends with CRLF, wanted LF"),
)

#: Told how many bytes of the file have been read since it was last told.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no good record.

    Args:
        breaches: what is wrong with it, at least one.
        text: the row as it stands, or its beginning where it is too long.
    """

    breaches: tuple[Breach, ...]
    text: str = ""

    def __str__(self) -> str:
        left = len(self.breaches) - _MOST_TOLD
        more = [f"… and {left:,} more"] if left > 0 else []
        return "; ".join([*map(str, self.breaches[:_MOST_TOLD]), *more])


class Line(NamedTuple):
    """One line as it stands in the file.

    Args:
        data: its bytes without the line feed, or their beginning.
        omitted: how many bytes more it has.
        broken: why the file ends within it, or ``""``.
    """

    data: bytes
    omitted: int = 0
    broken: str = ""


def lines(path: Path, progress: Progress | None = None) -> Iterator[Line]:
    """The lines of a file; how it is packed is told by its first bytes.

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


def head_of(path: Path) -> bytes:
    """The beginning of what a file holds, unpacked: 256 KiB at most.

    Raises:
        OSError: it cannot be opened or read.
    """
    head = next(_chunks(path, None), b"")
    return head if isinstance(head, bytes) else b""


def _chunks(path: Path, progress: Progress | None) -> Iterator[bytes | str]:
    """The bytes; last, if the packing is damaged, what is wrong with it."""
    with path.open("rb") as file:
        magic = file.peek(4)[:4]
        packing = next((name for head, name in _MAGIC.items() if magic.startswith(head)), "")
        read: Callable[[int], bytes]
        if packing == "gzip":
            read = gzip.GzipFile(fileobj=file).read1  # gives what it has before it finds a cut
        elif packing == "zstd":
            import pyarrow as pa

            read = pa.input_stream(file, compression="zstd").read
        else:
            read = file.read
        told = 0
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
                progress(file.tell() - told)
                told = file.tell()
            yield chunk


class _TwiceError(ValueError):
    """An object has a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        raise _TwiceError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return made


_decode = json.JSONDecoder(object_pairs_hook=_object).decode


def edges(line: Line) -> tuple[Breach, ...]:
    """Which of :data:`ENDS` a line has."""
    mark, carriage_return = ENDS
    found = [mark] if line.data.startswith(b"\xef\xbb\xbf") else []
    return (*found, carriage_return) if line.data.endswith(b"\r") else tuple(found)


def parse(line: Line, *, mend: bool = False) -> Any | BadRow:
    r"""The JSON value of a line.

    Args:
        line: the line.
        mend: take off a byte order mark and a carriage return; else they are its breaches, and
            nothing is said of what stands in it.

    >>> parse(Line(b'{"a": 1, "a": 2}')).breaches
    (Breach(key='a', reason='comes twice in one object'),)
    """
    if line.omitted:
        length = len(line.data) + line.omitted
        reason = f"has {length:,} bytes, wanted {MAX_LINE:,} at most"
        return _bad(line.data.decode("utf-8", "replace") + "…", "line", reason)
    try:
        text = line.data.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start} ({error.reason})"
        return _bad(line.data.decode("utf-8", "backslashreplace"), "line", reason)
    if not mend and (found := edges(line)):
        return BadRow(found, text)
    text = text.removeprefix("\ufeff").removesuffix("\r")
    try:
        return _decode(text)
    except _TwiceError as error:
        return _bad(text, str(error), "comes twice in one object")
    except RecursionError:
        return _bad(text, "line", "nested too deeply")
    except ValueError as error:
        reason = f"not JSON: {error}" if text.strip() else "is empty"
        if line.broken:
            reason += f"; {line.broken}"
        return _bad(text, "line", reason)


def _bad(text: str, key: str, reason: str) -> BadRow:
    return BadRow((Breach(key, reason),), text)
