"""PubTator: titles and abstracts with one mention a line.

Format: https://www.ncbi.nlm.nih.gov/research/bionlp/Tools/pubtator/format.html. Title and abstract
are joined by one character, and offsets count over both. Lines of relations are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from concept_linker.corpora.bad_rows import BadRowError, Reject, RowGuard, make_reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.id_parsing import parse_ids
from concept_linker.corpora.offsets import RawMention, TextPart, build_document
from concept_linker.corpora.sniffing import Head
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.quarantine import Quarantine

__all__ = ["detect", "read"]

_PASSAGE = re.compile(r"([^|\s]+)\|([a-zA-Z])\|(.*)", re.DOTALL)
# No id begins as a line of JSON does.
_PASSAGE_LINE = re.compile(r"^(?![{\[\"])[^|\s]+\|[a-z]\|", re.IGNORECASE | re.MULTILINE)


def detect(head: Head) -> bool:
    """Whether a file is in this format."""
    return _PASSAGE_LINE.search(head.text) is not None


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a plain or gzip file.

    Raises:
        SourceError: a line is not in the format, or a mention does not fit its text.
    """
    reject = make_reject(quarantine, path)
    made = (_build(block, reject) for block in _blocks(path, quarantine))
    return tuple(document for document in made if document is not None)


def _blocks(path: Path, quarantine: Quarantine) -> Iterator[list[tuple[int, str]]]:
    """Yields the numbered lines of each document: consecutive lines with one id."""
    block: list[tuple[int, str]] = []
    block_id = ""
    for number, line in lines(path, quarantine):
        if not line.strip():
            continue
        id = re.split(r"[|\t]", line, maxsplit=1)[0]
        if block and id != block_id:
            yield block
            block = []
        block_id = id
        block.append((number, line))
    if block:
        yield block


def _build(block: list[tuple[int, str]], reject: Reject) -> GoldDocument | None:
    passages: list[str] = []
    mentions: list[RawMention] = []
    id = ""
    for number, line in block:
        with RowGuard(reject, number, line):
            if passage := _PASSAGE.fullmatch(line):
                if mentions:
                    raise BadRowError("passage after a mention, expected all passages first")
                id = passage[1]
                passages.append(passage[3])
            elif not passages:
                raise BadRowError(f"line {line[:40]!r} has no title before it, expected 'id|t|…'")
            elif (mention := _raw_mention(line)) is not None:
                mentions.append(mention._replace(line=number, row=line))
    return (
        build_document(id, [TextPart(" ".join(passages))], mentions, reject) if passages else None
    )


def _raw_mention(line: str) -> RawMention | None:
    """Returns the mention of a line, or ``None`` for a relation (``id``, name, two concepts)."""
    cells = line.split("\t")
    if len(cells) >= 4 and not cells[1].strip().isdigit() and cells[1].strip().isidentifier():
        return None
    if len(cells) < 5:
        raise BadRowError(
            f"{len(cells)} columns, expected id, start, end, text, type and concept, tab-separated"
        )
    try:
        span = int(cells[1]), int(cells[2])
    except ValueError:
        raise BadRowError(f"start {cells[1]!r}, end {cells[2]!r}: expected integers") from None
    types = [type.strip() for type in cells[4].split(",") if type.strip()]
    ids = parse_ids(cells[5]) if len(cells) > 5 else ()
    return RawMention([span], ids, types, surface=cells[3])
