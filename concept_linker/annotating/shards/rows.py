"""Parses raw rows: checks each and turns it into a record, its other columns and provenance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pyarrow as pa

from concept_linker.annotating.inputs.columns import Columns
from concept_linker.annotating.shards.source import Shard
from concept_linker.annotation import Annotation
from concept_linker.errors import InputError
from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.from_annotation import to_record
from concept_linker.triplets.json_lines import MAX_LINE, Line, parse_line
from concept_linker.triplets.parquet_files import batch_rows
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import PROVENANCE, RECORD_KEYS, SPAN_DETAILS, SPANS, Record

__all__ = ["BadInput", "Row", "parse_rows", "without_times"]

#: The number of characters of a bad row that the quarantine keeps.
_SHOWN: Final = 10_000
#: An empty record, and the keys that an input may set.
_EMPTY: Final = to_record(Annotation("-"), image="-")
_INPUT_KEYS: Final = frozenset(RECORD_KEYS) - {"caption", "image", SPANS}
_CHECKERS: Final = {
    images: Checker(Rules(form="full", agreement=False, images=images)) for images in (True, False)
}
_NO_PROVENANCE: Final = Provenance()
#: What pandas and databases write for a missing value.
_MISSING: Final = frozenset({"nan", "NaN", "NaT", "<NA>", "None", "null", "NULL"})
_SCALARS: Final = (int, float, bool, type(None))
_STRICT_JSON: Final = json.JSONEncoder(allow_nan=False).encode
_JSON: Final = json.JSONEncoder(ensure_ascii=False, default=repr).encode


class BadInput(NamedTuple):
    """A row that goes into quarantine.

    Args:
        place: its place in the shard, from 0.
        file: the name of its file.
        number: its line in the file, from 1; for Parquet, its row.
        problem: what is wrong with it.
        text: the row, or its beginning.
    """

    place: int
    file: str
    number: int
    problem: str
    text: str


class Row(NamedTuple):
    """A row that can be linked.

    Args:
        place: its place in the shard, from 0.
        file: the name of its file.
        number: its line in the file, from 1; for Parquet, its row.
        value: the row as it was read.
        record: its full record, without spans.
        others: its other columns.
        provenance: its provenance.
    """

    place: int
    file: str
    number: int
    value: dict[str, Any]
    record: Record
    others: dict[str, Any]
    provenance: Provenance

    @property
    def caption(self) -> str:
        """The caption."""
        return self.record["caption"]

    def bad(self, problem: str) -> BadInput:
        """Returns this row as a bad one."""
        return BadInput(self.place, self.file, self.number, problem, _shown(self.value))


def parse_rows(
    shard: Shard, columns: Columns, max_characters: int = MAX_LINE
) -> Iterator[Row | BadInput]:
    """Yields the rows of a shard, in order.

    Args:
        shard: the shard.
        columns: the roles of its columns.
        max_characters: the maximum length of a caption.
    """
    known = frozenset({*RECORD_KEYS, PROVENANCE, SPAN_DETAILS, columns.caption, columns.image})
    place = 0
    for piece in shard.pieces:
        for file, number, value, provenance in _values(piece):
            try:
                if isinstance(value, BadRow):
                    raise InputError(str(value))
                parsed = _parse(value, provenance, columns, known, max_characters)
                yield Row(place, file, number, value, *parsed)
            except InputError as error:
                yield BadInput(place, file, number, str(error), _shown(value))
            place += 1


def _values(piece: bytes) -> Iterator[tuple[str, int, Any, bytes | None]]:
    """Yields file, number, value and provenance of each row."""
    with pa.ipc.open_stream(piece) as stream:
        [batch] = stream
    metadata = {key.decode(): value.decode() for key, value in batch.schema.metadata.items()}
    file = metadata["file"]
    if "first" in metadata:
        rows = enumerate(batch_rows(_times_as_numbers(batch)), start=int(metadata["first"]))
        for number, value in rows:
            yield file, number, value, None
        return
    for number, line, problem, provenance in zip(*batch.to_pydict().values(), strict=True):
        if problem is None:
            value = parse_line(Line(line), lenient=True)
            if (b"NaN" in line or b"Infinity" in line) and (key := _not_finite(value)):
                reason = "is NaN or Infinity, which JSON does not have"
                value = BadRow((Breach(key, reason),), line.decode(errors="replace"))
            yield file, number, value, provenance
        else:
            yield file, number, BadRow((Breach("line", problem),), line.decode()), None


def _not_finite(value: Any) -> str:
    """Returns the key of a NaN or infinite number, or ``""`` if there is none."""
    for key, one in value.items() if type(value) is dict else ():
        try:
            _STRICT_JSON(one)
        except ValueError:
            return str(key)
        except RecursionError:
            continue
    return ""


def _times_as_numbers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the batch with times as the integers that Arrow stores.

    Python's types have neither nanoseconds nor the year 10,000.  Columns of times accept integers.
    """
    kinds = [without_times(kind) for kind in batch.schema.types]
    if kinds == batch.schema.types:
        return batch
    arrays = [array.cast(kind) for array, kind in zip(batch.columns, kinds, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def without_times(kind: pa.DataType) -> pa.DataType:
    """Returns an Arrow type with integers in place of times, dates and durations."""
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return pa.int64() if kind.bit_width == 64 else pa.int32()
    if pa.types.is_list(kind):
        return pa.list_(without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(without_times(field.type)) for field in kind])
    return kind


def _parse(
    value: Any,
    provenance_line: bytes | None,
    columns: Columns,
    known: frozenset[str],
    max_characters: int,
) -> tuple[Record, dict[str, Any], Provenance]:
    """Returns the record of a row, its other columns and its provenance."""
    if type(value) is not dict:
        raise InputError(f"record: is {_kind(value)}, expected an object")
    caption = _text(value, columns.caption)
    if len(caption) > max_characters:
        raise InputError(
            f"{columns.caption}: has {len(caption):,} characters, expected at most "
            f"{max_characters:,} (max_characters)"
        )
    image = ""
    if columns.image:
        given = value.get(columns.image)
        if type(given) is dict and "path" in given:
            value = {**value, columns.image: given["path"]}
        image = _text(value, columns.image)
    record: Any = {**_EMPTY, "fig_caption": caption}
    for key in value.keys() & _INPUT_KEYS:
        if (given := value[key]) is not None:
            record[key] = _article_id(given) if key in ("pmid", "pmc") else given
    record |= {"caption": caption, "image": image}
    if breaches := _CHECKERS[bool(columns.image)].breaches(record):
        raise InputError(str(breaches[0]))
    provenance = _provenance(value, provenance_line) if columns.provenance else _NO_PROVENANCE
    others: dict[str, Any] = {}
    if columns.keep_others:
        others = {key: value[key] for key in value if key not in known}
    _check_others(others, columns.reserved)
    return record, others, provenance


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if key not in value:
        raise InputError(f"{key}: is missing")
    if type(text) is not str:
        raise InputError(f"{key}: is {_kind(text)}, expected str")
    if not text:
        raise InputError(f"{key}: is empty")
    if text in _MISSING:
        raise InputError(f"{key}: is {text!r}, which means a missing value")
    _check_unicode(text, key)
    return text


def _article_id(given: Any) -> Any:
    """Returns the digits of an article's id; tables often have a number, or ``PMC`` before it."""
    if type(given) is int:
        return str(given)
    return given.removeprefix("PMC") if type(given) is str else given


def _provenance(value: dict[str, Any], line: bytes | None) -> Provenance:
    given = value.get(PROVENANCE)
    if line is not None:
        given = parse_line(Line(line))
        if isinstance(given, BadRow):
            raise InputError(f"provenance: {given}")
    return Provenance() if given is None else Provenance.from_dict(given)


def _check_others(others: dict[str, Any], reserved: tuple[str, ...]) -> None:
    for key, value in others.items():
        if key in reserved:
            raise InputError(f"{key}: the output has a column of this name; rename the key")
        _check_unicode(key, "another key")
        if type(value) not in _SCALARS:
            text = value if type(value) is str else _JSON(value)
            _check_unicode(text, key)


def _check_unicode(text: str, key: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        place = error.start
        raise InputError(f"{key}: has half of a surrogate pair at character {place}") from None


def _kind(value: Any) -> str:
    if value is None or value != value:
        return "null" if value is None else "NaN"
    return "an object" if type(value) is dict else type(value).__name__


def _shown(value: Any) -> str:
    if isinstance(value, BadRow):
        return value.text[:_SHOWN]
    return json.dumps(value, default=repr)[:_SHOWN]
