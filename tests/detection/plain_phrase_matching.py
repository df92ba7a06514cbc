"""What :mod:`concept_linker.detection.phrase_matching` does, run by run."""

from __future__ import annotations

from collections.abc import Sequence

from concept_linker.detection.phrase_matching import LONGEST_RUN
from concept_linker.detection.tokens import Tokens

Run = tuple[int, int]


def find_runs(
    tokens: Tokens, keys: dict[bytes, int], memory: dict[bytes, int]
) -> list[tuple[int, int, int, int]]:
    """(first token, last token, key or -1, number in the memory or -1) of each run that has one."""
    found = []
    folded = tokens.folded.tobytes()
    for first in range(tokens.starts.size):
        for last in range(first, min(first + LONGEST_RUN, tokens.starts.size)):
            if last > first and not tokens.joins[last - 1]:
                break
            key = folded[tokens.folded_starts[first] : tokens.folded_ends[last]]
            numbers = keys.get(key, -1), memory.get(key, -1)
            if tokens.opens[first] and tokens.closes[last] and max(numbers) >= 0:
                found.append((first, last, *numbers))
    return found


def closed_end(text: str, start: int, end: int) -> int | None:
    """The end of a run with the bracket that closes it; ``None`` if its brackets do not match."""
    for stop in (end, end + 1) if text[end : end + 1] == ")" else (end,):
        depth = 0
        for char in text[start:stop]:
            depth += {"(": 1, ")": -1}.get(char, 0)
            if depth < 0:
                return None
        if depth == 0:
            return stop
    return None


def select_longest(order: Sequence[int], runs: Sequence[Run]) -> list[bool]:
    """Which runs to take, in the given order, so that none overlap."""
    taken: list[int] = []
    for number in order:
        first, last = runs[number]
        if all(last < runs[other][0] or runs[other][1] < first for other in taken):
            taken.append(number)
    return [number in taken for number in range(len(runs))]
