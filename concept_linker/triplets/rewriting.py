"""Rewrites files of records into one: good rows go through a step, bad rows are set aside."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from concept_linker.errors import InputError
from concept_linker.images.files import check_folder
from concept_linker.quarantine import Quarantine
from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.checking import Checker, Rules, collect_unknown_keys, form_of
from concept_linker.triplets.conversion import apply_profile, repair
from concept_linker.triplets.from_annotation import record_settings
from concept_linker.triplets.json_lines import Progress
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.reading import has_images, has_provenance, is_parquet, read_all
from concept_linker.triplets.record import PROVENANCE, Form, Profile, minimise
from concept_linker.triplets.record_files import Given, find_records, quarantine_path
from concept_linker.triplets.wordpiece import WordPiece
from concept_linker.triplets.writing import open_writer

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "RewriteJob",
    "RewriteSummary",
    "convert_job",
    "form_of_files",
    "minimise_job",
    "repair_job",
    "rewrite",
]

#: How many characters of a bad row the quarantine keeps.
_SHOWN = 100_000
#: The number of rows from which the types of other keys are inferred.
_PEEKED = 1000

#: Makes the new record, and the breaches of the spans that it has to leave out.
Step = Callable[[dict[str, Any]], tuple[dict[str, Any], list[Breach]]]


@dataclass(slots=True)
class RewriteSummary:
    """What :func:`rewrite` did.

    Args:
        rows: how many rows the input has.
        written: how many rows the output has.
        bad: how many rows were set aside.
        spans_left_out: how many spans the written records have lost.
        offsets: which text the offsets of the input index (see :class:`Checker`).
        unknown: some of the keys for which rows were set aside, because no other keys may follow
            those of the record.
    """

    rows: int = 0
    written: int = 0
    bad: int = 0
    spans_left_out: int = 0
    offsets: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RewriteJob:
    """What :func:`rewrite` does; made by the functions of this module.

    Args:
        step: changes a record; ``None`` leaves it unchanged.
        rules: the rules for the input.
        form: the form of the output; ``None`` is that of the input.
        metadata: what is true of the records after the step.
        report: put records with spans that were left out into the quarantine, too; otherwise such
            spans are only counted.
        lenient: remove byte order marks and carriage returns.
    """

    step: Step | None = None
    rules: Rules = field(default_factory=Rules)
    form: Form | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    report: bool = False
    lenient: bool = False


def repair_job(wordpiece: WordPiece | None = None, *, other_keys: bool = False) -> RewriteJob:
    """Makes published offsets exact; removes byte order marks, CRLF and spans without a place."""

    def step(row: dict[str, Any]) -> tuple[dict[str, Any], list[Breach]]:
        made, left_out = repair(cast(Any, row), wordpiece)
        return cast(dict[str, Any], made), left_out

    rules = Rules(form="full", agreement=False, other_keys=other_keys)
    return RewriteJob(step, rules, metadata={"offsets": "caption"}, report=True, lenient=True)


def minimise_job(*, token_spans: bool = False, max_tokens: int | None = None) -> RewriteJob:
    """Makes minimised records; see :func:`~concept_linker.triplets.record.minimise`."""

    def step(row: dict[str, Any]) -> tuple[dict[str, Any], list[Breach]]:
        made, left_out = minimise(cast(Any, row), token_spans=token_spans, max_tokens=max_tokens)
        new = cast(dict[str, Any], made)
        if PROVENANCE in row:
            new[PROVENANCE] = row[PROVENANCE]
        return new, [_AFTER_LAST_TOKEN] * left_out

    metadata = {"spans": "tokens" if token_spans else "characters", "max_tokens": max_tokens}
    rules = Rules(form="full", other_keys=True)
    return RewriteJob(step, rules, form="minimised", metadata=metadata)


def convert_job(
    profile: Profile | None = None,
    wordpiece: WordPiece | None = None,
    *,
    other_keys: bool = False,
) -> RewriteJob:
    """Changes the file format only; with a profile, also the records as it asks."""
    if profile is None:
        return RewriteJob(rules=Rules(other_keys=other_keys))

    def step(row: dict[str, Any]) -> tuple[dict[str, Any], list[Breach]]:
        made, left_out = apply_profile(cast(Any, row), profile, wordpiece)
        return cast(dict[str, Any], made), left_out

    metadata = record_settings(**profile)
    del metadata["tokens"], metadata["negated"]  # conversion does not change these
    return RewriteJob(
        step, Rules("full", offsets="caption", other_keys=other_keys), metadata=metadata
    )


_AFTER_LAST_TOKEN = Breach("umls_meta_info", "ends after the last token")


def rewrite(
    given: Given,
    output: Path,
    job: RewriteJob,
    *,
    images: Path | None = None,
    progress: Progress | None = None,
) -> RewriteSummary:
    """Reads files of records and writes another, whole or not at all, in constant memory.

    Bad rows go into
    :func:`~concept_linker.triplets.record_files.quarantine_path` as ``file``, ``line``, ``problem``
    and ``row``.  Provenance, other columns and images are copied if the output has a place for
    them.

    Args:
        given: the input; see :func:`~concept_linker.triplets.record_files.find_records`.
        output: the output; its ending tells the format.
        job: what is done.
        images: a folder of images whose bytes go into a Parquet output.
        progress: called with the number of bytes read since the last call.

    Raises:
        InputError: there is no input; the output is one of several input files, or the only one
            and has bad rows, which would be lost.
        SourceError: an input file cannot be read at all.
        SettingsError: the ending of the output is unknown, or the folder has none of the images.
        OSError: a file cannot be read or written; an existing output stays as it was.
    """
    files = find_records(given)
    in_place = output.resolve() in (file.resolve() for file in files)
    if in_place and len(files) > 1:
        raise InputError(
            f"{output}: is one of the {len(files)} files to read, expected another output"
        )
    if images is not None:
        check_folder(images, (row["image"] for row in _good_rows(files)))
    form = form_of_files(files) or "full"
    rules = job.rules if job.rules.form else replace(job.rules, form=form)
    checker = Checker(rules)
    copy_images = images is None and output.suffix == ".parquet" and any(map(has_images, files))
    with_provenance = any(map(has_provenance, files))
    metadata = {**_common_metadata(files), **job.metadata}
    bad_rows = quarantine_path(output)
    summary = RewriteSummary(offsets=checker.offsets)
    with open_writer(
        output,
        form=job.form or form,
        provenance=with_provenance,
        images=images or copy_images,
        columns=_columns(files, output, job),
        metadata=metadata,
    ) as writer:
        bad_rows.unlink(missing_ok=True)
        quarantine = Quarantine(bad_rows)
        for file, number, row in read_all(
            files, checker=checker, images=copy_images, lenient=job.lenient, progress=progress
        ):
            summary.rows += 1
            if isinstance(row, BadRow):
                collect_unknown_keys(summary.unknown, row.breaches)
                quarantine.bad(file, number, str(row), row=row.text[:_SHOWN])
                continue
            made, left_out = job.step(row) if job.step else (row, [])
            if with_provenance and PROVENANCE not in made:
                made[PROVENANCE] = Provenance().to_dict()
            try:
                writer.write(made)
            except InputError as error:
                quarantine.bad(file, number, str(error), row=_shown(row))
                continue
            summary.written += 1
            if left_out:
                summary.spans_left_out += len(left_out)
                if job.report:
                    problem = "; ".join(map(str, left_out))
                    quarantine.bad(file, number, f"spans left out: {problem}", row=_shown(row))
        summary.bad = summary.rows - summary.written
        if in_place and summary.bad:
            # The quarantine has only the beginning of a long row.
            raise InputError(
                f"{output}: is the file to read, and {summary.bad} of its rows are bad (see "
                f"{bad_rows}) and would be lost; nothing was changed, expected another output"
            )
    return summary


def _shown(row: dict[str, Any]) -> str:
    plain = {key: value for key, value in row.items() if not isinstance(value, bytes)}
    return json.dumps(plain, default=repr)[:_SHOWN]


def form_of_files(files: Sequence[Path]) -> Form | None:
    """The form of the first good row; ``None`` if there is none."""
    return next((form_of(row) for row in _good_rows(files)), None)


def _good_rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    checker = Checker(Rules(agreement=False, other_keys=True))
    for _, _, row in read_all(files, checker=checker, lenient=True):
        if isinstance(row, dict):
            yield row


def _common_metadata(files: Sequence[Path]) -> dict[str, Any]:
    """The metadata that is the same in all files."""
    from concept_linker.triplets.parquet_files import read_metadata

    first, *others = [read_metadata(path) if is_parquet(path) else {} for path in files]
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _columns(files: Sequence[Path], output: Path, job: RewriteJob) -> pa.Schema | None:
    """The other columns of a Parquet output: those of the input, or inferred from its rows."""
    if output.suffix != ".parquet" or not job.rules.other_keys or job.form == "minimised":
        return None
    from concept_linker.triplets.parquet_files import other_columns
    from concept_linker.triplets.parquet_schema import inferred_columns, merge_columns

    tables = [path for path in files if is_parquet(path)]
    lines = [path for path in files if path not in tables]
    inferred = inferred_columns(itertools.islice(_good_rows(lines), _PEEKED))
    return merge_columns([*map(other_columns, tables), inferred])
