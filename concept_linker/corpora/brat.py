"""BRAT standoff (https://brat.nlplab.org/standoff.html): a ``.txt`` with an ``.ann`` beside it.

Of an ``.ann`` the text-bound annotations (``T``) are mentions, and their concepts what
normalisations (``N``) refer to; an annotator's note (``#``) that is a CUI counts as one too, as in
QUAERO.  Everything else is passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from concept_linker.corpora.checks import BadCorpusError, SetAside, bad_rows
from concept_linker.corpora.fitting import Draft, Piece, gold_document
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.ids import gold_ids
from concept_linker.errors import SourceError
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.quarantine import Quarantine

__all__ = ["read"]

_SPANS = re.compile(r"(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)")


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a folder, or the one document of an ``.ann`` file.

    Raises:
        SourceError: a file is missing, a line is no such line, or a mention does not fit its text.
    """
    files = sorted(path.rglob("*.ann")) if path.is_dir() else [path]
    if not files:
        raise SourceError(path, "no .ann file in it, wanted BRAT's .txt and .ann")
    root = path if path.is_dir() else path.parent
    made = (_document(file, root, quarantine) for file in files)
    return tuple(document for document in made if document is not None)


def _document(file: Path, root: Path, quarantine: Quarantine) -> GoldDocument | None:
    beside = file.with_suffix(".txt")
    if not beside.is_file():
        quarantine.bad(beside, None, f"no such file, wanted the text of {file.name}")
        return None
    try:
        # Offsets count characters of the file, so line ends must stay as they are.
        text = beside.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        quarantine.bad(beside, None, f"not UTF-8: {error.reason}")
        return None
    bad = bad_rows(quarantine, file)
    bound: dict[str, Draft] = {}
    concepts: defaultdict[str, list[str]] = defaultdict(list)
    for number, line in lines(file, quarantine):
        with SetAside(bad, number, line):
            if line.startswith("T"):
                name, draft = _bound(line)
                bound[name] = draft._replace(line=number, row=line)
            elif line.startswith(("N", "#")):
                target, ids = _concepts(line)
                concepts[target] += ids
    drafts = [draft._replace(ids=concepts[name]) for name, draft in bound.items()]
    name = file.relative_to(root).with_suffix("").as_posix()
    return gold_document(name, [Piece(text)], drafts, bad)


def _bound(line: str) -> tuple[str, Draft]:
    """The name of a text-bound annotation, and its mention."""
    cells = line.split("\t")
    place = _SPANS.fullmatch(cells[1].strip()) if len(cells) == 3 else None
    if place is None:
        raise BadCorpusError(f"{line[:60]!r}, wanted name, 'type start end' and text between tabs")
    spans = []
    for part in place[2].split(";"):
        start, end = part.split(" ")
        spans.append((int(start), int(end)))
    return cells[0], Draft(spans, (), [place[1]], surface=cells[2])


def _concepts(line: str) -> tuple[str, list[str]]:
    """What a normalisation or note is about, and the concepts that it gives it."""
    cells = line.split("\t")
    words = cells[1].split(" ") if len(cells) > 1 else []
    if line.startswith("N"):
        if len(words) != 3:
            raise BadCorpusError(f"{line[:60]!r}, wanted 'Reference target id' between tabs")
        return words[1], list(gold_ids(words[2]))
    note = cells[2].strip() if len(cells) > 2 else ""
    return words[1] if len(words) > 1 else "", [one for one in gold_ids(note) if is_cui(one)]
