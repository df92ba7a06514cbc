"""The linker: the one place where detection, candidates and ranking meet."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from os import PathLike
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# Not when the first text is linked: a process that is forked meanwhile could never import it.
import concept_linker.candidates.searching  # noqa: F401
from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.errors import InputError, SettingsError
from concept_linker.forking import renew_when_forked
from concept_linker.garbage import no_collection
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import SEMANTIC_TYPES
from concept_linker.mentions.abbreviations import Definition, expand, find_abbreviations
from concept_linker.mentions.choosing import open_detector
from concept_linker.mentions.detector import (
    READ_TOGETHER,
    GroupsOf,
    MentionDetector,
    Read,
    ReadsOnce,
    Span,
    TellsGroups,
)
from concept_linker.mentions.negation import negated
from concept_linker.mentions.noise import without_noise
from concept_linker.ranking.explaining import Explanation
from concept_linker.ranking.priors import PRIORS
from concept_linker.ranking.ranker import Query, Ranker
from concept_linker.ranking.surroundings import beside
from concept_linker.resources import model_path

__all__ = ["ConceptLinker", "LinkerSettings", "link"]


class _Prepared(NamedTuple):
    """A text, where its mentions are, and what its short forms stand for."""

    text: str
    spans: list[Span]
    definitions: tuple[Definition, ...]


class LinkerSettings(BaseModel):
    """What can be set.

    Args:
        k: how many candidates a mention keeps.
        threshold: the least similarity of a candidate.
        min_score: the least score of ``best``; below it a mention has none (NIL).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    k: Annotated[int, Field(ge=1, le=1000)] = 10
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    min_score: Annotated[float, Field(ge=0.0, le=1.0)] = 0.38


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
        self._ranker = ranker

    @classmethod
    def load(
        cls,
        kb: str | PathLike[str] | KnowledgeBase = "open",
        *,
        detector: Any = "hybrid",
        quiet: bool = False,
        **settings: Any,
    ) -> ConceptLinker:
        """Loads a linker.

        Args:
            kb: ``"open"``, the folder of a knowledge base, or one that is open.
            detector: ``"hybrid"``, ``"ner"``, ``"dictionary"``, the name of an installed spaCy
                model, a spaCy ``Language``, or anything that keeps to
                :class:`~concept_linker.mentions.detector.MentionDetector`.
            quiet: no progress bar where the open base's index must first be derived.
            settings: see :class:`LinkerSettings`.

        Raises:
            KnowledgeBaseError: the base cannot be opened.
            SettingsError: a setting or detector that does not exist.
        """
        try:
            checked = LinkerSettings(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise SettingsError(f"setting {name!r} is {first['input']!r}: {first['msg']}") from None
        if not isinstance(kb, KnowledgeBase):
            kb = KnowledgeBase.open(kb, quiet=quiet)
        taught = kb.path / PRIORS
        priors = taught if taught.is_dir() else model_path("ranker") / PRIORS
        ranker = Ranker.open(kb, model_path("ranker") / "weights", priors, most=checked.k)
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
            batch_size: how many are worked on together, 256 at most.

        Raises:
            InputError: something that is no string; all before it have been yielded.
            SettingsError: ``batch_size`` below 1.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise SettingsError(f"batch_size is {batch_size!r}, wanted a whole number from 1 on")
        if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
            raise InputError(f"texts are {type(texts).__name__}, wanted an iterable of str")
        stream = iter(texts)
        number = 0
        while batch := list(itertools.islice(stream, min(batch_size, READ_TOGETHER))):
            good = list(itertools.takewhile(lambda text: isinstance(text, str), batch))
            read = self._read(good)
            found = zip(good, read.spans, strict=True)
            prepared = [self._spans_of(text, spans) for text, spans in found]
            yield from self._link(prepared, read.groups)
            number += len(good)
            if len(good) < len(batch):
                raise InputError(_no_text(batch[len(good)], number))

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
            prepared = [_given(text, spans) for text, spans in batch]
            yield from self._link(prepared, self._groups_of([text for text, *_ in prepared]))

    def explain(self, text: str) -> list[Explanation]:
        """Why each mention of a text has its concept: what puts the best candidate before the next.

        Mentions without any candidate are left out.

        Raises:
            InputError: ``text`` is no string.
        """
        if not isinstance(text, str):
            raise InputError(_no_text(text))
        read = self._read([text])
        prepared = self._spans_of(text, *read.spans)
        queries = self._queries([prepared], read.groups)
        explained = zip(prepared.spans, queries, self._ranker.explain(queries), strict=True)
        found = []
        for (start, end, _, chance), query, answer in explained:
            if answer is not None:
                best, second, reasons = answer
                two = _as_found(best, chance), _as_found(second, chance) if second else None
                found.append(Explanation(text[start:end], query.string, *two, reasons))
        return found

    def _spans_of(self, text: str, spans: Sequence[Span]) -> _Prepared:
        """Detected spans without noise, with those of short forms that no detector knows."""
        definitions = find_abbreviations(text)
        kept = without_noise(text, spans)
        if definitions:
            short = {place for definition in definitions for place in definition.occurrences}
            kept = [span for span in spans if span in kept or span[:2] in short]
            kept += _short_forms(definitions, kept)
            kept.sort()
        return _Prepared(text, kept, definitions)

    def _read(self, texts: Sequence[str]) -> Read:
        """What the detector reads in texts."""
        if isinstance(self._detector, ReadsOnce):
            return self._detector.read(texts)
        return Read(list(self._detector.detect_many(texts)), self._groups_of(texts))

    def _groups_of(self, texts: Sequence[str]) -> GroupsOf:
        """For spans of texts the chances of the semantic groups, if the detector knows."""
        if isinstance(self._detector, TellsGroups):
            return partial(self._detector.groups_many, texts)
        return lambda spans: [[None] * len(some) for some in spans]

    def _queries(self, prepared: Sequence[_Prepared], groups: GroupsOf) -> list[Query]:
        queries = []
        told = groups([[span[:2] for span in spans] for _, spans, _ in prepared])
        for number, ((text, spans, definitions), of_spans) in enumerate(
            zip(prepared, told, strict=True)
        ):
            for (start, end, *_), chances in zip(spans, of_spans, strict=True):
                long = expand(text, start, end, definitions) if definitions else None
                string, (left, right) = long or text[start:end], beside(text, start, end)
                queries.append(Query(string, left, right, chances, number))
        return queries

    def _link(self, prepared: Sequence[_Prepared], groups: GroupsOf) -> list[Annotation]:
        queries = self._queries(prepared, groups)
        with no_collection():
            ranked = iter(zip(queries, self._ranker.rank_many(queries), strict=True))
            return [
                Annotation(
                    text,
                    tuple(
                        self._mention(text, span, *next(ranked), negated=is_absent)
                        for span, is_absent in zip(spans, negated(text, spans), strict=True)
                    ),
                )
                for text, spans, _ in prepared
            ]

    def _mention(
        self,
        text: str,
        span: Span,
        query: Query,
        candidates: tuple[Candidate, ...],
        *,
        negated: bool,
    ) -> Mention:
        start, end, label, chance = span
        words = text[start:end]
        if chance < 1.0:
            candidates = tuple(_as_found(one, chance) for one in candidates)
        if self.settings.threshold:
            candidates = tuple(c for c in candidates if c.similarity >= self.settings.threshold)
        best = candidates[0] if candidates else None
        if best is not None and best.score < self.settings.min_score:
            best = None
        return Mention(
            start=start,
            end=end,
            text=words,
            label=label or _group(best),
            long_form=None if query.string == words else query.string,
            negated=negated,
            best=best,
            candidates=candidates,
        )


def _given(text: Any, spans: Any) -> _Prepared:
    if not isinstance(text, str):
        raise InputError(_no_text(text))
    if not isinstance(spans, Iterable):
        raise InputError(f"spans are {type(spans).__name__}, wanted (start, end) pairs")
    checked = [_checked_span(span, text) for span in spans]
    return _Prepared(text, checked, find_abbreviations(text))


def _short_forms(definitions: Sequence[Definition], spans: Sequence[Span]) -> list[Span]:
    """The short forms that no span touches, where the long form was found to be a mention."""
    taken = [(start, end) for start, end, *_ in spans]
    found = []
    for definition in definitions:
        begin, stop = definition.long_start, definition.long_end
        for start, end, label, chance in spans:
            if start < stop and end > begin:
                for first, last in definition.occurrences:
                    if all(last <= start or first >= end for start, end in taken):
                        found.append(Span(first, last, label, chance))
                        taken.append((first, last))
                break
    return found


def _as_found(candidate: Candidate, chance: float) -> Candidate:
    """A candidate of a mention that is one with some probability: both must be right."""
    concept_id, name, alias, similarity, score, types = candidate
    return Candidate(concept_id, name, alias, similarity, score * chance, types)


def _group(best: Candidate | None) -> str:
    """The semantic group of a candidate's first type that has one."""
    for type_id in best.semantic_types if best else ():
        if type_id in SEMANTIC_TYPES:
            return SEMANTIC_TYPES[type_id].group
    return ""


def _no_text(given: object, number: int | None = None) -> str:
    which = "text" if number is None else f"text number {number}"
    shown = repr(given)
    if len(shown) > 40:
        shown = shown[:40] + "…"
    hint = "; decode bytes first" if isinstance(given, bytes | bytearray) else ""
    return f"{which} is {shown} ({type(given).__name__}), wanted str{hint}"


def _checked_span(span: Any, text: str) -> Span:
    try:
        start, end = span
        inside = 0 <= start < end <= len(text)
    except (TypeError, ValueError):
        raise InputError(f"span {span!r}, wanted (start, end)") from None
    if not inside or isinstance(start, float) or isinstance(end, float):
        raise InputError(
            f"span {span!r}: wanted 0 <= start < end <= {len(text)}, the text's length"
        )
    return Span(int(start), int(end))


class _Default:
    """The linker of :func:`link`, loaded once, though several threads ask."""

    def __init__(self) -> None:
        self._linker: ConceptLinker | None = None
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        self._lock = threading.Lock()

    def linker(self) -> ConceptLinker:
        with self._lock:
            if self._linker is None:
                self._linker = ConceptLinker.load()
            return self._linker


_default = _Default()


def link(text: str) -> Annotation:
    """Links a text with the open base and the default settings.

    The linker is loaded at the first call and kept.

    Raises:
        InputError: ``text`` is no string.
    """
    return _default.linker().link(text)
