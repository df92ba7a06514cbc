"""The Arrow schema of a file of records, with the features that ``datasets`` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_type_hints

import pyarrow as pa

from concept_linker.errors import InputError
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import (
    MINIMISED_KEYS,
    PROVENANCE,
    RECORD_KEYS,
    SPANS,
    ConceptSpan,
    Form,
)

__all__ = [
    "IMAGE_BYTES",
    "IMAGE_TYPE",
    "METADATA",
    "inferred_columns",
    "merge_columns",
    "record_schema",
    "struct_of",
]

#: The key under which a row carries its image's bytes.
IMAGE_BYTES: Final = "image_bytes"
#: The type of the column ``image`` in a file that holds the images.
IMAGE_TYPE: Final = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
#: The key of the schema's metadata that says how the records were made.
METADATA: Final = b"concept_linker"

_TEXTS = pa.list_(pa.string())
_ARROW: dict[Any, pa.DataType] = {
    int: pa.int32(),
    int | None: pa.int32(),
    float: pa.float32(),
    bool: pa.bool_(),
    str: pa.string(),
    str | None: pa.string(),
    list[str]: _TEXTS,
    tuple[str, ...]: _TEXTS,
}


def struct_of(types: Mapping[str, Any]) -> pa.StructType:
    """The Arrow struct of named Python types, so that a class declares each field once.

    >>> struct_of({"start": int, "long_form": str | None})
    StructType(struct<start: int32, long_form: string>)
    """
    return pa.struct([(name, _ARROW[kind]) for name, kind in types.items()])


_SPAN = struct_of(get_type_hints(ConceptSpan))
_PROVENANCE = struct_of(get_type_hints(Provenance))
_VALUES = {"float": "float32", "double": "float64", "halffloat": "float16"}


def record_schema(
    form: Form = "full",
    *,
    images: bool = False,
    provenance: bool = False,
    columns: pa.Schema | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> pa.Schema:
    """Returns the Arrow schema of a file of records.

    Args:
        form: full or minimised.
        images: ``image`` holds bytes and path, and ``datasets`` shows it as an image.
        provenance: with the column ``provenance``.
        columns: the columns that follow those of the record.
        metadata: how the records were made.

    Raises:
        InputError: a column has the name of a column of the record.
    """
    types = {key: pa.string() for key in (RECORD_KEYS if form == "full" else MINIMISED_KEYS)}
    types[SPANS] = pa.list_(_SPAN if form == "full" else pa.list_(pa.int32()))
    if form == "full":
        types["fig_list-items"] = _TEXTS
    if images:
        types["image"] = IMAGE_TYPE
    if provenance:
        types[PROVENANCE] = _PROVENANCE
    for field in columns or ():
        if field.name in types or field.name == IMAGE_BYTES:
            raise InputError(f"the input has a column {field.name!r}, which the record has, too")
        types[field.name] = field.type
    features = {name: _feature(kind) for name, kind in types.items()}
    if images:
        features["image"] = {"_type": "Image"}
    about = {b"huggingface": json.dumps({"info": {"features": features}})}
    if metadata:
        about[METADATA] = json.dumps(metadata, sort_keys=True)
    return pa.schema(list(types.items()), metadata=about)


def _feature(kind: pa.DataType) -> Any:
    """A type as a feature of ``datasets``; lists in the form that its versions 2 to 5 read."""
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_feature(kind.value_type)]
    return {"dtype": _VALUES.get(str(kind), str(kind)), "_type": "Value"}


def inferred_columns(rows: Iterable[dict[str, Any]]) -> pa.Schema:
    """Returns the columns for the other keys of some rows.

    Raises:
        InputError: the values of a key are of several types.
    """
    values: dict[str, list[Any]] = {}
    for row in rows:
        for key in row.keys() - {*RECORD_KEYS, PROVENANCE}:
            values.setdefault(key, []).append(row[key])
    return pa.schema([(key, _inferred(key, values[key])) for key in sorted(values)])


def merge_columns(columns: Iterable[pa.Schema]) -> pa.Schema:
    """Returns the columns of several files together.

    Raises:
        InputError: columns of the same name differ in their types.
    """
    try:
        return pa.unify_schemas(list(columns))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"the files differ in the type of a column: {error}") from error


def _inferred(key: str, values: list[Any]) -> pa.DataType:
    """The type of values, ignoring those that no Arrow type fits: no file can hold them."""
    try:
        return pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass
    try:
        return pa.array([value for value in values if _fits_arrow(value)]).type
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"values of the key {key!r} are of several types: {error}") from error


def _fits_arrow(value: Any) -> bool:
    try:
        pa.array([value])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    return True
