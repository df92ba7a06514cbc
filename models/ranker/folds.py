"""What the trees learn from: the candidates of mentions that base and priors have not seen."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.evaluation.concept_ids import ConceptIds
from concept_linker.evaluation.gold import GoldDocument
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.source import NameKind, SourceInfo, SourceTables
from concept_linker.mentions.abbreviations import find_abbreviations
from concept_linker.mentions.detector import GROUPS
from concept_linker.ranking.context import group_numbers
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.gathering import Learned
from concept_linker.ranking.pool import Pooling, Pools
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.surroundings import beside
from concept_linker.teaching import string_of, uses

FOLDS = 5
#: Candidates that training keeps for the second stage.
KEPT = 30
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


def base_sources(data: Path, known: Iterable[GoldDocument]) -> list[SourceTables]:
    """The closed base of MedMentions as it is where only some documents have taught names.

    The whole is the names of ``open_kb_cui`` and those of all documents of TRAIN.
    """
    names = _vocabulary(data / "vocab/open_kb_cui.tsv.gz")
    learned = {(use.concept_id, use.string) for use in uses(known, ConceptIds())}
    taught = ((*pair, NameKind.SYNONYM, "TRAIN") for pair in sorted(learned))
    return [
        SourceTables.from_rows(SourceInfo("tsv", "open_kb_cui"), names=names),
        SourceTables.from_rows(SourceInfo("gold", "known"), names=taught),
    ]


def _vocabulary(path: Path) -> Iterator[tuple[str, str, int, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            kind = NameKind.PREFERRED if row["is_preferred"] == "1" else NameKind.SYNONYM
            yield row["cui_or_curie"], row["name"], kind, "KB"


def examples(
    kb: KnowledgeBase,
    known: Iterable[GoldDocument],
    asked: Iterable[GoldDocument],
    groups: Mapping[str, NDArray[np.float32]],
    encoder: Encoder,
) -> Examples:
    """The mentions of documents that are not known.

    Args:
        kb: the base.
        known: what the priors are counted in.
        asked: the documents.
        groups: for each document the chances of the groups of its mentions, as a network that has
            not seen it tells them.
        encoder: the vectors of words.
    """
    ids = ConceptIds(kb)
    priors = Priors.count(uses(known, ids))
    strings: dict[str, int] = {}
    texts, numbers, meant, lefts, rights, chances = [], [], [], [], [], []
    for count, document in enumerate(asked):
        definitions = find_abbreviations(document.text)
        for mention, row in zip(document.mentions, groups[document.id], strict=True):
            if mention.ids:
                string = string_of(document, mention, definitions)
                texts.append(count)
                numbers.append(strings.setdefault(string, len(strings)))
                rows = map(kb.row_of, ids.of(mention))
                meant.append([row for row in rows if row is not None])
                left, right = beside(document.text, mention.start, mention.end)
                lefts.append(left)
                rights.append(right)
                chances.append(np.full(len(GROUPS), -1.0) if count % _BLIND == 0 else row)
    pooling = Pooling(kb, priors, encoder, most=KEPT)
    pools = pooling.pools(list(strings))
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
