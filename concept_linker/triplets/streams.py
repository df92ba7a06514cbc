"""Files of records, whatever their packing: read row by row, written whole or not at all.

A row is the record's ``dict``.  Where it has provenance, that stands under the key ``provenance``:
in Parquet it is a column, beside JSON Lines it is a side-car (:func:`side_car`) that joins by row.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from concept_linker.errors import InputError, SettingsError, SourceError
from concept_linker.files import write_whole
from concept_linker.triplets.checking import PROVENANCE, Breach, Checker
from concept_linker.triplets.containers import no_lines_of_json
from concept_linker.triplets.lines import BadRow, Progress, edges, head_of, lines, parse
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import OTHER_KEYS, SPAN_DETAILS, Form, dump

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "BadRow",
    "RecordWriter",
    "check_ending",
    "has_images",
    "is_parquet",
    "open_writer",
    "read_all",
    "read_records",
    "side_car",
]

_ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
_FLUSH = 1 << 19


class RecordWriter(Protocol):
    """What takes rows."""

    def write(self, row: dict[str, Any]) -> None:
        """Takes one row; it is written, or an error says why not and nothing of it is.

        Raises:
            InputError: the row cannot be written here.
            OSError: nothing can.
        """


def check_ending(path: Path) -> str:
    """Which of the endings a file to be written has.

    Raises:
        SettingsError: none of them.
    """
    ending = next((e for e in _ENDINGS if path.name.endswith(e) and path.name != e), None)
    if ending is None:
        raise SettingsError(f"{path}: wanted a name that ends in {', '.join(_ENDINGS)}")
    return ending


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, told by its first bytes.

    Raises:
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def has_images(path: Path) -> bool:
    """Whether a file of records holds the bytes of its images.

    Raises:
        SourceError: it is a damaged Parquet file.
        OSError: it cannot be opened.
    """
    if not is_parquet(path):
        return False
    from concept_linker.triplets import parquet

    return parquet.has_images(path)


def side_car(path: Path) -> Path:
    """Where the provenance of a JSON Lines file is; packed as that is.

    >>> side_car(Path("figures.jsonl.gz")).name
    'figures.provenance.jsonl.gz'
    """
    ending = next((e for e in _ENDINGS if path.name.endswith(e)), "")
    return path.with_name(f"{path.name.removesuffix(ending)}.provenance{ending or '.jsonl'}")


def read_records(
    path: Path | str,
    *,
    checker: Checker | None = None,
    images: bool = False,
    details: bool = False,
    mend: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """The rows of a file of records, checked, in constant memory.

    Args:
        path: JSON Lines (plain, gzip, zstd) or Parquet, told by its first bytes.
        checker: what checks them; without one, by the rules that hold for every record.
        images: rows of Parquet carry their image's bytes too, under ``image_bytes``.
        details: rows of Parquet carry what it tells of their spans, under ``span_details``: an item
            a span.
        mend: take off byte order marks and carriage returns; else they are breaches.
        progress: told how many bytes have been read.

    Yields:
        the number of the row, from 1, and its record, or what is wrong with it.

    Raises:
        SourceError: a Parquet file is damaged, a side-car has not as many rows as its file, or the
            file is something else altogether, such as a JSON list.
        OSError: the file cannot be read.
    """
    path = Path(path)
    checker = checker or Checker()
    if is_parquet(path):
        from concept_linker.triplets.parquet import IMAGE_BYTES, read_rows

        rows = read_rows(path, images=images, details=details, progress=progress)
        for number, row in enumerate(rows, start=1):
            if isinstance(row, dict):
                data, told = row.pop(IMAGE_BYTES, None), row.pop(SPAN_DETAILS, None)
                for name in (PROVENANCE, OTHER_KEYS):
                    if row.get(name, 0) is None:
                        del row[name]
                row = _checked(row, checker, None)
                if images and isinstance(row, dict):
                    row[IMAGE_BYTES] = data
                if told is not None and isinstance(row, dict):
                    row[SPAN_DETAILS] = told
            yield number, row
        return
    if told := no_lines_of_json(head_of(path)):
        raise SourceError(path, told)
    beside = _side_car_rows(side_car(path)) if side_car(path).is_file() else None
    number = 0
    for number, line in enumerate(lines(path, progress), start=1):
        row = parse(line, mend=True)
        if not isinstance(row, BadRow):
            row = _checked(row, checker, line.data)
        if not mend and (ends := edges(line)):
            more = row.breaches if isinstance(row, BadRow) else ()
            row = BadRow((*ends, *more), line.data.decode("utf-8", "backslashreplace"))
        if beside is not None:
            row = _joined(row, next(beside, None), path, number)
        yield number, row
    if beside is not None and next(beside, None) is not None:
        raise SourceError(side_car(path), f"has more rows than the {number} of {path}")


def read_all(
    files: Iterable[Path],
    *,
    checker: Checker | None = None,
    images: bool = False,
    details: bool = False,
    mend: bool = False,
    progress: Progress | None = None,
) -> Iterator[tuple[Path, int, dict[str, Any] | BadRow]]:
    """The rows of several files, one after the other: which file, and as :func:`read_records`.

    Raises:
        SourceError: as :func:`read_records`.
        OSError: a file cannot be read.
    """
    for file in files:
        for number, row in read_records(
            file, checker=checker, images=images, details=details, mend=mend, progress=progress
        ):
            yield file, number, row


def _checked(row: Any, checker: Checker, text: bytes | None) -> dict[str, Any] | BadRow:
    breaches = checker.breaches(row)
    if not breaches:
        return row  # type: ignore[no-any-return]
    shown = text.decode("utf-8") if text is not None else json.dumps(row, default=repr)
    return BadRow(tuple(breaches), shown)


def _side_car_rows(path: Path) -> Iterator[Provenance | BadRow]:
    for line in lines(path):
        value = parse(line, mend=True)  # nobody asks that its bytes be those of the format
        if isinstance(value, BadRow):
            yield BadRow((Breach(PROVENANCE, f"in {path.name}: {value}"),))
            continue
        try:
            yield Provenance.from_dict(value)
        except InputError as error:
            yield BadRow((Breach(PROVENANCE, f"in {path.name}: {error}"),))


def _joined(
    row: dict[str, Any] | BadRow, found: Provenance | BadRow | None, path: Path, number: int
) -> dict[str, Any] | BadRow:
    if found is None:
        raise SourceError(side_car(path), f"ends before row {number} of {path}")
    if isinstance(row, BadRow):
        return row
    if isinstance(found, BadRow):
        return BadRow(found.breaches, dump(row))
    pmc = row.get("pmc")
    if pmc and found.pmcid and found.pmcid != f"PMC{pmc}":
        reason = f"is of {found.pmcid}, but the record is of PMC{pmc}"
        return BadRow((Breach(PROVENANCE, reason),), dump(row))
    row[PROVENANCE] = found.to_dict()
    return row


@contextmanager
def open_writer(
    path: Path | str,
    *,
    form: Form = "full",
    provenance: bool = False,
    images: Path | bool = False,
    columns: pa.Schema | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Iterator[RecordWriter]:
    """Opens a file for rows; it stands in its place, whole, when the block ends without an error.

    The same rows give the same bytes.

    Args:
        path: ends in ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``.
        form: full or minimised.
        provenance: rows have the key ``provenance``; for JSON Lines it goes into the side-car.
            Without it, a side-car of what stood there before is removed.
        images: Parquet only. The folder that ``image`` is a path in: the bytes go into the file.
            Or ``True``: the rows carry them under ``image_bytes``.
        columns: Parquet only. The columns that follow the record's own.
        metadata: Parquet only. How the records were made.

    Raises:
        SettingsError: another ending, or images in JSON Lines.
        OSError: it cannot be written; what was there before still is.
    """
    path = Path(path)
    ending = check_ending(path)
    if ending == ".parquet":
        from concept_linker.triplets.parquet import ParquetWriter, schema

        made = schema(
            form,
            images=bool(images),
            provenance=provenance,
            columns=columns,
            metadata=metadata,
        )
        folder = images if isinstance(images, Path) else None
        with write_whole(path) as part:
            table = ParquetWriter(part, made, images=folder)
            try:
                yield table
                table.close()
            except BaseException:
                table.abandon()
                raise
        return
    if images:
        raise SettingsError(f"{path}: JSON Lines hold no images, wanted .parquet")
    with ExitStack() as stack:
        records = stack.enter_context(_packed(path, ending))
        about = stack.enter_context(_packed(side_car(path), ending)) if provenance else None
        writer = _LinesWriter(records, about)
        yield writer
        writer.flush()
    if not provenance:  # of what stood here before; it would join to other records
        side_car(path).unlink(missing_ok=True)


class _LinesWriter:
    def __init__(self, records: IO[bytes], about: IO[bytes] | None) -> None:
        self._streams = [(records, _Buffer())]
        if about is not None:
            self._streams.append((about, _Buffer()))

    def write(self, row: dict[str, Any]) -> None:
        parts: list[Any] = [row]
        if PROVENANCE in row:
            parts = [{key: row[key] for key in row if key != PROVENANCE}, row[PROVENANCE]]
        if len(parts) != len(self._streams):
            has = "has" if len(parts) == 2 else "has no"
            raise InputError(f"the row {has} provenance, but the file was opened otherwise")
        try:
            texts = [dump(part) for part in parts]
        except (ValueError, TypeError) as error:
            raise InputError(f"the row cannot be written as JSON: {error}") from error
        for (stream, buffer), text in zip(self._streams, texts, strict=True):
            if buffer.add(text) >= _FLUSH:
                stream.write(buffer.take())

    def flush(self) -> None:
        for stream, buffer in self._streams:
            stream.write(buffer.take())


class _Buffer:
    """Lines that wait: packers are slow when they are given little at a time."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0

    def add(self, line: str) -> int:
        self._lines.append(line)
        self._size += len(line)
        return self._size

    def take(self) -> bytes:
        text = "".join(f"{line}\n" for line in self._lines)
        self._lines, self._size = [], 0
        return text.encode("ascii")


@contextmanager
def _packed(path: Path, ending: str) -> Iterator[Any]:
    with write_whole(path) as part, part.open("wb") as file:
        if ending.endswith(".gz"):  # no name and no time in it: the same rows, the same bytes
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream:
                yield stream
        elif ending.endswith(".zst"):
            import pyarrow as pa

            with pa.output_stream(file, compression="zstd") as stream:
                yield stream
        else:
            yield file
