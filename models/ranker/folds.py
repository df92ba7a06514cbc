"""What the trees learn from: the candidates of mentions that base and priors have not seen."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.candidates.normalise import key
from concept_linker.errors import InputError
from concept_linker.evaluation.concept_ids import ConceptIds
from concept_linker.evaluation.gold import GoldCorpus, GoldDocument
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.source import NameKind, SourceInfo, SourceTables
from concept_linker.mentions.abbreviations import find_abbreviations
from concept_linker.ranking.pool import Pooling
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.ranker import ALL_FEATURES, with_surroundings
from concept_linker.ranking.surroundings import beside
from concept_linker.teaching import string_of, uses

FOLDS = 5
#: The nearest names that training looks at.
NEAREST = 30
# Sources of the open base whose names come from MedMentions.
_LEARNED = ("MEDMENTIONS", "CAPTION")


class Examples(NamedTuple):
    """Candidates of many mentions, one mention after the other.

    Args:
        features: float32 of shape (candidates, ``ALL_FEATURES``).
        right: bool, one a candidate.
        sizes: how many candidates each mention has.
    """

    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    sizes: NDArray[np.int64]


def base_sources(
    data: Path, full: GoldCorpus, others: Sequence[GoldDocument], known: GoldCorpus
) -> list[SourceTables]:
    """The closed base of MedMentions with no name that only unknown documents have taught."""
    every = GoldCorpus("all", (*full.documents, *others))
    taught = {(key(use.string), use.concept_id) for use in uses(every.documents, ConceptIds())}
    rows = _ontology_names(data / "vocab/medmentions_kb.jsonl.gz", taught)
    learned = {(use.concept_id, use.string) for use in uses(known.documents, ConceptIds())}
    names = ((*pair, NameKind.SYNONYM, "TRAIN") for pair in sorted(learned))
    return [
        SourceTables.from_rows(SourceInfo("jsonl", "medmentions_kb"), names=rows),
        SourceTables.from_rows(SourceInfo("gold", "known"), names=names),
    ]


def _ontology_names(
    path: Path, taught: set[tuple[str, str]]
) -> Iterator[tuple[str, str, int, str]]:
    """The names that MedMentions did not teach, or that an ontology has as well."""
    kb = KnowledgeBase.open("open", quiet=True)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            concept_id = record["concept_id"]
            elsewhere: set[str] | None = None
            kind = NameKind.PREFERRED
            for name in (record["canonical_name"], *record["aliases"]):
                if (key(name), concept_id) in taught:
                    elsewhere = _elsewhere(kb, concept_id) if elsewhere is None else elsewhere
                    if key(name) not in elsewhere:
                        continue
                yield concept_id, name, kind, "KB"
                kind = NameKind.SYNONYM


def _elsewhere(kb: KnowledgeBase, concept_id: str) -> set[str]:
    try:
        names = kb.concept(concept_id).names
    except InputError:
        return set()
    return {key(name.text) for name in names if name.source not in _LEARNED}


def examples(kb: KnowledgeBase, known: GoldCorpus, asked: Iterable[GoldDocument]) -> Examples:
    """The candidates of the mentions of documents that are not known."""
    ids = ConceptIds(kb)
    priors = Priors.count(uses(known.documents, ids))
    queries = []
    for document in asked:
        definitions = find_abbreviations(document.text)
        for mention in document.mentions:
            if mention.ids:
                string = string_of(document, mention, definitions)
                sides = beside(document.text, mention.start, mention.end)
                queries.append((string, sides, ids.of(mention)))
    strings = list(dict.fromkeys(string for string, _, _ in queries))
    pools = dict(zip(strings, Pooling(kb, priors, nearest=NEAREST).pools(strings), strict=True))
    features = [np.zeros((0, len(ALL_FEATURES)), np.float32)]
    right: list[bool] = []
    sizes = []
    for string, sides, wanted in queries:
        pool = pools[string]
        features.append(with_surroundings(kb, priors, pool, *sides))
        right.extend(kb.concept_id(match) in wanted for match in pool.matches)
        sizes.append(len(pool.matches))
    return Examples(np.concatenate(features), np.array(right, np.bool_), np.array(sizes))
