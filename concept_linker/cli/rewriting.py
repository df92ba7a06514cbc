"""``concept-linker records repair``, ``minimise`` and ``convert``: many files in, one out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import bar, counted, note, print_json
from concept_linker.cli.options import (
    JsonFlag,
    OptionalProfile,
    OutputRecords,
    QuietFlag,
    RecordFiles,
    TokenizerOption,
    size_of,
)

if TYPE_CHECKING:
    from concept_linker.triplets.rewriting import RewriteJob
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = [
    "OtherKeys",
    "hint_other_keys",
    "register",
    "wordpiece",
]

OtherKeys = Annotated[
    bool,
    typer.Option("--other-keys", help="Allow other keys after those of the format, and keep them."),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (repair, minimise, convert):
        app.command()(command)


def repair(
    files: RecordFiles,
    output: OutputRecords,
    tokenizer: TokenizerOption = None,
    other_keys: OtherKeys = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Convert published offsets into offsets in the caption.

    Also removes byte order marks and CRLF. Spans that cannot be converted are left out and set
    aside with their record in FILE.quarantine.jsonl. --tokenizer is needed for captions with words
    outside the published vocabulary.

    Examples:

        concept-linker records repair medconcept.jsonl -o exact.jsonl.zst
        concept-linker records repair medconcept.jsonl -o exact.parquet --tokenizer vocab.txt
    """
    from concept_linker.triplets.rewriting import repair_job

    job = repair_job(wordpiece(tokenizer), other_keys=other_keys)
    _rewrite("Repairing", files, output, job, as_json, quiet)


def minimise(
    files: RecordFiles,
    output: OutputRecords,
    token_spans: Annotated[
        bool,
        typer.Option(
            "--token-spans", help="Write token positions, for training, instead of characters."
        ),
    ] = False,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Leave out spans that end after this token (75 for CLIP's context of 77).",
            min=1,
        ),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Keep only caption, image and spans.

    Examples:

        concept-linker records minimise figures.jsonl -o minimised.jsonl
        concept-linker records minimise figures.jsonl -o train.jsonl --token-spans --max-tokens 75
    """
    from concept_linker.triplets.rewriting import minimise_job

    job = minimise_job(token_spans=token_spans, max_tokens=max_tokens)
    _rewrite("Minimising", files, output, job, as_json, quiet)


def convert(
    files: RecordFiles,
    output: OutputRecords,
    profile: OptionalProfile = None,
    tokenizer: TokenizerOption = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put the images in this folder into the Parquet file."),
    ] = None,
    other_keys: OtherKeys = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Convert records to another format, given by the name of the output file.

    Provenance is kept: as a column in Parquet, as FILE.provenance.jsonl next to JSON Lines.
    --profile medconcept23m converts exact records to the form of the published data set.

    Examples:

        concept-linker records convert figures.jsonl -o figures.parquet --images images
        concept-linker records convert annotated -o all.jsonl.zst --other-keys
        concept-linker records convert exact.parquet -o medconcept.jsonl --profile medconcept23m
    """
    from concept_linker.triplets.record import PROFILES
    from concept_linker.triplets.rewriting import convert_job

    job = convert_job(
        PROFILES[profile] if profile else None, wordpiece(tokenizer), other_keys=other_keys
    )
    _rewrite("Converting", files, output, job, as_json, quiet, images)


def _rewrite(
    title: str,
    files: list[Path],
    output: Path,
    job: RewriteJob,
    as_json: bool,
    quiet: bool,
    images: Path | None = None,
) -> None:
    from concept_linker.triplets.record_files import check_ending, quarantine_path
    from concept_linker.triplets.rewriting import rewrite

    check_ending(output)
    with bar(title, size_of(files), "B", quiet=quiet) as progress:
        summary = rewrite(files, output, job, images=images, progress=progress)
    bad_rows = quarantine_path(output)
    set_aside = str(bad_rows) if bad_rows.exists() else None
    if as_json:
        counts = {name: getattr(summary, name) for name in ("rows", "written", "bad")}
        left_out = {"spans_left_out": summary.spans_left_out}
        print_json({"output": str(output), **counts, **left_out, "quarantine": set_aside})
    else:
        print(f"{output}: {counted(summary.written, 'record')}")
        if summary.spans_left_out:
            print(f"{counted(summary.spans_left_out, 'span')} left out")
    if set_aside:
        note(f"{counted(summary.bad, 'bad row')} set aside in {set_aside}")
        hint_other_keys(summary.unknown)
        raise typer.Exit(1)


def hint_other_keys(unknown: Iterable[str]) -> None:
    """Mentions --other-keys where rows are bad only because of other keys."""
    if names := ", ".join(unknown):
        note(f"--other-keys allows other keys, here: {names}")


def wordpiece(path: Path | None) -> WordPiece | None:
    """Loads the vocabulary of ``--tokenizer``; prints a note if it is not MedConcept-23M's."""
    from concept_linker.triplets.wordpiece import WordPiece

    if path is None:
        return None
    loaded = WordPiece.load(path)
    if not loaded.is_medconcept:
        note(f"{path}: not the vocabulary of MedConcept-23M")
    return loaded
