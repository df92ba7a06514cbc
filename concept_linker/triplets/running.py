"""Files of records in, one out: good rows go through a step, bad rows are set aside."""

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
from concept_linker.triplets.checking import (
    PROVENANCE,
    Breach,
    Checker,
    Rules,
    form_of,
    note_unknown,
)
from concept_linker.triplets.finding import Given, find_records
from concept_linker.triplets.lines import BadRow, Progress
from concept_linker.triplets.making import how_made
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import Form, Profile, minimise
from concept_linker.triplets.repairing import as_published, repair
from concept_linker.triplets.streams import (
    has_images,
    is_parquet,
    open_writer,
    read_all,
    side_car,
)
from concept_linker.triplets.wordpiece import WordPiece

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Job",
    "Summary",
    "converting",
    "form_of_files",
    "minimising",
    "quarantine_of",
    "repairing",
    "rewrite",
]

#: How much of a bad row the quarantine keeps.
_SHOWN = 100_000
#: From how many rows the types of other keys are told.
_PEEKED = 1000

#: What is done to a record: the new one, and the spans that it had to leave out.
Step = Callable[[dict[str, Any]], tuple[dict[str, Any], list[Breach]]]


@dataclass(slots=True)
class Summary:
    """What a run did.

    Args:
        rows: how many rows the input has.
        written: how many are in the output.
        bad: how many were set aside.
        spans_left_out: how many spans the written records have lost.
        offsets: which text the offsets of the input index (see :class:`Checker`).
        unknown: keys of rows that were set aside because no other keys may follow the record's
            own; a few of them.
    """

    rows: int = 0
    written: int = 0
    bad: int = 0
    spans_left_out: int = 0
    offsets: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked of :func:`rewrite`; made by the functions of this module.

    Args:
        step: what is done to a record; ``None`` leaves it as it is.
        rules: what the input must keep.
        form: the output's form; ``None`` is the input's.
        metadata: what the step makes true of the records.
        report: set a span that is left out aside too, with its record; else it is counted.
        mend: take byte order marks and carriage returns off.
    """

    step: Step | None = None
    rules: Rules = field(default_factory=Rules)
    form: Form | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    report: bool = False
    mend: bool = False


def repairing(wordpiece: WordPiece | None = None, *, other_keys: bool = False) -> Job:
    """Published offsets become exact; byte order marks, CRLF and unmappable spans go."""

    def step(row: dict[str, Any]) -> tuple[dict[str, Any], list[Breach]]:
        made, left_out = repair(cast(Any, row), wordpiece)
        return cast(dict[str, Any], made), left_out

    rules = Rules(form="full", agreement=False, other_keys=other_keys)
    return Job(step, rules, metadata={"offsets": "caption"}, report=True, mend=True)


def minimising(*, token_spans: bool = False, max_tokens: int | None = None) -> Job:
    """Full records become minimised ones."""

    def step(row: dict[str, Any]) -> tuple[dict[str, Any], list[Breach]]:
        made, left_out = minimise(cast(Any, row), token_spans=token_spans, max_tokens=max_tokens)
        new = cast(dict[str, Any], made)
        if PROVENANCE in row:
            new[PROVENANCE] = row[PROVENANCE]
        return new, [_LEFT_OUT] * left_out

    metadata = {"spans": "tokens" if token_spans else "characters", "max_tokens": max_tokens}
    return Job(step, Rules(form="full", other_keys=True), form="minimised", metadata=metadata)


def converting(
    profile: Profile | None = None,
    wordpiece: WordPiece | None = None,
    *,
    other_keys: bool = False,
) -> Job:
    """Records into another file format; with a profile, made as that wants them."""
    if profile is None:
        return Job(rules=Rules(other_keys=other_keys))
    wanted = profile

    def step(row: dict[str, Any]) -> tuple[dict[str, Any], list[Breach]]:
        made, left_out = as_published(cast(Any, row), wanted, wordpiece)
        return cast(dict[str, Any], made), left_out

    metadata = how_made(**profile)
    del metadata["tokens"], metadata["negated"]  # they stay as they are
    return Job(step, Rules("full", offsets="caption", other_keys=other_keys), metadata=metadata)


_LEFT_OUT = Breach("umls_meta_info", "is past the last token")


def quarantine_of(output: Path) -> Path:
    """Where the bad rows go."""
    return output.with_name(output.name + ".quarantine.jsonl")


def rewrite(
    given: Given,
    output: Path,
    job: Job,
    *,
    images: Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Reads files of records and writes another, whole or not at all, in constant memory.

    Bad rows go into :func:`quarantine_of` the output: ``file``, ``line``, ``problem`` and ``row``.
    Provenance, other columns and images go along where the output has a place for them.

    Args:
        given: the input, as for :func:`~concept_linker.triplets.finding.find_records`.
        output: the output; its ending says what it is.
        job: what is done.
        images: a folder of images whose bytes go into a Parquet output.
        progress: told how many bytes of the input have been read.

    Raises:
        InputError: there is no input; the output is one of several files of it, or the only one and
            has bad rows, which would be gone.
        SourceError: the input is damaged as a whole.
        SettingsError: the output's ending is none that is known, or the folder has none of the
            images.
        OSError: something cannot be read or written; what was there before still is.
    """
    files = find_records(given)
    in_place = output.resolve() in (file.resolve() for file in files)
    if in_place and len(files) > 1:
        raise InputError(f"{output}: is one of the {len(files)} files to read; wanted another")
    if images is not None:
        check_folder(images, (row["image"] for row in _good_rows(files)))
    form = form_of_files(files) or "full"
    rules = job.rules if job.rules.form else replace(job.rules, form=form)
    checker = Checker(rules)
    carried = images is None and _carry_images(files, output)
    has_provenance = any(map(_has_provenance, files))
    metadata = {**_metadata_of(files), **job.metadata}
    bad_rows = quarantine_of(output)
    summary = Summary(offsets=checker.offsets)
    with open_writer(
        output,
        form=job.form or form,
        provenance=has_provenance,
        images=images or carried,
        columns=_columns(files, output, job),
        metadata=metadata,
    ) as writer:
        bad_rows.unlink(missing_ok=True)
        quarantine = Quarantine(bad_rows)
        for file, number, row in read_all(
            files, checker=checker, images=carried, mend=job.mend, progress=progress
        ):
            summary.rows += 1
            if isinstance(row, BadRow):
                note_unknown(summary.unknown, row.breaches)
                quarantine.bad(file, number, str(row), row=row.text[:_SHOWN])
                continue
            made, left_out = job.step(row) if job.step else (row, [])
            if has_provenance and PROVENANCE not in made:
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
        bad = summary.rows - summary.written
        if in_place and bad:
            # The quarantine keeps the beginning of a long row only.
            raise InputError(
                f"{output}: is the file to read, and {bad} of its rows are bad (see {bad_rows}); "
                "they would be gone, so nothing was changed: wanted another output"
            )
    summary.bad = summary.rows - summary.written
    return summary


