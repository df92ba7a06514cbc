"""Evaluates a linker on a gold corpus and compares it with baselines; all figures in one value."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from concept_linker._version import __version__
from concept_linker.annotation import Mention
from concept_linker.corpora import read_corpus
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.errors import SettingsError
from concept_linker.evaluation.baselines import ExactMatch, NearestNames, StringLinker
from concept_linker.evaluation.measures import f1, recall
from concept_linker.evaluation.results import (
    EndToEndResult,
    GoldMentionResult,
    evaluate_end_to_end,
    evaluate_gold_mentions,
)
from concept_linker.evaluation.systems import SpanLinker, TextLinker, link_texts
from concept_linker.evaluation.tables import end_to_end_tables, gold_mention_tables
from concept_linker.files import write_text
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.linker import ConceptLinker
from concept_linker.reporting.intervals import PairedTest, paired_test
from concept_linker.reporting.numbers import format_count
from concept_linker.reporting.tables import Table, format_tables, html_table

__all__ = ["Linker", "Report", "Section", "evaluate"]


class Linker(SpanLinker, TextLinker, Protocol):
    """Performs both tasks, as :class:`~concept_linker.ConceptLinker` does."""


class Section(NamedTuple):
    """The part of a report on one task."""

    title: str
    text: str
    tables: list[Table]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a linker and of the baselines; prints as tables.

    Args:
        corpus: the corpus's name.
        documents: the number of documents.
        mentions: the number of gold mentions.
        train: the name of the training corpus, or ``""``.
        kb_path: the folder of the knowledge base.
        kb_name: the name of the knowledge base in reports.
        concepts: the number of its concepts.
        resamples: the number of resamples of bootstrap and randomisation.
        seed: of both.
        gold_mentions: results with given mentions, the evaluated linker first; empty if not
            measured.
        end_to_end: results of detecting and linking mentions, in the same order.
        tests: the linker against each other system, by task and system: R@1 with strict ties for
            given mentions, F1 of strict concepts end to end.
        bad: the number of bad rows of the corpus, which are left out.
    """

    corpus: str
    documents: int
    mentions: int
    train: str
    kb_path: str
    kb_name: str
    concepts: int
    resamples: int
    seed: int
    gold_mentions: tuple[GoldMentionResult, ...] = ()
    end_to_end: tuple[EndToEndResult, ...] = ()
    tests: dict[str, dict[str, PairedTest]] = field(default_factory=dict)
    bad: int = 0

    def tables(self) -> list[Table]:
        """Returns all tables, as the console and the page print them."""
        return [table for section in self.sections() for table in section.tables]

    def sections(self) -> list[Section]:
        """Returns the tables of each task with a heading and a summary."""
        found = []
        if self.gold_mentions:
            gold = self.gold_mentions[0]
            text = (
                f"{gold.mentions:,} with an id, {gold.in_base / max(gold.mentions, 1):.1%} of them "
                f"in the knowledge base; {gold.without_id:,} without an id, left out."
            )
            tests = self.tests.get("gold_mentions", {})
            tables = list(gold_mention_tables(self.gold_mentions, tests))
            found.append(Section("Mentions given", text, tables))
        if self.end_to_end:
            first = self.end_to_end[0]
            text = (
                f"{first.found:,} mentions found, {first.linked:,} linked. The other systems link "
                f"the mentions that {first.system} finds."
            )
            tests = self.tests.get("end_to_end", {})
            tables = list(end_to_end_tables(self.end_to_end, tests))
            found.append(Section("End to end", text, tables))
        return found

    def summary(self) -> str:
        """Returns one line on the corpus and the knowledge base."""
        bad = f", {format_count(self.bad, 'bad row')} left out" if self.bad else ""
        train = f", training corpus {self.train}" if self.train else ""
        return (
            f"{self.corpus}: {format_count(self.documents, 'document')}, "
            f"{format_count(self.mentions, 'gold mention')}{bad}{train}; "
            f"knowledge base {self.kb_name} of {format_count(self.concepts, 'concept')}"
        )

    def __str__(self) -> str:
        parts = [self.summary()]
        for title, text, tables in self.sections():
            parts += [f"{title}: {text}", format_tables(tables)]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<p>{escape(self.summary())}</p>"]
        for title, text, tables in self.sections():
            parts += [f"<h4>{escape(title)}</h4><p>{escape(text)}</p>", *map(html_table, tables)]
        return "".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "made_by": f"concept_linker {__version__}",
            "corpus": {
                "name": self.corpus,
                "documents": self.documents,
                "mentions": self.mentions,
                "bad": self.bad,
                "train": self.train,
            },
            "base": {"name": self.kb_name, "path": self.kb_path, "concepts": self.concepts},
            "resamples": self.resamples,
            "seed": self.seed,
            "gold_mentions": [result.to_dict() for result in self.gold_mentions],
            "end_to_end": [result.to_dict() for result in self.end_to_end],
            "tests": {
                task: {name: test.to_dict() for name, test in tests.items()}
                for task, tests in self.tests.items()
            },
        }

    def write_json(self, path: Path) -> None:
        """Writes all figures as JSON; an existing file is replaced."""
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")


