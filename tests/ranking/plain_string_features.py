"""The plain twin of :mod:`concept_linker.ranking.string_features`: one candidate at a time."""

from __future__ import annotations

import math

import numpy as np
from plain_candidates import PlainCandidate, counts, runs
from plain_encoder import vector
from rapidfuzz.distance import Indel

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.priors import STEM, Priors, Table
from concept_linker.search.normalise import case_agrees, key

Row = dict[str, float]


class PlainStringFeatures:
    """Computes features as ``StringFeatures`` does."""

    def __init__(self, kb: KnowledgeBase, priors: Priors, encoder: Encoder) -> None:
        self.kb, self.priors, self.encoder = kb, priors, encoder
        self.number: dict[int, int] = {}
        for number, concept_id in enumerate(priors.ids):
            row = kb.rows.row_of(concept_id)
            if row is not None:
                self.number.setdefault(row, number)

    def compute(self, text: str, candidates: list[PlainCandidate], specific: int) -> list[Row]:
        """Returns the features of each candidate of a string, by name."""
        rows = [self._row(text, candidates, position) for position in range(len(candidates))]
        most = max((row["own"] for row in rows), default=0)
        nearest = max((row["embedding_similarity"] for row in rows), default=0.0)
        for row in rows:
            row["most_frequent"] = 0 < row["own"] == most
            row["candidate_count"] = specific
            row["embedding_gap"] = nearest - row["embedding_similarity"]
        return rows

    def key_of(self, name: int) -> str:
        arrays = self.kb.rows.arrays
        offsets, values = (arrays[f"key_names_{part}"] for part in ("offsets", "values"))
        places = np.flatnonzero(np.asarray(values) == name)
        return self.kb.rows.index.key(int(np.searchsorted(offsets, places.max(), side="right")) - 1)

    def _row(self, text: str, candidates: list[PlainCandidate], position: int) -> Row:
        concept, name, similarity, run_share, run_is_last = candidates[position]
        words = key(text).split()
        kb, priors = self.kb, self.priors
        string, alias = " ".join(words), self.key_of(name)
        preferred = self.key_of(int(kb.rows.arrays["concept_names"][concept]))
        number = self.number.get(concept, -1)
        kind = kb.rows.arrays["name_kinds"][name]
        own, whole = self.count(priors.strings, string, number)
        common = sum(word in words for word in alias.split())
        row: Row = {
            "similarity": similarity,
            "exact": similarity == 1.0,
            "name_kind": kind,
            "case_agrees": similarity < 1.0
            or case_agrees(text, kb.rows.name(name), symbol=kind == NameKind.ABBREVIATION),
            "exact_count": sum(one.similarity == 1.0 for one in candidates),
            "position": position,
            "similarity_gap": candidates[0].similarity - similarity,
            "alias_ratio": edit_ratio(string, alias),
            "name_ratio": edit_ratio(string, preferred),
            "word_overlap": common / max(len(set(words)) + len(alias.split()) - common, 1),
            "mention_words": len(words),
            "alias_words": len(alias.split()),
            "mention_length": len(text),
            "own": own,
            "pair_count": math.log1p(own),
            "string_count": math.log1p(whole),
            "pair_share": own / (whole + 0.5) if whole else -1.0,
            "concept_count": math.log1p(priors.totals[number]) if number >= 0 else 0.0,
            "run_share": run_share,
            "run_is_last": run_is_last,
            "run_pair_count": 0.0,
            "run_pair_share": 0.0,
            "run_pair_length": 0.0,
            "symbol": sum(map(str.isupper, text)) > 1 and len(text) < 8,
            "lowercase": text.islower(),
            "name_count": math.log1p(
                int(np.diff(kb.rows.arrays["concept_names"][concept : concept + 2])[0])
            ),
        }
        for run, share, _ in runs(words):
            own, whole = self.count(priors.strings, run, number)
            rate = own / (whole + 0.5)
            if rate * share > row["run_pair_share"] * row["run_pair_length"]:
                row["run_pair_count"], row["run_pair_share"] = math.log1p(own), rate
                row["run_pair_length"] = share
        rates = [own / (whole + 1.0) for own, whole in
                 (self.count(priors.words, word, number) for word in words)]  # fmt: skip
        stems = [own / (whole + 1.0) for own, whole in
                 (self.count(priors.stems, word[:STEM], number) for word in words)]  # fmt: skip
        row["word_max"], row["stem_max"] = max(rates, default=0.0), max(stems, default=0.0)
        row["word_mean"] = sum(rates) / len(words) if words else 0.0
        row["word_last"] = rates[-1] if words else 0.0
        kind_of = self.type_of(concept, number)
        row["type_count"] = math.log1p(priors.type_totals[kind_of]) if kind_of >= 0 else 0.0
        ratios = [type_log_ratio(priors, f"in {word}", kind_of) for word in words]
        row["type_by_words"] = sum(ratios) / len(words) if words else 0.0
        row["type_by_last_word"] = (
            type_log_ratio(priors, f"last {words[-1]}", kind_of) if words else 0.0
        )
        own_vector = vector(string, self.encoder)
        row["embedding_similarity"] = max(
            own_vector @ vector(one, self.encoder) for one in self.keys_of(concept)
        )
        row["embedding_similarity"] /= 127 * 127
        return row

    def keys_of(self, concept: int) -> list[str]:
        begin, end = self.kb.rows.arrays["concept_names"][concept : concept + 2]
        return [self.key_of(name) for name in range(begin, end)]

    def type_of(self, concept: int, number: int) -> int:
        if number >= 0 and self.priors.types[number] >= 0:
            return int(self.priors.types[number])
        types = self.kb.rows.head(concept)[2]
        return self.priors.type_number.get(types[0], -1) if types else -1

    def count(self, table: Table, sign: str, number: int) -> tuple[int, int]:
        numbers, uses = counts(table, sign)
        return dict(zip(numbers, uses, strict=True)).get(number, 0), sum(uses)


def type_log_ratio(priors: Priors, sign: str, kind: int) -> float:
    """How many times as often a type comes with a sign, as a logarithm, smoothed by five."""
    if kind < 0:
        return 0.0
    numbers, uses = counts(priors.surroundings, sign)
    own = dict(zip(numbers, uses, strict=True)).get(kind, 0)
    totals = priors.type_totals + 0.5
    share = totals[kind] / totals.sum()
    return math.log((own + 5.0 * share) / (sum(uses) + 5.0) / share)


def edit_ratio(a: str, b: str) -> float:
    """By rapidfuzz, over bytes; a long ``a`` is compared in stretches of 64 bytes."""
    left, right = a.encode(), b.encode()
    if not left and not right:
        return 1.0
    common = sum(
        (len(part) + len(right) - Indel.distance(part, right)) // 2
        for part in (left[at : at + 64] for at in range(0, len(left), 64))
    )
    return 2 * min(common, len(right)) / (len(left) + len(right))
