"""What every reader checks of a mention, and how ids are spelled."""

from __future__ import annotations

import re
from collections.abc import Iterable

from concept_linker.evaluation.gold import GoldMention
from concept_linker.knowledge_base.identity import canonical_id

__all__ = ["BadCorpusError", "gold_ids", "gold_mention", "in_reading_order"]

_NO_ID = frozenset({"", "-1", "-", "none", "null", "nil", "cui-less", "unknown"})
_SEPARATOR = re.compile(r"[|+;,]")
_NO_WORD = re.compile(r"[\W_]+")


class BadCorpusError(ValueError):
    """What is wrong; the reader that catches it adds file and line."""


def gold_ids(written: str) -> tuple[str, ...]:
    """The concept ids of a cell: several between ``|``, ``+``, ``;`` or ``,``; none for ``-1``.

    >>> gold_ids("D001943|D010051"), gold_ids(" OMIM:219700+D003550"), gold_ids("-1")
    (('D001943', 'D010051'), ('OMIM:219700', 'D003550'), ())
    """
    ids = (one.strip() for one in _SEPARATOR.split(written))
    return tuple(dict.fromkeys(canonical_id(one) for one in ids if one.casefold() not in _NO_ID))


def gold_mention(
    text: str,
    spans: Iterable[tuple[int, int]],
    ids: Iterable[str],
    *,
    types: Iterable[str] = (),
    flags: Iterable[str] = (),
    surface: str | None = None,
) -> GoldMention:
    """A mention whose spans lie in the text and, where its characters are given, fit them.

    Only letters and digits are compared, whatever their case: some corpora write other quotation
    marks and blanks in one of the two places.

    Raises:
        BadCorpusError: they do not.
    """
    parts = tuple(sorted((start, end) for start, end in spans))
    if not parts:
        raise BadCorpusError("a mention has no span")
    for start, end in parts:
        if not 0 <= start < end <= len(text):
            raise BadCorpusError(
                f"span ({start}, {end}), wanted 0 <= start < end <= {len(text)}, the text's length"
            )
    if surface is not None:
        found = " ".join(text[start:end] for start, end in parts)
        if _NO_WORD.sub("", found).casefold() != _NO_WORD.sub("", surface).casefold():
            raise BadCorpusError(
                f"the text at {parts[0][0]} is {found[:60]!r}, but the mention is {surface[:60]!r}"
            )
    return GoldMention(parts, tuple(ids), tuple(types), frozenset(flags))


def in_reading_order(mentions: Iterable[GoldMention]) -> tuple[GoldMention, ...]:
    """By start, the longer first; in the file's order where both are equal."""
    return tuple(sorted(mentions, key=lambda mention: (mention.start, -mention.end)))
