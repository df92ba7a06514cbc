"""Training examples: the candidates of mentions that are unknown to base and priors."""

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
from concept_linker.ranking.arrays import PriorArrays
from concept_linker.ranking.candidates import Candidates
from concept_linker.ranking.contextual_features import group_numbers
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.first_stage import DescribedStrings, StringDescriber
from concept_linker.ranking.neighbours import neighbours
from concept_linker.ranking.priors import Priors
from concept_linker.search.normalise import key
from concept_linker.training import lookup_strings, uses

FOLDS = 5
#: How many candidates the first stage keeps in training.
LIMIT = 30
#: Sources of the open base whose names come from MedMentions.
LEARNED = ("MEDMENTIONS", "CAPTION")
# One in this many documents is read without a mention network.
_BLIND = 4


class Examples(NamedTuple):
    """The mentions of some documents.

    Args:
        described: their strings with candidates and features.
        priors: the arrays of the priors.
        group_of: the semantic group of each type in the priors.
        texts: for each mention the number of its document.
        strings: for each mention the number of its string.
        meant: for each mention the rows of the right concepts.
        lefts, rights: the neighbours of each mention.
        groups: the network's probabilities, float32 of shape (mentions, groups); -1 if unknown.
    """

    described: DescribedStrings
    priors: PriorArrays
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
        candidates = self.described.candidates
        ends = np.cumsum(candidates.sizes)
        begins = ends - candidates.sizes
        for string, meant in zip(self.strings.tolist(), self.meant, strict=True):
            yield np.isin(candidates.concepts[begins[string] : ends[string]], meant)


def split(
    documents: Sequence[GoldDocument], fold: int
) -> tuple[list[GoldDocument], list[GoldDocument]]:
    """Returns the documents outside a fold, and those in it."""
    known = [one for i, one in enumerate(documents) if i % FOLDS != fold]
    return known, [one for i, one in enumerate(documents) if i % FOLDS == fold]


def base_sources(
    data: Path, full: GoldCorpus, others: Sequence[GoldDocument], known: GoldCorpus
) -> list[SourceTables]:
    """Returns the closed base of MedMentions without names from unknown documents only.

    Names that the open base has from elsewhere stay, also where the CUI is from MedMentions: three
    times as many new strings have an equal name as in the closed base.  Bases in use are like that,
    and a ranker trained on the closed base alone mistrusts equal names (see the card).
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
    """Yields the names that are not from MedMentions, or that an ontology has as well."""
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
    """Returns the semantic types that have most of their mentions in the subset ST21pv."""
    balance: Counter[str] = Counter()
    for document in corpus.documents:
        for mention in document.mentions:
            for kind in mention.types:
                balance[kind] += 1 if "st21pv" in mention.flags else -1
    return {kind for kind, more in balance.items() if more > 0}


def examples(
    kb: KnowledgeBase,
    known: Iterable[GoldDocument],
    unknown: Iterable[GoldDocument],
    groups: Mapping[str, NDArray[np.float32]],
    encoder: Encoder,
    types: set[str] | None = None,
) -> Examples:
    """Returns the mentions of unknown documents.

    Args:
        kb: the knowledge base.
        known: the documents that the priors are counted in.
        unknown: the documents of the examples.
        groups: for each document the probabilities of its mentions' groups, by a network trained
            without it.
        encoder: the vectors of words.
        types: the annotated semantic types, if not all are; candidates of other types are left
            out, since they may be right.
    """
    ids = ConceptIds(kb)
    priors = Priors.count(uses(known, ids))
    strings: dict[str, int] = {}
    texts, numbers, meant, lefts, rights, chances = [], [], [], [], [], []
    for count, document in enumerate(unknown):
        strings_of = lookup_strings(document)
        of_mentions = zip(document.mentions, strings_of, groups[document.id], strict=True)
        for mention, string, row in of_mentions:
            if mention.ids:
                texts.append(count)
                numbers.append(strings.setdefault(string, len(strings)))
                rows = map(kb.rows.row_of, ids.of(mention))
                meant.append([row for row in rows if row is not None])
                left, right = neighbours(document.text, mention.start, mention.end)
                lefts.append(left)
                rights.append(right)
                chances.append(np.full(len(GROUPS), -1.0) if count % _BLIND == 0 else row)
    describer = StringDescriber(kb, priors, encoder, k=LIMIT)
    described = describer.describe(list(strings))
    if types is not None:
        others = [number for number, one in enumerate(priors.type_ids) if one not in types]
        described = without(described, np.isin(described.types, others))
    return Examples(
        described,
        describer.priors,
        group_numbers(priors.type_ids, GROUPS),
        np.array(texts),
        np.array(numbers),
        meant,
        lefts,
        rights,
        np.array(chances, np.float32).reshape(-1, len(GROUPS)),
    )


def without(described: DescribedStrings, dropped: NDArray[np.bool_]) -> DescribedStrings:
    """Returns the strings without some of their candidates."""
    kept = ~dropped
    sizes, specific, *columns = described.candidates
    candidates = Candidates._make(
        [remaining(sizes, kept), specific, *(values[kept] for values in columns)]
    )
    types, features = described.types[kept], described.features[kept]
    return DescribedStrings(candidates, types, features, described.words)


def remaining(sizes: NDArray[np.int64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Returns how many candidates each mention has left.

    >>> remaining(np.array([2, 0, 3]), np.array([True, False, True, True, False])).tolist()
    [1, 0, 2]
    """
    return np.bincount(np.repeat(np.arange(sizes.size), sizes)[kept], minlength=sizes.size)
