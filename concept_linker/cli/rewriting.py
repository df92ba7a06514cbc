"""``concept-linker records repair``, ``minimise`` and ``convert``: files in, one out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import bar, counted, note, print_json
from concept_linker.cli.options import JsonFlag, QuietFlag, RecordFiles, one_of, size_of
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.triplets.record import Profile
    from concept_linker.triplets.rewriting import RewriteJob
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = [
    "Like",
    "OtherKeys",
    "Tokenizer",
    "hint_other_keys",
    "profile_of",
    "register",
    "wordpiece",
]

_Output = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.",
    ),
]
OtherKeys = Annotated[
    bool, typer.Option("--other-keys", help="Let keys follow the record's own, and keep them.")
]
Tokenizer = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="BiomedBERT's vocab.txt (abstract-fulltext, 30,522 entries, SHA-256 79489a52be45…), "
        "or a folder with it. It does not come with this library.",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(
        metavar="PROFILE",
        autocompletion=one_of("exact", "medconcept23m"),
        help="A profile: 'medconcept23m', as published, or 'exact'.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (repair, minimise, convert):
        app.command()(command)


def repair(
    files: RecordFiles,
    output: _Output,
    tokenizer: Tokenizer = None,
    other_keys: OtherKeys = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Turn the published offsets into ones that index the caption.

    A byte order mark and CRLF are mended too. A span that cannot be mapped is left out, and set
    aside with its record in FILE.quarantine.jsonl. Where captions have words that the published
    vocabulary does not know, --tokenizer tells which.

    Examples:

        concept-linker records repair medconcept.jsonl -o exact.jsonl.zst
        concept-linker records repair medconcept.jsonl -o exact.parquet --tokenizer vocab.txt
    """
    from concept_linker.triplets.rewriting import repair_job

    job = repair_job(wordpiece(tokenizer), other_keys=other_keys)
    _rewrite("Repairing", files, output, job, as_json, quiet)


def minimise(
    files: RecordFiles,
    output: _Output,
    token_spans: Annotated[
        bool,
        typer.Option(
            "--token-spans", help="Token positions, which training code reads; else characters."
        ),
    ] = False,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Leave out spans that end past so many tokens (75 fit CLIP's 77).",
            min=1,
        ),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Keep caption, image and the bare spans.

    Examples:

        concept-linker records minimise figures.jsonl -o minimised.jsonl
        concept-linker records minimise figures.jsonl -o train.jsonl --token-spans --max-tokens 75
    """
    from concept_linker.triplets.rewriting import minimise_job

    job = minimise_job(token_spans=token_spans, max_tokens=max_tokens)
    _rewrite("Minimising", files, output, job, as_json, quiet)


def convert(
    files: RecordFiles,
    output: _Output,
    profile: Like = None,
    tokenizer: Tokenizer = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Put the images of this folder into the Parquet file."),
    ] = None,
    other_keys: OtherKeys = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Write records in another format; the output's ending says which.

    Provenance goes along: in Parquet as a column, beside JSON Lines as FILE.provenance.jsonl.
    --profile medconcept23m makes of exact records what the published data set would have.

    Examples:

        concept-linker records convert figures.jsonl -o figures.parquet --images images
        concept-linker records convert annotated -o all.jsonl.zst --other-keys
        concept-linker records convert exact.parquet -o medconcept.jsonl --profile medconcept23m
    """
    from concept_linker.triplets.rewriting import convert_job

    job = convert_job(profile_of(profile), wordpiece(tokenizer), other_keys=other_keys)
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
    """Says which option lets keys follow the record's own, where rows are bad for these alone."""
    if names := ", ".join(unknown):
        note(f"--other-keys lets keys follow the record's own, here: {names}")


def profile_of(profile: str | None) -> Profile | None:
    """The profile that ``--profile`` names."""
    from concept_linker.triplets.record import PROFILES

    if profile is None:
        return None
    if profile not in PROFILES:
        raise SettingsError(f"--profile {profile!r}, wanted one of {', '.join(PROFILES)}")
    return PROFILES[profile]


def wordpiece(path: Path | None) -> WordPiece | None:
    """The vocabulary that ``--tokenizer`` names; says so where it is another than usual."""
    from concept_linker.triplets.wordpiece import WordPiece

    if path is None:
        return None
    loaded = WordPiece.load(path)
    if not loaded.is_medconcept:
        note(f"{path}: not the vocabulary of MedConcept-23M")
    return loaded
