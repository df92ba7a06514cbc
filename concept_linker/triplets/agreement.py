"""Whether a span's offsets, its tokens and the caption say the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from concept_linker.triplets.offsets import basic_words, visible
from concept_linker.triplets.record import ConceptSpan
from concept_linker.triplets.wordpiece import UNKNOWN, WordPiece

__all__ = ["first_wrong", "said", "span_agrees", "token_stream", "word_limit"]

_WORD = re.compile(r"\S+")


def said(tokens: Sequence[str]) -> str:
    """The visible characters that tokens stand for.

    >>> said(["gl", "##io", "##blast", "##oma"])
    'glioblastoma'
    """
    return "".join([token[2:] if token[:2] == "##" else token for token in tokens])


def span_agrees(text: str, span: ConceptSpan, *, whole_tokens: bool = False) -> bool:
    """Whether a span's characters in ``text`` are what its tokens say.

    A mention may begin or end within a token (``lung`` in the basic word ``lungs``); then its
    tokens say a little more, and the surplus is part of the first and last one.

    Args:
        text: what the offsets are taken to index.
        span: the span.
        whole_tokens: there must be no surplus.
    """
    start, end, tokens = span["start_char"], span["end_char"], span["tokens"]
    if end > len(text) or text[start].isspace() or text[end - 1].isspace():
        return False
    here = visible(text[start:end])
    whole = said(tokens)
    if here == whole:
        return True
    if UNKNOWN in tokens:  # it stands for any one word
        parts = (".+" if token == UNKNOWN else re.escape(said([token])) for token in tokens)
        return re.fullmatch("".join(parts), here) is not None
    if whole_tokens or not here:
        return False
    surplus = len(whole) - len(here)
    first, last = len(said(tokens[:1])), len(said(tokens[-1:]))
    begins = range(max(0, surplus - last + 1), min(first, surplus + 1))
    return any(whole.startswith(here, begin) for begin in begins)


def first_wrong(text: str, spans: Sequence[ConceptSpan], *, whole_tokens: bool = False) -> int:
    """The number of the first span that does not agree with ``text``; their count if all do."""
    for number, span in enumerate(spans):
        if not span_agrees(text, span, whole_tokens=whole_tokens):
            return number
    return len(spans)


def token_stream(caption: str, wordpiece: WordPiece | None) -> tuple[list[str], list[int]]:
    """The tokens of a caption, and how many visible characters come before each and in all.

    Without a ``wordpiece`` the tokens are the basic words.
    """
    words = basic_words(caption)
    if wordpiece is None:
        return words, [0, *accumulate(map(len, words))]
    tokens: list[str] = []
    lengths: list[int] = []
    for word in words:
        pieces = wordpiece.pieces(word)
        tokens += pieces
        if len(pieces) == 1:  # an unknown one is as long as its word
            lengths.append(len(word))
        else:
            lengths += [len(piece) - 2 * (piece[:2] == "##") for piece in pieces]
    return tokens, [0, *accumulate(lengths)]


def word_limit(caption: str, words: int) -> int:
    """Where the word number ``words`` of a caption ends; its length where it has fewer.

    >>> word_limit("a lesion in the left lobe", 2)
    8
    """
    for number, word in enumerate(_WORD.finditer(caption), start=1):
        if number == words:
            return word.end()
    return len(caption)
