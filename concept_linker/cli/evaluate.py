"""``concept-linker evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import console, counted, print_json, print_table, printable
from concept_linker.cli.corpora import SkipBadFlag, quarantine_for, tell_bad
from concept_linker.cli.options import KB, QuietFlag
from concept_linker.errors import InputError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from concept_linker.corpora.gold import GoldCorpus
    from concept_linker.evaluation.report import Report
    from concept_linker.evaluation.results import GoldMentionResult
    from concept_linker.reporting.intervals import Interval, PairedTest

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
    from concept_linker.evaluation import report as reporting
    from concept_linker.evaluation.page import write_page
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
    options = reporting.Options(
        end_to_end=not gold_mentions,
        baselines=not no_baselines,
        resamples=resamples,
        seed=seed,
    )
    with _progress(len(gold.documents), quiet) as progress:
        found = reporting.evaluate(
            ConceptLinker.load(base, k=30),
            gold,
            base,
            base_name=Path(kb).name,
            train=training,
            others=others,
            options=options,
            progress=progress,
        )
    if html_file is not None:
        write_page(found, html_file)
    if to_print:
        print_json(found.to_dict(), indent=1)
    else:
        if json_file is not None:
            found.write_json(json_file)
        _print(found)
    tell_bad(quarantine, bad_rows)


def _subset(gold: GoldCorpus, flag: str) -> GoldCorpus:
    if flag not in gold.flags:
        known = ", ".join(sorted(gold.flags)) or "none"
        raise SettingsError(f"no subset {flag!r} in {gold.name}; it has: {known}")
    return gold.subset(flag)


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[str, int], None] | None]:
    """One bar on standard error, begun anew for every stage."""
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


def _print(report: Report) -> None:
    train = f", training corpus {report.train}" if report.train else ""
    bad = f", {counted(report.bad, 'bad row')} left out" if report.bad else ""
    out = console(least=140)
    out.print(
        printable(
            f"{report.corpus}: {counted(report.documents, 'document')}, "
            f"{counted(report.mentions, 'gold mention')}{bad}{train}; "
            f"base {report.base_name} of {counted(report.concepts, 'concept')}"
        ),
        soft_wrap=True,
    )
    if report.gold_mentions:
        _print_gold(out, report)
    if report.end_to_end:
        _print_end_to_end(out, report)


def _print_gold(out: Console, report: Report) -> None:
    from concept_linker.evaluation.ranks import TIE_RULES
    from concept_linker.evaluation.results import KS
    from concept_linker.reporting.numbers import format_figure

    own = report.gold_mentions[0]
    _print_titled(
        out,
        "Mentions given",
        f"{own.mentions:,} with an id, "
        f"{own.in_base / max(own.mentions, 1):.1%} of them in the base; "
        f"{own.without_id:,} without, left out",
    )
    rows = [
        [
            result.system if rule == TIE_RULES[0] else "",
            rule,
            *(format_figure(result.recall_at[rule][k].value) for k in KS),
            _range(result.recall_at[rule][1]),
            format_figure(result.recall_at_in_base[rule][1].value),
            *(_decisions(result) if rule == TIE_RULES[0] else ("", "", "")),
        ]
        for result in report.gold_mentions
        for rule in TIE_RULES
    ]
    head = [
        "system",
        "ties",
        *(f"R@{k}" for k in KS),
        "R@1, 95 %",
        "R@1 in the base",
        "linked",
        "precision",
        "ECE",
    ]
    _table(out, head, rows)
    _print_tests(out, "R@1, strict ties", report.tests.get("gold_mentions", {}))
    _table(
        out,
        [f"{own.system}, strict ties", "mentions", "in the base", "R@1", "R@30"],
        [
            [
                f"{part.kind}: {part.name}",
                f"{part.mentions:,}",
                f"{part.in_base:.3f}",
                f"{part.recall_at_1:.3f}",
                f"{part.recall_at_30:.3f}",
            ]
            for part in own.subgroups
        ],
    )
    _print_counts(out, own.mistakes.counts)


def _decisions(result: GoldMentionResult) -> tuple[str, str, str]:
    """The share that is linked, how much of it is right, and the calibration error."""
    from concept_linker.reporting.numbers import format_figure

    return (
        f"{result.linked / max(result.mentions, 1):.3f}",
        format_figure(result.precision.value),
        f"{result.calibration.error:.3f}" if result.calibration else "",
    )


def _print_end_to_end(out: Console, report: Report) -> None:
    from concept_linker.reporting.numbers import format_figure

    own = report.end_to_end[0]
    _print_titled(
        out,
        "End to end",
        f"{own.found:,} mentions found, {own.linked:,} linked; "
        "the others link what the first finds",
    )
    rows = [
        [
            measure,
            result.system,
            *(format_figure(i.value) for i in (prf.precision, prf.recall, prf.f1)),
            _range(prf.f1),
        ]
        for measure in own.measures
        for result in (report.end_to_end[:1] if measure.endswith("mention") else report.end_to_end)
        for prf in [result.measures[measure]]
    ]
    _table(out, ["measure", "system", "precision", "recall", "F1", "F1, 95 %"], rows)
    _table(
        out,
        [f"{own.system}, end to end", "mentions", "found", "right", "right of found"],
        [
            [
                f"semantic group: {group.name}",
                *(f"{count:,}" for count in (group.mentions, group.found, group.right)),
                format_figure(group.accuracy),
            ]
            for group in own.groups
        ],
    )
    _print_tests(out, "F1 of strict concepts", report.tests.get("end_to_end", {}))
    _print_counts(out, own.mistakes.counts)


def _print_titled(out: Console, title: str, text: str) -> None:
    out.print()
    out.print(title, style="bold", end="")
    out.print(f": {text}")


def _print_tests(out: Console, measure: str, tests: dict[str, PairedTest]) -> None:
    for name, test in tests.items():
        if isnan(test.p_value):
            continue
        low, high = test.difference.low, test.difference.high
        out.print(
            f"against {printable(name)}: {measure} {test.difference.value:+.3f} "
            f"({low:+.3f} to {high:+.3f}), p = {test.p_value:.4f}"
        )


def _print_counts(out: Console, counts: dict[str, int]) -> None:
    out.print("; ".join(f"{kind} {count:,}" for kind, count in counts.items()))


def _range(interval: Interval) -> str:
    return "" if isnan(interval.value) else f"{interval.low:.3f} to {interval.high:.3f}"


def _table(out: Console, head: list[str], rows: list[list[str]]) -> None:
    text = {head[0], "ties", "system"}
    print_table(out, head, rows, left=text, wrap=())
