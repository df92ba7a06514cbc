"""Whether a span's offsets, its tokens and the caption agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from concept_linker.triplets.offsets import basic_words, visible
from concept_linker.triplets.record import ConceptSpan
from concept_linker.triplets.wordpiece import UNKNOWN, WordPiece

__all__ = ["first_disagreement", "span_agrees", "text_of_tokens", "token_stream", "word_limit"]

_WORD = re.compile(r"\S+")


def text_of_tokens(tokens: Sequence[str]) -> str:
    """The visible characters of some tokens.

    >>> text_of_tokens(["gl", "##io", "##blast", "##oma"])
    'glioblastoma'
    """
    return "".join([token[2:] if token[:2] == "##" else token for token in tokens])


def span_agrees(text: str, span: ConceptSpan, *, whole_tokens: bool = False) -> bool:
    """Whether a span's characters in ``text`` are those of its tokens.

    A mention may begin or end within a token (``lung`` in the basic word ``lungs``).  Then its
    tokens have surplus characters, which belong to the first and the last one.

    Args:
        text: the text that the offsets are assumed to index.
        span: the span.
        whole_tokens: do not allow surplus characters.
    """
    start, end, tokens = span["start_char"], span["end_char"], span["tokens"]
    if end > len(text) or text[start].isspace() or text[end - 1].isspace():
        return False
    found = visible(text[start:end])
    whole = text_of_tokens(tokens)
    if found == whole:
        return True
    if UNKNOWN in tokens:  # it matches any one word
        parts = (
            ".+" if token == UNKNOWN else re.escape(text_of_tokens([token])) for token in tokens
        )
        return re.fullmatch("".join(parts), found) is not None
    if whole_tokens or not found:
        return False
    surplus = len(whole) - len(found)
    first, last = len(text_of_tokens(tokens[:1])), len(text_of_tokens(tokens[-1:]))
    begins = range(max(0, surplus - last + 1), min(first, surplus + 1))
    return any(whole.startswith(found, begin) for begin in begins)


def first_disagreement(
    text: str, spans: Sequence[ConceptSpan], *, whole_tokens: bool = False
) -> int:
    """The index of the first span that disagrees with ``text``; ``len(spans)`` if all agree."""
    for number, span in enumerate(spans):
        if not span_agrees(text, span, whole_tokens=whole_tokens):
            return number
    return len(spans)


def token_stream(caption: str, wordpiece: WordPiece | None) -> tuple[list[str], list[int]]:
    """The tokens of a caption, and the number of visible characters before each and in all.

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
        if len(pieces) == 1:  # [UNK] is as long as its word
            lengths.append(len(word))
        else:
            lengths += [len(piece) - 2 * (piece[:2] == "##") for piece in pieces]
    return tokens, [0, *accumulate(lengths)]


def word_limit(caption: str, words: int) -> int:
    """Where the first ``words`` white-space words of a caption end; its length if it has fewer.

    >>> word_limit("a lesion in the left lobe", 2)
    8
    """
    for number, word in enumerate(_WORD.finditer(caption), start=1):
        if number == words:
            return word.end()
    return len(caption)
