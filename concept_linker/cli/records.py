"""``concept-linker records``: check, mend, convert and describe files of triplets."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.triplets.record import Profile
    from concept_linker.triplets.running import Job
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["app"]

_HELP = """
Check, mend, convert and describe files of MedConcept-23M records.

A file is JSON Lines (plain, .gz, .zst) or Parquet.

A bad row never costs a good one: it is set aside in OUTPUT.quarantine.jsonl, and the exit status \
is 1.
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)

_Input = Annotated[Path, typer.Argument(metavar="IN", help="The file of records.")]
_Output = Annotated[
    Path,
    typer.Option(
        "-o", "--output", help="The file to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
_OtherKeys = Annotated[
    bool, typer.Option("--other-keys", help="Let keys follow the record's own, and keep them.")
]
_Tokenizer = Annotated[
    Path | None,
    typer.Option(
        help="BiomedBERT's vocab.txt (abstract-fulltext, 30,522 entries, SHA-256 79489a52be45…), "
        "or a folder with it. It does not come with this library."
    ),
]
_Like = Annotated[
    str | None, typer.Option(help="A profile: 'medconcept23m', as published, or 'exact'.")
]


@app.command()
def validate(
    path: _Input,
    offsets: Annotated[
        str | None,
        typer.Option(
            help="What offsets must index: 'caption' or 'medconcept23m' (default either)."
        ),
    ] = None,
    like: _Like = None,
    tokenizer: _Tokenizer = None,
    other_keys: _OtherKeys = False,
    shown: Annotated[
        int, typer.Option(help="Print so many breaches at most; 0 is all of them.", min=0)
    ] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a breach; last, the summary.")
    ] = False,
    quiet: _Quiet = False,
) -> None:
    """Check every rule of every record; print each breach with line, key and reason.

    Exit status 1 if there is any. With --tokenizer, tokens and their positions are checked too.

    Examples:

        concept-linker records validate figures.jsonl

        concept-linker records validate medconcept.jsonl --like medconcept23m
    """
    from concept_linker.triplets.checking import Checker, Rules
    from concept_linker.triplets.lines import BadRow
    from concept_linker.triplets.streams import read_records

    if offsets not in (None, "caption", "medconcept23m"):
        raise SettingsError(f"--offsets {offsets!r}, wanted 'caption' or 'medconcept23m'")
    profile: dict[str, Any] = {"offsets": offsets}
    if wanted := _profile(like):
        profile = {**wanted, "offsets": offsets or wanted["offsets"]}
    rules = Rules(other_keys=other_keys, wordpiece=_wordpiece(tokenizer), **profile)
    checker = Checker(rules)
    rows = bad = breaches = 0
    keys: Counter[str] = Counter()
    with _progress("Validating", path, quiet) as progress:
        for number, row in read_records(path, checker=checker, progress=progress):
            rows += 1
            if not isinstance(row, BadRow):
                continue
            bad += 1
            for breach in row.breaches:
                breaches += 1
                keys[breach.key.partition("[")[0] + breach.key.rpartition("]")[2]] += 1
                if shown and breaches > shown:
                    continue
                if as_json:
                    _print_json({"line": number, **breach._asdict()})
                else:
                    print(f"{path}, line {number}: {breach}")
    if as_json:
        summary = {"rows": rows, "bad": bad, "breaches": breaches}
        _print_json({**summary, "keys": keys, "offsets": checker.offsets})
    else:
        if shown and breaches > shown:
            print(f"… and {breaches - shown:,} more breaches; --shown 0 prints all")
        print(f"{rows:,} {_plural(rows, 'row')}, {bad:,} bad")
        for key, count in keys.most_common():
            print(f"  {key}: {count:,} {_plural(count, 'breach')}")
        _print_offsets(checker.offsets)
    _end(bad)


@app.command()
def repair(
    path: _Input,
    output: _Output,
    tokenizer: _Tokenizer = None,
    other_keys: _OtherKeys = False,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Turn the published offsets into ones that index the caption.

    A byte order mark and CRLF are mended too. A span that cannot be mapped is left out, and set
    aside with its record in OUTPUT.quarantine.jsonl. Where captions have words that the published
    vocabulary does not know, --tokenizer tells which.

    Example: concept-linker records repair medconcept.jsonl -o exact.jsonl.zst
    """
    from concept_linker.triplets.running import repairing

    job = repairing(_wordpiece(tokenizer), other_keys=other_keys)
    _rewrite("Repairing", path, output, job, as_json, quiet)


@app.command()
def minimise(
    path: _Input,
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
            help="Leave out spans that end past so many tokens (75 fit CLIP's 77).", min=1
        ),
    ] = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Keep caption, image and the bare spans.

    Examples:

        concept-linker records minimise figures.jsonl -o minimised.jsonl

        concept-linker records minimise figures.jsonl -o train.jsonl --token-spans --max-tokens 75
    """
    from concept_linker.triplets.running import minimising

    job = minimising(token_spans=token_spans, max_tokens=max_tokens)
    _rewrite("Minimising", path, output, job, as_json, quiet)


@app.command()
def convert(
    path: _Input,
    output: _Output,
    like: _Like = None,
    tokenizer: _Tokenizer = None,
    images: Annotated[
        Path | None, typer.Option(help="Put the images of this folder into the Parquet file.")
    ] = None,
    other_keys: _OtherKeys = False,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Write records in another format; the output's ending says which.

    Provenance goes along: in Parquet as a column, beside JSON Lines as OUT.provenance.jsonl.
    --like medconcept23m makes of exact records what the published data set would have.

    Examples:

        concept-linker records convert figures.jsonl -o figures.parquet --images images

        concept-linker records convert exact.parquet -o medconcept.jsonl --like medconcept23m
    """
    from concept_linker.triplets.running import converting

    if images is not None and not images.is_dir():
        raise SettingsError(f"--images {images}: wanted a folder")
    job = converting(_profile(like), _wordpiece(tokenizer), other_keys=other_keys)
    _rewrite("Converting", path, output, job, as_json, quiet, images)


@app.command()
def stats(
    path: _Input,
    kb: Annotated[
        str, typer.Option(help="Names concepts and groups: 'open', a folder, or 'none'.")
    ] = "open",
    top: Annotated[int, typer.Option(help="Show so many concepts.", min=0)] = 20,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the counts: .png, .svg or .pdf (extra 'plots').")
    ] = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Count records by concept, semantic group and similarity.

    Example: concept-linker records stats figures.parquet --plot figures.png
    """
    from concept_linker.triplets.statistics import check_plot, count, draw

    if plot is not None:
        check_plot(plot)
    with _progress("Counting", path, quiet) as progress:
        statistics = count(path, kb=None if kb == "none" else kb, progress=progress)
    if plot is not None:
        draw(statistics, plot)
    if as_json:
        _print_json(statistics.to_dict(top))
    else:
        print(statistics.to_text(top))
    _end(statistics.bad)


@app.command()
def card(
    path: _Input,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The file to write, README.md; else print."),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="The data set's name (default the file's).")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Hugging Face's id of the licence (default told from records)."),
    ] = None,
    kb: Annotated[
        str, typer.Option(help="Knows the concepts' groups: 'open', a folder, or 'none'.")
    ] = "open",
    quiet: _Quiet = False,
) -> None:
    """Write the data set's card for Hugging Face.

    Counts, filters, licences by count, and for what it must not be used.

    Example: concept-linker records card figures.parquet --title "My figures" -o README.md
    """
    from concept_linker.triplets.card import card as card_of
    from concept_linker.triplets.placing import beside
    from concept_linker.triplets.statistics import count

    with _progress("Counting", path, quiet) as progress:
        statistics = count(path, kb=None if kb == "none" else kb, progress=progress)
    text = card_of(
        statistics, title=title or path.name.split(".")[0], data_file=path.name, licence=licence
    )
    if output is None:
        print(text)
    else:
        with beside(output) as part:
            part.write_text(text, encoding="utf-8")
    _end(statistics.bad)


