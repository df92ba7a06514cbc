"""What :mod:`concept_linker.ranking.first_stage` does, candidate by candidate in plain Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from plain_encoder import vector
from rapidfuzz.distance import Indel

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.priors import STEM, Priors, Table
from concept_linker.search.normalise import case_agrees, key

Row = dict[str, float]


class PlainPooling:
    """The plain twin of ``Pooling``."""

    def __init__(self, kb: KnowledgeBase, priors: Priors, encoder: Encoder, *, most: int) -> None:
        self.kb, self.priors, self.encoder, self.most = kb, priors, encoder, most
        self.number: dict[int, int] = {}
        for number, concept_id in enumerate(priors.ids):
            row = kb.row_of(concept_id)
            if row is not None:
                self.number.setdefault(row, number)

    def pool(self, text: str) -> list[tuple[int, int, Row]]:
        """Concept, name and features of each candidate."""
        kb, priors = self.kb, self.priors
        least, alike = (0.3, 0.3) if self.most >= 30 else (0.5, 0.7)
        [near] = kb.match_many([text], k=max(self.most, 30), min_similarity=least)
        if near and near[0].similarity == 1.0:
            near = [match for match in near if match.similarity >= alike]
        words = key(text).split()
        found = {match.concept: (match.name, match.similarity) for match in near}
        run_of: dict[int, tuple[float, bool]] = {}
        most = len(found) + 12
        for run, share, is_last in runs(words):
            for name in self.names_of(run):
                concept = int(kb.arrays["name_concepts"][name])
                if len(found) < most:
                    found.setdefault(concept, (name, 0.0))
                if concept in found:
                    run_of.setdefault(concept, (share, is_last))
            for number in counts(priors.strings, run)[0][:3]:
                self.add(number, found, most)
        most = len(found) + 16
        rates: dict[int, float] = {}
        for table, sign in [
            (priors.strings, " ".join(words)),
            *((priors.words, word) for word in words),
            *((priors.stems, word[:STEM]) for word in words),
        ]:
            numbers, seen = counts(table, sign)
            for number, count in list(zip(numbers, seen, strict=True))[:8]:
                rates[number] = max(rates.get(number, 0.0), count / (sum(seen) + 1))
        for number in sorted(rates, key=lambda number: (-rates[number], number)):
            self.add(number, found, most)
        own = len(found)
        for number in priors.commonest[: 100 if self.most >= 30 else 10]:
            self.add(number, found, 10**6)
        rows = [
            (concept, name, self.row(text, words, place, concept, name, similarity, near, run_of))
            for place, (concept, (name, similarity)) in enumerate(found.items())
        ]
        string_counts = [row["own"] for _, _, row in rows]
        for _, _, row in rows:
            row["commonest_of_string"] = 0 < row["own"] == max(string_counts)
            row["candidates"] = own
            row["meaning_behind"] = max(row["meaning"] for _, _, row in rows) - row["meaning"]
        return rows

    def add(self, number: int, found: dict[int, Any], most: int) -> None:
        row = self.kb.row_of(self.priors.ids[number])
        if row is not None and len(found) < most:
            found.setdefault(row, (self.kb.preferred_name(row), 0.0))

    def names_of(self, one: str) -> list[int]:
        key_id = self.kb.index.find(one)
        if key_id is None:
            return []
        begin, end = self.kb.arrays["key_names_offsets"][key_id : key_id + 2]
        return [int(name) for name in self.kb.arrays["key_names_values"][begin:end]]

    def key_of(self, name: int) -> str:
        offsets, values = (self.kb.arrays[f"key_names_{part}"] for part in ("offsets", "values"))
        places = np.flatnonzero(np.asarray(values) == name)
        return self.kb.index.key(int(np.searchsorted(offsets, places.max(), side="right")) - 1)

    def row(
        self, text: str, words: list[str], place: int, concept: int, name: int, similarity: float,
        near: list[Any], run_of: dict[int, tuple[float, bool]],
    ) -> Row:  # fmt: skip
        kb, priors = self.kb, self.priors
        string, alias = " ".join(words), self.key_of(name)
        preferred = self.key_of(kb.preferred_name(concept))
        number = self.number.get(concept, -1)
        kind = kb.arrays["name_kinds"][name]
        own, whole = self.count(priors.strings, string, number)
        common = sum(word in words for word in alias.split())
        row: Row = {
            "similarity": similarity,
            "equal": similarity == 1.0,
            "kind": kind,
            "case_agrees": similarity < 1.0
            or case_agrees(text, kb.name(name), symbol=kind == NameKind.ABBREVIATION),
            "equals": sum(match.similarity == 1.0 for match in near),
            "place": place,
            "behind_first": (near[0].similarity if near else 0.0) - similarity,
            "alias_ratio": likeness(string, alias),
            "name_ratio": likeness(string, preferred),
            "common_words": common / max(len(set(words)) + len(alias.split()) - common, 1),
            "mention_words": len(words),
            "alias_words": len(alias.split()),
            "mention_length": len(text),
            "own": own,
            "pair_count": math.log1p(own),
            "string_count": math.log1p(whole),
            "pair_share": own / (whole + 0.5) if whole else -1.0,
            "concept_count": math.log1p(priors.totals[number]) if number >= 0 else 0.0,
            "run_share": run_of.get(concept, (0.0, False))[0],
            "run_is_last": run_of.get(concept, (0.0, False))[1],
            "run_pair_count": 0.0,
            "run_pair_share": 0.0,
            "run_pair_length": 0.0,
            "symbol": sum(map(str.isupper, text)) > 1 and len(text) < 8,
            "small_letters": text.islower(),
            "names": math.log1p(kb.name_count(concept)),
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
        row["word_most"], row["stem_most"] = max(rates, default=0.0), max(stems, default=0.0)
        row["word_mean"] = sum(rates) / len(words) if words else 0.0
        row["word_last"] = rates[-1] if words else 0.0
        kind_of = self.type_of(concept, number)
        row["type_count"] = math.log1p(priors.type_totals[kind_of]) if kind_of >= 0 else 0.0
        heard = [speaks(priors, f"in {word}", kind_of) for word in words]
        row["in_it"] = sum(heard) / len(words) if words else 0.0
        row["last_word"] = speaks(priors, f"last {words[-1]}", kind_of) if words else 0.0
        own_vector = vector(string, self.encoder)
        row["meaning"] = max(
            own_vector @ vector(one, self.encoder) for one in self.keys_of(concept)
        )
        row["meaning"] /= 127 * 127
        return row

    def keys_of(self, concept: int) -> list[str]:
        begin, end = self.kb.arrays["concept_names"][concept : concept + 2]
        return [self.key_of(name) for name in range(begin, end)]

    def type_of(self, concept: int, number: int) -> int:
        if number >= 0 and self.priors.types[number] >= 0:
            return int(self.priors.types[number])
        types = self.kb.head(concept)[2]
        return self.priors.type_number.get(types[0], -1) if types else -1

    def count(self, table: Table, sign: str, number: int) -> tuple[int, int]:
        numbers, seen = counts(table, sign)
        return dict(zip(numbers, seen, strict=True)).get(number, 0), sum(seen)


def counts(table: Table, sign: str) -> tuple[list[int], list[int]]:
    """Numbers and counts of a string."""
    numbers, seen = table.find(sign)
    return numbers.tolist(), seen.tolist()


def speaks(priors: Priors, sign: str, kind: int) -> float:
    """How many times as often a type comes with a sign, as a logarithm, smoothed by five."""
    if kind < 0:
        return 0.0
    numbers, seen = counts(priors.surroundings, sign)
    own = dict(zip(numbers, seen, strict=True)).get(kind, 0)
    totals = priors.type_totals + 0.5
    share = totals[kind] / totals.sum()
    return math.log((own + 5.0 * share) / (sum(seen) + 5.0) / share)


def runs(words: list[str]) -> list[tuple[str, float, bool]]:
    """The runs of words but the whole, the longest first."""
    count = len(words)
    if count > 12:
        return []
    found = [
        (" ".join(words[first : first + length]), length / count, first + length == count)
        for length in range(count - 1, 0, -1)
        for first in range(count - length + 1)
    ]
    return [run for run in found if len(run[0].encode()) > 1]


def likeness(a: str, b: str) -> float:
    """By rapidfuzz, over bytes; a long ``a`` is compared in stretches of 64 bytes."""
    left, right = a.encode(), b.encode()
    if not left and not right:
        return 1.0
    common = sum(
        (len(part) + len(right) - Indel.distance(part, right)) // 2
        for part in (left[at : at + 64] for at in range(0, len(left), 64))
    )
    return 2 * min(common, len(right)) / (len(left) + len(right))
