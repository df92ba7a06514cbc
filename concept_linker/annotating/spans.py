"""The spans of many captions at once, as Arrow columns.

They are what ``to_record`` makes caption by caption, which takes longer than everything else that
is done around linking; the tests hold one against the other.  What is rare is left to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from concept_linker.errors import InputError
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.triplets.from_annotation import select_mentions, to_record
from concept_linker.triplets.mention_columns import SPAN_DETAIL, span_details
from concept_linker.triplets.offsets import basic_words
from concept_linker.triplets.parquet_schema import record_schema
from concept_linker.triplets.record import SPANS

if TYPE_CHECKING:
    from concept_linker.annotation import Annotation
    from concept_linker.triplets.record import Negated, Profile
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["DETAILS", "minimised", "spans_of"]

_TYPE = record_schema("full").field(SPANS).type
#: The type of the column ``span_details``.
DETAILS = pa.list_(SPAN_DETAIL)
#: What stands for characters that are not folded to one: not seen yet, left out, or folded to
#: several.  They are control characters, which are all left out.
_UNKNOWN, _NOTHING, _ODD = range(3)
_BLANK = 32
_ALONE = np.uint32(1 << 31)
_Numbers = np.ndarray[Any, np.dtype[np.int64]]
_Codes = np.ndarray[Any, np.dtype[np.uint32]]
_is_cui = lru_cache(1 << 15)(is_cui)


def spans_of(
    annotations: Sequence[Annotation], profile: Profile, tokenizer: WordPiece | None
) -> tuple[pa.ListArray, pa.ListArray, dict[int, str]]:
    """The spans of the full record of each, their :data:`DETAILS`, and which has none and why.

    Args:
        annotations: captions with their mentions.
        profile: which mentions become spans, and what their offsets count in.
        tokenizer: makes the spans' tokens; without one they are the basic words.
    """
    if tokenizer is None and profile["offsets"] == "caption" and profile["max_words"] is None:
        made = _at_once(annotations, profile["min_similarity"], profile["negated"])
        if made is not None:
            return *made, {}
    return _one_by_one(annotations, profile, tokenizer)


def _one_by_one(
    annotations: Sequence[Annotation], profile: Profile, tokenizer: WordPiece | None
) -> tuple[pa.ListArray, pa.ListArray, dict[int, str]]:
    wanted = profile["min_similarity"], profile["max_words"], profile["negated"]
    made: list[Any] = []
    details: list[list[dict[str, Any]]] = []
    problems: dict[int, str] = {}
    for number, annotation in enumerate(annotations):
        try:
            record = to_record(annotation, image="-", tokenizer=tokenizer, **profile)
        except InputError as error:
            problems[number] = str(error)
            made.append([])
            details.append([])
        else:
            made.append(record[SPANS])
            details.append(span_details(list(select_mentions(annotation, *wanted))))
    return pa.array(made, _TYPE), pa.array(details, DETAILS), problems


class _Chosen(NamedTuple):
    """The mentions that become spans, of all captions in one row."""

    starts: list[int]
    ends: list[int]
    ids: list[str]
    similarities: list[float]
    offsets: list[int]
    probabilities: list[float]
    scores: list[float]
    labels: list[str]
    negated: list[bool]


def _chosen(
    annotations: Sequence[Annotation], min_similarity: float, negated: Negated
) -> _Chosen | None:
    """Those of some captions; none if mentions overlap or are in another order."""
    found = _Chosen([], [], [], [], [0], [], [], [], [])
    starts, ends, ids, similarities, offsets, probabilities, scores, labels, absent = found
    for annotation in annotations:
        before = 0
        for mention in annotation.mentions:
            start, end = mention.start, mention.end
            if not before <= start < end:
                return None
            before = end
            best = mention.best
            if best is None or best.similarity < min_similarity or not _is_cui(best.concept_id):
                continue
            if mention.negated and negated == "drop":
                continue
            starts.append(start)
            ends.append(end)
            ids.append(best.concept_id)
            similarities.append(best.similarity)
            probabilities.append(mention.probability)
            scores.append(best.score)
            labels.append(mention.label)
            absent.append(mention.negated)
        if before > len(annotation.text):
            return None
        offsets.append(len(ids))
    return found


def _at_once(
    annotations: Sequence[Annotation], min_similarity: float, negated: Negated
) -> tuple[pa.ListArray, pa.ListArray] | None:
    """All spans by one walk through all captions; none if one of them is unusual."""
    found = _chosen(annotations, min_similarity, negated)
    if found is None:
        return None
    captions = [annotation.text for annotation in annotations]
    folded = _fold("\n".join(captions))
    start_char, end_char = np.array(found.starts, np.int32), np.array(found.ends, np.int32)
    similarity = np.array(found.similarities, np.float32)
    # Where each span's caption begins in the text of all, and where its own ends are there.
    base = np.repeat(_sums(len(caption) + 1 for caption in captions)[:-1], np.diff(found.offsets))
    start, end = base + start_char, base + end_char
    usual = (
        not (folded == _ODD).any()
        and (folded[start] > _BLANK).all()
        and (folded[end - 1] > _BLANK).all()
        and ((similarity >= 0) & (similarity <= 1)).all()
    )
    if not usual:
        return None
    if not (there := folded != _NOTHING).all():
        folded, before = folded[there], _sums(there)
        base, start, end = before[base], before[start], before[end]
    words = _Words(folded)
    first, after = words.before[start + 1] - 1, words.before[end]
    token_offsets = _sums(after - first)
    places = np.arange(token_offsets[-1]) + np.repeat(first - token_offsets[:-1], after - first)
    columns = (
        pa.array(found.ids, pa.string()),
        pa.array(similarity),
        pa.array(start_char),
        pa.array(end_char),
        pa.ListArray.from_arrays(
            pa.array(token_offsets, pa.int32()), pa.array(words.texts(places), pa.string())
        ),
        pa.array(first - words.before[base], pa.int32()),
        pa.array(after - words.before[base], pa.int32()),
    )
    spans = pa.StructArray.from_arrays(columns, fields=list(_TYPE.value_type))
    told = (
        pa.array(found.probabilities, pa.float32()),
        pa.array(found.scores, pa.float32()),
        pa.array(found.labels, pa.string()),
        pa.array(found.negated, pa.bool_()),
    )
    details = pa.StructArray.from_arrays(told, fields=list(DETAILS.value_type))
    offsets = pa.array(found.offsets, pa.int32())
    return (
        pa.ListArray.from_arrays(offsets, spans),
        pa.ListArray.from_arrays(offsets, details),
    )


class _Words:
    """The basic words of a text.

    Args:
        folded: its characters out of :func:`_fold`, none of which is odd or nothing.

    Attributes:
        before: for each place, how many words begin before it.
    """

    def __init__(self, folded: _Codes) -> None:
        alone, blank = folded >= _ALONE, folded == _BLANK
        begins = ~blank
        begins[1:] &= (alone | blank)[:-1] | alone[1:]
        ends = ~blank
        ends[:-1] &= blank[1:] | begins[1:]
        self.before = _sums(begins)
        self._begins, self._ends = np.flatnonzero(begins), np.flatnonzero(ends) + 1
        self._text = (folded & ~_ALONE).tobytes().decode("utf-32-le")

    def texts(self, numbers: _Numbers) -> list[str]:
        """The words of these numbers."""
        text = self._text
        begins, ends = self._begins[numbers].tolist(), self._ends[numbers].tolist()
        return [text[begin:end] for begin, end in zip(begins, ends, strict=True)]


def _sums(lengths: Iterable[int]) -> _Numbers:
    """The sum of all lengths before each, and last that of all."""
    array = lengths if isinstance(lengths, np.ndarray) else np.fromiter(lengths, np.int64)
    sums = np.zeros(len(array) + 1, np.int64)
    np.cumsum(array, out=sums[1:])
    return sums


@cache
def _table() -> _Codes:
    """Code point → what it is folded to, as :func:`_fold` says; filled as they come."""
    return np.zeros(0x110000, np.uint32)


def _fold(text: str) -> _Codes:
    """What basic tokenisation makes of each character: a code point, or one of the constants.

    To that of a character which is a word of its own, ``_ALONE`` is added.
    """
    table = _table()
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    folded = table[codes]
    if (new := folded == _UNKNOWN).any():
        for code in np.unique(codes[new]):
            table[code] = _folded_character(chr(code))
        folded = table[codes]
    return folded


def _folded_character(character: str) -> int:
    match basic_words(f"a{character}b"):
        case [word]:
            inside = word[1:-1]
            return _NOTHING if not inside else ord(inside) if len(inside) == 1 else _ODD
        case ["a", "b"]:
            return _BLANK
        case ["a", alone, "b"] if len(alone) == 1:
            return ord(alone) + int(_ALONE)
    return _ODD


def minimised(spans: pa.ListArray) -> pa.ListArray:
    """Of spans only where they begin and end, which is what minimised records have."""
    values = spans.values
    ends = np.stack([values.field("start_char"), values.field("end_char")], axis=1).ravel()
    pairs = pa.ListArray.from_arrays(
        pa.array(np.arange(0, len(ends) + 1, 2, dtype=np.int32)), pa.array(ends, pa.int32())
    )
    return pa.ListArray.from_arrays(spans.offsets, pairs)
