"""BRAT standoff (https://brat.nlplab.org/standoff.html): a ``.txt`` file and its ``.ann`` file.

The text-bound annotations (``T``) are the mentions; normalisations (``N``) give their concepts. An
annotator's note (``#``) that is a CUI also counts as a concept, as in QUAERO. All other annotations
are ignored.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from concept_linker.corpora.bad_rows import BadRowError, RowGuard, make_reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.id_parsing import parse_ids
from concept_linker.corpora.offsets import RawMention, TextPart, build_document
from concept_linker.corpora.sniffing import Head
from concept_linker.errors import SourceError
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.quarantine import Quarantine

__all__ = ["detect", "read"]

_SPANS = re.compile(r"(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)")


def detect(head: Head) -> bool:
    """Whether a file is in this format, or a folder has such a file."""
    return head.path.suffix == ".ann" or (head.path.is_dir() and any(head.path.rglob("*.ann")))


def read(path: Path, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    """Reads a folder, or the one document of an ``.ann`` file.

    Raises:
        SourceError: a file is missing, a line is not in the format, or a mention does not fit its
            text.
    """
    files = sorted(path.rglob("*.ann")) if path.is_dir() else [path]
    if not files:
        raise SourceError(path, "no .ann file in the folder, expected BRAT's .txt and .ann files")
    root = path if path.is_dir() else path.parent
    made = (_build(file, root, quarantine) for file in files)
    return tuple(document for document in made if document is not None)


def _build(file: Path, root: Path, quarantine: Quarantine) -> GoldDocument | None:
    text_file = file.with_suffix(".txt")
    if not text_file.is_file():
        quarantine.bad(text_file, None, f"no such file, expected the text of {file.name}")
        return None
    try:
        # Offsets count characters of the file, so line ends must stay as they are.
        text = text_file.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        quarantine.bad(text_file, None, f"not UTF-8: {error.reason}")
        return None
    reject = make_reject(quarantine, file)
    mentions: dict[str, RawMention] = {}
    concepts: defaultdict[str, list[str]] = defaultdict(list)
    for number, line in lines(file, quarantine):
        with RowGuard(reject, number, line):
            if line.startswith("T"):
                name, mention = _text_bound(line)
                mentions[name] = mention._replace(line=number, row=line)
            elif line.startswith(("N", "#")):
                target, ids = _concepts(line)
                concepts[target] += ids
    with_ids = [mention._replace(ids=concepts[name]) for name, mention in mentions.items()]
    name = file.relative_to(root).with_suffix("").as_posix()
    return build_document(name, [TextPart(text)], with_ids, reject)


def _text_bound(line: str) -> tuple[str, RawMention]:
    """Returns the name of a text-bound annotation, and its mention."""
    cells = line.split("\t")
    place = _SPANS.fullmatch(cells[1].strip()) if len(cells) == 3 else None
    if place is None:
        raise BadRowError(
            f"line is {line[:60]!r}, expected name, 'type start end' and text, tab-separated"
        )
    spans = []
    for part in place[2].split(";"):
        start, end = part.split(" ")
        spans.append((int(start), int(end)))
    return cells[0], RawMention(spans, (), [place[1]], surface=cells[2])


def _concepts(line: str) -> tuple[str, list[str]]:
    """Returns the target of a normalisation or note, and the concepts it gives the target."""
    cells = line.split("\t")
    words = cells[1].split(" ") if len(cells) > 1 else []
    if line.startswith("N"):
        if len(words) != 3:
            raise BadRowError(f"line is {line[:60]!r}, expected 'Reference target id' between tabs")
        return words[1], list(parse_ids(words[2]))
    note = cells[2].strip() if len(cells) > 2 else ""
    return words[1] if len(words) > 1 else "", [id for id in parse_ids(note) if is_cui(id)]
