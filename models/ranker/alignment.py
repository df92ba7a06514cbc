"""Trains vectors in which the names of a concept are near each other.

Self-alignment as in SapBERT (Liu et al., 2021): in a batch each name must find another name of its
concept among those of all others.  Names that share a word come in groups, because others are too
easy to tell apart.  Names from a corpus take no part, so the encoder knows nothing of any fold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.encoder import MAX_FEATURES, ROWS, SIZE, Encoder, hash_features
from concept_linker.search.normalise import key

from .folds import LEARNED

_EPOCHS = 4
_BATCH, _GROUP = 512, 8
_RATE, _DROPPED = 0.15, 0.2
_TEMPERATURE = 0.07
_LONGEST_NAME = 70
# Words with fewer names make no group.
_SHARED = 8


class Names(NamedTuple):
    """The names of concepts, concept by concept.

    Args:
        keys: the keys.
        owners: the number of each name's concept.
        begins, sizes: where the names of each concept are.
    """

    keys: list[str]
    owners: NDArray[np.int64]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, kb: KnowledgeBase) -> Names:
        """Returns the names that a base has from vocabularies."""
        keys: list[str] = []
        sizes = []
        for row in range(len(kb)):
            concept = kb.concept(kb.rows.head(row)[0])
            own = {
                key(name.text)
                for name in concept.names
                if name.source not in LEARNED and len(name.text) <= _LONGEST_NAME
            }
            keys += sorted(own - {""})
            sizes.append(len(own - {""}))
        counts = np.array(sizes, np.int64)
        owners = np.repeat(np.arange(len(counts)), counts)
        return cls(keys, owners, np.cumsum(counts) - counts, counts)


class Groups(NamedTuple):
    """Names by the words that they share.

    Args:
        words: the numbers of the words of each name that others have too, one name after the other.
        begins, sizes: where those of each name are.
        names: the names of each word, one word after the other.
        firsts, counts: where those of each word are.
    """

    words: NDArray[np.int64]
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]
    names: NDArray[np.int64]
    firsts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, keys: list[str], chosen: NDArray[np.int64]) -> Groups:
        """Builds the groups of chosen names; other names are in no group."""
        numbers: dict[str, int] = {}
        pairs = np.array(
            [
                (name, numbers.setdefault(word, len(numbers)))
                for name in chosen.tolist()
                for word in dict.fromkeys(keys[name].split())
            ]
        )
        pairs = pairs[np.bincount(pairs[:, 1])[pairs[:, 1]] >= _SHARED]
        sizes = np.bincount(pairs[:, 0], minlength=len(keys))
        counts = np.bincount(pairs[:, 1], minlength=len(numbers))
        by_word = pairs[np.argsort(pairs[:, 1], kind="stable"), 0]
        return cls(
            pairs[:, 1],
            np.cumsum(sizes) - sizes,
            sizes,
            by_word,
            np.cumsum(counts) - counts,
            counts,
        )

    def batch(self, chosen: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Groups of names that share a word: the rarer of two that are drawn."""
        seeds = random.choice(chosen, _BATCH // _GROUP)
        places = (random.random((2, len(seeds))) * self.sizes[seeds]).astype(np.int64)
        shared = self.sizes[seeds] > 0
        at = np.where(shared, self.begins[seeds] + places, 0)
        words = self.words[at]
        word = np.where(self.counts[words[0]] <= self.counts[words[1]], *words)
        drawn = random.random((_GROUP - 1, len(seeds)))
        others = self.names[self.firsts[word] + (drawn * self.counts[word]).astype(np.int64)]
        strangers = random.choice(chosen, others.shape)
        return np.concatenate([seeds, np.where(shared, others, strangers).ravel()])


def train_encoder(kb: KnowledgeBase, seed: int = 0) -> Encoder:
    """Trains the encoder on the synonyms of a base."""
    names = Names.of(kb)
    random = np.random.default_rng(seed)
    data = np.frombuffer("".join(names.keys).encode(), np.uint8)
    begins = np.cumsum([0, *(len(one.encode()) for one in names.keys)])
    features, firsts = _features(data, begins)
    chosen = np.flatnonzero(names.sizes[names.owners] > 1)
    groups = Groups.of(names.keys, chosen)
    vectors = random.standard_normal((ROWS, SIZE)).astype(np.float32) / (2.0 * np.sqrt(SIZE))
    squares = np.full(ROWS, 1e-4, np.float32)
    steps = _EPOCHS * len(chosen) // _BATCH
    found = 0.0
    for step in range(steps):
        ones = groups.batch(chosen, random)
        owners = names.owners[ones]
        begin, size = names.begins[owners], names.sizes[owners]
        # Another name of the same concept.
        away = 1 + (random.random(len(ones)) * (size - 1)).astype(np.int64)
        others = begin + (ones - begin + away) % size
        sides = [
            _summed(vectors, features, firsts, side, _DROPPED, int(random.integers(1 << 30)))
            for side in (ones, others)
        ]
        slopes, hits = _contrast(sides[0][0], sides[1][0], owners)
        rate = _RATE * max(1.0 - step / steps, 0.02)
        for side, (_, kept), slope in zip((ones, others), sides, slopes, strict=True):
            _learn(vectors, squares, features, firsts, side, kept, slope, rate)
        found += hits / 500
        if step % 500 == 499:
            print(f"encoder: step {step + 1} of {steps}, {found:.3f} find their own", flush=True)
            found = 0.0
    return Encoder.of(vectors)


def _contrast(
    ones: NDArray[np.float32], others: NDArray[np.float32], owners: NDArray[np.int64]
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], float]:
    """The slopes of the loss (InfoNCE, both ways) by both sides, and the share of right answers."""
    lengths = [np.linalg.norm(side, axis=1, keepdims=True) + 1e-6 for side in (ones, others)]
    one, other = ones / lengths[0], others / lengths[1]
    alike = one @ other.T / _TEMPERATURE
    same = owners[:, None] == owners
    np.fill_diagonal(same, False)
    alike[same] = -1e4
    there = np.exp(alike - alike.max(1, keepdims=True))
    there /= there.sum(1, keepdims=True)
    back = np.exp(alike - alike.max(0))
    back /= back.sum(0)
    hits = float((there.argmax(1) == np.arange(len(ones))).mean())
    slope = (there + back) / 2.0
    slope[np.diag_indices_from(slope)] -= 1.0
    slope /= _TEMPERATURE

    def through(raw: NDArray[np.float32], unit: NDArray[np.float32], length: NDArray[np.float32]):
        """Through the division by the length."""
        return (raw - unit * (raw * unit).sum(1, keepdims=True)) / length

    left, right = slope @ other, slope.T @ one
    return (through(left, one, lengths[0]), through(right, other, lengths[1])), hits


