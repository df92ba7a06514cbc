"""Recognises the format of a file by its first lines, and the separator of a table.

What cannot be read is named in the error, with the command that converts it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from concept_linker.errors import SourceError
from concept_linker.triplets.file_signatures import foreign_format
from concept_linker.triplets.json_lines import Line, read_lines

__all__ = ["TO_UTF8", "Kind", "sniff_kind", "sniff_separator"]

#: The supported formats of input files.
Kind = Literal["jsonl", "csv", "tsv", "parquet"]

#: Converts to UTF-8 what Excel saves in Western countries.
TO_UTF8: Final = "iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
#: The number of lines that are looked at.
_HEAD: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_QUOTED: Final = re.compile(r'"[^"]*"')
_EXPECT_LINES: Final = "expected JSON Lines, one object per line; convert it with: jq -c"


def sniff_kind(path: Path, name: str, named: Kind | None) -> Kind:
    """Returns the format of a text file: the one its name says, unless its lines contradict.

    Args:
        path: the file.
        name: its name in messages.
        named: the format that its name says, if any.

    Raises:
        SourceError: the file has an unsupported format, which the message names.
        OSError: the file cannot be read.
    """
    head = list(itertools.islice(read_lines(path), _HEAD))
    data = head[0].data if head else b""
    if problem := foreign_format(data):
        raise SourceError(name, problem)
    if b"\x00" in data:
        raise SourceError(name, "looks like UTF-16 or a binary file, expected text in UTF-8")
    texts = [line.data.removeprefix(_BOM).strip() for line in head]
    texts = [text for text in texts if text]
    objects = [text.startswith(b"{") and _is_json(text) for text in texts]
    if texts and not all(objects):
        _check_not_one_document(texts, objects, head, name)
    if named is None:
        return "csv" if texts and not any(text.startswith(b"{") for text in texts) else "jsonl"
    if named != "jsonl":
        return "jsonl" if texts and objects[0] else named
    looks_like_json = any(text[:1] in (b"{", b"[") for text in texts)
    if not looks_like_json and len(texts) > 1 and (separator := _common_separator(texts)):
        table = f"a table separated by {_SEPARATORS[separator]}"
        raise SourceError(name, f"looks like {table}, not JSON Lines; rename it to end in .csv")
    return named


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _check_not_one_document(
    texts: Sequence[bytes], objects: Sequence[bool], head: Sequence[Line], name: str
) -> None:
    """Raises if the file is one JSON value over many lines, or a list of all rows in one line."""
    first = texts[0]
    if all(objects[1:]) and len(texts) > 1:
        return  # one bad row before good ones
    single_line = len(texts) == 1 and len(head) < _HEAD
    if first.startswith(b"[") and (single_line or not _is_json(first)):
        after = first[1:].lstrip()
        if not after or after.startswith((b"{", b"]")):
            raise SourceError(name, f"looks like one JSON list, {_EXPECT_LINES} '.[]' FILE > NEW")
    if first == b"{":
        advice = f"{_EXPECT_LINES} '.images[]' FILE > NEW"
        raise SourceError(name, f"looks like one JSON object, {advice}")


def _common_separator(texts: Sequence[bytes]) -> str | None:
    """Returns the separator that all lines have equally often."""
    rows = [_without_quoted(text.decode(errors="replace")) for text in texts]
    for separator in ("\t", ";", ",", "|"):
        count = rows[0].count(separator)
        if count and all(row.count(separator) == count for row in rows[1:]):
            return separator
    return None


def sniff_separator(path: Path, name: str, kind: Kind) -> tuple[str, int]:
    """Returns the separator of a table and the number of lines before its header.

    The header decides: the separator is the usual one of the file's kind unless the header has
    another one, or Excel's line ``sep=;`` comes first.

    Raises:
        SourceError: the header is not UTF-8, or rows have a separator that the header lacks.
        OSError: the file cannot be read.
    """
    usual = "\t" if kind == "tsv" else ","
    texts = []
    for line in itertools.islice(read_lines(path), _HEAD):
        texts.append(line.data.removeprefix(_BOM).rstrip(b"\r"))
    before = next((number for number, text in enumerate(texts) if text.strip()), 0)
    texts = texts[before:]
    if not texts:
        return usual, 0
    try:
        header = texts[0].decode()
    except UnicodeDecodeError:
        raise SourceError(
            name, f"is not UTF-8; convert Latin-1 or Windows-1252 with: {TO_UTF8}", line=before + 1
        ) from None
    if len(header) == 5 and header.lower().startswith("sep="):
        return header[4], before + 1
    if "\r" in header:
        raise SourceError(name, "lines end with CR alone; convert it with: tr '\\r' '\\n'")
    unquoted = _without_quoted(header)
    if unquoted.count("\t"):
        return "\t", before
    likeliest = max((usual, *_SEPARATORS), key=unquoted.count)  # the usual one in case of ties
    if unquoted.count(likeliest):
        return likeliest, before
    rows = [_without_quoted(text.decode(errors="replace")) for text in texts[1:] if text]
    for separator in "\t;|":
        counts = {row.count(separator) for row in rows}
        if len(counts) == 1 and counts != {0} and not any(f"{separator} " in row for row in rows):
            raise SourceError(
                name,
                f"the header names one column, {header[:40]!r}, but {_SEPARATORS[separator]} "
                f"separate {counts.pop() + 1} in each row; expected a header that names them all",
            )
    return usual, before


def _without_quoted(text: str) -> str:
    """Returns a line without its quoted parts."""
    return _QUOTED.sub("", text)
