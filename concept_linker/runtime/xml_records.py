"""Large XML files, one record at a time.

A record is an element such as MeSH's ``DescriptorRecord`` or BioC's ``document``. Only the records
of one piece of the file are in memory at once. No DTD and no external entity is ever fetched, and a
file that declares entities is rejected, so that none can expand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from concept_linker.errors import SourceError

__all__ = ["XmlRecord", "read_records"]

_STEP = 1 << 20  # bytes parsed between two checks of the record's length


class XmlRecord(NamedTuple):
    """One record.

    Args:
        element: the record with everything in it.
        line: the line it begins on, counted from 1.
        lines: the line of each element inside it with a tag in ``line_tags``.
    """

    element: Element
    line: int
    lines: dict[Element, int]


def read_records(
    pieces: Iterable[bytes],
    path: Path,
    tags: Collection[str],
    *,
    longest: int,
    line_tags: Collection[str] = (),
) -> Iterator[XmlRecord]:
    """Yields the elements with the given tags, in the order in which they end.

    Args:
        pieces: the file's bytes, cut anywhere.
        path: the file, for error messages.
        tags: the tags of records. A record inside another one is part of the outer one.
        longest: the maximum number of bytes of a record, or of one tag.
        line_tags: tags of elements inside records whose line is recorded.

    Raises:
        SourceError: a record or tag is too long, or the file declares an entity.
        xml.parsers.expat.ExpatError: the file is not XML, or it is cut short. All records that
            end before the error have been yielded.
    """
    builder = _RecordBuilder(path, tags, longest, line_tags)
    try:
        for piece in pieces:
            for first in range(0, len(piece), _STEP):
                builder.feed(piece[first : first + _STEP])
            yield from builder.done
            builder.done.clear()
        builder.parser.Parse(b"", True)
    except expat.ExpatError:
        yield from builder.done
        raise


class _RecordBuilder:
    """Turns the parser's events into one element per record."""

    def __init__(
        self, path: Path, tags: Collection[str], longest: int, line_tags: Collection[str]
    ) -> None:
        self.done: list[XmlRecord] = []
        self._path, self._tags, self._longest, self._line_tags = path, tags, longest, line_tags
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.EntityDeclHandler = self._entity
        self._tree: TreeBuilder | None = None
        self._line = 0
        self._lines: dict[Element, int] = {}
        self._fed = self._begin = 0  # bytes so far, and where the open record or tag begins

    def feed(self, piece: bytes) -> None:
        self.parser.Parse(piece, False)
        self._fed += len(piece)
        if self._tree is None:
            self._begin = self.parser.CurrentByteIndex
        if self._fed - self._begin > self._longest:
            raise SourceError(
                self._path,
                f"more than {self._longest >> 20} MiB without the end of a record or a tag",
                line=self.parser.CurrentLineNumber,
            )

    def _entity(self, name: str, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise SourceError(self._path, f"declares the entity {name}, expected none", line=line)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._tree is None and tag in self._tags:
            self._tree = TreeBuilder()
            self._line = self.parser.CurrentLineNumber
            self._begin = self.parser.CurrentByteIndex
            self._lines = {}
        if self._tree is not None:
            element = self._tree.start(tag, attributes)
            if tag in self._line_tags:
                self._lines[element] = self.parser.CurrentLineNumber

    def _data(self, text: str) -> None:
        if self._tree is not None:
            self._tree.data(text)

    def _end(self, tag: str) -> None:
        if self._tree is not None:
            self._tree.end(tag)
            if tag in self._tags:
                self.done.append(XmlRecord(self._tree.close(), self._line, self._lines))
                self._tree = None