def evaluate(
    corpus: GoldCorpus | str | PathLike[str],
    linker: Linker | None = None,
    *,
    kb: KnowledgeBase | str | PathLike[str] | None = None,
    train: GoldCorpus | str | PathLike[str] | None = None,
    gold_mentions: bool = True,
    end_to_end: bool = True,
    baselines: bool = True,
    others: Sequence[StringLinker] = (),
    resamples: int = 1000,
    seed: int = 0,
    name: str = "concept_linker",
    kb_name: str = "",
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """Measures a linker on a gold corpus and compares it with baselines.

    The baselines do not detect mentions: end to end they link the mentions that the linker finds.

    Args:
        corpus: gold mentions, or the file or folder to read them from
            (:func:`~concept_linker.corpora.read_corpus`).
        linker: the linker; ``None`` loads one with the default settings and 30 candidates per
            mention, which R@30 needs.
        kb: the knowledge base, its folder or ``"default"``; the linker's own by default.
        train: a training corpus, for the exact-match baseline and the subgroups of mentions seen
            in training.
        gold_mentions: whether to measure linking with given mentions.
        end_to_end: whether to measure detecting and linking mentions.
        baselines: whether to measure the baselines as well.
        others: more systems to compare with.
        resamples: the number of resamples of bootstrap and randomisation; 0 for none.
        seed: of both.
        name: the name of the linker in the report.
        kb_name: the name of the knowledge base in the report; by default that of its folder.
        progress: called with the current stage and the number of finished documents.

    Raises:
        InputError: a corpus cannot be read.
        SettingsError: ``resamples`` is negative, or the linker has no knowledge base and ``kb`` is
            not given.

    Example:
        ``print(concept_linker.evaluate("dev.pubtator.txt", train="train.pubtator.txt"))``
    """
    if resamples < 0:
        raise SettingsError(f"resamples is {resamples}, expected an integer ≥ 0")
    corpus = corpus if isinstance(corpus, GoldCorpus) else read_corpus(corpus)
    if train is not None and not isinstance(train, GoldCorpus):
        train = read_corpus(train)
    if linker is None:
        kb_name = kb_name or ("default" if kb is None else "")
        linker = ConceptLinker.load("default" if kb is None else kb, k=30)
        kb = linker.kb if isinstance(linker, ConceptLinker) else kb
    if kb is None:
        kb = getattr(linker, "kb", None)
    elif not isinstance(kb, KnowledgeBase):
        kb = KnowledgeBase.open(kb)
    if kb is None:
        raise SettingsError(f"kb is None, expected the knowledge base of {type(linker).__name__}")
    ids = ConceptIds(kb)
    for _, mention in corpus:
        ids.of(mention)
    rivals = [ExactMatch(kb, train, ids), NearestNames(kb)] if baselines else []
    rivals += others
    report_progress = progress or (lambda stage, done: None)
    sampling = {"resamples": resamples, "seed": seed}
    gold: list[GoldMentionResult] = []
    found: list[EndToEndResult] = []
    if gold_mentions:
        systems: list[tuple[str, Any]] = [(name, linker), *((one.name, one) for one in rivals)]
        for title, system in systems:
            stage = f"{title}, gold mentions"
            gold.append(
                evaluate_gold_mentions(
                    title,
                    system,
                    corpus,
                    ids,
                    train=train,
                    progress=lambda done, stage=stage: report_progress(stage, done),  # type: ignore[misc]
                    **sampling,
                )
            )
    if end_to_end:
        stage = f"{name}, end to end"
        linked, seconds = _timed(
            lambda: link_texts(linker, corpus, lambda done: report_progress(stage, done))
        )
        found.append(evaluate_end_to_end(name, linked, corpus, ids, seconds=seconds, **sampling))
        for rival in rivals:
            report_progress(f"{rival.name}, end to end", 0)
            again, seconds = _timed(lambda rival=rival: _link_again(rival, corpus, linked))  # type: ignore[misc]
            found.append(
                evaluate_end_to_end(rival.name, again, corpus, ids, seconds=seconds, **sampling)
            )
    tests = {
        "gold_mentions": {
            other.system: paired_test(gold[0].columns, other.columns, recall, **sampling)
            for other in gold[1:]
        },
        "end_to_end": {
            other.system: paired_test(
                found[0].columns["strict concept"], other.columns["strict concept"], f1, **sampling
            )
            for other in found[1:]
        },
    }
    return Report(
        corpus=corpus.name,
        documents=len(corpus.documents),
        mentions=len(corpus),
        train=train.name if train else "",
        kb_path=str(kb.path),
        kb_name=kb_name or kb.path.name,
        concepts=len(kb),
        resamples=resamples,
        seed=seed,
        gold_mentions=tuple(gold),
        end_to_end=tuple(found),
        tests={task: by_system for task, by_system in tests.items() if by_system},
        bad=corpus.bad,
    )


T = TypeVar("T")


def _timed(compute: Callable[[], T]) -> tuple[T, float]:
    begin = time.perf_counter()
    return compute(), time.perf_counter() - begin


def _link_again(
    system: StringLinker, corpus: GoldCorpus, found: Sequence[Sequence[Mention]]
) -> list[tuple[Mention, ...]]:
    """Returns another system's links of the mentions that were found."""
    spans = [
        (document.text, [(mention.start, mention.end) for mention in mentions])
        for document, mentions in zip(corpus.documents, found, strict=True)
    ]
    return [annotation.mentions for annotation in system.link_spans_many(spans)]
