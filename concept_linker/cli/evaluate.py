"""``concept-linker evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from concept_linker.errors import InputError, SettingsError

if TYPE_CHECKING:
    from concept_linker.evaluation.confidence import Interval, PairedTest
    from concept_linker.evaluation.gold import GoldCorpus
    from concept_linker.evaluation.report import Report
    from concept_linker.evaluation.results import GoldMentionResult

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="evaluate")(evaluate)


def evaluate(
    corpus: Annotated[
        Path,
        typer.Argument(
            help="Gold annotations: PubTator, BioC, BRAT, MedMentions, CRAFT captions, JSON Lines."
        ),
    ],
    kb: Annotated[str, typer.Option(help="'open', or the folder of a knowledge base.")] = "open",
    gold_mentions: Annotated[
        bool,
        typer.Option("--gold-mentions", help="Linking of given mentions alone, not end to end."),
    ] = False,
    train: Annotated[
        Path | None,
        typer.Option(help="Training corpus: for the exact-match baseline, and seen or unseen."),
    ] = None,
    subset: Annotated[
        str | None, typer.Option(help="Only gold mentions of a subset, such as st21pv.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="The corpus's format, where its content does not tell.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this file.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write a page with plots and examples.")
    ] = None,
    scispacy: Annotated[
        Path | None,
        typer.Option(help="Folder of a finished scispaCy index with its kb.jsonl: measured too."),
    ] = None,
    no_baselines: Annotated[bool, typer.Option("--no-baselines", help="The linker alone.")] = False,
    resamples: Annotated[
        int, typer.Option(min=0, help="Of bootstrap intervals and tests; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Measure linking accuracy on a gold corpus, beside two baselines.

    Examples:

        concept-linker evaluate dev.pubtator.txt --kb mesh --train train.txt --html report.html

        concept-linker evaluate full_dev.jsonl.gz --kb umls --subset st21pv --gold-mentions
    """
    from concept_linker.evaluation import report as reporting
    from concept_linker.evaluation.corpora import read_corpus
    from concept_linker.evaluation.page import write_page
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.linker import ConceptLinker

    for path in (json_file, html_file):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise InputError(f"{path}: cannot be written; wanted a file in a folder that exists")
    gold = read_corpus(corpus, format)
    if subset is not None:
        gold = _subset(gold, subset)
    if not len(gold):
        raise InputError(f"{corpus}: no gold mention in it, wanted some to measure against")
    training = read_corpus(train) if train is not None else None
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
            train=training,
            others=others,
            options=options,
            progress=progress,
        )
    if json_file is not None:
        found.write_json(json_file)
    if html_file is not None:
        write_page(found, html_file)
    _print(found)


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
    from rich.console import Console
    from rich.markup import escape

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, emoji=False)
    train = f", training corpus {report.train}" if report.train else ""
    console.print(
        escape(
            f"{report.corpus}: {report.documents:,} documents, {report.mentions:,} gold mentions"
            f"{train}; base of {report.concepts:,} concepts"
        ),
        soft_wrap=True,
    )
    if report.gold_mentions:
        _print_gold(console, report)
    if report.end_to_end:
        _print_end_to_end(console, report)


def _print_gold(console: Any, report: Report) -> None:
    from concept_linker.evaluation.ranks import TIE_RULES
    from concept_linker.evaluation.results import KS

    own = report.gold_mentions[0]
    console.print(
        f"\n[bold]Mentions given[/bold]: {own.mentions:,} with an id, "
        f"{own.in_base / max(own.mentions, 1):.1%} of them in the base; "
        f"{own.without_id:,} without, left out"
    )
    rows = [
        [
            result.system if rule == TIE_RULES[0] else "",
            rule,
            *(f"{result.recall_at[rule][k].value:.3f}" for k in KS),
            _range(result.recall_at[rule][1]),
            f"{result.recall_at_in_base[rule][1].value:.3f}",
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
    _table(console, head, rows)
    _print_tests(console, "R@1, strict ties", report.tests.get("gold_mentions", {}))
    _table(
        console,
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
    _print_counts(console, own.mistakes.counts)


def _decisions(result: GoldMentionResult) -> tuple[str, str, str]:
    """The share that is linked, how much of it is right, and the calibration error."""
    return (
        f"{result.linked / max(result.mentions, 1):.3f}",
        f"{result.precision.value:.3f}",
        f"{result.calibration.error:.3f}" if result.calibration else "",
    )


def _print_end_to_end(console: Any, report: Report) -> None:
    own = report.end_to_end[0]
    console.print(
        f"\n[bold]End to end[/bold]: {own.found:,} mentions found, {own.linked:,} linked; "
        "the others link what the first finds"
    )
    rows = [
        [
            measure,
            result.system,
            *(f"{i.value:.3f}" for i in (prf.precision, prf.recall, prf.f1)),
            _range(prf.f1),
        ]
        for measure in own.measures
        for result in (report.end_to_end[:1] if measure.endswith("mention") else report.end_to_end)
        for prf in [result.measures[measure]]
    ]
    _table(console, ["measure", "system", "precision", "recall", "F1", "F1, 95 %"], rows)
    _table(
        console,
        [f"{own.system}, end to end", "mentions", "found", "right", "right of found"],
        [
            [
                f"semantic group: {group.name}",
                *(f"{count:,}" for count in (group.mentions, group.found, group.right)),
                f"{group.right / max(group.found, 1):.3f}",
            ]
            for group in own.groups
        ],
    )
    _print_tests(console, "F1 of strict concepts", report.tests.get("end_to_end", {}))
    _print_counts(console, own.mistakes.counts)


def _print_tests(console: Any, measure: str, tests: dict[str, PairedTest]) -> None:
    from rich.markup import escape

    for name, test in tests.items():
        low, high = test.difference.low, test.difference.high
        console.print(
            f"against {escape(name)}: {measure} {test.difference.value:+.3f} "
            f"({low:+.3f} to {high:+.3f}), p = {test.p_value:.4f}"
        )


def _print_counts(console: Any, counts: dict[str, int]) -> None:
    console.print("; ".join(f"{kind} {count:,}" for kind, count in counts.items()))


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _table(console: Any, head: list[str], rows: list[list[str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, title in enumerate(head):
        text = number == 0 or title in ("ties", "system")
        table.add_column(escape(title), justify="left" if text else "right", no_wrap=not text)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
