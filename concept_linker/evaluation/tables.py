"""The tables of a report on linking accuracy, for console and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan

from concept_linker.evaluation.error_analysis import ErrorAnalysis
from concept_linker.evaluation.ranks import TIE_RULES
from concept_linker.evaluation.results import KS, EndToEndResult, GoldMentionResult
from concept_linker.reporting.intervals import PairedTest
from concept_linker.reporting.numbers import format_figure
from concept_linker.reporting.tables import Table, interval_cell

__all__ = ["end_to_end_tables", "gold_mention_tables"]


def gold_mention_tables(
    results: Sequence[GoldMentionResult], tests: Mapping[str, PairedTest]
) -> Iterator[Table]:
    """Yields the tables of linking with given mentions, the evaluated system first."""
    first = results[0]
    for title, attribute in (
        ("Recall over all mentions", "recall_at"),
        ("Recall over mentions whose concept is in the knowledge base", "recall_at_in_base"),
    ):
        yield Table(
            title,
            ("system", "ties", *(f"R@{k}" for k in KS)),
            tuple(
                (
                    result.system,
                    rule,
                    *(interval_cell(getattr(result, attribute)[rule][k]) for k in KS),
                )
                for result in results
                for rule in TIE_RULES
            ),
            labels=2,
        )
    yield from _test_tables(first.system, "R@1, strict ties", tests)
    yield Table(
        "Linked at the default threshold",
        ("system", "linked", "precision", "candidate recall", "calibration error", "seconds"),
        tuple(
            (
                result.system,
                f"{result.linked:,}",
                interval_cell(result.precision),
                interval_cell(result.candidate_recall),
                f"{result.calibration.error:.3f}" if result.calibration else "",
                f"{result.seconds:.1f}",
            )
            for result in results
        ),
    )
    yield Table(
        f"Subgroups, {first.system}, strict ties",
        ("by", "subgroup", "mentions", "in knowledge base", "R@1", "R@30"),
        tuple(
            (
                part.kind,
                part.name,
                f"{part.mentions:,}",
                f"{part.in_base:.3f}",
                f"{part.recall_at_1:.3f}",
                f"{part.recall_at_30:.3f}",
            )
            for part in first.subgroups
        ),
        labels=2,
    )
    yield _error_table(first.system, first.errors)


def end_to_end_tables(
    results: Sequence[EndToEndResult], tests: Mapping[str, PairedTest]
) -> Iterator[Table]:
    """Yields the tables of detecting and linking mentions, the evaluated system first."""
    first = results[0]
    yield Table(
        "Precision, recall and F1",
        ("measure", "system", "precision", "recall", "F1"),
        tuple(
            (measure, result.system, *map(interval_cell, (prf.precision, prf.recall, prf.f1)))
            for measure in first.measures
            # The baselines link the same mentions, so measures of mentions are equal for all.
            for result in (results[:1] if measure.endswith("mention") else results)
            for prf in [result.measures[measure]]
        ),
        labels=2,
    )
    yield from _test_tables(first.system, "F1, strict concept", tests)
    yield Table(
        f"Semantic groups, {first.system}, end to end",
        ("semantic group", "mentions", "found", "right", "right of found"),
        tuple(
            (
                group.name,
                *(f"{count:,}" for count in (group.mentions, group.found, group.right)),
                format_figure(group.accuracy),
            )
            for group in first.groups
        ),
    )
    yield _error_table(first.system, first.errors)


def _test_tables(system: str, measure: str, tests: Mapping[str, PairedTest]) -> Iterator[Table]:
    rows = tuple(
        (name, interval_cell(test.difference, "+.3f"), f"{test.p_value:.4f}")
        for name, test in tests.items()
        if not isnan(test.p_value)
    )
    if rows:
        title = f"{system} minus the others: {measure}"
        yield Table(title, ("system", "difference", "p (approximate randomisation)"), rows)


def _error_table(system: str, errors: ErrorAnalysis) -> Table:
    total = sum(errors.counts.values()) or 1
    return Table(
        f"Errors, {system}",
        ("kind", "mentions", "share"),
        tuple((kind, f"{n:,}", f"{n / total:.1%}") for kind, n in errors.counts.items()),
    )
