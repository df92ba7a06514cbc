"""The roles of the input's columns: caption, image, keys of the record, and other columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from concept_linker.annotating.inputs.files import InputFile
from concept_linker.annotating.inputs.raw_rows import read_raw_rows
from concept_linker.errors import InputError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.json_lines import Line, parse_line
from concept_linker.triplets.mention_columns import MENTIONS
from concept_linker.triplets.parquet_files import IMAGE_BYTES, open_parquet
from concept_linker.triplets.record import OTHER_KEYS, PROVENANCE, RECORD_KEYS, SPAN_DETAILS

__all__ = ["Columns", "infer_columns", "is_image_column"]

_CAPTION_NAMES: Final = ("caption", "text", "fig_caption", "description")
_IMAGE_NAMES: Final = ("image", "image_path", "file_name")
#: The number of rows from which columns are inferred: of one file, and of all files.
_SAMPLE: Final = 1000
_TOTAL_SAMPLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Columns:
    """The roles of an input's columns.

    Args:
        caption: the name of the caption's column.
        image: the name of the image path's column; ``""`` if there are no images.
        others: the other columns that are copied into Parquet, in order; empty if none are.
        other_keys: whether rows may have keys that are not columns; Parquet then has the column
            ``other_keys``.
        keep_others: whether other columns are copied at all.
        provenance: whether rows have provenance.
        reserved: the names of the output's own columns.
    """

    caption: str
    image: str
    others: pa.Schema
    other_keys: bool
    keep_others: bool
    provenance: bool
    reserved: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "caption": self.caption,
            "image": self.image,
            "others": {field.name: str(field.type) for field in self.others},
        }


@dataclass(slots=True)
class _FileColumns:
    """The columns of one file: their types if it is Parquet, else a sample of their values."""

    file: InputFile
    names: list[str]
    types: pa.Schema | None
    values: dict[str, list[Any]]


def infer_columns(
    files: Sequence[InputFile],
    *,
    caption: str | None = None,
    image: str | None = None,
    images: bool = True,
    keep_others: bool = True,
    json_types: bool = False,
    mentions: bool = False,
) -> Columns:
    """Infers the columns' roles from the head of every file.

    Args:
        files: the input.
        caption: the caption's column; by default ``caption``, ``text``, ``fig_caption``,
            ``description``, or the only column of text.
        image: the image's column; by default ``image``, ``image_path`` or ``file_name``.
        images: whether rows have images.
        keep_others: whether other columns are copied.
        json_types: whether an output format holds JSON types only.
        mentions: whether the output has a column with all mentions.

    Raises:
        InputError: a column is missing, cannot be copied, or has two types.
        SourceError: a file is damaged or has an unsupported format.
        OSError: a file cannot be read.
    """
    left = _TOTAL_SAMPLE
    tables = []
    for file in files:
        table = _file_columns(file, min(_SAMPLE, left))
        left -= max(map(len, table.values.values()), default=0)
        if table.names:
            tables.append(table)
    caption = _find_column(tables, caption, _CAPTION_NAMES, "caption")
    image = _find_column(tables, image, _IMAGE_NAMES, "image") if images else ""
    known = {*RECORD_KEYS, PROVENANCE, SPAN_DETAILS, caption, image}
    other_keys = keep_others and any(table.types is None for table in tables)
    reserved = (IMAGE_BYTES, *[OTHER_KEYS] * other_keys, *[MENTIONS] * mentions)
    return Columns(
        caption=caption,
        image=image,
        others=_others(tables, known, reserved, json_types) if keep_others else pa.schema([]),
        other_keys=other_keys,
        keep_others=keep_others,
        provenance=any(t.file.provenance_sha256 or PROVENANCE in t.names for t in tables),
        reserved=reserved,
    )


def is_image_column(field: pa.Field) -> bool:
    """Returns whether a column holds images as ``datasets`` writes them: bytes and a path."""
    return pa.types.is_struct(field.type) and {"bytes", "path"} == {f.name for f in field.type}


def _file_columns(file: InputFile, rows: int) -> _FileColumns:
    if file.kind == "parquet":
        with open_parquet(file.path) as opened:
            types = pa.schema(
                [
                    field.with_type(pa.string()) if is_image_column(field) else field
                    for field in opened.schema_arrow
                ]
            )
        return _FileColumns(file, types.names, types, {})
    # At least one row: a file shows its columns even if the sample is complete.
    values: dict[str, list[Any]] = {}
    for row in itertools.islice(_good_rows(file), max(1, rows)):
        for key, value in row.items():
            values.setdefault(key, []).append(value)
    return _FileColumns(file, list(values), None, values)


def _good_rows(file: InputFile) -> Iterator[dict[str, Any]]:
    """Yields the good rows among the first ones of a file."""
    alone = replace(file, provenance_sha256="")  # the side-car has as many rows as the whole file
    for raw in itertools.islice(read_raw_rows(alone), _SAMPLE):
        value = None if raw.problem else parse_line(Line(raw.line), lenient=True)
        if isinstance(value, dict) and not isinstance(value, BadRow):
            yield value


def _find_column(
    tables: Sequence[_FileColumns], given: str | None, usual: Iterable[str], role: str
) -> str:
    if given is None:
        for name in usual:
            if all(name in table.names for table in tables):
                return name
        if role == "caption" and len(texts := _text_columns(tables)) == 1:
            return texts.pop()
        lacking = next(one for one in tables if not any(name in one.names for name in usual))
        raise InputError(
            f"{lacking.file.name}: no column is named {', '.join(usual)}; it has "
            f"{_listed(lacking.names)}; name the {role} column with --{role}"
            f"{_advice(lacking, role)}"
        )
    for table in tables:
        if given not in table.names:
            raise InputError(
                f"{table.file.name}: has no column {given!r} for the {role}, expected one of "
                f"{_listed(table.names)}"
            )
    return given


def _advice(table: _FileColumns, role: str) -> str:
    advice = ", or use --no-images" if role == "image" else ""
    if table.file.kind in ("csv", "tsv"):
        advice += "; the first line of a table must name its columns"
    return advice


def _text_columns(tables: Sequence[_FileColumns]) -> set[str]:
    found: set[str] = set()
    for table in tables:
        if table.types is not None:
            found |= {f.name for f in table.types if f.type in (pa.string(), pa.large_string())}
        else:
            found |= {n for n in table.names if any(type(v) is str for v in table.values[n])}
    return found


def _listed(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 40 else name[:40] + "…" for name in names[:20]]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _others(
    tables: Sequence[_FileColumns], known: set[str], reserved: tuple[str, ...], json_types: bool
) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    values: dict[str, list[Any]] = {}
    for table in tables:
        for field in table.types or ():
            if field.name in known:
                continue
            column = f"{table.file.name}: the column {field.name!r}"
            if field.name in reserved:
                raise InputError(f"{column} has a name that the output uses; rename it")
            first = types.setdefault(field.name, field.type)
            if first != field.type:
                raise InputError(
                    f"{column} is {field.type}, but {first} in an earlier file; expected one type, "
                    "or --no-other-columns"
                )
            if json_types and not _in_json(field.type):
                raise InputError(
                    f"{column} is {field.type}, which JSON does not have; expected --format "
                    "parquet, or --no-other-columns"
                )
        for name, sample in table.values.items():
            if name not in known and name not in reserved:  # rows with reserved keys are bad
                values.setdefault(name, []).extend(sample)
    for name, sample in values.items():
        if name not in types and (kind := _type_of(sample)) is not None:
            types[name] = kind
    return pa.schema([(name, types[name]) for name in types])


def _type_of(values: list[Any]) -> pa.DataType | None:
    """Returns the Arrow type of values; ``None`` if they have several types or are objects."""
    if any(_has_object(value) for value in values):
        return None
    try:
        kind = pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return None
    return pa.string() if pa.types.is_null(kind) else kind


def _has_object(value: Any) -> bool:
    if type(value) is list:
        return any(type(item) in (dict, list) for item in value)
    return type(value) is dict


def _in_json(kind: pa.DataType) -> bool:
    """Returns whether JSON can hold values of an Arrow type."""
    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_dictionary(kind):
        return _in_json(kind.value_type)
    if types.is_struct(kind):
        return all(_in_json(field.type) for field in kind)
    tests = (types.is_boolean, types.is_integer, types.is_floating, types.is_string)
    return any(test(kind) for test in (*tests, types.is_large_string, types.is_null))
