"""Ranks of the right concepts among the candidates, and recall at k.

Candidates with equal scores have no order, so the rank of the right one is a matter of definition,
and published figures differ by it. All four definitions are computed:

- **listed**: the order in which the system returns the candidates;
- **strict**: among equal scores, the right concept is last;
- **sampled**: among equal scores, all orders are equally likely; the expectation is computed;
- **lenient**: among equal scores, the right concept is first.

A composite mention (several ids) is right with any of its concepts, as in the evaluations of BioSyn
and SapBERT, for all corpora. A mention without an id is left out of all denominators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate, Mention
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.corpora.id_resolution import ConceptIds

__all__ = ["TIE_RULES", "Ranks", "TieRule", "hits", "rank", "rank_mentions"]

TieRule = Literal["listed", "strict", "sampled", "lenient"]
TIE_RULES: tuple[TieRule, ...] = ("listed", "strict", "sampled", "lenient")


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of the gold mentions that have an id; one array element per mention.

    Args:
        documents: the index of the mention's document.
        mentions: the index of the mention in the document.
        in_base: whether the knowledge base has any of its concepts.
        listed: the rank of the first right candidate, from 1; 0 if there is none.
        above: the number of candidates with a higher score than the best right one.
        tied_wrong: the number of wrong candidates with the same score.
        tied_right: the number of right candidates with that score, including the best one; 0 if
            there is none.
        document_count: the number of documents in the corpus.
        without_id: the number of mentions without an id, which are left out.
    """

    documents: NDArray[np.int64]
    mentions: NDArray[np.int64]
    in_base: NDArray[np.bool_]
    listed: NDArray[np.int64]
    above: NDArray[np.int64]
    tied_wrong: NDArray[np.int64]
    tied_right: NDArray[np.int64]
    document_count: int
    without_id: int

    def __len__(self) -> int:
        return int(self.documents.size)

    @property
    def found(self) -> NDArray[np.bool_]:
        """Whether a right concept is among the candidates."""
        return self.listed > 0


def rank_mentions(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> Ranks:
    """Ranks the right concepts of all gold mentions.

    Args:
        corpus: the gold mentions.
        linked: the same mentions of each document, as a system linked them.
        ids: resolves the spelling of ids.
    """
    rows: list[tuple[int, int, bool, int, int, int, int]] = []
    without_id = 0
    for number, document in enumerate(corpus.documents):
        for place, mention in enumerate(document.mentions):
            right = ids.of(mention)
            if not right:
                without_id += 1
                continue
            known = any(map(ids.in_base, right))
            rows.append((number, place, known, *rank(linked[number][place].candidates, right, ids)))
    documents, places, in_base, listed, above, wrong, good = (
        np.array(rows, np.int64).reshape(-1, 7).T
    )
    return Ranks(
        documents,
        places,
        in_base.astype(bool),
        listed,
        above,
        wrong,
        good,
        document_count=len(corpus.documents),
        without_id=without_id,
    )


def rank(
    candidates: Sequence[Candidate], right: frozenset[str], ids: ConceptIds
) -> tuple[int, int, int, int]:
    """Returns listed, above, tied wrong and tied right for one list of candidates."""
    is_right = [ids.spelled(candidate.concept_id) in right for candidate in candidates]
    if True not in is_right:
        return 0, 0, 0, 0
    best = max(c.score for c, good in zip(candidates, is_right, strict=True) if good)
    above = sum(c.score > best for c in candidates)
    tied = [good for c, good in zip(candidates, is_right, strict=True) if c.score == best]
    return is_right.index(True) + 1, above, tied.count(False), tied.count(True)


def hits(ranks: Ranks, k: int, rule: TieRule) -> NDArray[np.float64]:
    """Returns for each mention whether a right concept is among the first k: 1 or 0.

    With the rule ``sampled`` it is a probability: one minus the share of orders in which wrong
    candidates take all free places among the first k (hypergeometric).
    """
    if rule == "listed":
        return (ranks.found & (ranks.listed <= k)).astype(float)
    if rule == "strict":
        return (ranks.found & (ranks.above + ranks.tied_wrong < k)).astype(float)
    if rule == "lenient":
        return (ranks.found & (ranks.above < k)).astype(float)
    free = np.clip(k - ranks.above, 0, ranks.tied_wrong + ranks.tied_right)
    cells = zip(free.tolist(), ranks.tied_wrong.tolist(), ranks.tied_right.tolist(), strict=True)
    return np.array(
        [_sampled(free, wrong, right) if right else 0.0 for free, wrong, right in cells]
    )


def _sampled(free: int, wrong: int, right: int) -> float:
    return 1.0 - comb(wrong, free) / comb(wrong + right, free)
