"""Annotates one shard: parses its rows, links them, writes its files and its quarantine.

All engines run this; the result depends on the rows alone.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from concept_linker.annotating.job import Job
from concept_linker.annotating.report import ShardReport
from concept_linker.annotating.shards.rows import BadInput, Row, parse_rows
from concept_linker.annotating.shards.source import Shard
from concept_linker.annotating.shards.spans import build_spans
from concept_linker.annotating.shards.time_limit import TimeLimit
from concept_linker.annotating.shards.writer import QUARANTINE, ShardWriter
from concept_linker.annotation import Annotation
from concept_linker.errors import BatchError
from concept_linker.files import write_whole
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.quarantine import Quarantine
from concept_linker.triplets.wordpiece import WordPiece

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker

__all__ = ["ShardAnnotator", "collect_between_shards", "shard_name"]

_log = logging.getLogger(__name__)

#: The maximum number of captions that are linked together, and of their characters; they bound
#: memory.  Batches depend on the places of rows alone.
_BATCH_SIZE: Final = 256
_BATCH_CHARACTERS: Final = 1 << 17
#: Linked before the first caption: code is compiled at its first use, which takes minutes on a
#: busy machine and must not count against a caption's time limit.
_WARM_UP: Final = (
    "MRI of squamous cell carcinoma (SCC) in the left lung, 5 mm; no effusion. SCC is large.",
    "A lesion of the βλ hippocampus, " * 50,
)
#: If the linker raises for every caption of a batch at least this large, the captions are not to
#: blame.
_MIN_ALL_FAILED: Final = 10


@contextmanager
def collect_between_shards() -> Iterator[None]:
    """Collects garbage after a shard, and only among the objects that the shard left.

    A process with a million cached values would otherwise spend a third of its time walking over
    them.  For processes that only annotate.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def shard_name(number: int) -> str:
    """Returns the name of a shard's files, without their ending.

    >>> shard_name(12)
    'part-00012'
    """
    return f"part-{number:05}"


class ShardAnnotator:
    """Annotates shards, one after the other, with one linker.

    Args:
        job: how to annotate.

    Raises:
        ConceptLinkerError: the linker or the tokenizer cannot be loaded.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._linker = job.linker.load()
        self._tokenizer = WordPiece.load(job.tokenizer) if job.tokenizer else None
        self._writer = ShardWriter(job, self._tokenizer)
        self._time_limit = TimeLimit(job.timeout)
        _link(self._linker, _WARM_UP)

    def annotate(
        self,
        shard: Shard,
        folder: Path,
        *,
        skip: Mapping[int, str] | None = None,
        one_by_one: bool = False,
        on_batch: Callable[[int], None] | None = None,
    ) -> ShardReport:
        """Annotates a shard and writes its files, each complete or not at all.

        Args:
            shard: the shard.
            folder: the output folder.
            skip: place in the shard → why this row goes into quarantine without being linked.
            one_by_one: link rows one by one instead of in batches.
            on_batch: called before each batch with the place of its first row.

        Raises:
            BatchError: the linker fails for every caption.
            OSError: a file cannot be written.
        """
        start = time.perf_counter()
        name = shard_name(shard.number)
        report = ShardReport(number=shard.number, rows=shard.rows, read=shard.read)
        report.input_sha256 = shard.sha256()
        bad: list[BadInput] = []
        with self._writer.open(folder, name):
            size = 1 if one_by_one else _BATCH_SIZE
            for rows in self._batches(shard, size, skip or {}, bad):
                if on_batch:
                    on_batch(rows[0].place)
                self._annotate_batch(rows, report, bad)
        report.bad = len(bad)
        names = self._writer.file_names(name) + _write_quarantine(folder, name, bad)
        report.files = {one: _sync_and_hash(folder / one) for one in names}
        report.seconds = time.perf_counter() - start
        return report

    def _batches(
        self, shard: Shard, size: int, skip: Mapping[int, str], bad: list[BadInput]
    ) -> Iterator[list[Row]]:
        """Yields the good rows in batches; adds the others to ``bad``."""
        batch: list[Row] = []
        characters = 0
        for row in parse_rows(shard, self._job.columns, self._job.max_characters):
            if isinstance(row, BadInput):
                bad.append(row)
                continue
            if row.place in skip:
                bad.append(row.bad(skip[row.place]))
                continue
            characters += len(row.caption)
            if batch and (len(batch) == size or characters > _BATCH_CHARACTERS):
                yield batch
                batch, characters = [], len(row.caption)
            batch.append(row)
        if batch:
            yield batch

    def _annotate_batch(self, rows: list[Row], report: ShardReport, bad: list[BadInput]) -> None:
        start = time.perf_counter()
        with self._time_limit.enforced():
            results = _link(self._linker, [row.caption for row in rows])
        report.linking += time.perf_counter() - start
        if len(rows) >= _MIN_ALL_FAILED and all(isinstance(one, Exception) for one in results):
            error = results[0]
            raise BatchError(f"the linker fails for every caption: {_described(error)}")
        failed = {
            number: f"caption: cannot be linked: {_described(error)}"
            for number, error in enumerate(results)
            if isinstance(error, Exception)
        }
        annotations = [
            Annotation(row.caption) if isinstance(one, Exception) else one
            for row, one in zip(rows, results, strict=True)
        ]
        spans, details, without_record = build_spans(
            annotations, self._job.profile, self._tokenizer
        )
        problems = {**without_record, **failed}
        self._writer.write(rows, annotations, spans, details, problems)
        counts = spans.value_lengths().to_pylist()
        if problems:
            bad += [rows[number].bad(problem) for number, problem in problems.items()]
            annotations = [one for n, one in enumerate(annotations) if n not in problems]
            counts = [count for n, count in enumerate(counts) if n not in problems]
        best = [mention.best for one in annotations for mention in one.mentions]
        report.annotated += len(annotations)
        report.mentions += len(best)
        report.linked += len(best) - best.count(None)
        report.spans += sum(counts)
        report.negated += sum(
            mention.negated and mention.best is not None and is_cui(mention.best.concept_id)
            for one in annotations
            for mention in one.mentions
        )


def _link(linker: ConceptLinker, captions: Sequence[str]) -> list[Annotation | Exception]:
    """Returns the annotation of each caption, or the exception that the linker raised for it."""
    try:
        return list(linker.link_many(captions, batch_size=len(captions)))
    except Exception as error:  # one caption must not cost the others
        if len(captions) == 1:
            _log.debug("the linker raised an exception", exc_info=True)
            return [error]
        return [one for caption in captions for one in _link(linker, [caption])]


def _described(error: object) -> str:
    return f"{type(error).__name__}: {error}"


def _write_quarantine(folder: Path, shard: str, bad: Sequence[BadInput]) -> list[str]:
    """Writes the bad rows of a shard and returns the names of the files: one, or none."""
    name = f"{QUARANTINE}/{shard}.jsonl"
    if not bad:
        (folder / name).unlink(missing_ok=True)  # an earlier attempt may have had bad rows
        return []
    with write_whole(folder / name) as part:
        quarantine = Quarantine(part)
        for row in sorted(bad):
            quarantine.bad(row.file, row.number, row.problem, row=row.text)
    return [name]


def _sync_and_hash(path: Path) -> tuple[int, str]:
    """Forces a file onto the disk and returns its size and checksum."""
    with path.open("rb") as file:
        if os.name != "nt":  # Windows can only sync files that are open for writing
            os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()
