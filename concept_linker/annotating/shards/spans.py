"""Builds the spans of many captions at once, as Arrow columns.

The result equals that of ``to_record`` caption by caption, which takes longer than everything else
around linking; the tests compare both.  Unusual captions are left to ``to_record``.
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

__all__ = ["DETAILS_TYPE", "build_spans", "minimise_spans"]

_SPANS_TYPE = record_schema("full").field(SPANS).type
#: The type of the column ``span_details``: one item per span.
DETAILS_TYPE = pa.list_(SPAN_DETAIL)
#: Codes of characters that are not folded to one character: not yet known, removed, or folded to
#: several.  As code points these are control characters, which folding always removes.
_UNKNOWN, _REMOVED, _SEVERAL = range(3)
_BLANK = 32
#: Added to the code of a character that is a word by itself.
_SINGLE = np.uint32(1 << 31)
_Numbers = np.ndarray[Any, np.dtype[np.int64]]
_Codes = np.ndarray[Any, np.dtype[np.uint32]]
_is_cui = lru_cache(1 << 15)(is_cui)


def build_spans(
    annotations: Sequence[Annotation], profile: Profile, tokenizer: WordPiece | None
) -> tuple[pa.ListArray, pa.ListArray, dict[int, str]]:
    """Returns the spans of each full record, their details, and the captions without a record.

    Args:
        annotations: captions with their mentions.
        profile: which mentions become spans, and what their offsets index.
        tokenizer: makes the spans' tokens; without one they are the basic words.

    Returns:
        A list of spans per caption; a list of :data:`DETAILS_TYPE` per caption; index of a caption
        → why no record can be made of it.
    """
    if tokenizer is None and profile["offsets"] == "caption" and profile["max_words"] is None:
        built = _build_together(annotations, profile["min_similarity"], profile["negated"])
        if built is not None:
            return *built, {}
    return _build_one_by_one(annotations, profile, tokenizer)


def _build_one_by_one(
    annotations: Sequence[Annotation], profile: Profile, tokenizer: WordPiece | None
) -> tuple[pa.ListArray, pa.ListArray, dict[int, str]]:
    rules = profile["min_similarity"], profile["max_words"], profile["negated"]
    spans: list[Any] = []
    details: list[list[dict[str, Any]]] = []
    problems: dict[int, str] = {}
    for number, annotation in enumerate(annotations):
        try:
            record = to_record(annotation, image="-", tokenizer=tokenizer, **profile)
        except InputError as error:
            problems[number] = str(error)
            spans.append([])
            details.append([])
        else:
            spans.append(record[SPANS])
            details.append(span_details(list(select_mentions(annotation, *rules))))
    return pa.array(spans, _SPANS_TYPE), pa.array(details, DETAILS_TYPE), problems


class _Mentions(NamedTuple):
    """The mentions that become spans: of all captions, one list per field.

    Args:
        offsets: where each caption's mentions begin in the lists, and last where they end.
    """

    starts: list[int]
    ends: list[int]
    ids: list[str]
    similarities: list[float]
    offsets: list[int]
    probabilities: list[float]
    scores: list[float]
    labels: list[str]
    negated: list[bool]


def _collect_mentions(
    annotations: Sequence[Annotation], min_similarity: float, negated: Negated
) -> _Mentions | None:
    """Returns the mentions that become spans; ``None`` if mentions overlap or are not in order."""
    found = _Mentions([], [], [], [], [0], [], [], [], [])
    starts, ends, ids, similarities, offsets, probabilities, scores, labels, negations = found
    for annotation in annotations:
        last_end = 0
        for mention in annotation.mentions:
            start, end = mention.start, mention.end
            if not last_end <= start < end:
                return None
            last_end = end
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
            negations.append(mention.negated)
        if last_end > len(annotation.text):
            return None
        offsets.append(len(ids))
    return found


def _build_together(
    annotations: Sequence[Annotation], min_similarity: float, negated: Negated
) -> tuple[pa.ListArray, pa.ListArray] | None:
    """Builds all spans from one text of all captions; ``None`` if a caption is unusual."""
    found = _collect_mentions(annotations, min_similarity, negated)
    if found is None:
        return None
    captions = [annotation.text for annotation in annotations]
    folded = _fold("\n".join(captions))
    start_char, end_char = np.array(found.starts, np.int32), np.array(found.ends, np.int32)
    similarity = np.array(found.similarities, np.float32)
    # The place of each span's caption in the joined text, and of the span itself.
    base = np.repeat(_sums(len(caption) + 1 for caption in captions)[:-1], np.diff(found.offsets))
    start, end = base + start_char, base + end_char
    usual = (
        not (folded == _SEVERAL).any()
        and (folded[start] > _BLANK).all()
        and (folded[end - 1] > _BLANK).all()
        and ((similarity >= 0) & (similarity <= 1)).all()
    )
    if not usual:
        return None
    if not (kept := folded != _REMOVED).all():
        folded, before = folded[kept], _sums(kept)
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
    spans = pa.StructArray.from_arrays(columns, fields=list(_SPANS_TYPE.value_type))
    detail_columns = (
        pa.array(found.probabilities, pa.float32()),
        pa.array(found.scores, pa.float32()),
        pa.array(found.labels, pa.string()),
        pa.array(found.negated, pa.bool_()),
    )
    details = pa.StructArray.from_arrays(detail_columns, fields=list(DETAILS_TYPE.value_type))
    offsets = pa.array(found.offsets, pa.int32())
    return (
        pa.ListArray.from_arrays(offsets, spans),
        pa.ListArray.from_arrays(offsets, details),
    )


class _Words:
    """The basic words of a text.

    Args:
        folded: its characters from :func:`_fold`, each folded to exactly one.

    Attributes:
        before: for each place, the number of words that begin before it.
    """

    def __init__(self, folded: _Codes) -> None:
        single, blank = folded >= _SINGLE, folded == _BLANK
        begins = ~blank
        begins[1:] &= (single | blank)[:-1] | single[1:]
        ends = ~blank
        ends[:-1] &= blank[1:] | begins[1:]
        self.before = _sums(begins)
        self._begins, self._ends = np.flatnonzero(begins), np.flatnonzero(ends) + 1
        self._text = (folded & ~_SINGLE).tobytes().decode("utf-32-le")

    def texts(self, numbers: _Numbers) -> list[str]:
        """Returns the words with these numbers."""
        text = self._text
        begins, ends = self._begins[numbers].tolist(), self._ends[numbers].tolist()
        return [text[begin:end] for begin, end in zip(begins, ends, strict=True)]


def _sums(lengths: Iterable[int]) -> _Numbers:
    """Returns the sum of the lengths before each one, and last their total."""
    array = lengths if isinstance(lengths, np.ndarray) else np.fromiter(lengths, np.int64)
    sums = np.zeros(len(array) + 1, np.int64)
    np.cumsum(array, out=sums[1:])
    return sums


@cache
def _table() -> _Codes:
    """Returns the table code point → folded code; :func:`_fold` fills it on demand."""
    return np.zeros(0x110000, np.uint32)


def _fold(text: str) -> _Codes:
    """Returns what basic tokenisation folds each character to.

    This is a code point, plus ``_SINGLE`` if the character is a word by itself, or one of the
    constants ``_REMOVED`` and ``_SEVERAL``.
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
            return _REMOVED if not inside else ord(inside) if len(inside) == 1 else _SEVERAL
        case ["a", "b"]:
            return _BLANK
        case ["a", single, "b"] if len(single) == 1:
            return ord(single) + int(_SINGLE)
    return _SEVERAL


def minimise_spans(spans: pa.ListArray) -> pa.ListArray:
    """Returns the pairs ``[start_char, end_char]`` of spans, as minimised records have them."""
    values = spans.values
    ends = np.stack([values.field("start_char"), values.field("end_char")], axis=1).ravel()
    pairs = pa.ListArray.from_arrays(
        pa.array(np.arange(0, len(ends) + 1, 2, dtype=np.int32)), pa.array(ends, pa.int32())
    )
    return pa.ListArray.from_arrays(spans.offsets, pairs)
