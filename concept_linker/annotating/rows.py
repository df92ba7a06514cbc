"""From a row as it stands in its file to what is linked and written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa

from concept_linker.annotating.columns import OTHER_KEYS, Columns
from concept_linker.annotating.reading import Shard
from concept_linker.annotation import Annotation
from concept_linker.errors import InputError
from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.from_annotation import to_record
from concept_linker.triplets.json_lines import MAX_LINE, Line, parse_line
from concept_linker.triplets.parquet_files import batch_rows
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import PROVENANCE, RECORD_KEYS, SPAN_DETAILS, SPANS, Record

__all__ = ["BadInput", "Row", "fit", "rows_of"]

#: How much of a bad row the quarantine keeps.
_SHOWN: Final = 10_000
#: A record that says nothing, and the keys that an input may give.
_EMPTY: Final = to_record(Annotation("-"), image="-")
_GIVEN: Final = frozenset(RECORD_KEYS) - {"caption", "image", SPANS}
_CHECKERS: Final = {
    images: Checker(Rules(form="full", agreement=False, images=images)) for images in (True, False)
}
_NOWHERE: Final = Provenance()
#: What pandas and databases write where there is nothing.
_MISSING: Final = frozenset({"nan", "NaN", "NaT", "<NA>", "None", "null", "NULL"})
_NO_TEXT: Final = (int, float, bool, type(None))
_STRICT_JSON: Final = json.JSONEncoder(allow_nan=False).encode
_JSON: Final = json.JSONEncoder(ensure_ascii=False, default=repr).encode


class BadInput(NamedTuple):
    """A row that is set aside.

    Args:
        place: where it is in the shard, from 0.
        file: where it stands.
        number: on which line there, from 1; of a Parquet file, the row.
        problem: why.
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
        place: where it is in the shard, from 0.
        file: where it stands.
        number: on which line there, from 1; of a Parquet file, the row.
        value: the row as it came.
        record: its full record, still without spans.
        others: the columns that go along.
        provenance: where it comes from.
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
        """Its text."""
        return self.record["caption"]

    def bad(self, problem: str) -> BadInput:
        """This row, set aside after all."""
        return BadInput(self.place, self.file, self.number, problem, _shown(self.value))


def rows_of(
    shard: Shard, columns: Columns, most_characters: int = MAX_LINE
) -> Iterator[Row | BadInput]:
    """The rows of a shard, in order.

    Args:
        shard: the shard.
        columns: what its columns are.
        most_characters: a caption that has more is set aside.
    """
    own = frozenset({*RECORD_KEYS, PROVENANCE, SPAN_DETAILS, columns.caption, columns.image})
    place = 0
    for piece in shard.pieces:
        for file, number, value, about in _values(piece):
            try:
                if isinstance(value, BadRow):
                    raise InputError(str(value))
                read = _read(value, about, columns, own, most_characters)
                yield Row(place, file, number, value, *read)
            except InputError as error:
                yield BadInput(place, file, number, str(error), _shown(value))
            place += 1


def _values(piece: bytes) -> Iterator[tuple[str, int, Any, bytes | None]]:
    """File, number, value and provenance of each row."""
    with pa.ipc.open_stream(piece) as stream:
        [batch] = stream
    about = {key.decode(): value.decode() for key, value in batch.schema.metadata.items()}
    file = about["file"]
    if "first" in about:
        for number, value in enumerate(
            batch_rows(_times_as_numbers(batch)), start=int(about["first"])
        ):
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
    """The key of a number that JSON does not have; empty where there is none."""
    for key, one in value.items() if type(value) is dict else ():
        try:
            _STRICT_JSON(one)
        except ValueError:
            return str(key)
        except RecursionError:
            continue
    return ""


