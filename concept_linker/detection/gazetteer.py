"""The gazetteer: which runs of words are names of the knowledge base or in the training memory.

*   *Names*: whether a run is a name of the knowledge base, and of which semantic group.  Names that
    the default knowledge base has from MedMentions do not count here, only in the memory.
*   *Memory*: strings that MedMentions TRAIN annotates, with their group and the share of their
    occurrences that is annotated.

Both become features of words (:class:`Features`) and candidates of the hybrid detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS
from concept_linker.detection.name_filters import everyday_words, may_be_name
from concept_linker.detection.phrase_matching import (
    find_runs,
    hash_table,
    select_longest,
    with_closed_brackets,
)
from concept_linker.detection.tokens import Tokens, tokenize
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.search.normalise import key

__all__ = ["Features", "Gazetteer", "Memory", "Names", "Runs", "without_groups"]

Ints = NDArray[np.int64]

#: The group of a name whose concept has no group.
UNKNOWN = len(GROUPS)
#: Buckets of the memory: annotated in one or in more documents where not every mention is known;
#: then few, some or many occurrences, times six steps of the annotated share.
BUCKETS = 20
# The position of a word in a run: B, I, L or U; labels are 1 + 4 · class + position, 0 for none.
_B, _I, _L, _U = range(4)
NAME_LABELS = 1 + 4 * (UNKNOWN + 1)
GROUP_LABELS = 1 + 4 * len(GROUPS)
BUCKET_LABELS = 1 + 4 * BUCKETS

_GROUP_IDS = {group: number for number, group in enumerate(GROUPS)}
_SHARE_UNKNOWN = 0.6


class Judgement(NamedTuple):
    """What the knowledge base says about a run with the key of one of its names.

    Args:
        group: the group of the first concept whose name agrees in case; -1 if there is none.
        kind: the kind of that name.
        concepts: the number of concepts with such a name.
        everyday: 1 for an everyday word, which is seldom used as a name.
    """

    group: int
    kind: int
    concepts: int
    everyday: int


class Judgements(NamedTuple):
    """Columns of :class:`Judgement`."""

    group: Ints
    kind: Ints
    concepts: Ints
    everyday: Ints


_NO_NAME = Judgement(-1, 0, 0, 0)


class Recollection(NamedTuple):
    """What the memory says about strings; one row each.

    Args:
        groups: the most frequent group; -1 for a string that is not in the memory.
        documents: the number of documents that annotate it.
        annotated, occurred: how often it is annotated, and how often it occurs, in the documents
            where every mention is known.
    """

    groups: Ints
    documents: Ints
    annotated: Ints
    occurred: Ints


class Memory:
    """Strings that MedMentions TRAIN annotates, by the hash of their key.

    Args:
        hashes: uint64, distinct.
        known: one row for each.
    """

    def __init__(self, hashes: NDArray[np.uint64], known: Recollection) -> None:
        self.hashes = hashes
        self.table = (hash_table(hashes), hashes)
        # The last row is that of strings not in the memory, whose number is -1.
        nothing = Recollection(*(np.array([one]) for one in (-1, 0, 0, 0)))
        self._known = [
            np.concatenate([ones.astype(np.int64), last])
            for ones, last in zip(known, nothing, strict=True)
        ]

    def recall(self, numbers: Ints) -> Recollection:
        """Returns the rows of strings by number; -1 for one that is not in the memory."""
        return Recollection(*(column[numbers] for column in self._known))

    @classmethod
    def open(cls, folder: Path) -> Memory:
        """Opens what :meth:`save` wrote."""
        hashes, *columns = (
            np.load(folder / f"memory_{name}.npy", allow_pickle=False)
            for name in ("hashes", *Recollection._fields)
        )
        return cls(hashes, Recollection(*columns))

    def save(self, folder: Path) -> None:
        """Writes one file per column into a folder."""
        np.save(folder / "memory_hashes.npy", self.hashes)
        for name, column in zip(Recollection._fields, self._known, strict=True):
            dtype = np.uint8 if name == "groups" else np.uint16
            kept = np.minimum(column[:-1], np.iinfo(dtype).max).astype(dtype)
            np.save(folder / f"memory_{name}.npy", kept)


def shares(memory: Recollection) -> NDArray[np.float64]:
    """Returns the annotated share of the occurrences of strings; a constant where it is unknown."""
    occurred = memory.occurred
    return np.where(occurred > 0, memory.annotated / np.maximum(occurred, 1), _SHARE_UNKNOWN)


def buckets(memory: Recollection) -> Ints:
    """Returns the bucket of each string."""
    step = np.minimum((shares(memory) * 6).astype(np.int64), 5)
    often = (memory.occurred > 2).astype(np.int64) + (memory.occurred > 8)
    return np.where(memory.occurred > 0, 2 + 6 * often + step, np.minimum(memory.documents - 1, 1))


class Names:
    """Judges runs of words by the names of a knowledge base; results are cached.

    Args:
        kb: the knowledge base.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._sources = kb.rows.columns["name_sources"]
        sources = kb.info.name_sources
        self._everyday = everyday_words()
        self._learned = sources.index("MEDMENTIONS") if "MEDMENTIONS" in sources else -1
        self.judge = lru_cache(maxsize=1 << 17)(self._judge)

    def _judge(self, mention: str) -> Judgement:
        if not may_be_name(mention):
            return _NO_NAME
        rows = self._kb.rows
        agreeing = [
            match
            for match in rows.find(mention)
            if self._sources[match.name] != self._learned and rows.case_agrees(mention, match.name)
        ]
        if not agreeing:
            return _NO_NAME
        best = agreeing[0]
        group = _GROUP_IDS.get(semantic_group(rows.head(best.concept).semantic_types), UNKNOWN)
        everyday = not mention.isupper() and key(mention) in self._everyday
        return Judgement(group, int(rows.kind(best.name)), len(agreeing), int(everyday))


