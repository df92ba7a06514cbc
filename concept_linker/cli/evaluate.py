"""``concept-linker evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import print_json, print_lines
from concept_linker.cli.corpora import SkipBadFlag, quarantine_for, tell_bad
from concept_linker.cli.options import KB, QuietFlag
from concept_linker.errors import InputError, SettingsError

if TYPE_CHECKING:
    from concept_linker.corpora.gold import GoldCorpus

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="evaluate")(evaluate)


def evaluate(
    corpus: Annotated[
        Path,
        typer.Argument(
            metavar="CORPUS",
            help="Gold annotations: PubTator, BioC, BRAT, MedMentions, CRAFT captions, JSON Lines.",
        ),
    ],
    kb: KB = "default",
    gold_mentions: Annotated[
        bool,
        typer.Option("--gold-mentions", help="Linking of given mentions alone, not end to end."),
    ] = False,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            help="Training corpus: for the exact-match baseline, and seen or unseen.",
        ),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only gold mentions of a subset, such as st21pv."),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT", help="The corpus's format, where its content does not tell."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write all figures to this file; '-' prints them instead of tables.",
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
            help="Folder of a finished scispaCy index with its kb.jsonl: measured too.",
        ),
    ] = None,
    skip_bad: SkipBadFlag = False,
    no_baselines: Annotated[bool, typer.Option("--no-baselines", help="The linker alone.")] = False,
    resamples: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Of bootstrap intervals and tests; 0 for none."),
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the resampling.")] = 0,
    quiet: QuietFlag = False,
) -> None:
    """Measure linking accuracy on a gold corpus, beside two baselines.

    The first bad row of a corpus stops it. With --skip-bad it goes on without that mention, line or
    document: bad rows are in FILE.quarantine.jsonl beside what is written (else in
    CORPUS.quarantine.jsonl, here), and the exit status is 1 if there was any.

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
            raise InputError(f"{path}: cannot be written; wanted a file in a folder that exists")
    written = (None if to_print else json_file) or html_file or Path(corpus.resolve().name)
    quarantine, bad_rows = quarantine_for(written, skip_bad=skip_bad)
    gold = read_corpus(corpus, format, quarantine=quarantine)
    if subset is not None:
        gold = _subset(gold, subset)
    if not len(gold):
        raise InputError(f"{corpus}: no gold mention in it, wanted some to measure against")
    training = read_corpus(train, quarantine=quarantine) if train is not None else None
    base = KnowledgeBase.open(kb, quiet=quiet)
    others = []
    if scispacy is not None:
        from concept_linker.evaluation.scispacy_linker import ScispacyLinker

        others.append(ScispacyLinker(scispacy))
    with _progress(len(gold.documents), quiet) as progress:
        report = measure(
            gold,
            ConceptLinker.load(base, k=30),
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
    tell_bad(quarantine, bad_rows)


def _subset(gold: GoldCorpus, flag: str) -> GoldCorpus:
    if flag not in gold.flags:
        known = ", ".join(sorted(gold.flags)) or "none"
        raise SettingsError(f"no subset {flag!r} in {gold.name}; it has: {known}")
    return gold.subset(flag)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str, int], None] | None]:
    """Shows one bar on standard error, which starts again for every stage."""
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
