"""Teaching a base from gold annotations: the names they use, and how often each means what.

What comes out is a knowledge base like any other, with a folder ``priors`` in it, which the linker
takes in place of the priors that come with the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from concept_linker.corpora.concept_ids import ConceptIds
from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.detection.abbreviations import Definition, expand, find_abbreviations
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.neighbours import neighbours
from concept_linker.ranking.priors import PRIORS, Priors, Use
from concept_linker.runtime.progress import Progress, silent

__all__ = ["string_of", "train", "uses"]


def string_of(
    document: GoldDocument, mention: GoldMention, definitions: tuple[Definition, ...]
) -> str:
    """What a gold mention is looked up by: its words, short forms written out."""
    if len(mention.spans) > 1 or not definitions:
        return document.surface(mention)
    long = expand(document.text, mention.start, mention.end, definitions)
    return document.surface(mention) if long is None else long


def uses(documents: Iterable[GoldDocument], ids: ConceptIds) -> Iterator[Use]:
    """Every gold mention as the priors count it: by its words, and by what they stand for."""
    for document in documents:
        definitions = find_abbreviations(document.text)
        for mention in document.mentions:
            left, right = neighbours(document.text, mention.start, mention.end)
            strings = (document.surface(mention), string_of(document, mention, definitions))
            meant = next((one for one in mention.types if re.fullmatch(r"T\d{3}", one)), "")
            for concept_id in mention.ids:
                own = ids.resolve(concept_id)
                type_id = meant or ids.type_of(own)
                for string in dict.fromkeys(strings):
                    yield Use(document.id, string, own, type_id, left, right)


def train(
    kb: KnowledgeBase,
    corpus: GoldCorpus,
    folder: Path,
    *,
    replace: bool = False,
    progress: Progress = silent,
) -> None:
    """Writes a base that knows what a corpus says, in addition to what it knew.

    Args:
        kb: the base to go on from; it is not changed.
        corpus: the gold annotations.
        folder: where the new base shall be.
        replace: whether a base that is there may be replaced.
        progress: told what is being done.

    Raises:
        InputError: the corpus has no mention with an id.
        KnowledgeBaseError: the place is taken or cannot be written.
    """
    from concept_linker.knowledge_base.build import build_knowledge_base
    from concept_linker.knowledge_base.export import tables_of
    from concept_linker.knowledge_base.source import SourceInfo, SourceTables

    ids = ConceptIds(kb)
    seen = list(uses(corpus.documents, ids))
    if not seen:
        raise InputError(f"{corpus.name}: no mention has an id, wanted a corpus with concepts")
    names = sorted({(use.concept_id, use.string) for use in seen})
    rows = ((concept_id, name, NameKind.SYNONYM, "TRAIN") for concept_id, name in names)
    taught = SourceTables.from_rows(SourceInfo("gold", corpus.name), names=rows)
    priors = Priors.count(seen)
    build_knowledge_base(
        [tables_of(kb), taught],
        folder,
        options={"taught": corpus.name},
        replace=replace,
        more=lambda beside: priors.save(beside / PRIORS),
        progress=progress,
    )
