"""The linker: the one place where preprocessing, detection and ranking meet.

A text is split into passages (:mod:`~concept_linker.detection.preprocessing`), their mentions are
found and linked (:mod:`~concept_linker.passage_linker`), and become the text's annotation.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from os import PathLike
from typing import Any

# Not when the first text is linked: a process forked meanwhile could never import it.
import concept_linker.search.probe  # noqa: F401
from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.detection.detector import (
    BATCH_SIZE,
    DetectsMany,
    MentionDetector,
    as_detector,
)
from concept_linker.detection.preprocessing import (
    Caption,
    batches,
    not_a_string,
    preprocess,
    preprocess_with_spans,
)
from concept_linker.detection.registry import open_detector
from concept_linker.errors import InputError, SettingsError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.passage_linker import MentionQuery, PassageLinker
from concept_linker.ranking.explain import Explanation
from concept_linker.ranking.priors import PRIORS
from concept_linker.ranking.ranker import Ranker
from concept_linker.runtime.resources import model_path
from concept_linker.settings import LinkerSettings, checked_settings

__all__ = ["ConceptLinker"]

# How many documents with given spans are linked together.
_DOCUMENTS = 64


class ConceptLinker:
    """Finds the mentions of a text and links each to a concept.

    Made by :meth:`load`.  Deterministic: the same text gives the same annotation.  Threads may
    share one.

    Args:
        kb: the knowledge base.
        detector: finds the mentions.
        ranker: ranks the candidates of each mention.
        settings: all other settings.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        detector: MentionDetector | DetectsMany,
        ranker: Ranker,
        settings: LinkerSettings | None = None,
    ) -> None:
        self.kb = kb
        self.detector = as_detector(detector)
        self.ranker = ranker
        self.settings = settings or LinkerSettings()
        self._passages = PassageLinker(kb, self.detector, ranker, self.settings)

    @classmethod
    def load(
        cls,
        kb: str | PathLike[str] | KnowledgeBase = "default",
        *,
        detector: Any = "hybrid",
        quiet: bool = False,
        **settings: Any,
    ) -> ConceptLinker:
        """Loads a linker.

        Args:
            kb: ``"default"``, the folder of a knowledge base, or an open one.
            detector: ``"hybrid"``, ``"ner"``, ``"dictionary"``, the name of an installed spaCy
                model, a spaCy ``Language``, a
                :class:`~concept_linker.detection.detector.MentionDetector`, or anything with its
                ``detect_many``.
            quiet: no progress bar while the index of the default knowledge base is derived.
            settings: see :class:`~concept_linker.settings.LinkerSettings`.

        Raises:
            KnowledgeBaseError: the knowledge base cannot be opened.
            SettingsError: a setting or detector does not exist.
        """
        checked = checked_settings(settings)
        if not isinstance(kb, KnowledgeBase):
            kb = KnowledgeBase.open(kb, quiet=quiet)
        trained = kb.path / PRIORS
        priors = trained if trained.is_dir() else model_path("ranker") / PRIORS
        ranker = Ranker.open(kb, model_path("ranker") / "weights", priors, k=checked.k)
        return cls(kb, open_detector(detector, kb), ranker, checked)

    def __repr__(self) -> str:
        return f"ConceptLinker({self.kb!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ConceptLinker, (self.kb, self.detector, self.ranker, self.settings)

    def link(self, text: str) -> Annotation:
        """Finds the mentions of a text and links them.

        Raises:
            InputError: ``text`` is not a string.
        """
        [annotation] = self.link_many([text])
        return annotation

    def link_many(
        self, texts: Iterable[str], *, batch_size: int = BATCH_SIZE
    ) -> Iterator[Annotation]:
        """Links a stream of texts, in order and in constant memory.

        Args:
            texts: the texts.
            batch_size: the most texts that are processed together; fewer where they are long.

        Raises:
            InputError: a text is not a string; all texts before it have been yielded.
            SettingsError: ``batch_size`` is not an integer ≥ 1.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise SettingsError(f"batch_size is {batch_size!r}, expected an integer ≥ 1")
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            raise InputError(f"texts are {type(texts).__name__}, expected an iterable of str")
        errors: list[str] = []

        def until_error() -> Iterator[str]:
            for number, text in enumerate(texts):
                if not isinstance(text, str):
                    errors.append(not_a_string(text, number))
                    return
                yield text

        for batch in batches(until_error(), batch_size):
            yield from self._link([preprocess(text) for text in batch])
        if errors:
            raise InputError(errors[0])

    def link_spans(self, text: str, spans: Iterable[tuple[int, int]]) -> Annotation:
        """Links given mentions.

        Args:
            text: the text.
            spans: (start, end) of each mention, in code points.  They may overlap; the mentions of
                the annotation have their order.

        Raises:
            InputError: ``text`` is not a string, or a span is empty or not inside it.
        """
        [annotation] = self.link_spans_many([(text, spans)])
        return annotation

    def link_spans_many(
        self, documents: Iterable[tuple[str, Iterable[tuple[int, int]]]]
    ) -> Iterator[Annotation]:
        """Links the given mentions of many texts, which is faster than one text at a time.

        Args:
            documents: (text, spans), see :meth:`link_spans`.

        Raises:
            InputError: see :meth:`link_spans`; all documents of earlier batches have been yielded.
        """
        stream = iter(documents)
        while batch := list(itertools.islice(stream, _DOCUMENTS)):
            yield from self._link([preprocess_with_spans(text, spans) for text, spans in batch])

    def queries(self, text: str) -> list[MentionQuery]:
        """Returns what the ranker is asked about each mention of a text, and where the mention is.

        For the training of models and for error analysis; :meth:`link` asks the same.

        Raises:
            InputError: ``text`` is not a string.
        """
        return self._passages.queries(preprocess(text).passages)

    def explain(self, text: str) -> list[Explanation]:
        """Explains for each mention of a text why its best candidate is ranked before the second.

        Mentions without candidates are left out.

        Raises:
            InputError: ``text`` is not a string.
        """
        mentions = self.queries(text)
        answers = self.ranker.explain([mention.query for mention in mentions])
        return [
            Explanation(text[mention.start : mention.end], mention.query.string, *answer)
            for mention, answer in zip(mentions, answers, strict=True)
            if answer is not None
        ]

    def _link(self, captions: Sequence[Caption]) -> Iterator[Annotation]:
        passages = (passage for caption in captions for passage in caption.passages)
        linked = itertools.chain.from_iterable(map(self._passages.link, batches(passages)))
        for caption in captions:
            of_caption = itertools.islice(linked, len(caption.passages))
            mentions: Iterator[Mention] = itertools.chain.from_iterable(of_caption)
            if len(caption.passages) > 1:
                mentions = _with_shared_candidates(mentions)
            yield _annotation(caption, list(mentions))


def _annotation(caption: Caption, mentions: Sequence[Mention]) -> Annotation:
    """The annotation of a caption; mentions of given spans have the order of the spans."""
    if caption.given is None:
        return Annotation(caption.text, tuple(mentions))
    numbers = itertools.chain.from_iterable(passage.numbers for passage in caption.passages)
    ordered = sorted(zip(numbers, mentions, strict=True), key=itemgetter(0))
    return Annotation(
        caption.text,
        tuple(
            replace(mention, start=start, end=end, text=caption.text[start:end])
            for (_, mention), (start, end) in zip(ordered, caption.given, strict=True)
        ),
    )


def _with_shared_candidates(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """The mentions of a long text; equal candidates are one object, which saves memory."""
    known: dict[tuple[Candidate, ...], tuple[Candidate, ...]] = {}
    for mention in mentions:
        candidates = known.setdefault(mention.candidates, mention.candidates)
        best = candidates[0] if mention.best is not None else None
        yield replace(mention, best=best, candidates=candidates)
