"""Where the right concept stands among the candidates, and recall at k.

Candidates of one score have no order of their own, so what counts as the place of the right one is
a choice, and published figures differ by it.  All four are computed:

- **listed**: the order in which the system gives them;
- **strict**: among equal scores the right one comes last;
- **sampled**: among equal scores any order is as likely as another; what is computed is the
  expectation, not one draw;
- **lenient**: among equal scores the right one comes first.

A composite mention (several ids) counts as right with any of its concepts, as in the evaluation of
BioSyn and SapBERT, for all corpora.  A mention without an id is in no denominator.
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
    """Places, an array element each for the gold mentions that have an id.

    Args:
        documents: the number of the mention's document.
        mentions: its number in the document.
        in_base: whether the base has any of its concepts.
        listed: the place of the first right candidate, from 1; 0 where there is none.
        above: how many candidates have a higher score than the best right one.
        tied_wrong: how many wrong ones have the same score.
        tied_right: how many right ones have it, this one included; 0 where there is none.
        document_count: how many documents the corpus has.
        without_id: how many mentions have no id, and are left out.
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
        """Whether a right concept is among the candidates at all."""
        return self.listed > 0


def rank_mentions(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> Ranks:
    """Finds the places of the right concepts.

    Args:
        corpus: the gold mentions.
        linked: for each document the same mentions as a system linked them.
        ids: how ids are spelled.
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
    """The place of the right concept in one list: listed, above, tied wrong, tied right."""
    is_right = [ids.spelled(candidate.concept_id) in right for candidate in candidates]
    if True not in is_right:
        return 0, 0, 0, 0
    best = max(c.score for c, good in zip(candidates, is_right, strict=True) if good)
    above = sum(c.score > best for c in candidates)
    tied = [good for c, good in zip(candidates, is_right, strict=True) if c.score == best]
    return is_right.index(True) + 1, above, tied.count(False), tied.count(True)


def hits(ranks: Ranks, k: int, rule: TieRule) -> NDArray[np.float64]:
    """For each mention whether a right concept is among the first k: 1 or 0.

    ``sampled`` gives the probability of it: one less the share of orders in which the free places
    among the k all go to wrong ones (hypergeometric).
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
