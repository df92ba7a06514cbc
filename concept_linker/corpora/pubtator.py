"""PubTator: titles and abstracts with one mention a line.

https://www.ncbi.nlm.nih.gov/research/bionlp/Tools/pubtator/format.html: title and abstract are
joined by one character, and offsets count over both.  Lines of relations are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from concept_linker.corpora.checks import Bad, BadCorpusError, SetAside, bad_rows
from concept_linker.corpora.fitting import Draft, Piece, gold_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.ids import gold_ids
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.quarantine import Quarantine

__all__ = ["read"]

_PASSAGE = re.compile(r"([^|\s]+)\|([a-zA-Z])\|(.*)", re.DOTALL)


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a file.

    Raises:
        SourceError: a line is no such line, or a mention does not fit its text.
    """
    bad = bad_rows(quarantine, path)
    made = (_document(block, bad) for block in _blocks(path, quarantine))
    return tuple(document for document in made if document is not None)


def _blocks(path: Path, quarantine: Quarantine) -> Iterator[list[tuple[int, str]]]:
    """The lines of each document: those between blank lines, and those of one id."""
    block: list[tuple[int, str]] = []
    own = ""
    for number, line in lines(path, quarantine):
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


def _document(block: list[tuple[int, str]], bad: Bad) -> GoldDocument | None:
    passages: list[str] = []
    drafts: list[Draft] = []
    id = ""
    for number, line in block:
        with SetAside(bad, number, line):
            if passage := _PASSAGE.fullmatch(line):
                if drafts:
                    raise BadCorpusError("a passage after mentions, wanted all passages first")
                id = passage[1]
                passages.append(passage[3])
            elif not passages:
                raise BadCorpusError(f"no title before {line[:40]!r}")
            elif (draft := _draft(line)) is not None:
                drafts.append(draft._replace(line=number, row=line))
    return gold_document(id, [Piece(" ".join(passages))], drafts, bad) if passages else None


def _draft(line: str) -> Draft | None:
    """The mention of a line, or ``None`` for a relation (``id``, its name, two concepts)."""
    cells = line.split("\t")
    if len(cells) >= 4 and not cells[1].strip().isdigit() and cells[1].strip().isidentifier():
        return None
    if len(cells) < 5:
        raise BadCorpusError(
            f"{len(cells)} columns, wanted id, start, end, text, type and concept between tabs"
        )
    try:
        span = int(cells[1]), int(cells[2])
    except ValueError:
        raise BadCorpusError(f"start {cells[1]!r}, end {cells[2]!r}: wanted numbers") from None
    types = [type.strip() for type in cells[4].split(",") if type.strip()]
    ids = gold_ids(cells[5]) if len(cells) > 5 else ()
    return Draft([span], ids, types, surface=cells[3])
