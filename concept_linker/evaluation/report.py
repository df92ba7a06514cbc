"""One corpus, one base, one system beside the baselines: all figures in one value."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from concept_linker._version import __version__
from concept_linker.annotation import Annotation, Mention
from concept_linker.corpora.concept_ids import ConceptIds
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.evaluation.baselines import ExactMatch, NearestNames, StringLinker
from concept_linker.evaluation.measures import f1, recall
from concept_linker.evaluation.results import (
    EndToEndResult,
    GoldMentionResult,
    measure_found,
    measure_gold,
)
from concept_linker.evaluation.systems import SpanLinker, TextLinker, link_texts
from concept_linker.files import write_text
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.reporting.intervals import PairedTest, paired_test

__all__ = ["Linker", "Options", "Report", "evaluate"]


class Linker(SpanLinker, TextLinker, Protocol):
    """Both tasks in one, as :class:`~concept_linker.ConceptLinker`."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure.

    Args:
        gold_mentions: measure linking where mentions are given.
        end_to_end: measure finding and linking.
        baselines: measure them too.
        resamples: of bootstrap and randomisation; 0 for none.
        seed: of both.
    """

    gold_mentions: bool = True
    end_to_end: bool = True
    baselines: bool = True
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured.

    Args:
        corpus: the corpus's name.
        documents: how many it has.
        mentions: how many gold mentions.
        train: the name of the corpus that "seen" and the exact-match baseline refer to, or ``""``.
        base: the folder of the base.
        base_name: what reports call the base.
        concepts: how many concepts it has.
        options: how it was measured.
        gold_mentions: by system, the one in question first; empty where not measured.
        end_to_end: the same for finding and linking.
        tests: the first system against each of the others: on R@1 with strict ties for given
            mentions, on F1 of strict concepts end to end; by task and system.
        bad: how many rows of the corpus were bad and are not in the figures.
    """

    corpus: str
    documents: int
    mentions: int
    train: str
    base: str
    base_name: str
    concepts: int
    options: Options
    gold_mentions: tuple[GoldMentionResult, ...] = ()
    end_to_end: tuple[EndToEndResult, ...] = ()
    tests: dict[str, dict[str, PairedTest]] = field(default_factory=dict)
    bad: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "made_by": f"concept_linker {__version__}",
            "corpus": {
                "name": self.corpus,
                "documents": self.documents,
                "mentions": self.mentions,
                "bad": self.bad,
                "train": self.train,
            },
            "base": {"name": self.base_name, "path": self.base, "concepts": self.concepts},
            "resamples": self.options.resamples,
            "seed": self.options.seed,
            "gold_mentions": [result.to_dict() for result in self.gold_mentions],
            "end_to_end": [result.to_dict() for result in self.end_to_end],
            "tests": {
                task: {name: test.to_dict() for name, test in tests.items()}
                for task, tests in self.tests.items()
            },
        }

    def write_json(self, path: Path) -> None:
        """Writes all figures as JSON; a file that is there is replaced."""
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")


def evaluate(
    linker: Linker,
    corpus: GoldCorpus,
    kb: KnowledgeBase,
    *,
    name: str = "concept_linker",
    base_name: str = "",
    train: GoldCorpus | None = None,
    others: Sequence[StringLinker] = (),
    options: Options | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Report:
    """Measures a linker beside the baselines.

    End to end the baselines link the mentions that the linker finds: they find none themselves.

    Args:
        linker: with 30 candidates a mention, or R@30 has little to count.
        corpus: gold mentions.
        kb: the base that is linked to.
        name: what to call the linker.
        base_name: what to call the base; its folder's name where empty.
        train: for the exact-match baseline, and for what "seen" means.
        others: systems to measure beside the baselines.
        options: how.
        progress: told what is being done and how many documents are done.
    """
    options = options or Options()
    ids = ConceptIds(kb)
    for _, mention in corpus:
        ids.of(mention)
    baselines = [ExactMatch(kb, train, ids), NearestNames(kb)] if options.baselines else []
    beside = [*baselines, *others]
    say = progress or (lambda stage, done: None)
    chances = {"resamples": options.resamples, "seed": options.seed}
    gold: list[GoldMentionResult] = []
    found: list[EndToEndResult] = []
    if options.gold_mentions:
        systems: list[tuple[str, Any]] = [(name, linker), *((one.name, one) for one in beside)]
        for title, system in systems:
            stage = f"{title}, gold mentions"
            gold.append(
                measure_gold(
                    title,
                    system,
                    corpus,
                    ids,
                    train=train,
                    progress=lambda done, stage=stage: say(stage, done),  # type: ignore[misc]
                    **chances,
                )
            )
    if options.end_to_end:
        begin = time.perf_counter()
        own = link_texts(linker, corpus, lambda done: say(f"{name}, end to end", done))
        seconds = time.perf_counter() - begin
        found.append(measure_found(name, own, corpus, ids, seconds=seconds, **chances))
        for one in beside:
            say(f"{one.name}, end to end", 0)
            begin = time.perf_counter()
            linked = _link_again(one, corpus, own)
            seconds = time.perf_counter() - begin
            found.append(measure_found(one.name, linked, corpus, ids, seconds=seconds, **chances))
    tests = {
        "gold_mentions": {
            other.system: paired_test(gold[0].columns, other.columns, recall, **chances)
            for other in gold[1:]
        },
        "end_to_end": {
            other.system: paired_test(
                found[0].columns["strict concept"], other.columns["strict concept"], f1, **chances
            )
            for other in found[1:]
        },
    }
    return Report(
        corpus=corpus.name,
        documents=len(corpus.documents),
        mentions=len(corpus),
        train=train.name if train else "",
        base=str(kb.path),
        base_name=base_name or kb.path.name,
        concepts=len(kb),
        options=options,
        gold_mentions=tuple(gold),
        end_to_end=tuple(found),
        tests={task: found_tests for task, found_tests in tests.items() if found_tests},
        bad=corpus.bad,
    )


def _link_again(
    system: StringLinker, corpus: GoldCorpus, found: Sequence[Sequence[Mention]]
) -> list[tuple[Mention, ...]]:
    """Another system's links for the mentions that were found."""
    given = [
        (document.text, [(mention.start, mention.end) for mention in mentions])
        for document, mentions in zip(corpus.documents, found, strict=True)
    ]
    annotations: list[Annotation] = list(system.link_spans_many(given))
    return [annotation.mentions for annotation in annotations]