def _rewrite(
    title: str,
    path: Path,
    output: Path,
    job: Job,
    as_json: bool,
    quiet: bool,
    images: Path | None = None,
) -> None:
    from concept_linker.triplets.running import quarantine_of, rewrite

    with _progress(title, path, quiet) as progress:
        summary = rewrite(path, output, job, images=images, progress=progress)
    bad_rows = quarantine_of(output)
    set_aside = str(bad_rows) if bad_rows.exists() else None
    if as_json:
        counts = {name: getattr(summary, name) for name in ("rows", "written", "bad")}
        left_out = {"spans_left_out": summary.spans_left_out}
        _print_json({**counts, **left_out, "output": str(output), "quarantine": set_aside})
    else:
        print(f"{output}: {summary.written:,} {_plural(summary.written, 'record')}")
        if summary.spans_left_out:
            number = summary.spans_left_out
            print(f"{number:,} {_plural(number, 'span')} left out")
    if set_aside:
        number = summary.bad
        print(f"{number:,} bad {_plural(number, 'row')} set aside in {set_aside}", file=sys.stderr)
    _end(bool(set_aside))


@contextmanager
def _progress(title: str, path: Path, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of the input."""
    size = path.stat().st_size
    if quiet:
        yield lambda read: None
        return
    from tqdm import tqdm

    with tqdm(total=size, desc=title, unit="B", unit_scale=True) as bar:

        def show(read: int) -> None:
            bar.update(read)

        yield show


def _profile(like: str | None) -> Profile | None:
    from concept_linker.triplets.record import PROFILES

    if like is None:
        return None
    if like not in PROFILES:
        raise SettingsError(f"--like {like!r}, wanted one of {', '.join(PROFILES)}")
    return PROFILES[like]


def _wordpiece(path: Path | None) -> WordPiece | None:
    from concept_linker.triplets.wordpiece import WordPiece

    if path is None:
        return None
    wordpiece = WordPiece.load(path)
    if not wordpiece.is_medconcept:
        print(f"{path}: not the vocabulary of MedConcept-23M", file=sys.stderr)
    return wordpiece


def _print_offsets(offsets: Counter[str]) -> None:
    texts = {
        "caption": "index the caption",
        "medconcept23m": "index MedConcept-23M's text; `records repair` makes them exact",
        "no spans": "of no spans",
    }
    for kind, text in texts.items():
        if offsets[kind]:
            number = offsets[kind]
            print(f"{number:,} {_plural(number, 'record')}: offsets {text}")


def _print_json(value: Any) -> None:
    print(json.dumps(value))


def _plural(number: int, word: str) -> str:
    return word if number == 1 else f"{word}es" if word.endswith("ch") else f"{word}s"


def _end(bad: object) -> None:
    """Exit status 1 where something was wrong with a row."""
    if bad:
        raise typer.Exit(1)