class Runs(NamedTuple):
    """Runs of words that are names or in the memory; one row each.

    Args:
        first, last: their first and last word.
        names: columns of :class:`Judgement`.
        numbers: the number of the string in the memory, -1 if it is not there.
        memory: what the memory says about it.
    """

    first: Ints
    last: Ints
    names: Judgements
    numbers: Ints
    memory: Recollection


class Features(NamedTuple):
    """Tokenized texts with the features of each word.

    Args:
        tokens: the texts and their words.
        names: for each word the label of the name that covers it.
        groups, buckets: for each word the labels of the string of the memory that covers it.
        runs: all names and strings of the memory, including overlapping ones.
        name_taken, memory_taken: which of them gave the labels.
    """

    tokens: Tokens
    names: Ints
    groups: Ints
    buckets: Ints
    runs: Runs
    name_taken: NDArray[np.bool_]
    memory_taken: NDArray[np.bool_]


class Recalls(Protocol):
    """Anything that recalls strings: a memory, or one without the counts of a document."""

    def recall(self, numbers: Ints) -> Recollection:
        """See :meth:`Memory.recall`."""
        ...


class Gazetteer:
    """Looks up names and the memory in texts.

    Args:
        kb: the knowledge base with the names.
        memory: the strings of MedMentions TRAIN.
    """

    def __init__(self, kb: KnowledgeBase, memory: Memory) -> None:
        self._table = kb.rows.index.table
        self._names = Names(kb)
        self.memory = memory

    def find(self, texts: Sequence[str], *, memory: Recalls | None = None) -> Features:
        """Tokenizes texts and returns the features of their words.

        Args:
            texts: the texts.
            memory: recalls strings in place of the memory itself.
        """
        tokens = tokenize(texts)
        runs = self._runs(tokens, memory or self.memory)
        size = tokens.word_starts.size
        # The longest of overlapping names is taken; of strings in the memory too, but seldom
        # annotated ones come last.
        length = tokens.word_ends[runs.last] - tokens.word_starts[runs.first]
        order = np.lexsort((runs.first, -length))
        name_taken = select_longest(
            order[runs.names.group[order] >= 0], runs.first, runs.last, size
        )
        order = np.lexsort((runs.first, runs.first - runs.last, shares(runs.memory) < 0.25))
        order = order[runs.memory.groups[order] >= 0]
        memory_taken = select_longest(order, runs.first, runs.last, size)
        return Features(
            tokens,
            _labels(size, runs, name_taken, runs.names.group),
            _labels(size, runs, memory_taken, runs.memory.groups),
            _labels(size, runs, memory_taken, buckets(runs.memory)),
            runs,
            name_taken,
            memory_taken,
        )

    def _runs(self, tokens: Tokens, memory: Recalls) -> Runs:
        found, ends = with_closed_brackets(
            tokens, find_runs(tokens, self._table, self.memory.table)
        )
        starts = tokens.starts[found[:, 0]]
        # Only runs that begin and end with a word: "5 mg" in "2.5 mg" does not.
        first = np.searchsorted(tokens.word_starts, starts, side="right") - 1
        last = np.searchsorted(tokens.word_ends, ends)
        whole = (tokens.word_starts[first] == starts) & (tokens.word_ends[last] == ends)
        found, first, last = found[whole], first[whole], last[whole]
        text, judge = tokens.text, self._names.judge
        judged = np.empty((first.size, len(_NO_NAME)), np.int64)
        judged[:] = _NO_NAME
        named = np.flatnonzero(found[:, 2] >= 0)
        if named.size:
            judged[named] = [
                judge(text[start:end])
                for start, end in zip(
                    starts[whole][named].tolist(), ends[whole][named].tolist(), strict=True
                )
            ]
        numbers = found[:, 3]
        return Runs(first, last, Judgements(*judged.T), numbers, memory.recall(numbers))


def without_groups(features: Features) -> Features:
    """Returns the features that a knowledge base without semantic types would give."""
    runs = features.runs
    group = np.where(runs.names.group >= 0, UNKNOWN, -1)
    places = (features.names - 1) % 4
    return features._replace(
        names=np.where(features.names > 0, 1 + 4 * UNKNOWN + places, 0),
        runs=runs._replace(names=runs.names._replace(group=group)),
    )


def _labels(size: int, runs: Runs, taken: NDArray[np.bool_], classes: Ints) -> Ints:
    """1 + 4 · class + position for the words of disjoint runs, 0 elsewhere."""
    labels = np.zeros(size, np.int64)
    first, last, classes = runs.first[taken], runs.last[taken], classes[taken]
    lengths = last - first + 1
    words = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    labels[words] = 1 + 4 * np.repeat(classes, lengths) + _I
    alone = first == last
    labels[first] += np.where(alone, _U, _B) - _I
    labels[last[~alone]] += _L - _I
    return labels
