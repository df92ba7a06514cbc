"""The tables that ``concept-linker evaluate`` prints."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from concept_linker.cli.console import console, counted, print_table, printable

if TYPE_CHECKING:
    from rich.console import Console

    from concept_linker.evaluation.report import Report
    from concept_linker.evaluation.results import GoldMentionResult
    from concept_linker.reporting.confidence import Interval, PairedTest

__all__ = ["print_report"]


def print_report(report: Report) -> None:
    """Prints the tables of an evaluation."""
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
    from concept_linker.reporting.confidence import shown

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
            *(shown(result.recall_at[rule][k].value) for k in KS),
            _range(result.recall_at[rule][1]),
            shown(result.recall_at_in_base[rule][1].value),
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
    """Returns the fraction linked, its precision, and the calibration error."""
    from concept_linker.reporting.confidence import shown

    return (
        f"{result.linked / max(result.mentions, 1):.3f}",
        shown(result.precision.value),
        f"{result.calibration.error:.3f}" if result.calibration else "",
    )


def _print_end_to_end(out: Console, report: Report) -> None:
    from concept_linker.reporting.confidence import shown

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
            *(shown(i.value) for i in (prf.precision, prf.recall, prf.f1)),
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
                shown(group.accuracy),
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
