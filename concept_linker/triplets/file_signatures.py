"""Recognises, by its first bytes, a file that is not JSON Lines, and says how to convert it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["foreign_format", "not_json_lines"]

_UNPACK: Final = "unpack it, or compress it with gzip or zstd"
_WRITE: Final = "write it as Parquet or JSON Lines"
_SAVE: Final = "save it as JSON Lines or CSV in UTF-8"
_TWICE: Final = "a file that is compressed twice"
_PICKLE: Final = "a pickle, which is never opened"
#: First bytes, the format that they belong to, and what to do.
_MAGIC: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack or save it as text"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", _SAVE),
    (b"BZh", "bzip2", _UNPACK),
    (b"\xfd7zXZ", "xz", _UNPACK),
    (b"7z\xbc\xaf", "a 7-Zip archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x1f\x8b", _TWICE, "unpack it once"),
    (b"\x28\xb5\x2f\xfd", _TWICE, "unpack it once"),
    (b"PAR1", "a compressed Parquet file", "unpack it"),
    (b"ARROW1", "an Arrow file", _WRITE),
    (b"ORC", "an ORC file", _WRITE),
    (b"SQLite format 3", "an SQLite database", _WRITE),
    (b"\x89HDF", "an HDF5 file", _WRITE),
    (b"\x93NUMPY", "a NumPy array", _WRITE),
    (b"\x80\x03", _PICKLE, _WRITE),
    (b"\x80\x04", _PICKLE, _WRITE),
    (b"\x80\x05", _PICKLE, _WRITE),
    (b"%PDF", "a PDF", _SAVE),
    (b"<", "HTML or XML", _SAVE),
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file with: git lfs pull"),
    (b"\xff\xfe\x00\x00", "UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (b"\x00\x00\xfe\xff", "UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (b"\xff\xfe", "UTF-16", "convert it with: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
    (b"\xfe\xff", "UTF-16", "convert it with: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
)
_TAR: Final = slice(257, 262)
_CONVERT: Final = "expected JSON Lines, one object per line; convert it with: jq -c"
_SEPARATORS: Final = {b",": "commas", b";": "semicolons", b"\t": "tabs", b"|": "bars"}
#: Where one line's object ends and the next line's begins; in a list a comma separates them.
_LINES: Final = re.compile(rb"[\]}][^\S\n]*\n[^\S\n]*\{")
#: The header of a table: column names and the separator after the first of them.
_TABLE: Final = re.compile(rb'[\w "-]*([,;\t|])[\w ",;\t|-]*')


def foreign_format(head: bytes) -> str:
    """The format of a file that is not UTF-8 text, and what to do; ``""`` if it may be such text.

    Args:
        head: the beginning of its uncompressed content.
    """
    for magic, what, advice in _MAGIC:
        if head.startswith(magic):
            return f"looks like {what}; {advice}"
    if head[_TAR] == b"ustar":
        return f"looks like a tar archive; {_UNPACK}"
    if head[1:2] == b"\0":
        return "looks like UTF-16; convert it with: iconv -f UTF-16 -t UTF-8 FILE > NEW"
    return ""


def not_json_lines(head: bytes) -> str:
    """The format of a file that is not JSON Lines, and what to do; ``""`` if it may be.

    Args:
        head: the beginning of its uncompressed content; a few lines are enough.

    >>> not_json_lines(b"%PDF-1.7")
    'looks like a PDF; save it as JSON Lines or CSV in UTF-8'
    """
    if advice := foreign_format(head):
        return advice
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    first, _, more = text.partition(b"\n")
    is_list = text[1:].lstrip()[:1] in (b"{", b"]", b"") and _LINES.search(text) is None
    if text.startswith(b"[") and is_list:
        return f"looks like one JSON list, {_CONVERT} '.[]'"
    if first.strip() == b"{" and more.lstrip().startswith(b'"'):
        return f"looks like one JSON object, {_CONVERT} '.'"
    if b"caption" in first and (found := _TABLE.fullmatch(first.rstrip())):
        separators = _SEPARATORS[found[1]]
        return f"looks like a table separated by {separators}; `concept-linker annotate` reads it"
    return ""
