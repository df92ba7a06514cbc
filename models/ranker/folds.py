"""What the trees learn from: the candidates of mentions that base and priors have not seen."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.corpora.gold import GoldCorpus, GoldDocument
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.detection.detector import GROUPS
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.source import NameKind, SourceInfo, SourceTables
from concept_linker.ranking.candidates import Learned
from concept_linker.ranking.contextual_features import group_numbers
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.first_stage import Pooling, Pools
from concept_linker.ranking.neighbours import beside
from concept_linker.ranking.priors import Priors
from concept_linker.search.normalise import key
from concept_linker.training import lookup_strings, uses

FOLDS = 5
#: Candidates that training keeps for the second stage.
KEPT = 30
#: Sources of the open base whose names come from MedMentions.
LEARNED = ("MEDMENTIONS", "CAPTION")
# Of so many documents one is read as if no mention network were there.
_BLIND = 4


class Examples(NamedTuple):
    """The mentions of some documents.

    Args:
        pools: the candidates of their strings.
        learned: the priors that go with them.
        group_of: the semantic group of each type of the priors.
        texts: for each mention the number of its document.
        strings: for each mention the number of its string.
        meant: for each mention the rows of the right concepts.
        lefts, rights: what stands beside each mention.
        groups: float32 of shape (mentions, groups): what the network says; -1 where it is blind.
    """

    pools: Pools
    learned: Learned
    group_of: NDArray[np.int64]
    texts: NDArray[np.int64]
    strings: NDArray[np.int64]
    meant: list[list[int]]
    lefts: list[str]
    rights: list[str]
    groups: NDArray[np.float32]

    @property
    def right(self) -> Iterator[NDArray[np.bool_]]:
        """For each mention, which candidates of its string are right."""
        ends = np.cumsum(self.pools.sizes)
        begins = ends - self.pools.sizes
        for string, meant in zip(self.strings.tolist(), self.meant, strict=True):
            yield np.isin(self.pools.concepts[begins[string] : ends[string]], meant)


def dealt(
    documents: Sequence[GoldDocument], fold: int
) -> tuple[list[GoldDocument], list[GoldDocument]]:
    """The documents that are known when a fold is asked, and those that are asked."""
    known = [one for i, one in enumerate(documents) if i % FOLDS != fold]
    return known, [one for i, one in enumerate(documents) if i % FOLDS == fold]


def base_sources(
    data: Path, full: GoldCorpus, others: Sequence[GoldDocument], known: GoldCorpus
) -> list[SourceTables]:
    """The closed base of MedMentions with no name that only unknown documents have taught.

    What the open base knows besides stays, also where it has the CUI from MedMentions: three times
    as many new strings have an equal name as in the closed base.  So it is in the bases that are in
    use, and a ranker that learned from the closed one alone mistrusts equal names (see the card).
    """
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
    kb = KnowledgeBase.open("default", quiet=True)
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
    return {key(name.text) for name in names if name.source not in LEARNED}


def subset_types(corpus: GoldCorpus) -> set[str]:
    """The semantic types whose mentions are mostly in the subset ST21pv."""
    balance: Counter[str] = Counter()
    for document in corpus.documents:
        for mention in document.mentions:
            for kind in mention.types:
                balance[kind] += 1 if "st21pv" in mention.flags else -1
    return {kind for kind, more in balance.items() if more > 0}


def examples(
    kb: KnowledgeBase,
    known: Iterable[GoldDocument],
    asked: Iterable[GoldDocument],
    groups: Mapping[str, NDArray[np.float32]],
    encoder: Encoder,
    types: set[str] | None = None,
) -> Examples:
    """The mentions of documents that are not known.

    Args:
        kb: the base.
        known: what the priors are counted in.
        asked: the documents.
        groups: for each document the chances of the groups of its mentions, as a network that has
            not seen it tells them.
        encoder: the vectors of words.
        types: where only mentions of some semantic types are annotated, these; candidates of
            others are left out, for they might be right and would seem wrong.
    """
    ids = ConceptIds(kb)
    priors = Priors.count(uses(known, ids))
    strings: dict[str, int] = {}
    texts, numbers, meant, lefts, rights, chances = [], [], [], [], [], []
    for count, document in enumerate(asked):
        looked_up = zip(
            document.mentions, lookup_strings(document), groups[document.id], strict=True
        )
        for mention, string, row in looked_up:
            if mention.ids:
                texts.append(count)
                numbers.append(strings.setdefault(string, len(strings)))
                rows = map(kb.rows.row_of, ids.of(mention))
                meant.append([row for row in rows if row is not None])
                left, right = beside(document.text, mention.start, mention.end)
                lefts.append(left)
                rights.append(right)
                chances.append(np.full(len(GROUPS), -1.0) if count % _BLIND == 0 else row)
    pooling = Pooling(kb, priors, encoder, most=KEPT)
    pools = pooling.pools(list(strings))
    if types is not None:
        others = [number for number, one in enumerate(priors.type_ids) if one not in types]
        pools = without(pools, np.isin(pools.types, others))
    return Examples(
        pools,
        pooling.learned,
        group_numbers(priors.type_ids, GROUPS),
        np.array(texts),
        np.array(numbers),
        meant,
        lefts,
        rights,
        np.array(chances, np.float32).reshape(-1, len(GROUPS)),
    )


def without(pools: Pools, dropped: NDArray[np.bool_]) -> Pools:
    """Pools less some of their candidates."""
    columns = (column[~dropped] for column in pools[1:-1])
    return Pools._make([remaining(pools.sizes, ~dropped), *columns, pools.words])


def remaining(sizes: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many candidates each mention has left.

    >>> remaining(np.array([2, 0, 3]), np.array([True, False, True, True, False])).tolist()
    [1, 0, 2]
    """
    return np.bincount(np.repeat(np.arange(sizes.size), sizes)[kept], minlength=sizes.size)