@njit
def _features(data, begins):  # type: ignore[no-untyped-def]
    """The features of all names, one after the other, and where those of each begin."""
    room = np.empty(MAX_FEATURES, np.int64)
    firsts = np.zeros(begins.size, np.int64)
    for i in range(begins.size - 1):
        firsts[i + 1] = firsts[i] + hash_features(data, begins[i], begins[i + 1], room)
    out = np.empty(firsts[-1], np.int32)
    for i in range(begins.size - 1):
        count = hash_features(data, begins[i], begins[i + 1], room)
        out[firsts[i] : firsts[i] + count] = room[:count]
    return out, firsts


@njit(fastmath=True)
def _summed(vectors, features, firsts, names, dropped, seed):  # type: ignore[no-untyped-def]
    """The sums of the vectors of names by the root of how many, and which were not dropped."""
    np.random.seed(seed)
    total = np.int64(0)
    for name in names:
        total += firsts[name + 1] - firsts[name]
    kept = np.empty(total, np.bool_)
    out = np.zeros((names.size, vectors.shape[1]), np.float32)
    place = 0
    for i in range(names.size):
        count = 0
        for at in range(firsts[names[i]], firsts[names[i] + 1]):
            kept[place] = np.random.random() >= dropped
            if kept[place]:
                count += 1
                for j in range(vectors.shape[1]):
                    out[i, j] += vectors[features[at], j]
            place += 1
        out[i] /= np.sqrt(np.float32(max(count, 1)))
    return out, kept


@njit(fastmath=True)
def _learn(vectors, squares, features, firsts, names, kept, slopes, rate):  # type: ignore[no-untyped-def]
    """One step of Adagrad, with one rate for each vector."""
    place = 0
    for i in range(names.size):
        begin, end = firsts[names[i]], firsts[names[i] + 1]
        count = max(kept[place : place + end - begin].sum(), 1)
        square = np.float32((slopes[i] * slopes[i]).mean() / count)
        for at in range(begin, end):
            if kept[place]:
                row = features[at]
                squares[row] += square
                step = np.float32(rate / np.sqrt(np.float32(count)) / np.sqrt(squares[row]))
                for j in range(vectors.shape[1]):
                    vectors[row, j] -= step * slopes[i, j]
            place += 1
