"""Records as Parquet: its schema, how ``datasets`` reads it, and both ways in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from concept_linker.errors import ImageError, InputError, SourceError
from concept_linker.images.files import read_image
from concept_linker.triplets.checking import PROVENANCE, Breach
from concept_linker.triplets.lines import BadRow, Progress
from concept_linker.triplets.record import (
    MINIMISED_KEYS,
    RECORD_KEYS,
    SPAN_DETAILS,
    SPANS,
    Form,
)

__all__ = [
    "IMAGE_BYTES",
    "ParquetWriter",
    "dicts",
    "has_images",
    "has_provenance",
    "inferred_columns",
    "joined_columns",
    "metadata_of",
    "open_parquet",
    "other_columns",
    "read_batches",
    "read_rows",
    "schema",
]

#: The key under which a row carries its image's bytes, where they are asked for.
IMAGE_BYTES: Final = "image_bytes"
#: Where the Parquet file says how its records were made.
METADATA: Final = b"concept_linker"
_ROW_GROUP: Final = 10_000
#: With images a row group is small, as Hugging Face writes them: readers load one whole.
_IMAGES_GROUP: Final = 100
_IMAGES_BYTES: Final = 1 << 25

_TEXTS = pa.list_(pa.string())
_SPAN = pa.struct(
    [
        ("umls_cui", pa.string()),
        ("umls_similarity", pa.float32()),
        ("start_char", pa.int32()),
        ("end_char", pa.int32()),
        ("tokens", _TEXTS),
        ("start_token", pa.int32()),
        ("end_token", pa.int32()),
    ]
)
_PROVENANCE = pa.struct(
    [
        ("pmcid", pa.string()),
        ("version", pa.int32()),
        ("licence", pa.string()),
        ("source_url", pa.string()),
        ("retrieved", pa.string()),
        ("linker_version", pa.string()),
        ("kb", pa.string()),
        ("kb_sha256", pa.string()),
        ("settings", pa.string()),
    ]
)
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_VALUES = {"float": "float32", "double": "float64", "halffloat": "float16"}


def schema(
    form: Form = "full",
    *,
    images: bool = False,
    provenance: bool = False,
    columns: pa.Schema | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> pa.Schema:
    """The Arrow schema of a file of records.

    Args:
        form: full or minimised.
        images: ``image`` holds the bytes beside the path, and ``datasets`` shows it as an image.
        provenance: with the column ``provenance``.
        columns: the columns that follow, each of a name of its own.
        metadata: how the records were made.

    Raises:
        InputError: a column has the name of one of the record's.
    """
    types = {key: pa.string() for key in (RECORD_KEYS if form == "full" else MINIMISED_KEYS)}
    types[SPANS] = pa.list_(_SPAN if form == "full" else pa.list_(pa.int32()))
    if form == "full":
        types["fig_list-items"] = _TEXTS
    if images:
        types["image"] = _IMAGE
    if provenance:
        types[PROVENANCE] = _PROVENANCE
    for field in columns or ():
        if field.name in types or field.name == IMAGE_BYTES:
            raise InputError(f"a column named {field.name!r} is given, but the record has it")
        types[field.name] = field.type
    features = {name: _feature(kind) for name, kind in types.items()}
    if images:
        features["image"] = {"_type": "Image"}
    about = {b"huggingface": json.dumps({"info": {"features": features}})}
    if metadata:
        about[METADATA] = json.dumps(metadata, sort_keys=True)
    return pa.schema(list(types.items()), metadata=about)


def _feature(kind: pa.DataType) -> Any:
    """A type as the feature that ``datasets`` knows; lists as versions 2 to 5 all read them."""
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_feature(kind.value_type)]
    return {"dtype": _VALUES.get(str(kind), str(kind)), "_type": "Value"}


class ParquetWriter:
    """Writes rows in row groups of a fixed size, so the bytes depend on the rows alone.

    Args:
        path: the file.
        schema: of :func:`schema`.
        images: the folder that ``image`` is a path in, or ``None`` where rows carry the bytes
            themselves (under :data:`IMAGE_BYTES`) or there are none.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, images: Path | None = None) -> None:
        self._schema = schema
        self._images = images
        self._with_images = schema.field("image").type == _IMAGE
        self._names = frozenset(schema.names)
        own = {*RECORD_KEYS, PROVENANCE}
        self._others = [field for field in schema if field.name not in own]
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def write(self, row: dict[str, Any]) -> None:
        """Takes one row.

        Raises:
            InputError: it has a key that is no column, an image that is not in the folder, or a
                value that does not fit its column; nothing of it is written.
        """
        if self._with_images:
            row, size = self._with_image(row)
            self._bytes += size
        if not row.keys() <= self._names:
            others = ", ".join(sorted(row.keys() - self._names))
            raise InputError(f"the row has {others}, which is no column of the file")
        for field in self._others:
            try:
                pa.array([row.get(field.name)], field.type)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise InputError(f"{field.name}: wanted {field.type}: {error}") from error
        self._rows.append(row)
        most = _IMAGES_GROUP if self._with_images else _ROW_GROUP
        if len(self._rows) >= most or self._bytes >= _IMAGES_BYTES:
            self._flush()

    def _with_image(self, row: dict[str, Any]) -> tuple[dict[str, Any], int]:
        row = dict(row)
        data = row.pop(IMAGE_BYTES, None)
        if self._images is not None:
            try:
                data = read_image(self._images, row["image"])
            except ImageError as error:
                raise InputError(str(error)) from error
        row["image"] = {"bytes": data, "path": row["image"]}
        return row, len(data or b"")

    def _flush(self) -> None:
        if self._rows:
            table = pa.Table.from_pylist(self._rows, schema=self._schema)
            self._writer.write_table(table, row_group_size=len(self._rows))
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        """Writes what is left and the file's end."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Closes the file as it is."""
        self._writer.close()


