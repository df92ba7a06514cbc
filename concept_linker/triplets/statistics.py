"""Counts the records, concepts and similarities in files, as text, JSON or a plot."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from concept_linker.errors import SettingsError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.json_lines import Progress
from concept_linker.triplets.reading import read_all
from concept_linker.triplets.record import EQUAL_SIMILARITY, PROVENANCE, SPANS
from concept_linker.triplets.record_files import Given, find_records

__all__ = ["CONTEXT_TOKENS", "OTHERS", "Statistics", "check_plot", "count", "draw", "one_line"]

#: The tokens of a caption that fit into CLIP's context of 77, between its start and end tokens.
CONTEXT_TOKENS: Final = 75
_EDGES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, EQUAL_SIMILARITY)
_RANGES = ("below 0.5", "0.5", "0.6", "0.7", "0.8", "0.85", "0.9", "0.95", "equal")
_PLOTS = (".png", ".svg", ".pdf")
#: How many settings and licences are counted separately: a bad file may have any number.
_MAX_SETTINGS, _MAX_LICENCES = 20, 1000
#: The name under which the rest is counted.
OTHERS: Final = "others"
#: How many characters of a text from a file are shown.
_SHOWN = 4000


@dataclass(slots=True)
class Statistics:
    """The counts of files of records.

    Args:
        rows: number of rows.
        bad: number of rows that are not good records; they are not counted below.
        spans: number of spans.
        past_context: number of spans that end after token 75.
        articles: number of articles, by ``pmc``.
        spans_a_record: number of spans → number of records with that many.
        concepts: CUI → number of spans.
        names: CUI → preferred name, for the concepts of the knowledge base.
        groups: semantic group → number of spans; ``unknown`` for concepts that are not in the base.
        similarity: lower end of a range → number of spans; ``equal`` begins at
            :data:`~concept_linker.triplets.record.EQUAL_SIMILARITY`.
        licences: licence → number of records; empty without provenance.
        linked_by: (version of the linker, knowledge base, its checksum, settings) → number of
            records.
        offsets: the text that the offsets index → number of records.
    """

    rows: int = 0
    bad: int = 0
    spans: int = 0
    past_context: int = 0
    articles: int = 0
    spans_a_record: Counter[int] = field(default_factory=Counter)
    concepts: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    groups: Counter[str] = field(default_factory=Counter)
    similarity: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    linked_by: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    offsets: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """Number of good records."""
        return self.rows - self.bad

    def to_dict(self, top: int = 20) -> dict[str, Any]:
        """Plain JSON values, with the ``top`` most frequent concepts."""
        return {
            "records": self.records,
            "bad": self.bad,
            "articles": self.articles,
            "spans": self.spans,
            "spans_past_token_75": self.past_context,
            "spans_a_record": {str(n): self.spans_a_record[n] for n in sorted(self.spans_a_record)},
            "distinct_concepts": len(self.concepts),
            "concepts": [
                {"umls_cui": cui, "name": self.names.get(cui), "spans": spans}
                for cui, spans in _ordered(self.concepts)[:top]
            ],
            "semantic_groups": dict(_ordered(self.groups)),
            "similarity": {name: self.similarity[name] for name in _RANGES},
            "offsets": dict(_ordered(self.offsets)),
            "licences": dict(_ordered(self.licences)),
        }

    def to_text(self, top: int = 20) -> str:
        """Tables for a terminal, with the ``top`` most frequent concepts."""
        without = self.spans_a_record[0]
        mean = self.spans / self.records if self.records else 0.0
        parts = [
            f"{_many(self.records, 'record')} of {_many(self.articles, 'article')}, "
            f"{_many(self.bad, 'bad row')}",
            f"{_many(self.spans, 'span')}, {mean:.2f} per record; {_many(without, 'record')} "
            f"without any; {_many(self.past_context, 'span')} after token {CONTEXT_TOKENS}",
            _many(len(self.concepts), "concept"),
        ]
        for cui, spans in _ordered(self.concepts)[:top]:
            parts.append(f"  {spans:>9,}  {cui}  {one_line(self.names.get(cui, ''))}".rstrip())
        tables = (
            ("semantic group", _ordered(self.groups)),
            ("similarity from", [(name, self.similarity[name]) for name in _RANGES]),
            ("offsets index", _ordered(self.offsets)),
            ("licence", _ordered(self.licences)),
        )
        for title, rows in tables:
            filled = [(name, number) for name, number in rows if number]
            if filled:
                parts.append(title)
                parts += [f"  {number:>9,}  {one_line(name)}" for name, number in filled]
        return "\n".join(parts)


def one_line(text: str) -> str:
    """Makes a text from a file safe to print: one line, no control characters, not too long.

    >>> one_line("CC BY  and   more")
    'CC BY and more'
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in text[:_SHOWN])
    return " ".join(shown.split()) + "…" * (len(text) > _SHOWN)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _ordered(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def count(
    given: Given, *, kb: str | None = "default", progress: Progress | None = None
) -> Statistics:
    """Counts what files of records contain.

    Args:
        given: the files; see :func:`~concept_linker.triplets.record_files.find_records`.
        kb: the knowledge base with the concepts' names and groups, or ``None``.
        progress: called with the number of bytes read since the last call.
    """
    checker = Checker(Rules(other_keys=True, images=False))
    found = Statistics(offsets=checker.offsets)
    # Integers, because the ids of six million articles take 500 MB as strings.
    articles: set[int] = set()
    for _, _, row in read_all(find_records(given), checker=checker, progress=progress):
        found.rows += 1
        if isinstance(row, BadRow):
            found.bad += 1
            continue
        spans = row[SPANS]
        found.spans += len(spans)
        found.spans_a_record[len(spans)] += 1
        if row.get("pmc"):
            articles.add(int(row["pmc"]))
        if "pmc" in row:
            for span in spans:
                found.concepts[span["umls_cui"]] += 1
                found.past_context += span["end_token"] > CONTEXT_TOKENS
                found.similarity[_RANGES[bisect_right(_EDGES, span["umls_similarity"])]] += 1
        if PROVENANCE in row:
            about = row[PROVENANCE]
            licence = about["licence"] or "unknown"
            counted = licence in found.licences or len(found.licences) < _MAX_LICENCES
            found.licences[licence if counted else OTHERS] += 1
            linker = tuple(about[key] for key in ("linker_version", "kb", "kb_sha256", "settings"))
            if linker in found.linked_by or len(found.linked_by) < _MAX_SETTINGS:
                found.linked_by[linker] += 1
    found.articles = len(articles)
    if kb is not None and found.concepts:
        _name_concepts(found, kb)
    return found


def _name_concepts(found: Statistics, kb: str) -> None:
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.semantic_types import semantic_group

    base = KnowledgeBase.open(kb)
    for cui, spans in found.concepts.items():
        group = "unknown"
        if cui in base:
            concept = base.concept(cui)
            found.names[cui] = concept.name
            group = semantic_group(concept.semantic_types) or group
        found.groups[group] += spans


def check_plot(path: Path) -> None:
    """Checks, before the counting, that a plot can be written to a path.

    Raises:
        SettingsError: the ending is unknown, or matplotlib is not installed.
    """
    if path.suffix not in _PLOTS:
        raise SettingsError(f"{path}: expected a name that ends in {', '.join(_PLOTS)}")
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise SettingsError("plots need matplotlib: pip install 'concept-linker[plots]'")


def draw(statistics: Statistics, path: Path) -> None:
    """Draws concepts, semantic groups, similarities and spans per record."""
    from matplotlib.figure import Figure

    from concept_linker.files import write_whole

    concepts = [
        (one_line(statistics.names.get(cui, cui))[:40].replace("$", r"\$"), spans)
        for cui, spans in _ordered(statistics.concepts)[:20]
    ]
    most = min(20, max(statistics.spans_a_record, default=0))
    panels = (
        ("Most frequent concepts", concepts),
        ("Semantic groups", _ordered(statistics.groups)),
        ("Similarity from", [(name, statistics.similarity[name]) for name in _RANGES][::-1]),
        (
            "Spans per record",
            [(str(number), statistics.spans_a_record[number]) for number in range(most + 1)],
        ),
    )
    figure = Figure(figsize=(13, 9), layout="constrained")
    figure.suptitle(f"{statistics.records:,} records, {statistics.spans:,} spans")
    for axes, (title, bars) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        axes.barh([name for name, _ in bars], [number for _, number in bars], color="#4477aa")
        axes.invert_yaxis()
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
    with write_whole(path) as part:
        figure.savefig(part, format=path.suffix[1:], dpi=120)