def _shown(row: dict[str, Any]) -> str:
    plain = {key: value for key, value in row.items() if not isinstance(value, bytes)}
    return json.dumps(plain, default=repr)[:_SHOWN]


def form_of_files(files: Sequence[Path]) -> Form | None:
    """The form of the first good row, or ``None`` where there is none."""
    return next((form_of(row) for row in _good_rows(files)), None)


def _good_rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    checker = Checker(Rules(agreement=False, other_keys=True))
    for _, _, row in read_all(files, checker=checker, mend=True):
        if isinstance(row, dict):
            yield row


def _has_provenance(path: Path) -> bool:
    if not is_parquet(path):
        return side_car(path).is_file()
    from concept_linker.triplets import parquet

    return parquet.has_provenance(path)


def _carry_images(files: Sequence[Path], output: Path) -> bool:
    return output.suffix == ".parquet" and any(map(has_images, files))


def _metadata_of(files: Sequence[Path]) -> dict[str, Any]:
    """What all the files say alike of how they were made."""
    from concept_linker.triplets import parquet

    said = [parquet.metadata_of(path) if is_parquet(path) else {} for path in files]
    first, *others = said
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _columns(files: Sequence[Path], output: Path, job: Job) -> pa.Schema | None:
    """The other columns of a Parquet output: the input's, or told from its first rows."""
    if output.suffix != ".parquet" or not job.rules.other_keys or job.form == "minimised":
        return None
    from concept_linker.triplets import parquet

    tables = [path for path in files if is_parquet(path)]
    lines = [path for path in files if path not in tables]
    told = parquet.inferred_columns(itertools.islice(_good_rows(lines), _PEEKED))
    return parquet.joined_columns([*map(parquet.other_columns, tables), told])