def other_columns(path: Path) -> pa.Schema:
    """The columns of a Parquet file that neither are the record's nor tell of it."""
    with open_parquet(path) as file:
        own = {*RECORD_KEYS, PROVENANCE, SPAN_DETAILS}
        return pa.schema([field for field in file.schema_arrow if field.name not in own])


def inferred_columns(rows: Iterable[dict[str, Any]]) -> pa.Schema:
    """The columns that the other keys of some rows make.

    Raises:
        InputError: the values of a key are of several types.
    """
    values: dict[str, list[Any]] = {}
    for row in rows:
        for key in row.keys() - {*RECORD_KEYS, PROVENANCE}:
            values.setdefault(key, []).append(row[key])
    return pa.schema([(key, _inferred(key, values[key])) for key in sorted(values)])


def joined_columns(columns: Iterable[pa.Schema]) -> pa.Schema:
    """The columns of several files together.

    Raises:
        InputError: one of a name has another type elsewhere.
    """
    try:
        return pa.unify_schemas(list(columns))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"the files differ in the type of a column: {error}") from error


def _inferred(key: str, values: list[Any]) -> pa.DataType:
    """The type of values; those that Arrow has none for do not count, for no file can hold them."""
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


def has_images(path: Path) -> bool:
    """Whether the images' bytes are in a Parquet file."""
    with open_parquet(path) as file:
        made = file.schema_arrow
        return "image" in made.names and bool(made.field("image").type == _IMAGE)


def has_provenance(path: Path) -> bool:
    """Whether a Parquet file has the column ``provenance``."""
    with open_parquet(path) as file:
        return PROVENANCE in file.schema_arrow.names


def metadata_of(path: Path) -> dict[str, Any]:
    """How a Parquet file says that its records were made; empty where it says nothing."""
    with open_parquet(path) as file:
        about = (file.schema_arrow.metadata or {}).get(METADATA, b"{}")
    try:
        made = json.loads(about)
    except ValueError:
        made = None
    return made if isinstance(made, dict) else {}


def read_rows(
    path: Path,
    *,
    images: bool = False,
    details: bool = False,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any] | BadRow]:
    """The rows of a Parquet file, the record's keys first and in their order.

    Args:
        path: the file.
        images: rows carry their image's bytes, under :data:`IMAGE_BYTES`.
        details: rows carry what the file tells of their spans, under ``span_details``.
        progress: told how many bytes have been read, by the share of rows.

    Raises:
        SourceError: it is damaged, or has not the columns of a record.
        OSError: it cannot be opened.
    """
    with open_parquet(path) as file:
        names = file.schema_arrow.names
        form = RECORD_KEYS if "pmid" in names else MINIMISED_KEYS
        missing = [name for name in form if name not in names]
        if missing:
            raise SourceError(path, f"has no column {missing[0]!r}, wanted {', '.join(form)}")
        bundled = pa.types.is_struct(file.schema_arrow.field("image").type)
        left_out = {*form} if details else {*form, SPAN_DETAILS}
        order = [*form, *(name for name in names if name not in left_out)]
        size = path.stat().st_size / max(1, file.metadata.num_rows)
        columns = order
        if bundled and not images:
            columns = [name if name != "image" else "image.path" for name in order]
        told = number = 0
        for batch in read_batches(path, file, columns, 50 if bundled and images else 1000):
            for row in dicts(batch.select(order)):
                number += 1
                if bundled and isinstance(row, dict):
                    image = row["image"] or {}
                    row["image"] = image.get("path")
                    if images:
                        row[IMAGE_BYTES] = image.get("bytes")
                yield row
            if progress is not None:
                progress(int(number * size) - told)
                told = int(number * size)


def read_batches(
    path: Path, file: pq.ParquetFile, columns: list[str], rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of an open file, so many at a time.

    Raises:
        SourceError: it is damaged.
        OSError: it cannot be read.
    """
    batches = file.iter_batches(rows, columns=columns, use_threads=False)
    number = 0
    while True:
        try:
            batch = next(batches, None)
        except (OSError, pa.ArrowException) as error:
            _raise_if_of_the_system(error)
            raise SourceError(path, f"damaged: {error}", line=number + 1) from error
        if batch is None:
            return
        yield batch
        number += len(batch)


def dicts(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | BadRow]:
    """The rows of a batch as plain values; one whose text is no UTF-8 costs no other."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:  # one of them is not UTF-8: which?
        for number in range(len(batch)):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield BadRow((Breach("record", f"not UTF-8 ({error.reason})"),))


def open_parquet(path: Path) -> pq.ParquetFile:
    """Opens a file to read it in constant memory.

    Raises:
        SourceError: it is no whole Parquet file, or two of its columns have one name.
        OSError: it cannot be opened.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (OSError, pa.ArrowException) as error:
        _raise_if_of_the_system(error)
        raise SourceError(path, f"no whole Parquet file: {error}") from error
    if twice := _twice(file.schema_arrow, ""):
        file.close()
        raise SourceError(path, f"has two columns named {twice!r}, wanted each name once")
    return file


def _twice(fields: Iterable[pa.Field], place: str) -> str | None:
    """A name that stands twice beside itself, of columns or inside one."""
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            return f"{place}{field.name}"
        seen.add(field.name)
        kind = field.type
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind) and (inside := _twice(kind, f"{place}{field.name}.")):
            return inside
    return None


def _raise_if_of_the_system(error: Exception) -> None:
    """Arrow raises OSError for damage too, but that has no number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
