"""Priors: how often strings, words and contexts mean what, counted in a gold corpus.

On disk they are a folder of flat arrays.  Strings and words are stored as hashes, so that the files
hold no text; concepts as ids.  Repetitions in one document count once: an abstract repeats its
abbreviations, which says nothing of other texts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError
from concept_linker.knowledge_base.checksum import page_sums_of
from concept_linker.ranking.neighbours import signs
from concept_linker.search.grams import key_hash
from concept_linker.search.normalise import key

__all__ = ["PRIORS", "Priors", "Table", "Use"]

#: The version of the folder's format; raised with every incompatible change.
FORMAT = 3
#: The folder of the priors, in that of a ranker or of a trained base.
PRIORS = "priors"

# How many concepts are stored for a word and for a stem: the most frequent ones.
_MOST_PER_WORD = 20
_MOST_PER_STEM = 8

# How many of the most frequent concepts are candidates of every string.
_COMMON = 100

#: The length of a stem: the first letters of a word.
STEM = 4

_Columns = tuple[NDArray[np.uint32], NDArray[np.uint32]]


class Use(NamedTuple):
    """A gold mention.

    Args:
        document: the id of its document.
        string: its words, or the long form of an abbreviation.
        concept_id: its concept.
        type_id: its semantic type (``T023``), or empty.
        left, right: the words or marks next to it (see
            :func:`~concept_linker.ranking.neighbours.neighbours`).
    """

    document: str
    string: str
    concept_id: str
    type_id: str = ""
    left: str = ""
    right: str = ""


class Table(NamedTuple):
    """Counts of pairs of a string, stored as its hash, and a number.

    Args:
        hashes: uint64, ascending, one a string.
        begins: int64, where the pairs of each string begin; one more, where the last end.
        numbers: uint32, one a pair.
        counts: uint32, one a pair.

    >>> table = Table.of({("ct", 3): 2, ("ct", 1): 5, ("mri", 1): 1})
    >>> [column.tolist() for column in table.find("ct")]
    [[1, 3], [5, 2]]
    >>> table.find("x-ray")[0].size
    0
    """

    hashes: NDArray[np.uint64]
    begins: NDArray[np.int64]
    numbers: NDArray[np.uint32]
    counts: NDArray[np.uint32]

    @classmethod
    def of(cls, pairs: dict[tuple[str, int], int], *, most: int | None = None) -> Table:
        """Builds a table from counted pairs.

        Args:
            pairs: the count of each string and number.
            most: keep the most frequent pairs of a string only; of equals the lower number.
        """
        rows = sorted((key_hash(text), -count, number) for (text, number), count in pairs.items())
        hashes: list[int] = []
        begins: list[int] = []
        kept: list[tuple[int, int]] = []
        for one, count, number in rows:
            if not hashes or one != hashes[-1]:
                hashes.append(one)
                begins.append(len(kept))
            if most is None or len(kept) - begins[-1] < most:
                kept.append((number, -count))
        numbers, counts = np.array(kept, np.uint32).reshape(-1, 2).T
        return cls(
            np.array(hashes, np.uint64), np.array([*begins, len(kept)]), numbers.copy(),
            counts.copy(),
        )  # fmt: skip

    def is_sound(self, limit: int) -> bool:
        """Returns whether the columns are consistent, and all numbers are below ``limit``."""
        hashes, begins, numbers, counts = self
        return (
            [column.dtype for column in self] == [np.uint64, np.int64, np.uint32, np.uint32]
            and all(column.ndim == 1 for column in self)
            and begins.size == hashes.size + 1
            and begins[0] == 0
            and begins[-1] == numbers.size == counts.size
            and bool((np.diff(begins) >= 0).all() and (hashes[1:] > hashes[:-1]).all())
            and (not numbers.size or int(numbers.max()) < limit)
        )

    def find(self, text: str) -> _Columns:
        """Returns the numbers and counts of a string, the most frequent first."""
        hashed = np.uint64(key_hash(text))
        at = int(self.hashes.searchsorted(hashed))
        if at == self.hashes.size or self.hashes[at] != hashed:
            return self.numbers[:0], self.counts[:0]
        begin, end = self.begins[at], self.begins[at + 1]
        return self.numbers[begin:end], self.counts[begin:end]


class Priors:
    """Counts of what strings, words and contexts mean.

    Args:
        ids: the ids of the concepts, ascending; other arguments number concepts by this order.
        totals: how often each concept was meant (uint32).
        types: the most frequent type of each concept, a number in ``type_ids``, or -1 (int16).
        type_ids: the semantic types, ascending.
        type_totals: how often each type occurred (uint32).
        strings: concepts by string.
        words: concepts by a word of the string.
        stems: concepts by the stem of a word.
        surroundings: types by sign (see :mod:`~concept_linker.ranking.neighbours`).

    >>> uses = [Use("1", "lesions", "C0221198"), Use("2", "lesion", "C0221198")]
    >>> priors = Priors.count(uses)
    >>> priors.of_string("Lesion"), priors.of_string("unseen")
    ({'C0221198': 2}, {})
    """

    def __init__(
        self,
        ids: Sequence[str],
        totals: NDArray[np.uint32],
        types: NDArray[np.int16],
        type_ids: Sequence[str],
        type_totals: NDArray[np.uint32],
        strings: Table,
        words: Table,
        stems: Table,
        surroundings: Table,
    ) -> None:
        self.ids = tuple(ids)
        self.totals = totals
        self.types = types
        self.type_ids = tuple(type_ids)
        self.type_totals = type_totals
        self.strings, self.words, self.stems = strings, words, stems
        self.surroundings = surroundings
        self.number = {concept_id: number for number, concept_id in enumerate(self.ids)}
        self.type_number = {type_id: number for number, type_id in enumerate(self.type_ids)}
        #: The most frequent concepts, in descending order.
        self.commonest = np.argsort(-totals.astype(np.int64), kind="stable")[:_COMMON].tolist()

    @classmethod
    def count(cls, uses: Iterable[Use]) -> Priors:
        """Counts mentions; repetitions in one document count once."""
        distinct = dict.fromkeys(use._replace(string=key(use.string)) for use in uses)
        meant = dict.fromkeys((use.document, use.string, use.concept_id) for use in distinct)
        ids = sorted({concept_id for _, _, concept_id in meant})
        type_ids = sorted({use.type_id for use in distinct if use.type_id})
        number = {concept_id: n for n, concept_id in enumerate(ids)}
        type_number = {type_id: n for n, type_id in enumerate(type_ids)}
        pairs: Counter[tuple[str, int]] = Counter()
        words: Counter[tuple[str, int]] = Counter()
        stems: Counter[tuple[str, int]] = Counter()
        totals = np.zeros(len(ids), np.uint32)
        for _, string, concept_id in meant:
            concept = number[concept_id]
            totals[concept] += 1
            pairs[string, concept] += 1
            parts = set(string.split())
            words.update((word, concept) for word in parts)
            stems.update((stem, concept) for stem in {word[:STEM] for word in parts})
        around: Counter[tuple[str, int]] = Counter()
        typed = np.zeros((len(ids), max(len(type_ids), 1)), np.uint32)
        for use in distinct:
            if use.type_id:
                kind = type_number[use.type_id]
                typed[number[use.concept_id], kind] += 1
                around.update(
                    (sign, kind) for sign in signs(use.string.split(), use.left, use.right)
                )
        types = np.where(typed.any(1), typed.argmax(1), -1).astype(np.int16)
        return cls(
            ids,
            totals,
            types,
            type_ids,
            typed.sum(0)[: len(type_ids)].astype(np.uint32),
            Table.of(pairs),
            Table.of(words, most=_MOST_PER_WORD),
            Table.of(stems, most=_MOST_PER_STEM),
            Table.of(around),
        )

    @classmethod
    def open(cls, folder: Path) -> Priors:
        """Maps what :meth:`save` wrote.

        All checksums and indices are verified, because compiled code does not check bounds.

        Raises:
            InputError: the priors are missing or damaged.
        """
        try:
            about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']}, expected {FORMAT}")
            for name in (*_arrays(), *_TEXTS):
                if page_sums_of(folder / name) != about["checksums"][name]:
                    raise ValueError(f"the checksum of {name} differs")
            arrays = {name: np.load(folder / name, mmap_mode="r") for name in _arrays()}
            ids, type_ids = (
                (folder / name).read_text(encoding="utf-8").split("\n")[:-1] for name in _TEXTS
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{folder}: cannot read priors there ({error}); "
                "train the base again, or reinstall concept_linker"
            ) from None
        # Plain arrays are faster to index.
        plain = {
            name.removesuffix(".npy"): array.view(np.ndarray) for name, array in arrays.items()
        }
        tables = [
            Table(*(plain[f"{table}_{field}"] for field in Table._fields)) for table in _TABLES
        ]
        limits = (len(ids), len(ids), len(ids), len(type_ids))
        kinds = plain["types"]
        if (
            not all(map(Table.is_sound, tables, limits))
            or plain["totals"].shape != (len(ids),)
            or plain["type_totals"].shape != (len(type_ids),)
            or kinds.shape != (len(ids),)
            or (kinds.size and not -1 <= kinds.min() <= kinds.max() < len(type_ids))
        ):
            raise InputError(
                f"{folder}: the tables of the priors are inconsistent; "
                "train the base again, or reinstall concept_linker"
            )
        return cls(
            ids, plain["totals"], plain["types"], type_ids, plain["type_totals"], *tables
        )  # fmt: skip

    def save(self, folder: Path) -> None:
        """Writes the arrays into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _arrays():
            table, _, field = name.removesuffix(".npy").partition("_")
            array = (
                getattr(getattr(self, table), field)
                if table in _TABLES
                else getattr(self, name.removesuffix(".npy"))
            )
            np.save(folder / name, array, allow_pickle=False)
        for name, lines in zip(_TEXTS, (self.ids, self.type_ids), strict=True):
            text = "".join(f"{line}\n" for line in lines)
            (folder / name).write_bytes(text.encode())
        sums = {name: page_sums_of(folder / name) for name in (*_arrays(), *_TEXTS)}
        about = {"format": FORMAT, "checksums": sums}
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    @property
    def tables(self) -> tuple[Table, Table, Table, Table]:
        """The tables of strings, words, stems and surroundings."""
        return self.strings, self.words, self.stems, self.surroundings

    def of_string(self, text: str) -> dict[str, int]:
        """Returns how often a string meant each concept."""
        numbers, counts = self.strings.find(key(text))
        return {
            self.ids[number]: count
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        }


_TABLES = ("strings", "words", "stems", "surroundings")
_TEXTS = ("ids.txt", "type_ids.txt")


def _arrays() -> Iterator[str]:
    yield from ("totals.npy", "types.npy", "type_totals.npy")
    for table in _TABLES:
        yield from (f"{table}_{field}.npy" for field in Table._fields)
