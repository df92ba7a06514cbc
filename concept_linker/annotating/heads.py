"""What a file is, told by its beginning; what cannot be read is named, with what to do."""

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

__all__ = ["TO_UTF8", "Kind", "kind_of_head", "separator_of"]

#: How rows stand in a file.
Kind = Literal["jsonl", "csv", "tsv", "parquet"]

#: What makes UTF-8 of what Excel saves in Western countries.
TO_UTF8: Final = "iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
_LOOKED_AT: Final = 10
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_QUOTED: Final = re.compile(r'"[^"]*"')
_ONE_A_LINE: Final = "wanted JSON Lines, an object a line; convert it with: jq -c"


def kind_of_head(path: Path, name: str, named: Kind | None) -> Kind:
    """How rows stand in a file of lines: as its name says, unless its first lines say otherwise.

    Args:
        path: the file.
        name: what messages call it.
        named: what its name says, if anything.

    Raises:
        SourceError: it is something else, which is named.
        OSError: it cannot be read.
    """
    head = list(itertools.islice(read_lines(path), _LOOKED_AT))
    data = head[0].data if head else b""
    if told := foreign_format(data):
        raise SourceError(name, told)
    if b"\x00" in data:
        raise SourceError(name, "looks like UTF-16 or no text, wanted text in UTF-8")
    texts = [line.data.removeprefix(_BOM).strip() for line in head]
    texts = [text for text in texts if text]
    objects = [text.startswith(b"{") and _is_json(text) for text in texts]
    if texts and not all(objects):
        _refuse_document(texts, objects, head, name)
    if named is None:
        return "csv" if texts and not any(text.startswith(b"{") for text in texts) else "jsonl"
    if named != "jsonl":
        return "jsonl" if texts and objects[0] else named
    starts = any(text[:1] in (b"{", b"[") for text in texts)
    if not starts and len(texts) > 1 and (separator := _common_separator(texts)):
        what = f"a table separated by {_SEPARATORS[separator]}"
        raise SourceError(name, f"looks like {what}, not JSON Lines; let its name end in .csv")
    return named


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_document(
    texts: Sequence[bytes], objects: Sequence[bool], head: Sequence[Line], name: str
) -> None:
    """One JSON value over many lines, or a list of all rows in one."""
    first = texts[0]
    if all(objects[1:]) and len(texts) > 1:
        return  # one bad row before good ones
    alone = len(texts) == 1 and len(head) < _LOOKED_AT
    if first.startswith(b"[") and (alone or not _is_json(first)):
        after = first[1:].lstrip()
        if not after or after.startswith((b"{", b"]")):
            raise SourceError(name, f"looks like one JSON list, {_ONE_A_LINE} '.[]' FILE > NEW")
    if first == b"{":
        raise SourceError(name, f"looks like one JSON object, {_ONE_A_LINE} '.images[]' FILE > NEW")


def _common_separator(texts: Sequence[bytes]) -> str | None:
    """What the first line and those after it have in common, as often."""
    rows = [_bare(text.decode(errors="replace")) for text in texts]
    for separator in ("\t", ";", ",", "|"):
        count = rows[0].count(separator)
        if count and all(row.count(separator) == count for row in rows[1:]):
            return separator
    return None


def separator_of(path: Path, name: str, kind: Kind) -> tuple[str, int]:
    """What separates the columns of a table, and how many lines come before its header.

    The header tells: a comma or tab by the file's name, unless another one stands there instead, or
    the line ``sep=;`` of Excel comes first.

    Raises:
        SourceError: the header is not UTF-8, or the rows are separated by what it has not.
        OSError: the file cannot be read.
    """
    usual = "\t" if kind == "tsv" else ","
    texts = []
    for line in itertools.islice(read_lines(path), _LOOKED_AT):
        texts.append(line.data.removeprefix(_BOM).rstrip(b"\r"))
    before = next((number for number, text in enumerate(texts) if text.strip()), 0)
    texts = texts[before:]
    if not texts:
        return usual, 0
    try:
        header = texts[0].decode()
    except UnicodeDecodeError:
        raise SourceError(
            name, f"is not UTF-8; if it is Latin-1 or Windows-1252: {TO_UTF8}", line=before + 1
        ) from None
    if len(header) == 5 and header.lower().startswith("sep="):
        return header[4], before + 1
    if "\r" in header:
        raise SourceError(name, "its lines end with CR alone; convert it with: tr '\\r' '\\n'")
    bare = _bare(header)
    if bare.count("\t"):
        return "\t", before
    likeliest = max((usual, *_SEPARATORS), key=bare.count)  # the usual one where several are
    if bare.count(likeliest):
        return likeliest, before
    rows = [_bare(text.decode(errors="replace")) for text in texts[1:] if text]
    for separator in "\t;|":
        counts = {row.count(separator) for row in rows}
        if len(counts) == 1 and counts != {0} and not any(f"{separator} " in row for row in rows):
            raise SourceError(
                name,
                f"its first line names one column, {header[:40]!r}, but {_SEPARATORS[separator]} "
                f"separate {counts.pop() + 1} in each row; wanted a first line that names them all",
            )
    return usual, before


def _bare(text: str) -> str:
    """A line without what stands in quotes."""
    return _QUOTED.sub("", text)
