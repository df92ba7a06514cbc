"""MedMentions TRAIN as training examples: words, features, and the allowed tags of each word.

Two kinds of documents:

*   *Whole*: ``full_train.jsonl.gz``, every mention is annotated.
*   *Partial*: the other documents of ``st21pv_train_sentences.jsonl.gz``.  Mentions of other types
    are missing, so a word outside all mentions is "outside, or in a mention of a group that
    ST21pv does not cover"; the loss sums over all allowed tags.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.detector import GROUPS
from concept_linker.detection.gazetteer import Features, Gazetteer, Memory, Recalls, Recollection
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.search.grams import key_hash
from concept_linker.search.normalise import key

Ints = NDArray[np.int64]
#: The memory of a document is counted on the other folds.  Leaving out only the document is not
#: enough: a network that knows the count of a string sees what is missing, which is the answer.
FOLDS = 10
TAGS = 1 + 4 * len(GROUPS)
#: A group is covered by ST21pv if this share of its mentions in the whole documents is.
_WHOLLY = 0.9
#: A word is never in a mention if it is this frequent, and this seldom in one.
_NEVER_COUNT, _NEVER_SHARE = 15, 0.02
_NO_SPACE_BEFORE, _NO_SPACE_AFTER, _NO_SPACE_AROUND = set(".,;:%)]’'"), set("(["), set("-–/")


@dataclass(slots=True)
class Document:
    """One text with its gold mentions.

    Args:
        pmid: the PMID of the abstract.
        text: its text.
        mentions: (start, end, group number or -1 if unknown, whether it is in ST21pv).
        whole: whether all its mentions are annotated.
        fold: the fold it is held out with.
    """

    pmid: str
    text: str
    mentions: list[tuple[int, int, int, bool]]
    whole: bool
    fold: int


class Example(NamedTuple):
    """One training example.

    Args:
        words: the words.
        features: the features of the text.
        allowed: uint8 of shape (words, TAGS): the allowed tags.
        gold: (first word, last word, group) of the mentions.
        pmid, whole, fold: see :class:`Document`.
        targets: a teacher's marginals of the tags of each word.
    """

    words: list[str]
    features: Features
    allowed: NDArray[np.uint8]
    gold: list[tuple[int, int, int]]
    pmid: str
    whole: bool
    fold: int
    targets: NDArray[np.float16] | None = None


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a gzipped JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def group_number(types: Sequence[str]) -> int:
    """The number of the group of the first type that the network knows; -1 if there is none."""
    group = semantic_group(types)
    return GROUPS.index(group) if group else -1


def whole_documents(path: Path) -> list[Document]:
    """The documents of a file whose every mention is annotated."""
    return [
        Document(
            row["pmid"],
            row["text"],
            [
                (m["start"], m["end"], group_number(m["types"]), bool(m["st21pv"]))
                for m in row["mentions"]
            ],
            whole=True,
            fold=i % FOLDS,
        )
        for i, row in enumerate(rows(path))
    ]


def partial_documents(folder: Path, kb: KnowledgeBase) -> list[Document]:
    """The training documents of which only the ST21pv mentions are known.

    Their text is rebuilt from tokens.  The group of a mention is that of its concept in the whole
    documents or in the default knowledge base, else that of its string, else unknown.
    """
    of_concept: dict[str, int] = {}
    of_string: defaultdict[str, Counter[int]] = defaultdict(Counter)
    whole = set()
    for row in rows(folder / "full_train.jsonl.gz"):
        whole.add(row["pmid"])
        for m in row["mentions"]:
            of_concept.setdefault(m["cui"], group_number(m["types"]))
            of_string[key(m["text"])][group_number(m["types"])] += 1

    def group(cui: str, text: str) -> int:
        if cui not in of_concept:
            of_concept[cui] = group_number(kb.concept(cui).semantic_types) if cui in kb else -1
        if of_concept[cui] < 0 and of_string[key(text)]:
            return of_string[key(text)].most_common(1)[0][0]
        return of_concept[cui]

    documents = []
    for row in rows(folder / "st21pv_train_sentences.jsonl.gz"):
        if row["pmid"] in whole:
            continue
        text, mentions = "", []
        for sentence in row["sentences"]:
            starts = []
            for token, before in zip(sentence["tokens"], ["", *sentence["tokens"]], strict=False):
                close = not before or (
                    token in _NO_SPACE_BEFORE
                    or before in _NO_SPACE_AFTER
                    or token in _NO_SPACE_AROUND
                    or before in _NO_SPACE_AROUND
                    or token in ("'s", "’s")
                )
                text += "" if close else " "
                starts.append(len(text))
                text += token
            for first, end, cui in sentence["mentions"]:
                start, stop = starts[first], starts[end - 1] + len(sentence["tokens"][end - 1])
                mentions.append((start, stop, group(cui, text[start:stop]), True))
            text += " "
        documents.append(
            Document(row["pmid"], text.rstrip(), mentions, False, len(documents) % FOLDS)
        )
    return documents


def remember(documents: Sequence[Document], kb: KnowledgeBase) -> Counts:
    """Counts the annotated strings, for each fold of the documents."""
    numbers: dict[int, int] = {}
    annotations = []  # a row each: fold, document, string, group
    for i, document in enumerate(documents):
        for start, end, group, _ in document.mentions:
            words = key(document.text[start:end])
            if group >= 0 and len(words) > 1 and words.count(" ") < 7 and not words.isdigit():
                number = numbers.setdefault(key_hash(words), len(numbers))
                annotations.append((document.fold, i, number, group))
    hashes = np.fromiter(numbers, np.uint64, len(numbers))
    places = np.zeros((FOLDS, 3, hashes.size), np.int64)
    groups = np.zeros((FOLDS, hashes.size, len(GROUPS)), np.int64)
    table = np.array(annotations)
    np.add.at(groups, (table[:, 0], table[:, 2], table[:, 3]), 1)
    once = np.unique(table[:, :3], axis=0)
    np.add.at(places, (once[:, 0], 0, once[:, 2]), 1)
    gazetteer = Gazetteer(kb, Memory(hashes, Recollection(*np.zeros((4, hashes.size), np.int64))))
    for document in documents:
        if document.whole:
            tokens, runs = (features := gazetteer.find([document.text])).tokens, features.runs
            gold = {(start, end) for start, end, *_ in document.mentions}
            starts, ends = tokens.word_starts[runs.first], tokens.word_ends[runs.last]
            spans = zip(starts.tolist(), ends.tolist(), strict=True)
            for span, number in zip(spans, runs.numbers.tolist(), strict=True):
                if number >= 0:
                    places[document.fold, 1:, number] += span in gold, 1
    return Counts(hashes, places, groups)


class Counts(NamedTuple):
    """All counts of a memory.

    Args:
        hashes: of the strings.
        places: (fold, 3, string): documents, annotated, occurred.
        groups: (fold, string, group): how often each string is annotated with each group.
    """

    hashes: NDArray[np.uint64]
    places: Ints
    groups: Ints

    def memory(self) -> Memory:
        """The memory of all folds."""
        return Memory(self.hashes, _recollection(self.places.sum(0), self.groups.sum(0)))

    def without(self, fold: int) -> Memory:
        """The memory as it would be without a fold."""
        places = self.places.sum(0) - self.places[fold]
        return Memory(self.hashes, _recollection(places, self.groups.sum(0) - self.groups[fold]))


def _recollection(places: Ints, groups: Ints) -> Recollection:
    return Recollection(np.where(places[0] > 0, groups.argmax(1), -1), *places)


def never_inside(documents: Sequence[Document], gazetteer: Gazetteer) -> frozenset[str]:
    """Returns the lower-case words that are never or hardly ever in a mention."""
    seen: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    for document in documents:
        if document.whole:
            covered = bytearray(len(document.text))
            for start, end, *_ in document.mentions:
                covered[start:end] = b"\1" * (end - start)
            tokens = gazetteer.find([document.text]).tokens
            for start, end in zip(
                tokens.word_starts.tolist(), tokens.word_ends.tolist(), strict=True
            ):
                word = document.text[start:end].lower()
                seen[word] += 1
                inside[word] += covered[start]
    return frozenset(
        word
        for word, count in seen.items()
        if count >= _NEVER_COUNT and inside[word] < _NEVER_SHARE * count
    )


def wholly_covered(documents: Sequence[Document]) -> frozenset[int]:
    """The groups whose mentions are nearly all in ST21pv."""
    every: Counter[int] = Counter()
    covered: Counter[int] = Counter()
    for document in documents:
        if document.whole:
            for _, _, group, st21pv in document.mentions:
                every[group] += 1
                covered[group] += st21pv
    return frozenset(g for g in every if g >= 0 and covered[g] >= _WHOLLY * every[g])


def example(
    document: Document,
    gazetteer: Gazetteer,
    never: frozenset[str],
    complete: frozenset[int],
    *,
    memory: Recalls | None = None,
) -> Example:
    """Returns the training example of a document.

    Args:
        document: the document.
        gazetteer: names and memory.
        never: words that are in no mention.
        complete: groups that partial documents annotate wholly.
        memory: what to recall with, where the gazetteer's memory was counted in this document.
    """
    features = gazetteer.find([document.text], memory=memory)
    tokens = features.tokens
    spans = list(zip(tokens.word_starts.tolist(), tokens.word_ends.tolist(), strict=True))
    words = [document.text[start:end] for start, end in spans]
    starts = {start: i for i, (start, _) in enumerate(spans)}
    ends = {end: i for i, (_, end) in enumerate(spans)}
    allowed = np.zeros((len(words), TAGS), np.uint8)
    if document.whole:
        allowed[:, 0] = 1
    else:
        open_ = np.zeros(TAGS, np.uint8)
        open_[0] = 1
        for group in range(len(GROUPS)):
            if group not in complete:
                open_[1 + group :: len(GROUPS)] = 1
        allowed[:] = open_
        allowed[[i for i, word in enumerate(words) if word.lower() in never]] = np.eye(
            1, TAGS, dtype=np.uint8
        )
    taken = np.zeros(len(words), np.bool_)
    gold = []
    for start, end, group, _ in sorted(document.mentions, key=lambda m: (m[0] - m[1], m[0])):
        first, last = starts.get(start, -1), ends.get(end, -1)
        if first < 0 or last < first:
            if not document.whole:  # cut otherwise than we cut: nothing is known there
                allowed[
                    [i for i, (a, b) in enumerate(spans) if a < end and start < b and not taken[i]]
                ] = 1
            continue
        if taken[first : last + 1].any():
            continue
        taken[first : last + 1] = True
        gold.append((first, last, group))
        allowed[first : last + 1] = 0
        which = range(len(GROUPS)) if group < 0 else (group,)
        for one in which:
            if first == last:
                allowed[first, tag(3, one)] = 1
            else:
                allowed[first, tag(0, one)] = allowed[last, tag(2, one)] = 1
                allowed[first + 1 : last, tag(1, one)] = 1
    return Example(
        words, features, allowed, sorted(gold), document.pmid, document.whole, document.fold
    )


def tag(place: int, group: int) -> int:
    """Returns the number of the tag of a position (B, I, L, U) and group; 0 is outside."""
    return 1 + place * len(GROUPS) + group
