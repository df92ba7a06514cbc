"""Trains a knowledge base on a gold corpus: its names, and how often each means which concept.

The result is a knowledge base like any other, with a folder ``priors`` in it. The linker uses those
priors instead of the ones in the package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path

from concept_linker.corpora import read_corpus
from concept_linker.corpora.gold import GoldCorpus, GoldDocument
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.detection.abbreviations import expander, find_abbreviations
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.neighbours import neighbours
from concept_linker.ranking.priors import PRIORS, Priors, Use
from concept_linker.runtime.progress import Progress, silent

__all__ = ["lookup_strings", "train", "uses"]


def lookup_strings(document: GoldDocument) -> list[str]:
    """Returns the string each gold mention is looked up by: its words, short forms expanded."""
    expand = expander(document.text, find_abbreviations(document.text))
    strings = []
    for mention in document.mentions:
        expanded = None if len(mention.spans) > 1 else expand(mention.start, mention.end)
        strings.append(document.surface(mention) if expanded is None else expanded)
    return strings


def uses(documents: Iterable[GoldDocument], ids: ConceptIds) -> Iterator[Use]:
    """Yields each use of a concept in gold mentions, with and without short forms expanded."""
    for document in documents:
        strings = lookup_strings(document)
        for mention, string in zip(document.mentions, strings, strict=True):
            left, right = neighbours(document.text, mention.start, mention.end)
            tui = next((type for type in mention.types if re.fullmatch(r"T\d{3}", type)), "")
            for concept_id in map(ids.resolve, mention.ids):
                type_id = tui or ids.type_of(concept_id)
                for form in dict.fromkeys((document.surface(mention), string)):
                    yield Use(document.id, form, concept_id, type_id, left, right)


def train(
    corpus: GoldCorpus | str | PathLike[str],
    folder: str | PathLike[str],
    *,
    kb: KnowledgeBase | str | PathLike[str] = "default",
    replace: bool = False,
    progress: Progress = silent,
) -> KnowledgeBase:
    """Trains a knowledge base on a gold corpus.

    The new knowledge base has everything the given one has, the names that the corpus uses, and
    priors: how often each name means which concept.

    Args:
        corpus: the gold annotations, or their path (:func:`~concept_linker.corpora.read_corpus`).
        folder: the folder of the new knowledge base.
        kb: the knowledge base to start from; it is not changed.
        replace: whether an existing knowledge base in ``folder`` is replaced.
        progress: called with each step and the share done.

    Returns:
        The new knowledge base.

    Raises:
        InputError: no mention of the corpus has an id.
        KnowledgeBaseError: ``kb`` cannot be opened; or ``folder`` exists or cannot be written.
        SourceError: the corpus cannot be read.
    """
    from concept_linker.knowledge_base.build import build_knowledge_base
    from concept_linker.knowledge_base.export import tables_of
    from concept_linker.knowledge_base.source import SourceInfo, SourceTables

    if not isinstance(corpus, GoldCorpus):
        corpus = read_corpus(corpus)
    if not isinstance(kb, KnowledgeBase):
        kb = KnowledgeBase.open(kb, quiet=True)
    counted = list(uses(corpus.documents, ConceptIds(kb)))
    if not counted:
        raise InputError(f"{corpus.name}: no mention has an id, expected a corpus with concepts")
    names = sorted({(use.concept_id, use.string) for use in counted})
    rows = ((concept_id, name, NameKind.SYNONYM, "TRAIN") for concept_id, name in names)
    corpus_tables = SourceTables.from_rows(SourceInfo("gold", corpus.name), names=rows)
    priors = Priors.count(counted)
    folder = Path(folder)
    build_knowledge_base(
        [tables_of(kb), corpus_tables],
        folder,
        options={"taught": corpus.name},
        replace=replace,
        more=lambda unfinished: priors.save(unfinished / PRIORS),
        progress=progress,
    )
    return KnowledgeBase.open(folder)
