"""BRAT standoff (https://brat.nlplab.org/standoff.html): a ``.txt`` with an ``.ann`` beside it.

Of an ``.ann`` the text-bound annotations (``T``) are mentions, and their concepts what
normalisations (``N``) refer to; an annotator's note (``#``) that is a CUI counts as one too, as in
QUAERO.  Everything else is passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from concept_linker.errors import SourceError
from concept_linker.evaluation.corpora.checks import (
    BadCorpusError,
    gold_ids,
    gold_mention,
    in_reading_order,
)
from concept_linker.evaluation.gold import GoldDocument, GoldMention
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["read"]

_SPANS = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")


class _Bound(NamedTuple):
    """A text-bound annotation and the line that it is on."""

    line: int
    type: str
    spans: list[tuple[int, int]]
    text: str


def read(path: Path) -> tuple[GoldDocument, ...]:
    """Reads a folder, or the one document of an ``.ann`` file.

    Raises:
        SourceError: a file is missing, a line is no such line, or a mention does not fit its text.
    """
    files = sorted(path.rglob("*.ann")) if path.is_dir() else [path]
    if not files:
        raise SourceError(path, "no .ann file in it, wanted BRAT's .txt and .ann")
    root = path if path.is_dir() else path.parent
    return tuple(_document(file, root) for file in files)


def _document(file: Path, root: Path) -> GoldDocument:
    beside = file.with_suffix(".txt")
    if not beside.is_file():
        raise SourceError(beside, f"no such file, wanted the text of {file.name}")
    try:
        # Offsets count characters of the file, so line ends must stay as they are.
        text = beside.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SourceError(beside, f"not UTF-8: {error.reason}") from error
    bound: dict[str, _Bound] = {}
    concepts: defaultdict[str, list[str]] = defaultdict(list)
    for number, line in lines(file, Quarantine()):
        try:
            if line.startswith("T"):
                name, mention = _bound(number, line)
                bound[name] = mention
            elif line.startswith(("N", "#")):
                target, ids = _concepts(line)
                concepts[target] += ids
        except BadCorpusError as error:
            raise SourceError(file, str(error), line=number) from error
    mentions: list[GoldMention] = []
    for name, one in bound.items():
        try:
            own = dict.fromkeys(concepts[name])
            mentions.append(gold_mention(text, one.spans, own, types=[one.type], surface=one.text))
        except BadCorpusError as error:
            raise SourceError(file, str(error), line=one.line) from error
    name = file.relative_to(root).with_suffix("").as_posix()
    return GoldDocument(name, text, in_reading_order(mentions))


def _bound(number: int, line: str) -> tuple[str, _Bound]:
    cells = line.split("\t")
    place = _SPANS.fullmatch(cells[1].strip()) if len(cells) == 3 else None
    if place is None:
        raise BadCorpusError(f"{line[:60]!r}, wanted name, 'type start end' and text between tabs")
    spans = []
    for part in place[2].split(";"):
        start, end = part.split(" ")
        spans.append((int(start), int(end)))
    return cells[0], _Bound(number, place[1], spans, cells[2])


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