def _times_as_numbers(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same with times as Arrow stores them: Python's have no nanoseconds, nor the year 10,000.

    Columns of times take such numbers.
    """
    kinds = [_without_times(kind) for kind in batch.schema.types]
    if kinds == batch.schema.types:
        return batch
    arrays = [array.cast(kind) for array, kind in zip(batch.columns, kinds, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _without_times(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return pa.int64() if kind.bit_width == 64 else pa.int32()
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_times(field.type)) for field in kind])
    return kind


def _read(
    value: Any, about: bytes | None, columns: Columns, own: frozenset[str], most_characters: int
) -> tuple[Record, dict[str, Any], Provenance]:
    """The record of a row, its other columns, and where it comes from."""
    if type(value) is not dict:
        raise InputError(f"record: is {_kind(value)}, wanted an object")
    caption = _text(value, columns.caption)
    if len(caption) > most_characters:
        raise InputError(
            f"{columns.caption}: has {len(caption):,} characters, wanted {most_characters:,} at "
            "most (max_characters)"
        )
    image = ""
    if columns.image:
        given = value.get(columns.image)
        if type(given) is dict and "path" in given:
            value = {**value, columns.image: given["path"]}
        image = _text(value, columns.image)
    record: Any = {**_EMPTY, "fig_caption": caption}
    for key in value.keys() & _GIVEN:
        if (given := value[key]) is not None:
            record[key] = _identifier(given) if key in ("pmid", "pmc") else given
    record |= {"caption": caption, "image": image}
    if breaches := _CHECKERS[bool(columns.image)].breaches(record):
        raise InputError(str(breaches[0]))
    provenance = _provenance(value, about) if columns.provenance else _NOWHERE
    others = {key: value[key] for key in value if key not in own} if columns.keep else {}
    _check_others(others, columns.taken)
    return record, others, provenance


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if key not in value:
        raise InputError(f"{key}: is missing")
    if type(text) is not str:
        raise InputError(f"{key}: is {_kind(text)}, wanted str")
    if not text:
        raise InputError(f"{key}: is empty")
    if text in _MISSING:
        raise InputError(f"{key}: is {text!r}, which stands for a value that is missing")
    _check_unicode(text, key)
    return text


def _identifier(given: Any) -> Any:
    """The digits of an article's id, which tables often hold as a number, or with its letters."""
    if type(given) is int:
        return str(given)
    return given.removeprefix("PMC") if type(given) is str else given


def _provenance(value: dict[str, Any], about: bytes | None) -> Provenance:
    given = value.get(PROVENANCE)
    if about is not None:
        given = parse_line(Line(about))
        if isinstance(given, BadRow):
            raise InputError(f"provenance: {given}")
    return Provenance() if given is None else Provenance.from_dict(given)


def _check_others(others: dict[str, Any], taken: tuple[str, ...]) -> None:
    for key, value in others.items():
        if key in taken:
            raise InputError(f"{key}: the output has this key for itself")
        _check_unicode(key, "another key")
        if type(value) not in _NO_TEXT:
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


def fit(rows: Sequence[dict[str, Any]], columns: Columns) -> list[dict[str, Any]]:
    """Other keys as Parquet has columns for them; the rest of them as JSON in ``other_keys``."""
    if not columns.more:
        return list(rows)
    made: list[dict[str, Any]] = [{} for _ in rows]
    left = [dict(row) for row in rows]
    for field in columns.others:
        if _fits([row.get(field.name) for row in rows], field.type):
            whole = list(range(len(rows)))
        else:
            whole = [n for n, row in enumerate(rows) if _fits([row.get(field.name)], field.type)]
        for number in whole:
            if field.name in left[number]:
                made[number][field.name] = left[number].pop(field.name)
    for row, more in zip(made, left, strict=True):
        if more:
            row[OTHER_KEYS] = json.dumps(more)
    return made


def _fits(values: list[Any], kind: pa.DataType) -> bool:
    """Whether a column of this type gives back what went in."""
    if pa.types.is_floating(kind) and any(type(value) is bool for value in values):
        return False
    try:
        array = pa.array(values, kind)
        return bool(array.cast(_without_times(kind)).to_pylist() == values)
    # Arrow loses its place in some casts of lists that hold nothing but nulls.
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return False
