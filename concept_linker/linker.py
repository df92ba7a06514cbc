"""The linker: the one place where detection, candidates and ranking meet."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Not when the first text is linked: a process that is forked meanwhile could never import it.
import concept_linker.search.probe  # noqa: F401
from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.detection.detector import READ_TOGETHER, GroupsOf, MentionDetector
from concept_linker.detection.finder import Found, MentionFinder
from concept_linker.detection.negation import negated
from concept_linker.detection.numerals import other_numerals
from concept_linker.detection.passages import (
    Caption,
    Passage,
    not_a_text,
    read_caption,
    read_given,
    together,
)
from concept_linker.detection.registry import open_detector
from concept_linker.errors import InputError, SettingsError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.ranking.explain import Explanation
from concept_linker.ranking.neighbours import neighbours
from concept_linker.ranking.priors import PRIORS
from concept_linker.ranking.ranker import Query, Ranker
from concept_linker.runtime.forking import renew_when_forked
from concept_linker.runtime.garbage import no_collection
from concept_linker.runtime.resources import model_path
from concept_linker.settings import LinkerSettings, checked_settings

__all__ = ["ConceptLinker", "link", "link_many"]


# How many linkers of different settings link() keeps.
_SHARED_LINKERS = 4
# A name inside a mention that has no concept is taken from this score on.
_SURE_INSIDE = 0.65


class ConceptLinker:
    """Finds the mentions of a text and links each to a concept.

    Made by :meth:`load`.  Deterministic: the same text gives the same annotation.  Threads may
    share one.

    Args:
        kb: the knowledge base.
        detector: what finds the mentions.
        ranker: what chooses among candidates.
        settings: the rest.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        detector: MentionDetector,
        ranker: Ranker,
        settings: LinkerSettings | None = None,
    ) -> None:
        self.kb = kb
        self.settings = settings or LinkerSettings()
        self._detector = detector
        self._finder = MentionFinder(kb, detector)
        self._ranker = ranker
        self._spelling = lru_cache(maxsize=1 << 14)(self._spell)

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
            kb: ``"default"``, the folder of a knowledge base, or one that is open.
            detector: ``"hybrid"``, ``"ner"``, ``"dictionary"``, the name of an installed spaCy
                model, a spaCy ``Language``, or anything that keeps to
                :class:`~concept_linker.detection.detector.MentionDetector`.
            quiet: no progress bar where the open base's index must first be derived.
            settings: see :class:`~concept_linker.LinkerSettings`.

        Raises:
            KnowledgeBaseError: the base cannot be opened.
            SettingsError: a setting or detector that does not exist.
        """
        checked = checked_settings(settings)
        if not isinstance(kb, KnowledgeBase):
            kb = KnowledgeBase.open(kb, quiet=quiet)
        taught = kb.path / PRIORS
        priors = taught if taught.is_dir() else model_path("ranker") / PRIORS
        ranker = Ranker.open(kb, model_path("ranker") / "weights", priors, k=checked.k)
        return cls(kb, open_detector(detector, kb), ranker, checked)

    def __repr__(self) -> str:
        return f"ConceptLinker({self.kb!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ConceptLinker, (self.kb, self._detector, self._ranker, self.settings)

    def link(self, text: str) -> Annotation:
        """Finds the mentions of a text and links them.

        Raises:
            InputError: ``text`` is no string.
        """
        [annotation] = self.link_many([text])
        return annotation

    def link_many(self, texts: Iterable[str], *, batch_size: int = 256) -> Iterator[Annotation]:
        """Links texts as they come, in order; any number of them, in constant memory.

        Args:
            texts: the texts.
            batch_size: how many texts are processed together at most; fewer where they are long.

        Raises:
            InputError: something that is no string; all before it have been yielded.
            SettingsError: ``batch_size`` below 1.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise SettingsError(f"batch_size is {batch_size!r}, wanted a whole number from 1 on")
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            raise InputError(f"texts are {type(texts).__name__}, wanted an iterable of str")
        bad: list[str] = []

        def good() -> Iterator[str]:
            for number, text in enumerate(texts):
                if not isinstance(text, str):
                    bad.append(not_a_text(text, number))
                    return
                yield text

        for batch in together(good(), batch_size):
            yield from self._link([read_caption(text) for text in batch])
        if bad:
            raise InputError(bad[0])

    def link_spans(self, text: str, spans: Iterable[tuple[int, int]]) -> Annotation:
        """Links mentions that are given.

        Args:
            text: the text.
            spans: (start, end) of each mention, in code points; they may overlap, and come back in
                the order given.

        Raises:
            InputError: ``text`` is no string, or a span is empty or not inside it.
        """
        [annotation] = self.link_spans_many([(text, spans)])
        return annotation

    def link_spans_many(
        self, documents: Iterable[tuple[str, Iterable[tuple[int, int]]]]
    ) -> Iterator[Annotation]:
        """Links the mentions given of many texts, which is faster than one text after the other.

        Args:
            documents: (text, spans) as :meth:`link_spans` takes them.

        Raises:
            InputError: as :meth:`link_spans`; all before it have been yielded.
        """
        stream = iter(documents)
        while batch := list(itertools.islice(stream, 64)):
            yield from self._link([read_given(text, spans) for text, spans in batch])

    def explain(self, text: str) -> list[Explanation]:
        """Why each mention of a text has its concept: what puts the best candidate before the next.

        Mentions without any candidate are left out.

        Raises:
            InputError: ``text`` is no string.
        """
        places, queries = self._read(text)
        explained = zip(places, queries, self._ranker.explain(queries), strict=True)
        return [
            Explanation(text[start:end], query.string, *answer)
            for (start, end), query, answer in explained
            if answer is not None
        ]

    def describe_short_forms(
        self, text: str
    ) -> list[tuple[tuple[int, int], str, NDArray[np.float32]]]:
        """Returns the examples that the judge of short forms is trained on.

        For each short form that needs a judge its span, the id of its best candidate, and the
        features (see :meth:`~concept_linker.ranking.ranker.Ranker.describe_short_forms`).

        Raises:
            InputError: ``text`` is not a string.
        """
        places, queries = self._read(text)
        described = self._ranker.describe_short_forms(queries)
        return [
            (place, *example)
            for place, example in zip(places, described, strict=True)
            if example is not None
        ]

    def _read(self, text: str) -> tuple[list[tuple[int, int]], list[Query]]:
        """Returns the mentions of a text: where each is, and as a query."""
        passages = read_caption(text).passages
        found, groups = self._finder.find(passages)
        places = [
            passage.to_given(one.span.start, one.span.end)
            for passage, some in zip(passages, found, strict=True)
            for one in some
        ]
        return places, self._queries(passages, found, groups)

    def _link(self, captions: Sequence[Caption]) -> Iterator[Annotation]:
        passages = (passage for caption in captions for passage in caption.passages)
        linked = itertools.chain.from_iterable(map(self._linked, together(passages)))
        for caption in captions:
            own = itertools.islice(linked, len(caption.passages))
            mentions: Iterator[Mention] = itertools.chain.from_iterable(own)
            if len(caption.passages) > 1:
                mentions = _sharing(mentions)
            yield _annotation(caption, list(mentions))

    def _linked(self, passages: Sequence[Passage]) -> list[list[Mention]]:
        """The mentions of each passage.

        Where a mention has no good concept, the names inside it are tried.
        """
        found, groups = self._finder.find(passages)
        mentions = self._ranked(passages, found, groups)
        unlinked = [
            [
                one.span
                for one, mention in zip(some, own, strict=True)
                if passage.spans is None and mention.best is None and one.long_form is None
            ]
            for passage, some, own in zip(passages, found, mentions, strict=True)
        ]
        inner = self._finder.inside(passages, unlinked)
        again = []
        for some, spans, names in zip(found, unlinked, inner, strict=True):
            instead = {span: own for span, own in zip(spans, names, strict=True) if own}
            parts = [instead.get(one.span, [one]) for one in some] if instead else []
            again.append(list(itertools.chain.from_iterable(parts)))
        if not any(again):
            return mentions
        retried = self._ranked(passages, again, groups)
        return [
            _with_inner(own, some) if some else own
            for own, some in zip(mentions, retried, strict=True)
        ]

    def _ranked(
        self, passages: Sequence[Passage], found: Sequence[Sequence[Found]], groups: GroupsOf
    ) -> list[list[Mention]]:
        queries = self._queries(passages, found, groups)
        with no_collection():
            ranked = iter(self._ranker.rank_many(queries))
            return [
                [
                    self._mention(passage, one, next(ranked), negated=is_absent)
                    for one, is_absent in zip(
                        some, negated(passage.text, [one.span for one in some]), strict=True
                    )
                ]
                for passage, some in zip(passages, found, strict=True)
            ]

    def _queries(
        self, passages: Sequence[Passage], found: Sequence[Sequence[Found]], groups: GroupsOf
    ) -> list[Query]:
        queries = []
        told = groups([[one.span[:2] for one in some] for some in found])
        for number, (passage, some, own) in enumerate(zip(passages, found, told, strict=True)):
            for ((start, end, *_), long_form), chances in zip(some, own, strict=True):
                string = self._spelling(long_form or passage.text[start:end])
                left, right = neighbours(passage.text, start, end)
                queries.append(Query(string, left, right, chances, number))
        return queries

    def _spell(self, string: str) -> str:
        """A string as the base writes it, where that differs in the numeral only."""
        if self.kb.rows.find(string):
            return string
        return next((one for one in other_numerals(string) if self.kb.rows.find(one)), string)

    def _mention(
        self,
        passage: Passage,
        found: Found,
        candidates: tuple[Candidate, ...],
        *,
        negated: bool,
    ) -> Mention:
        start, end, label, probability = found.span
        start, end = passage.to_given(start, end)
        if self.settings.min_similarity:
            candidates = tuple(
                c for c in candidates if c.similarity >= self.settings.min_similarity
            )
        best = candidates[0] if candidates else None
        if best is not None and probability * best.score < self.settings.min_score:
            best = None
        return Mention(
            start=start,
            end=end,
            text=passage.source[start:end],
            label=label or semantic_group(best.semantic_types if best else ()),
            probability=probability,
            long_form=found.long_form,
            negated=negated,
            best=best,
            candidates=candidates,
        )


