"""``concept-linker records``: checks and describes files of triplets."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from concept_linker.cli import rewriting
from concept_linker.cli.console import bar, counted, note, print_json, printable
from concept_linker.cli.options import (
    KB_OR_NONE,
    JsonFlag,
    OptionalProfile,
    QuietFlag,
    RecordFiles,
    TokenizerOption,
    check_base,
    choice,
    size_of,
)
from concept_linker.cli.parser import CommandLine
from concept_linker.cli.rewriting import (
    OtherKeys,
    hint_other_keys,
    wordpiece,
)

__all__ = ["app"]

_HELP = """
Check, repair, convert and describe files of MedConcept-23M records.

A file is JSON Lines (plain, .gz, .zst) or Parquet. A folder of shards, or a pattern in quotes \
such as 'run/part-*.parquet', can be given instead.

Bad rows are set aside in FILE.quarantine.jsonl, and the exit status is then 1; good rows are \
always written.
"""

app = CommandLine(help=_HELP)

#: The most keys that are counted separately: a bad file may have any number.
_MOST_KEYS = 200


@app.command()
def validate(
    files: RecordFiles,
    offsets: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The text that offsets index: 'caption' or 'medconcept23m' (default: either).",
            **choice("caption", "medconcept23m"),
        ),
    ] = None,
    profile: OptionalProfile = None,
    tokenizer: TokenizerOption = None,
    other_keys: OtherKeys = False,
    shown: Annotated[
        int,
        typer.Option(metavar="N", help="Print at most this many breaches; 0 prints all.", min=0),
    ] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per breach, then the summary.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Check the rules of the format in every record; print each breach with its line and key.

    Exit status 1 if there are any. --tokenizer also checks tokens and their positions.

    Examples:

        concept-linker records validate figures.jsonl
        concept-linker records validate medconcept.jsonl --profile medconcept23m
    """
    from concept_linker.triplets.breach import BadRow
    from concept_linker.triplets.checking import Checker, Rules, collect_unknown_keys
    from concept_linker.triplets.json_lines import LINE_END_BREACHES
    from concept_linker.triplets.reading import read_all
    from concept_linker.triplets.record import PROFILES
    from concept_linker.triplets.rewriting import form_of_files

    chosen: dict[str, Any] = {"offsets": offsets}
    if profile:
        rules = PROFILES[profile]
        chosen = {**rules, "offsets": offsets or rules["offsets"]}
        del chosen["negated"]  # records do not say which spans are negated
    checker = Checker(
        Rules(
            form=form_of_files(files),
            other_keys=other_keys,
            wordpiece=wordpiece(tokenizer),
            **chosen,
        )
    )
    rows = bad = breaches = 0
    keys: Counter[str] = Counter()
    unknown: dict[str, None] = {}
    ends = no_image = False
    with bar("Validating", size_of(files), "B", quiet=quiet) as progress:
        for file, number, row in read_all(files, checker=checker, progress=progress):
            rows += 1
            if not isinstance(row, BadRow):
                continue
            bad += 1
            collect_unknown_keys(unknown, row.breaches)
            for breach in row.breaches:
                breaches += 1
                key = re.sub(r"\[.*\]", "", breach.key)
                keys[key if key in keys or len(keys) < _MOST_KEYS else "…"] += 1
                ends |= breach in LINE_END_BREACHES
                no_image |= breach.key == "image" and breach.reason.startswith("is '',")
                if shown and breaches > shown:
                    continue
                if as_json:
                    print_json({"file": str(file), "line": number, **breach._asdict()})
                else:
                    print(printable(f"{file}, line {number}: {breach}"))
    if as_json:
        summary = {"rows": rows, "bad": bad, "breaches": breaches}
        print_json({**summary, "keys": keys, "offsets": checker.offsets})
    else:
        if shown and breaches > shown:
            print(f"… and {breaches - shown:,} more breaches; --shown 0 prints all")
        print(f"{counted(rows, 'row')}, {bad:,} bad")
        for key, count in keys.most_common():
            print(printable(f"  {key}: {counted(count, 'breach')}"))
        _print_offsets(checker.offsets)
    hint_other_keys(unknown)
    if ends:
        note("`concept-linker records repair` removes byte order marks and CRLF")
    if no_image:
        note(
            "records without an image, as from `annotate --no-images`, cannot be used for training"
        )
    if bad:
        raise typer.Exit(1)


rewriting.register(app)


@app.command()
def stats(
    files: RecordFiles,
    kb: KB_OR_NONE = "default",
    top: Annotated[
        int, typer.Option(metavar="N", help="The number of concepts to show.", min=0)
    ] = 20,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the counts: .png, .svg or .pdf (extra 'plots')."),
    ] = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Count records by concept, semantic group and similarity.

    Examples:

        concept-linker records stats figures.parquet
        concept-linker records stats figures.parquet --plot figures.png --top 50
    """
    from concept_linker.triplets.statistics import check_plot, count, draw

    if plot is not None:
        check_plot(plot)
    check_base(kb, quiet=quiet)
    with bar("Counting", size_of(files), "B", quiet=quiet) as progress:
        statistics = count(files, kb=None if kb == "none" else kb, progress=progress)
    if plot is not None:
        draw(statistics, plot)
    if as_json:
        print_json(statistics.to_dict(top))
    else:
        print(statistics.to_text(top))
    if statistics.bad:
        raise typer.Exit(1)


@app.command()
def card(
    files: RecordFiles,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The file to write, such as README.md (default: print it).",
        ),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="The name of the data set (default: the name of the file)."
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The licence, as an id of Hugging Face (default: found in the records).",
        ),
    ] = None,
    kb: KB_OR_NONE = "default",
    quiet: QuietFlag = False,
) -> None:
    """Write a dataset card for Hugging Face.

    It has counts, filters, licences, and what the data must not be used for.

    Examples:

        concept-linker records card figures.parquet -o README.md
        concept-linker records card figures.parquet --title "My figures" --licence cc-by-4.0
    """
    from concept_linker.files import write_text
    from concept_linker.triplets.card import card as card_of
    from concept_linker.triplets.record_files import common_name, file_pattern
    from concept_linker.triplets.statistics import count

    check_base(kb, quiet=quiet)
    with bar("Counting", size_of(files), "B", quiet=quiet) as progress:
        statistics = count(files, kb=None if kb == "none" else kb, progress=progress)
    name = common_name(files)
    text = card_of(
        statistics,
        title=title or name.split(".")[0],
        data_file=file_pattern(files),
        licence=licence,
    )
    if output is None:
        print(text)
    else:
        write_text(output, text)
    if statistics.bad:
        raise typer.Exit(1)


def _print_offsets(offsets: Counter[str]) -> None:
    texts = {
        "caption": "index the caption",
        "medconcept23m": "index the text of MedConcept-23M; `records repair` makes them exact",
        "no spans": "none, there are no spans",
    }
    for kind, text in texts.items():
        if offsets[kind]:
            print(f"{counted(offsets[kind], 'record')}: offsets {text}")
