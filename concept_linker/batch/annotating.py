"""The shard function: rows in, linked records out; the same for every engine."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from concept_linker.annotation import Annotation, Mention
from concept_linker.batch.columns import MENTIONS, OTHER_KEYS
from concept_linker.batch.job import Job
from concept_linker.batch.reading import Shard
from concept_linker.batch.rows import BadInput, Row, fit, rows_of
from concept_linker.errors import InputError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.quarantine import Quarantine
from concept_linker.triplets.checking import PROVENANCE
from concept_linker.triplets.lines import MAX_LINE
from concept_linker.triplets.making import how_made, to_record
from concept_linker.triplets.placing import beside
from concept_linker.triplets.record import SPANS, dump, minimise
from concept_linker.triplets.streams import RecordWriter, open_writer
from concept_linker.triplets.wordpiece import WordPiece

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker

__all__ = ["QUARANTINE", "ShardReport", "Shards", "collecting_between_shards", "shard_name"]

_log = logging.getLogger(__name__)

#: The folder, inside the output, of the bad rows.
QUARANTINE = "quarantine"
#: How many captions are linked together.  Where they begin depends on their places alone.
_BATCH = 256
#: From this length on a caption may make a line that is longer than a record may be.
_LONG = 20_000
_MENTION = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("long_form", pa.string()),
        ("negated", pa.bool_()),
        ("concept_id", pa.string()),
        ("name", pa.string()),
        ("similarity", pa.float32()),
        ("score", pa.float32()),
        ("semantic_types", pa.list_(pa.string())),
    ]
)


@dataclass(slots=True)
class ShardReport:
    """What became of a shard.

    Args:
        number: which.
        rows: how many it has.
        annotated: how many of them are in the output.
        bad: how many are set aside.
        mentions: how many mentions were found in those annotated.
        linked: how many of these have a concept.
        spans: how many of these stand in records.
        read: how many bytes of the input files were read for it.
        seconds: how long it took in all.
        linking: how long of that the linker took.
        files: name → bytes and SHA-256 of what was written.
    """

    number: int
    rows: int = 0
    annotated: int = 0
    bad: int = 0
    mentions: int = 0
    linked: int = 0
    spans: int = 0
    read: int = 0
    seconds: float = 0.0
    linking: float = 0.0
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ShardReport:
        """From :meth:`to_dict`."""
        files = {name: (size, sha) for name, (size, sha) in values["files"].items()}
        return cls(**{**values, "files": files})


@contextmanager
def collecting_between_shards() -> Iterator[None]:
    """Looks for cycles at the end of a shard, and only among what it has left.

    A process whose caches hold a million values else spends a third of its time walking over them.
    For processes that do nothing but annotate.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def shard_name(number: int) -> str:
    """The name of a shard's files, without their ending.

    >>> shard_name(12)
    'part-00012'
    """
    return f"part-{number:05}"


