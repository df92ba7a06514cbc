"""The shard function: rows in, linked records out; the same for every engine."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from concept_linker.annotating.job import Job
from concept_linker.annotating.reading import Shard
from concept_linker.annotating.rows import BadInput, Row, rows_of
from concept_linker.annotating.spans import spans_of
from concept_linker.annotating.watch import Watch
from concept_linker.annotating.writing import ShardFiles, ShardWriter
from concept_linker.annotation import Annotation
from concept_linker.errors import BatchError
from concept_linker.files import write_whole
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.quarantine import Quarantine
from concept_linker.triplets.wordpiece import WordPiece

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker

__all__ = ["QUARANTINE", "ShardReport", "Shards", "collecting_between_shards", "shard_name"]

_log = logging.getLogger(__name__)

#: The folder, inside the output, of the bad rows.
QUARANTINE: Final = "quarantine"
#: How many captions are linked together, with how many characters at most: memory is theirs.
#: Where they begin depends on their places alone.
_BATCH: Final = 256
_CHARACTERS: Final = 1 << 17
#: What is linked before the first caption.  Code is compiled at its first use, which on a busy
#: machine takes minutes that shall count against no caption.
_WARMING: Final = (
    "MRI of squamous cell carcinoma (SCC) in the left lung, 5 mm; no effusion. SCC is large.",
    "A lesion of the βλ hippocampus, " * 50,
)
#: Where the linker raises for each of so many captions that are linked together, it is no matter of
#: captions.
_ALL_FAIL: Final = 10


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
        negated: how many have a CUI, but the caption says that they are absent; they are among
            ``spans`` only where such are kept.
        read: how many bytes of the input files were read for it.
        seconds: how long it took in all.
        linking: how long of that the linker took.
        files: name → bytes and SHA-256 of what was written.
        input_sha256: the checksum of its rows as they were read.
    """

    number: int
    rows: int = 0
    annotated: int = 0
    bad: int = 0
    mentions: int = 0
    linked: int = 0
    spans: int = 0
    negated: int = 0
    read: int = 0
    seconds: float = 0.0
    linking: float = 0.0
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    input_sha256: str = ""

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
        self._files = ShardFiles(job, self._tokenizer)
        self._watch = Watch(job.timeout)
        _linked(self._linker, _WARMING)

    def annotate(
        self,
        shard: Shard,
        folder: Path,
        *,
        skipped: Mapping[int, str] | None = None,
        careful: bool = False,
        announce: Callable[[int], None] | None = None,
    ) -> ShardReport:
        """Links the rows of a shard and writes its files, each whole or not at all.

        Args:
            shard: the rows.
            folder: the output's folder.
            skipped: place in the shard → why this row is set aside without being linked.
            careful: rows are linked one by one, else many together.
            announce: told the place of the first of the rows that are linked next.

        Raises:
            BatchError: the linker fails at every caption.
            OSError: a file cannot be written.
        """
        began = time.perf_counter()
        name = shard_name(shard.number)
        report = ShardReport(shard.number, rows=shard.rows, read=shard.read)
        report.input_sha256 = shard.sha256()
        bad: list[BadInput] = []
        with self._files.open(folder, name) as writer:
            size = 1 if careful else _BATCH
            for rows in self._batches(shard, size, skipped or {}, bad):
                if announce:
                    announce(rows[0].place)
                self._annotate_batch(rows, writer, report, bad)
        report.bad = len(bad)
        names = self._files.names(name) + _set_aside(folder, name, bad)
        report.files = {one: _kept(folder / one) for one in names}
        report.seconds = time.perf_counter() - began
        return report

    def _batches(
        self, shard: Shard, size: int, skipped: Mapping[int, str], bad: list[BadInput]
    ) -> Iterator[list[Row]]:
        batch: list[Row] = []
        characters = 0
        for row in rows_of(shard, self.job.columns, self.job.max_characters):
            if isinstance(row, BadInput):
                bad.append(row)
                continue
            if row.place in skipped:
                bad.append(row.bad(skipped[row.place]))
                continue
            characters += len(row.caption)
            if batch and (len(batch) == size or characters > _CHARACTERS):
                yield batch
                batch, characters = [], len(row.caption)
            batch.append(row)
        if batch:
            yield batch

    def _annotate_batch(
        self, rows: list[Row], writer: ShardWriter, report: ShardReport, bad: list[BadInput]
    ) -> None:
        began = time.perf_counter()
        with self._watch.over():
            linked = _linked(self._linker, [row.caption for row in rows])
        report.linking += time.perf_counter() - began
        if len(rows) >= _ALL_FAIL and all(isinstance(one, Exception) for one in linked):
            error = linked[0]
            raise BatchError(f"the linker fails at every caption: {type(error).__name__}: {error}")
        problems = {
            number: f"caption: cannot be linked: {type(error).__name__}: {error}"
            for number, error in enumerate(linked)
            if isinstance(error, Exception)
        }
        annotations = [
            Annotation(row.caption) if isinstance(one, Exception) else one
            for row, one in zip(rows, linked, strict=True)
        ]
        spans, details, unmade = spans_of(annotations, self.job.profile, self._tokenizer)
        problems = {**unmade, **problems}
        writer.write(rows, annotations, spans, details, problems)
        counts = spans.value_lengths().to_pylist()
        if problems:
            bad += [rows[number].bad(problem) for number, problem in problems.items()]
            annotations = [one for n, one in enumerate(annotations) if n not in problems]
            counts = [count for n, count in enumerate(counts) if n not in problems]
        bests = [mention.best for one in annotations for mention in one.mentions]
        report.annotated += len(annotations)
        report.mentions += len(bests)
        report.linked += len(bests) - bests.count(None)
        report.spans += sum(counts)
        report.negated += sum(
            mention.negated and mention.best is not None and is_cui(mention.best.concept_id)
            for one in annotations
            for mention in one.mentions
        )


def _linked(linker: ConceptLinker, captions: Sequence[str]) -> list[Annotation | Exception]:
    """The annotation of each, or what the linker raised for it."""
    try:
        return list(linker.link_many(captions, batch_size=len(captions)))
    except Exception as error:  # of one caption; the others shall not suffer for it
        if len(captions) == 1:
            _log.debug("the linker raised", exc_info=True)
            return [error]
        return [one for caption in captions for one in _linked(linker, [caption])]


def _set_aside(folder: Path, shard: str, bad: Iterable[BadInput]) -> list[str]:
    """Writes the bad rows of a shard; the name of the file, if there are any."""
    name = f"{QUARANTINE}/{shard}.jsonl"
    if not bad:
        (folder / name).unlink(missing_ok=True)  # of an attempt that was worse
        return []
    with write_whole(folder / name) as part:
        quarantine = Quarantine(part)
        for row in sorted(bad):
            quarantine.bad(row.file, row.number, row.problem, row=row.text)
    return [name]


def _kept(path: Path) -> tuple[int, str]:
    """The size and checksum of a file that is now on the disk itself."""
    with path.open("rb") as file:
        if os.name != "nt":  # there only what can be written can be synced
            os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()
