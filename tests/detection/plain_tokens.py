"""What :mod:`concept_linker.detection.tokens` does, with regular expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from concept_linker.search.normalise import TOKEN, fold

WORD = re.compile(r"[^\W_]+(?:(?<=\d)[.,](?=\d)[^\W_]+)*|[^\w\s]|_")


def words(texts: Sequence[str]) -> list[tuple[int, int, int]]:
    """(start, end, text) of each word; offsets are into the texts joined by line breaks."""
    return [
        (match.start() + begin, match.end() + begin, number)
        for number, (begin, text) in enumerate(_begins(texts))
        for match in WORD.finditer(text)
    ]


def tokens(texts: Sequence[str]) -> list[tuple[int, int]]:
    """(start, end) of each token that has a key."""
    return [
        (match.start() + begin, match.end() + begin)
        for begin, text in _begins(texts)
        for match in TOKEN.finditer(text)
        if fold(match.group())
    ]


def _begins(texts: Sequence[str]) -> list[tuple[int, str]]:
    begins, begin = [], 0
    for text in texts:
        begins.append((begin, text))
        begin += len(text) + 1
    return begins