def _annotation(caption: Caption, mentions: Sequence[Mention]) -> Annotation:
    """The mentions of a caption; those that were given in the order in which they were."""
    if caption.given is None:
        return Annotation(caption.text, tuple(mentions))
    numbers = itertools.chain.from_iterable(one.numbers for one in caption.passages)
    ordered = sorted(zip(numbers, mentions, strict=True), key=itemgetter(0))
    return Annotation(
        caption.text,
        tuple(
            replace(mention, start=start, end=end, text=caption.text[start:end])
            for (_, mention), (start, end) in zip(ordered, caption.given, strict=True)
        ),
    )


def _sharing(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """Mentions of a long text; those with equal candidates share them, which saves memory."""
    known: dict[tuple[Candidate, ...], tuple[Candidate, ...]] = {}
    for mention in mentions:
        candidates = known.setdefault(mention.candidates, mention.candidates)
        best = candidates[0] if mention.best is not None else None
        yield replace(mention, best=best, candidates=candidates)


def _with_inner(mentions: Sequence[Mention], retried: Sequence[Mention]) -> list[Mention]:
    """Mentions, with those inside an unlinked one in its place where they are surely linked."""
    sure = [one for one in retried if one.confidence >= _SURE_INSIDE]
    kept = []
    for mention in mentions:
        inside = [
            one
            for one in sure
            if mention.best is None and mention.start <= one.start and one.end <= mention.end
        ]
        kept += inside or [mention]
    return kept


class _Shared:
    """The linkers of :func:`link`, by settings: each is loaded once, whatever the threads."""

    def __init__(self) -> None:
        self._linkers: dict[Any, ConceptLinker] = {}
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        self._lock = threading.Lock()

    def linker(self, settings: dict[str, Any]) -> ConceptLinker:
        key = tuple(sorted(settings.items(), key=itemgetter(0)))
        with self._lock:
            if key not in self._linkers:
                if len(self._linkers) == _SHARED_LINKERS:
                    self._linkers.pop(next(iter(self._linkers)))
                self._linkers[key] = ConceptLinker.load(**settings)
            return self._linkers[key]


_shared = _Shared()


def link(text: str, **settings: Any) -> Annotation:
    """Links a text.

    The linker is loaded at the first call with these settings, and kept for the next.

    Args:
        text: the text.
        settings: see :meth:`ConceptLinker.load`; by default the knowledge base that comes with the
            package, the hybrid detector and the settings' own defaults.

    Raises:
        InputError: ``text`` is not a string.
        KnowledgeBaseError: the knowledge base cannot be opened.
        SettingsError: a setting or detector does not exist.

    >>> link("Pleural effusion.", min_score=0.5).mentions[0].name
    'Pleural Effusion'
    """
    return _shared.linker(settings).link(text)


def link_many(
    texts: Iterable[str], *, batch_size: int = READ_TOGETHER, **settings: Any
) -> Iterator[Annotation]:
    """Links texts as they come, in order; see :func:`link` and :meth:`ConceptLinker.link_many`.

    >>> [annotation.mentions[0].name for annotation in link_many(["Pleural effusion.", "Liver."])]
    ['Pleural Effusion', 'Liver']
    """
    return _shared.linker(settings).link_many(texts, batch_size=batch_size)
