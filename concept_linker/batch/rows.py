"""From a row as it stands in its file to what is linked and written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from concept_linker.batch.columns import OTHER_KEYS, Columns
from concept_linker.batch.reading import Shard
from concept_linker.errors import InputError
from concept_linker.triplets.checking import PROVENANCE, Breach
from concept_linker.triplets.lines import MAX_LINE, BadRow, Line, parse
from concept_linker.triplets.parquet import dicts
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import RECORD_KEYS, SPANS

__all__ = ["BadInput", "Row", "fit", "rows_of"]

#: How much of a bad row the quarantine keeps.
_SHOWN: Final = 10_000
#: The keys of a record that an input may give, and the arguments of ``to_record`` that they are.
_GIVEN: Final = {
    key: key.replace("-", "_") for key in RECORD_KEYS if key not in ("caption", "image", SPANS)
}


@dataclass(frozen=True, slots=True)
class BadInput:
    """A row that is set aside.

    Args:
        index: its place in the shard, from 0.
        file: where it stands.
        number: on which line there, from 1; of a Parquet file, the row.
        problem: why.
        text: the row, or its beginning.
    """

    index: int
    file: str
    number: int
    problem: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be linked.

    Args:
        index: its place in the shard, from 0.
        file: where it stands.
        number: on which line there, from 1; of a Parquet file, the row.
        caption: its text.
        record: what else ``to_record`` is told.
        others: the columns that go along.
        provenance: where it comes from.
    """

    index: int
    file: str
    number: int
    caption: str
    record: dict[str, Any]
    others: dict[str, Any]
    provenance: Provenance

    def bad(self, problem: str) -> BadInput:
        """This row, set aside after all."""
        text = _shown({"caption": self.caption, **self.record, **self.others})
        return BadInput(self.index, self.file, self.number, problem, text)


def rows_of(shard: Shard, columns: Columns) -> Iterator[Row | BadInput]:
    """The rows of a shard, in order."""
    index = 0
    for piece in shard.pieces:
        for file, number, value, about in _values(piece):
            try:
                if isinstance(value, BadRow):
                    raise InputError(str(value))
                yield _row(value, about, columns, (index, file, number))
            except InputError as error:
                yield BadInput(index, file, number, str(error), _shown(value))
            index += 1


def _values(piece: bytes) -> Iterator[tuple[str, int, Any, bytes | None]]:
    """File, number, value and provenance of each row."""
    with pa.ipc.open_stream(piece) as stream:
        [batch] = stream
    about = {key.decode(): value.decode() for key, value in batch.schema.metadata.items()}
    file = about["file"]
    if "first" in about:
        for number, value in enumerate(dicts(batch), start=int(about["first"])):
            yield file, number, value, None
        return
    for number, line, problem, provenance in zip(*batch.to_pydict().values(), strict=True):
        if problem is None:
            yield file, number, parse(Line(line), mend=True), provenance
        else:
            yield file, number, BadRow((Breach("line", problem),), line.decode()), None


def _row(value: Any, about: bytes | None, columns: Columns, place: tuple[int, str, int]) -> Row:
    if type(value) is not dict:
        raise InputError(f"record: is {_kind(value)}, wanted an object")
    caption = _text(value, columns.caption)
    if len(caption) > MAX_LINE:
        raise InputError(
            f"{columns.caption}: has {len(caption):,} characters, wanted {MAX_LINE:,} at most"
        )
    image = value.get(columns.image)
    if type(image) is dict and "path" in image:
        value = {**value, columns.image: image["path"]}
    record = {"image": _text(value, columns.image)}
    for key, argument in _GIVEN.items():
        given = value.get(key)
        if given is not None and key not in (columns.caption, columns.image):
            record[argument] = _identifier(given) if key in ("pmid", "pmc") else given
    provenance = Provenance()
    if columns.provenance:
        provenance = _provenance(value, about)
    others = {}
    if columns.keep:
        own = {*RECORD_KEYS, PROVENANCE, columns.caption, columns.image}
        others = {key: value[key] for key in value if key not in own}
        _check_others(others, columns.taken)
    return Row(*place, caption, record, others, provenance)


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if key not in value:
        raise InputError(f"{key}: is missing")
    if type(text) is not str:
        raise InputError(f"{key}: is {_kind(text)}, wanted str")
    if not text:
        raise InputError(f"{key}: is empty")
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
        given = parse(Line(about))
        if isinstance(given, BadRow):
            raise InputError(f"provenance: {given}")
    return Provenance() if given is None else Provenance.from_dict(given)


def _check_others(others: dict[str, Any], taken: tuple[str, ...]) -> None:
    for key in taken:
        if key in others:
            raise InputError(f"{key}: the output has this key for itself")
    if others:
        _check_unicode(json.dumps(others, ensure_ascii=False, default=repr), "another key")


def _check_unicode(text: str, key: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        place = error.start
        raise InputError(f"{key}: has half of a surrogate pair at character {place}") from None


def _kind(value: Any) -> str:
    return "null" if value is None else "an object" if type(value) is dict else type(value).__name__


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
        return bool(pa.array(values, kind).to_pylist() == values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return False
