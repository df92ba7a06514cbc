"""``concept-linker evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.bad_rows import SkipBadFlag, open_quarantine, report_bad_rows
from concept_linker.cli.console import print_json, print_lines
from concept_linker.cli.linking import linker_options
from concept_linker.cli.options import CORPUS_HELP, QuietFlag, SeedOption, one_of
from concept_linker.errors import InputError, SettingsError

if TYPE_CHECKING:
    from concept_linker.corpora.gold import GoldCorpus

__all__ = ["evaluate"]


def complete_format(incomplete: str) -> list[str]:
    """Completes the format of a corpus."""
    from concept_linker.corpora import FORMATS

    return one_of(*FORMATS)(incomplete)


def evaluate(
    context: typer.Context,
    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS",
            help=CORPUS_HELP,
        ),
    ],
    gold_mentions: Annotated[
        bool,
        typer.Option(
            "--gold-mentions", help="Measure only the linking of given mentions, not end to end."
        ),
    ] = False,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            help="A training corpus, for the exact-match baseline and results on unseen mentions.",
        ),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Measure only a subset of the gold mentions, such as st21pv."
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="The format of the corpus (default: found from its content).",
            autocompletion=complete_format,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write all figures to this file; '-' prints them instead of the tables.",
        ),
    ] = None,
    html_file: Annotated[
        Path | None,
        typer.Option("--html", metavar="PAGE", help="Write a page with plots and examples."),
    ] = None,
    scispacy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder of a scispaCy index with its kb.jsonl, to measure as well.",
        ),
    ] = None,
    skip_bad: SkipBadFlag = False,
    no_baselines: Annotated[
        bool, typer.Option("--no-baselines", help="Measure no baselines.")
    ] = False,
    resamples: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="The number of bootstrap samples; 0 for no intervals and tests.",
        ),
    ] = 1000,
    seed: SeedOption = 0,
    quiet: QuietFlag = False,
) -> None:
    """Measure linking accuracy on a gold corpus, compared with two baselines.

    The command stops at the first bad row of a corpus. With --skip-bad it continues without that
    mention, line or document: bad rows are written to FILE.quarantine.jsonl next to the output
    (without output: to CORPUS.quarantine.jsonl in this folder), and the exit status is then 1.

    Examples:

        concept-linker evaluate dev.pubtator.txt --train train.pubtator.txt --html report.html
        concept-linker evaluate dev.pubtator.txt --kb mesh --json - > figures.json
        concept-linker evaluate full_dev.jsonl.gz --kb umls --subset st21pv --gold-mentions
        concept-linker evaluate dev.BioC.xml --skip-bad --json figures.json
    """
    from concept_linker.corpora import read_corpus
    from concept_linker.evaluation.page import write_page
    from concept_linker.evaluation.report import evaluate as measure
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.linker import ConceptLinker

    to_print = json_file is not None and str(json_file) == "-"
    for path in (None if to_print else json_file, html_file):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise InputError(f"{path}: cannot be written, expected a file in an existing folder")
    written = (None if to_print else json_file) or html_file or Path(corpus.resolve().name)
    quarantine, bad_rows = open_quarantine(written, skip_bad=skip_bad)
    gold = read_corpus(corpus, format, quarantine=quarantine)
    if subset is not None:
        gold = _subset(gold, subset)
    if not len(gold):
        raise InputError(f"{corpus}: has no gold mentions, expected at least one")
    training = read_corpus(train, quarantine=quarantine) if train is not None else None
    options = linker_options(context)
    kb = options.pop("kb")
    base = KnowledgeBase.open(kb, quiet=quiet)
    linker = ConceptLinker.load(base, **options)
    others = []
    if scispacy is not None:
        from concept_linker.evaluation.scispacy_linker import ScispacyLinker

        others.append(ScispacyLinker(scispacy))
    with _progress(len(gold.documents), quiet) as progress:
        report = measure(
            gold,
            linker,
            train=training,
            end_to_end=not gold_mentions,
            baselines=not no_baselines,
            others=others,
            resamples=resamples,
            seed=seed,
            kb_name=Path(kb).name,
            progress=progress,
        )
    if html_file is not None:
        write_page(report, html_file)
    if to_print:
        print_json(report.to_dict(), indent=1)
    else:
        if json_file is not None:
            report.write_json(json_file)
        print_lines(str(report))
    report_bad_rows(quarantine.count, bad_rows)


def _subset(gold: GoldCorpus, flag: str) -> GoldCorpus:
    if flag not in gold.flags:
        known = ", ".join(sorted(gold.flags)) or "none"
        raise SettingsError(f"--subset is {flag!r}, but {gold.name} has: {known}")
    return gold.subset(flag)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str, int], None] | None]:
    """Shows a bar on standard error that restarts with every stage."""
    if quiet:
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=" documents", leave=False) as bar:

        def show(stage: str, done: int) -> None:
            if bar.desc != f"{stage}: ":
                bar.reset()
                bar.set_description(stage)
            bar.update(done - bar.n)

        yield show
