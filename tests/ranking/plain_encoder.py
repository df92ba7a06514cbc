"""The plain twin of :mod:`concept_linker.ranking.encoder`: one feature at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.encoder import ROWS, SIZE, Encoder


def features(key: str) -> list[int]:
    """Returns the rows of a key, in order."""
    rows = []
    before = ""
    words = key.split(" ") if key else []
    for place, word in enumerate(words):
        rows.append(row(b"one word", word.encode()))
        if place:
            rows.append(row(b"in pairs", f"{before} {word}".encode()))
        if place == len(words) - 1:
            rows.append(row(b"the last", word.encode()))
        letters = f" {word} ".encode()
        for first in range(len(letters)):
            for length in (3, 4, 5):
                if first + length <= len(letters):
                    rows.append(row(b"run of l", letters[first : first + length]))
        before = word
    return rows[:512]


def row(kind: bytes, sign: bytes) -> int:
    """Returns FNV-1a, started from the kind, folded to a row."""
    state = int.from_bytes(kind, "big")
    for byte in sign:
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return (state ^ (state >> 32)) % ROWS


def vector(key: str, encoder: Encoder) -> NDArray[np.float64]:
    """Returns the sum of the rows, scaled to length 127 and rounded."""
    single = np.zeros(SIZE, np.float32)
    for one in features(key):
        single += encoder.scales[one] * encoder.rows[one].astype(np.float32)
    total = single.astype(float)
    length = np.sqrt((total * total).sum())
    return np.rint(127 * total / length) if length else total