class Shards:
    """Annotates shards, one after the other, with one linker.

    Args:
        job: what is done.
        linker: the linker; else the job's is loaded.

    Raises:
        ConceptLinkerError: the linker or the tokenizer cannot be loaded.
    """

    def __init__(self, job: Job, linker: ConceptLinker | None = None) -> None:
        self.job = job
        self._linker = linker or job.linker.load()
        self._tokenizer = WordPiece.load(job.tokenizer) if job.tokenizer else None
        columns = list(job.columns.others)
        if job.columns.more:
            columns.append(pa.field(OTHER_KEYS, pa.string()))
        if job.mentions:
            columns.append(pa.field(MENTIONS, pa.list_(_MENTION)))
        self._schema = pa.schema(columns)

    def annotate(
        self,
        shard: Shard,
        folder: Path,
        *,
        skipped: Mapping[int, str] | None = None,
        announce: Callable[[int], None] | None = None,
    ) -> ShardReport:
        """Links the rows of a shard and writes its files, each whole or not at all.

        Args:
            shard: the rows.
            folder: the output's folder.
            skipped: place in the shard → why this row is set aside without being linked.
            announce: told the place of each row before it is linked; rows are then linked one
                by one.

        Raises:
            OSError: a file cannot be written.
        """
        began = time.perf_counter()
        report = ShardReport(shard.number, rows=shard.rows, read=shard.read)
        bad: list[BadInput] = []
        size = 1 if announce else _BATCH
        with ExitStack() as stack:
            writers = {
                name: stack.enter_context(
                    self._writer(folder / f"{shard_name(shard.number)}.{name}")
                )
                for name in self.job.formats
            }
            for rows in self._batches(shard, size, skipped or {}, bad):
                if announce:
                    announce(rows[0].index)
                linking = time.perf_counter()
                annotations = _linked(self._linker, [row.caption for row in rows])
                report.linking += time.perf_counter() - linking
                self._write(rows, annotations, writers, report, bad)
        report.bad = len(bad)
        report.files = _checksums(folder, shard.number, self._written())
        report.files |= _set_aside(folder, shard.number, bad)
        report.seconds = time.perf_counter() - began
        return report

    def _written(self) -> list[str]:
        """The endings of a shard's files."""
        endings = [f".{name}" for name in self.job.formats]
        if self.job.columns.provenance:
            endings += [f".provenance.{name}" for name in self.job.formats if name != "parquet"]
        return endings

    def _writer(self, path: Path) -> Any:
        return open_writer(
            path,
            form=self.job.form,
            provenance=self.job.columns.provenance,
            columns=self._schema if path.suffix == ".parquet" else None,
            metadata=how_made(**self.job.profile, tokenizer=self._tokenizer),
        )

    def _batches(
        self, shard: Shard, size: int, skipped: Mapping[int, str], bad: list[BadInput]
    ) -> Iterator[list[Row]]:
        batch: list[Row] = []
        for row in rows_of(shard, self.job.columns):
            if isinstance(row, BadInput):
                bad.append(row)
            elif row.index in skipped:
                bad.append(row.bad(skipped[row.index]))
            else:
                batch.append(row)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _write(
        self,
        rows: Sequence[Row],
        annotations: Sequence[Annotation | Exception],
        writers: Mapping[str, RecordWriter],
        report: ShardReport,
        bad: list[BadInput],
    ) -> None:
        others = fit([row.others for row in rows], self.job.columns)
        for row, annotation, fitted in zip(rows, annotations, others, strict=True):
            try:
                if isinstance(annotation, Exception):
                    kind = type(annotation).__name__
                    raise InputError(f"caption: cannot be linked: {kind}: {annotation}")
                record = self._record(row, annotation)
                # Parquet comes last: what fits its columns it takes, but JSON may refuse a value.
                for name in sorted(writers):
                    along = fitted if name == "parquet" else row.others
                    writers[name].write({**record, **along, **self._extra(row, annotation)})
            except InputError as error:
                bad.append(row.bad(str(error)))
                continue
            report.annotated += 1
            report.mentions += len(annotation.mentions)
            report.linked += sum(mention.best is not None for mention in annotation)
            report.spans += len(record[SPANS])

    def _record(self, row: Row, annotation: Annotation) -> dict[str, Any]:
        record: Any = to_record(
            annotation, tokenizer=self._tokenizer, **self.job.profile, **row.record
        )
        if len(row.caption) > _LONG and (length := len(dump(record))) > MAX_LINE:
            raise InputError(
                f"caption: makes a record of {length:,} bytes, wanted {MAX_LINE:,} at most"
            )
        return minimise(record)[0] if self.job.form == "minimised" else record  # type: ignore[return-value]

    def _extra(self, row: Row, annotation: Annotation) -> dict[str, Any]:
        """What follows the record and the input's columns."""
        extra: dict[str, Any] = {}
        if self.job.mentions:
            extra[MENTIONS] = [_told(mention) for mention in annotation]
        if self.job.columns.provenance:
            extra[PROVENANCE] = row.provenance.linked(**self.job.linked_by).to_dict()
        return extra


def _linked(linker: ConceptLinker, captions: Sequence[str]) -> list[Annotation | Exception]:
    """The annotation of each, or what the linker raised for it."""
    try:
        return list(linker.link_many(captions, batch_size=len(captions)))
    except Exception as error:  # of one caption; the others shall not suffer for it
        if len(captions) == 1:
            _log.error("the linker raised %s: %s", type(error).__name__, error)
            return [error]
        return [one for caption in captions for one in _linked(linker, [caption])]


def _told(mention: Mention) -> dict[str, Any]:
    best = mention.best
    return {
        "start": mention.start,
        "end": mention.end,
        "text": mention.text,
        "label": mention.label,
        "long_form": mention.long_form,
        "negated": mention.negated,
        "concept_id": best and best.concept_id,
        "name": best and best.name,
        "similarity": best and round(best.similarity, 6),
        "score": best and round(best.score, 6),
        "semantic_types": list(best.semantic_types) if best else [],
    }


def _set_aside(folder: Path, number: int, bad: list[BadInput]) -> dict[str, tuple[int, str]]:
    name = f"{QUARANTINE}/{shard_name(number)}.jsonl"
    if not bad:
        (folder / name).unlink(missing_ok=True)  # of an attempt that was worse
        return {}
    with beside(folder / name) as part:
        quarantine = Quarantine(part)
        for row in sorted(bad, key=lambda row: row.index):
            quarantine.bad(row.file, row.number, row.problem, row=row.text)
    return _entry(folder, name)


def _checksums(folder: Path, number: int, endings: list[str]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for ending in endings:
        found |= _entry(folder, shard_name(number) + ending)
    return found


def _entry(folder: Path, name: str) -> dict[str, tuple[int, str]]:
    path = folder / name
    return {name: (path.stat().st_size, sha256_of(path))}
