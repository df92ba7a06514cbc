"""The text that the published offsets index, and the mapping between it and the caption.

The published ``start_char`` and ``end_char`` do not index ``caption`` but what a BERT tokenizer
makes of it: its basic words (without control characters and accents, in lower case, each
punctuation and CJK character a word) joined by spaces, of which a few are removed again, as
``decode(clean_up_tokenization_spaces=True)`` of Hugging Face's tokenizers does.

Both texts have the same visible characters in the same order; only white space differs, and folding
works character by character.  So counting visible characters maps a place in one to the other.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from concept_linker.errors import InputError

if TYPE_CHECKING:
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["DecodedCaption", "basic_words", "decode", "visible", "visible_sources"]

_PLAIN = re.compile(r"[\t\n\r -~]*")
_NOT_PLAIN = re.compile(r"[^\t\n\r -~]")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_CLEAN_UP = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")


class _Folding(dict[str, str]):
    """Maps a character that is not plain ASCII to its folded form; filled on demand."""

    def __missing__(self, character: str) -> str:
        self[character] = folded = _fold(character)
        return folded


def _fold(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Co", "Cs") or character == "\ufffd":
        return ""
    if kind[0] == "Z":
        return " "
    alone = any(first <= ord(character) <= last for first, last in _CJK)
    parts = []
    for part in unicodedata.normalize("NFD", character):
        kind = unicodedata.category(part)
        if kind != "Mn":
            low = part.lower()
            parts.append(f" {low} " if alone or kind[0] == "P" else low)
    return "".join(parts)


_FOLDING = _Folding()


def _folded(text: str) -> str:
    """Lower case, without accents and control characters; spaces around non-ASCII single words."""
    if _PLAIN.fullmatch(text) is None:
        text = _NOT_PLAIN.sub(lambda found: _FOLDING[found[0]], text)
    return text.lower()


def basic_words(text: str) -> list[str]:
    r"""The words of BERT's basic tokenisation, as the ``tokenizers`` library makes them.

    They differ for a few hundred characters of rare scripts: that library has the tables of
    Unicode 8.

    >>> basic_words("Café-au-lait\u2009spots (5 µm)")
    ['cafe', '-', 'au', '-', 'lait', 'spots', '(', '5', 'µm', ')']
    """
    return " ".join(_PUNCTUATION.split(_folded(text))).split()  # three times as fast as sub()


def visible(text: str) -> str:
    """The characters of a text as basic tokenisation folds them, without white space.

    >>> visible("Café au lait")
    'cafeaulait'
    """
    return "".join(_folded(text).split())


def decode(words: list[str]) -> str:
    """Joins basic words as Hugging Face's ``decode`` does.

    >>> decode(basic_words("No change (arrow), patient's left."))
    "no change ( arrow ), patient's left."
    """
    text = " ".join(words)
    for wide in _CLEAN_UP:
        text = text.replace(wide, wide.strip())
    return text


def visible_sources(text: str) -> list[int]:
    """For each character of ``visible(text)``, its place in ``text``."""
    if _PLAIN.fullmatch(text) is not None:
        return [place for place, character in enumerate(text) if character not in " \t\n\r"]
    sources: list[int] = []
    for place, character in enumerate(text):
        if "!" <= character <= "~":
            sources.append(place)
        elif character not in " \t\n\r":
            sources.extend([place] * len(_FOLDING[character].replace(" ", "")))
    return sources


class DecodedCaption:
    """A caption with the text that the published offsets index.

    Args:
        caption: the caption.
        wordpiece: the tokenizer; words that it does not know are not in the decoded text.  Without
            it all words count as known, which is right for nearly every caption.

    Attributes:
        text: the decoded text.

    >>> decoded = DecodedCaption("Lesion (arrow) in the left hippocampus.")
    >>> decoded.text
    'lesion ( arrow ) in the left hippocampus.'
    >>> decoded.to_caption(29, 40), decoded.from_caption(27, 38)
    ((27, 38), (29, 40))
    """

    __slots__ = ("_caption", "_places", "_source_list", "_unknown", "text")

    def __init__(self, caption: str, wordpiece: WordPiece | None = None) -> None:
        words = basic_words(caption)
        self._unknown: list[tuple[int, int]] = []
        if wordpiece is not None and not all(map(wordpiece.knows, words)):
            ends = accumulate(map(len, words))
            self._unknown = [
                (end - len(word), end)
                for word, end in zip(words, ends, strict=True)
                if not wordpiece.knows(word)
            ]
            words = list(filter(wordpiece.knows, words))
        self._caption = caption
        # Computed on demand: checking offsets needs only the text.
        self._source_list: list[int] | None = None
        self._places: list[int] | None = None
        self.text = decode(words)

    @property
    def _sources(self) -> list[int]:
        """For each visible character of ``text``, its place in the caption."""
        if self._source_list is None:
            self._source_list = visible_sources(self._caption)
            for begin, end in reversed(self._unknown):
                del self._source_list[begin:end]
        return self._source_list

    def to_caption(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span of the caption for a span of ``text``.

        It has no spaces at its ends, and a combining mark stays with its letter.

        Raises:
            InputError: the span is not inside the text, or has only spaces.
        """
        text = self.text
        if not 0 <= start < end <= len(text):
            raise InputError(
                f"[{start}, {end}) is not inside the decoded text of {len(text)} characters"
            )
        first = start - text.count(" ", 0, start)
        last = end - text.count(" ", 0, end)
        if first == last:
            raise InputError(f"[{start}, {end}) has only spaces in the decoded text")
        caption = self._caption
        begin, stop = self._sources[first], self._sources[last - 1] + 1
        while stop < len(caption) and unicodedata.category(caption[stop]) == "Mn":
            stop += 1
        return begin, stop

    def from_caption(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span of ``text`` for a span of the caption.

        Raises:
            InputError: the span is not inside the caption, or no character of it is in the decoded
                text.
        """
        if not 0 <= start < end <= len(self._caption):
            raise InputError(
                f"[{start}, {end}) is not inside the caption of {len(self._caption)} characters"
            )
        first, last = bisect_left(self._sources, start), bisect_left(self._sources, end)
        if first == last:
            raise InputError(f"[{start}, {end}) has no character of the decoded text")
        if self._places is None:
            self._places = [place for place, c in enumerate(self.text) if c != " "]
        return self._places[first], self._places[last - 1] + 1
