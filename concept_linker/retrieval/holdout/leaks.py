"""Which pairs of a collection are nearly the same as one that may be held out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.near_duplicates.captions import CaptionIndex, plain_words
from concept_linker.retrieval.near_duplicates.hamming import HashIndex
from concept_linker.retrieval.near_duplicates.hashing import HashTable
from concept_linker.retrieval.pairs import Pair

__all__ = ["Hashed", "ImageHashes", "Leak", "LeakFinder", "Reason"]

Reason = Literal["equal caption", "similar caption", "same image", "similar image"]

_BATCH = 4096


class Leak(NamedTuple):
    """Two pairs of different articles that are nearly the same.

    Args:
        row: the row of the pair that may be held out.
        reason: what is the same.
        measure: Jaccard index of the captions, or bits that the images' hashes differ in.
        other: the row of the other pair.
        other_article: its article.
    """

    row: int
    reason: Reason
    measure: float
    other: int
    other_article: str


class Hashed(NamedTuple):
    """What is known of some images, an entry each.

    Args:
        values: their hashes.
        known: whether they are in the table.
        flat: whether they are all one grey: known, and like no other.
    """

    values: NDArray[np.uint64]
    known: NDArray[np.bool_]
    flat: NDArray[np.bool_]


class ImageHashes:
    """The hash of an image by its path.

    Args:
        table: as :func:`~concept_linker.retrieval.near_duplicates.hashing.read_hashes` gives it.
    """

    def __init__(self, table: HashTable) -> None:
        keys = np.array([_key(path.as_py()) for path in table.paths], np.uint64)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._hashes = table.by_row()[order]
        self._flat = table.flat[order]

    def of(self, paths: Sequence[str]) -> Hashed:
        """The hashes of images."""
        if not self._keys.size:
            none = np.zeros(len(paths), np.bool_)
            return Hashed(np.zeros(len(paths), np.uint64), none, none)
        wanted = np.array([_key(path) for path in paths], np.uint64)
        at = np.minimum(np.searchsorted(self._keys, wanted), self._keys.size - 1)
        known = self._keys[at] == wanted
        return Hashed(self._hashes[at], known, known & self._flat[at])


def _key(path: str) -> int:
    return int.from_bytes(blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest())


class LeakFinder:
    """Compares pairs with those that may be held out.

    Args:
        pairs: that may be held out.
        hashes: of the images; ``None`` compares captions and paths only.
        similarity: the least Jaccard index of captions that are nearly the same.
        distance: the most bits that hashes of such images differ in.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        hashes: ImageHashes | None,
        *,
        similarity: float,
        distance: int,
    ) -> None:
        self._pairs = pairs
        self._hashes = hashes
        self._captions = CaptionIndex([pair.caption for pair in pairs], similarity)
        self._words = [plain_words(pair.caption) for pair in pairs]
        self._paths: dict[str, list[int]] = {}
        for number, pair in enumerate(pairs):
            self._paths.setdefault(pair.image, []).append(number)
        self._having: dict[int, list[int]] = {}
        self._known = np.ones(len(pairs), np.bool_)
        if hashes is not None:
            values, self._known, flat = hashes.of([pair.image for pair in pairs])
            for number in map(int, np.flatnonzero(self._known & ~flat)):
                self._having.setdefault(int(values[number]), []).append(number)
        self._distinct = np.array(sorted(self._having), np.uint64)
        self._images = HashIndex(self._distinct, distance)

    def unhashed_rows(self) -> list[int]:
        """The rows of the pairs whose images are not in the table of hashes that is given."""
        return [self._pairs[number].row for number in map(int, np.flatnonzero(~self._known))]

    def leaks(self, stream: Iterable[Pair]) -> Iterator[Leak]:
        """All leaks between the pairs and a stream; pairs of one article never leak."""
        pairs = iter(stream)
        while batch := list(islice(pairs, _BATCH)):
            found = [*self._by_caption(batch), *self._by_path(batch), *self._by_hash(batch)]
            for other, number, reason, measure in found:
                held, one = self._pairs[number], batch[other]
                if held.article != one.article:
                    yield Leak(held.row, reason, measure, one.row, one.article)

    def _by_caption(self, batch: Sequence[Pair]) -> Iterator[tuple[int, int, Reason, float]]:
        for other, number, similarity in self._captions.alike([pair.caption for pair in batch]):
            equal = similarity == 1.0 and plain_words(batch[other].caption) == self._words[number]
            yield other, number, "equal caption" if equal else "similar caption", similarity

    def _by_path(self, batch: Sequence[Pair]) -> Iterator[tuple[int, int, Reason, float]]:
        for other, pair in enumerate(batch):
            for number in self._paths.get(pair.image, ()):
                yield other, number, "same image", 0.0

    def _by_hash(self, batch: Sequence[Pair]) -> Iterator[tuple[int, int, Reason, float]]:
        if self._hashes is None:
            return
        values, known, flat = self._hashes.of([pair.image for pair in batch])
        queries = np.flatnonzero(known & ~flat)
        for query, found, apart in self._images.near(values[queries], threads=1):
            other = int(queries[query])
            for number in self._having[int(self._distinct[found])]:
                if batch[other].image != self._pairs[number].image:
                    yield other, number, "similar image", float(apart)
