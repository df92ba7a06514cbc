"""PubTator: titles and abstracts with one mention a line.

https://www.ncbi.nlm.nih.gov/research/bionlp/Tools/pubtator/format.html: title and abstract are
joined by one character, and offsets count over both.  Lines of relations are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from concept_linker.errors import SourceError
from concept_linker.evaluation.corpora.checks import (
    BadCorpusError,
    gold_ids,
    gold_mention,
    in_reading_order,
)
from concept_linker.evaluation.gold import GoldDocument, GoldMention
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["read"]

_PASSAGE = re.compile(r"([^|\s]+)\|([a-zA-Z])\|(.*)", re.DOTALL)


def read(path: Path) -> tuple[GoldDocument, ...]:
    """Reads a file.

    Raises:
        SourceError: a line is no such line, or a mention does not fit its text.
    """
    return tuple(_document(path, block) for block in _blocks(path))


def _blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """The lines of each document: those between blank lines, and those of one id."""
    block: list[tuple[int, str]] = []
    own = ""
    for number, line in lines(path, Quarantine()):
        if not line.strip():
            continue
        id = re.split(r"[|\t]", line, maxsplit=1)[0]
        if block and id != own:
            yield block
            block = []
        own = id
        block.append((number, line))
    if block:
        yield block


def _document(path: Path, block: list[tuple[int, str]]) -> GoldDocument:
    passages: list[str] = []
    mentions: list[GoldMention] = []
    id = ""
    for number, line in block:
        try:
            if passage := _PASSAGE.fullmatch(line):
                if mentions:
                    raise BadCorpusError("a passage after mentions, wanted all passages first")
                id = passage[1]
                passages.append(passage[3])
            elif not passages:
                raise BadCorpusError(f"no title before {line[:40]!r}")
            elif (mention := _mention(" ".join(passages), line)) is not None:
                mentions.append(mention)
        except BadCorpusError as error:
            raise SourceError(path, str(error), line=number) from error
    return GoldDocument(id, " ".join(passages), in_reading_order(mentions))


def _mention(text: str, line: str) -> GoldMention | None:
    """The mention of a line, or ``None`` for a relation (``id``, its name, two concepts)."""
    cells = line.split("\t")
    if len(cells) >= 4 and not cells[1].strip().isdigit() and cells[1].strip().isidentifier():
        return None
    if len(cells) < 5:
        raise BadCorpusError(
            f"{len(cells)} columns, wanted id, start, end, text, type and concept between tabs"
        )
    try:
        start, end = int(cells[1]), int(cells[2])
    except ValueError:
        raise BadCorpusError(f"start {cells[1]!r}, end {cells[2]!r}: wanted numbers") from None
    types = [type.strip() for type in cells[4].split(",") if type.strip()]
    ids = gold_ids(cells[5]) if len(cells) > 5 else ()
    return gold_mention(text, [(start, end)], ids, types=types, surface=cells[3])
