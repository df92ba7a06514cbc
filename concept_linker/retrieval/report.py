"""All figures of an encoder in one value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from concept_linker._version import __version__
from concept_linker.errors import InputError
from concept_linker.reporting.intervals import PairedTest
from concept_linker.reporting.tables import Table, format_tables, html_table
from concept_linker.retrieval.concept_groups import NO_GROUP, ConceptGroups
from concept_linker.retrieval.measures import MEASURES
from concept_linker.retrieval.modality import modality_of
from concept_linker.retrieval.pairs import Pair
from concept_linker.retrieval.parts import (
    Confusion,
    Part,
    confusions,
    histogram,
    measure_parts,
)
from concept_linker.retrieval.scoring import Retrieval, compare
from concept_linker.retrieval.tables import (
    confusion_table,
    difference_table,
    figure_tables,
    part_table,
)

__all__ = ["Miss", "Report", "report"]

_MEAN_RANK = MEASURES.index("mean_rank")


@dataclass(frozen=True, slots=True)
class Miss:
    """A query whose right item stands far down.

    Args:
        direction: ``image_to_text`` or ``text_to_image``.
        row: the query's row, from 0.
        rank: the expected rank of its right item.
        first: the row of the item that came first.
    """

    direction: str
    row: int
    rank: float
    first: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured.

    Args:
        figures: see :meth:`~concept_linker.retrieval.scoring.Retrieval.figures`.
        histograms: by direction, how many queries have their right item in each range of ranks.
        misses: the worst, by direction.
        parts: by semantic group and modality, where the pairs are known.
        confusions: of concepts, by their names, where they are known.
        differences: to another encoder, by direction and measure.
        pairs: the pairs, where they are known.
        encoder, other: what the encoders are called, where that is known.
    """

    figures: dict[str, Any]
    histograms: dict[str, list[tuple[str, int]]]
    misses: list[Miss]
    parts: list[Part] = field(default_factory=list)
    confusions: list[Confusion] = field(default_factory=list)
    differences: dict[str, dict[str, PairedTest]] = field(default_factory=dict)
    pairs: Sequence[Pair] = ()
    encoder: str = ""
    other: str = ""

    def remarks(self) -> list[str]:
        """Returns sentences on what was measured and how."""
        figures = self.figures
        lines = [
            f"{figures['rows']:,} pairs of {figures['dimensions']:,} dimensions.",
            f"95 % intervals from {figures['resamples']:,} resamples of {figures['units']:,} "
            f"units, seed {figures['seed']}.",
            "Ties count by expectation.",
        ]
        lines += [
            f"{figures[f'zero_{side}']:,} {side} are rows of zeros, equally similar to everything."
            for side in ("images", "texts")
            if figures[f"zero_{side}"]
        ]
        return lines

    def tables(self) -> list[Table]:
        """Returns all tables, as the console and the page print them."""
        tables = list(figure_tables(self.figures))
        if self.differences:
            tables.append(difference_table(self.differences, self.encoder, self.other))
        if self.parts:
            tables.append(part_table(self.parts))
        if self.confusions:
            tables.append(confusion_table(self.confusions))
        return tables

    def __str__(self) -> str:
        other = f", compared with {self.other}" if self.other else ""
        encoder = [f"Encoder {self.encoder}{other}."] if self.encoder else []
        return "\n".join([*encoder, *self.remarks(), "", format_tables(self.tables())])

    def _repr_html_(self) -> str:
        return "".join(map(html_table, self.tables()))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        made: dict[str, Any] = {
            "concept_linker": __version__,
            "encoder": self.encoder,
            **self.figures,
            "histograms": {name: dict(bars) for name, bars in self.histograms.items()},
            "worst_misses": [
                {"direction": m.direction, "row": m.row, "rank": m.rank, "first": m.first}
                for m in self.misses
            ],
        }
        if self.parts:
            made["parts"] = [part._asdict() for part in self.parts]
        if self.confusions:
            made["confusions"] = [one._asdict() for one in self.confusions]
        if self.differences:
            made["other_encoder"] = self.other
            made["difference_to_the_other"] = {
                f"{direction}_{name}": {
                    "value": one.difference.value,
                    "CI": [one.difference.low, one.difference.high],
                    "p": one.p_value,
                }
                for direction, measures in self.differences.items()
                for name, one in measures.items()
            }
        return made


def report(
    retrieval: Retrieval,
    *,
    pairs: Sequence[Pair] = (),
    groups: ConceptGroups | None = None,
    other: Retrieval | None = None,
    encoder: str = "",
    other_encoder: str = "",
    resamples: int = 1000,
    seed: int = 0,
    misses: int = 12,
) -> Report:
    """Makes a report.

    Args:
        retrieval: the scores.
        pairs: what the rows are; without them there is nothing by concept.
        groups: the concepts' names and semantic groups.
        other: another encoder's scores of the same pairs.
        encoder, other_encoder: what to call the two.
        resamples: draws of the bootstrap.
        seed: of everything random.
        misses: how many of the worst, a direction.

    Raises:
        InputError: not as many pairs as rows.
        SettingsError: fewer than one draw.
    """
    if pairs and len(pairs) != len(retrieval):
        raise InputError(
            f"{len(pairs):,} pairs and {len(retrieval):,} rows of embeddings, "
            "expected equal numbers"
        )
    ranks = {name: table[:, _MEAN_RANK] for name, table in retrieval.tables.items()}
    worst = []
    for name, direction in retrieval.directions().items():
        order = np.argsort(-ranks[name], kind="stable")[:misses]
        worst += [
            Miss(name, int(row), float(ranks[name][row]), int(direction.first[row]))
            for row in order
            if ranks[name][row] > 1
        ]
    found: list[Confusion] = []
    if groups is not None and any(pair.concepts for pair in pairs):
        found = [
            one._replace(wanted=groups.name(one.wanted), shown=groups.name(one.shown))
            for one in confusions(
                retrieval,
                [pair.concepts for pair in pairs],
                groups.group,
                no_group=NO_GROUP,
            )
        ]
    return Report(
        retrieval.figures(resamples=resamples, seed=seed),
        {name: histogram(own, len(retrieval)) for name, own in ranks.items()},
        worst,
        measure_parts(retrieval, _parts(pairs, groups)) if pairs else [],
        found,
        compare(retrieval, other, resamples=resamples, seed=seed) if other is not None else {},
        pairs,
        encoder,
        other_encoder,
    )


def _parts(pairs: Sequence[Pair], groups: ConceptGroups | None) -> dict[tuple[str, str], list[int]]:
    """Rows by the semantic groups of their concepts, which may be several, and by modality."""
    rows: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row, pair in enumerate(pairs):
        if groups is not None:
            for group in {groups.group(concept) for concept in pair.concepts} or {NO_GROUP}:
                rows["semantic group", group].append(row)
        rows["modality", modality_of(pair.caption)].append(row)
    return dict(sorted(rows.items(), key=lambda one: (one[0][0] == "modality", -len(one[1]))))
