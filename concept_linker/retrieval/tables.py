"""The tables of a report on retrieval, for console and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from concept_linker.reporting.intervals import PairedTest
from concept_linker.reporting.tables import Cell, Table, format_table, interval_cell
from concept_linker.retrieval.measures import CUTOFFS
from concept_linker.retrieval.parts import SHOWN, Confusion, Part
from concept_linker.retrieval.scoring import DIRECTIONS

__all__ = [
    "DIRECTION_NAMES",
    "confusion_table",
    "difference_table",
    "figure_tables",
    "part_table",
    "published_text",
]

DIRECTION_NAMES = {"image_to_text": "image to text", "text_to_image": "text to image"}
_MEASURES = (*(f"R@{k}" for k in CUTOFFS), "MRR", "mean_rank", "median_rank")


def figure_tables(figures: Mapping[str, Any]) -> Iterator[Table]:
    """Yields the tables of :meth:`~concept_linker.retrieval.scoring.Retrieval.figures`."""
    if figures["several_positives"]:
        yield _measure_table("Any right answer", figures["all_positives"])
        yield _measure_table("Own row only, as published", figures["one_positive"])
    else:
        yield _measure_table("Figures", figures["all_positives"])
    best, worst = figures["bounds"]["optimistic"], figures["bounds"]["pessimistic"]
    if best != worst:
        yield Table(
            "All ties in favour of the encoder (best) and against it (worst)",
            ("measure", *(f"{name}, {end}" for name in _names() for end in ("best", "worst"))),
            tuple(
                (
                    _name(measure),
                    *(
                        format(bound[f"{direction}_{measure}"], _form(measure))
                        for direction in DIRECTIONS
                        for bound in (best, worst)
                    ),
                )
                for measure in _MEASURES
            ),
        )


def difference_table(
    differences: Mapping[str, Mapping[str, PairedTest]], encoder: str, other: str
) -> Table:
    """Returns the paired tests of an encoder against another."""
    return Table(
        f"{encoder or 'This encoder'} minus {other or 'the other encoder'}",
        ("direction", "measure", "difference", "p"),
        tuple(
            (
                DIRECTION_NAMES[direction],
                _name(measure),
                interval_cell(test.difference, "+.4f"),
                f"{test.p_value:.4f}",
            )
            for direction, tests in differences.items()
            for measure, test in tests.items()
        ),
        labels=2,
    )


def part_table(parts: Sequence[Part]) -> Table:
    """Returns the measures by part of the set."""
    return Table(
        "By part of the set",
        ("part", "pairs", *(f"{short} {name}" for short in DIRECTIONS.values() for name in SHOWN)),
        tuple(
            (
                f"{part.kind}: {part.name}",
                f"{part.pairs:,}",
                *(f"{value:.3f}" for value in part.image_to_text.values()),
                *(f"{value:.3f}" for value in part.text_to_image.values()),
            )
            for part in parts
        ),
    )


def confusion_table(confusions: Sequence[Confusion]) -> Table:
    """Returns the concepts that are confused in wrong first answers."""
    return Table(
        "Confused concepts",
        ("direction", "group", "right", "given", "misses"),
        tuple(
            (
                DIRECTION_NAMES[one.direction],
                one.group,
                one.wanted,
                one.shown,
                f"{one.misses:,}",
            )
            for one in confusions
        ),
        labels=4,
        note="In wrong first answers: a concept of the right caption and one of the given caption.",
    )


def published_text(figures: Mapping[str, Any], note: str, encoder: str = "") -> str:
    """Returns the figures of the published protocol as text, marked as such."""
    return format_table(
        _measure_table(f"Published protocol{f' of {encoder}' if encoder else ''}: {note}.", figures)
    )


def _measure_table(title: str, figures: Mapping[str, Any]) -> Table:
    rows: list[tuple[str | Cell, ...]] = [
        (_name(measure), *(_figure(figures, direction, measure) for direction in DIRECTIONS))
        for measure in _MEASURES
        if f"image_to_text_{measure}" in figures
    ]
    return Table(title, ("measure", *_names()), tuple(rows))


def _figure(figures: Mapping[str, Any], direction: str, measure: str) -> Cell:
    form = _form(measure)
    value = format(figures[f"{direction}_{measure}"], form)
    ends = figures.get(f"{DIRECTIONS[direction]}_{measure}_CI")
    return Cell(value, " to ".join(format(end, form) for end in ends) if ends else "")


def _form(measure: str) -> str:
    return ",.1f" if measure.endswith("rank") else ".4f"


def _name(measure: str) -> str:
    return measure.replace("_", " ")


def _names() -> tuple[str, ...]:
    return tuple(DIRECTION_NAMES.values())
