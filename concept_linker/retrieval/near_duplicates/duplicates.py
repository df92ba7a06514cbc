"""Images that two lists share, or that come twice in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from concept_linker.retrieval.near_duplicates.hamming import HashIndex
from concept_linker.retrieval.near_duplicates.hashing import HashTable

__all__ = ["REPORT_COLUMNS", "Duplicate", "duplicates"]

#: As in the report of ConceptCLIP's ``check_duplicates.py``, and two more.
REPORT_COLUMNS: Final = (
    "Hash",
    "Evaluation_Image_Path",
    "Pretraining_Image_Path",
    "Pretraining_Hash",
    "Distance",
)


class Duplicate(NamedTuple):
    """Two images that are nearly the same, in the order of :data:`REPORT_COLUMNS`."""

    hash: str
    evaluation: str
    pretraining: str
    pretraining_hash: str
    distance: int


def duplicates(
    pretraining: HashTable, evaluation: HashTable | None = None, *, distance: int = 8
) -> Iterator[Duplicate]:
    """All pairs of images whose hashes differ in at most ``distance`` bits, by hash.

    Args:
        pretraining: the first list.
        evaluation: the second; the first itself if not given, each pair then once.
        distance: the most bits; 0 finds equal hashes only.

    Raises:
        SettingsError: a distance that is not in range.
    """
    index = HashIndex(pretraining.distinct, distance)
    if evaluation is not None:
        for query, found, apart in index.near(evaluation.distinct):
            first, second = evaluation.distinct[query], pretraining.distinct[found]
            for own in evaluation.paths_of(query):
                for other in pretraining.paths_of(found):
                    yield Duplicate(f"{first:016x}", own, other, f"{second:016x}", int(apart))
        return
    among = index.pairs()
    copies = np.flatnonzero(np.diff(pretraining.begins) > 1)
    own_pairs = np.stack([copies, copies, np.zeros_like(copies)], axis=1)
    both = np.concatenate([among, own_pairs])
    for one, other, apart in both[np.lexsort((both[:, 1], both[:, 0]))]:
        first, second = pretraining.distinct[[one, other]]
        left = pretraining.paths_of(one)
        for number, own in enumerate(left):
            rest = left[number + 1 :] if one == other else pretraining.paths_of(other)
            for path in rest:
                yield Duplicate(f"{first:016x}", own, path, f"{second:016x}", int(apart))
