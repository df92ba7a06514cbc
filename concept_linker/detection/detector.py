"""The interface of mention detectors: texts in, spans and the probabilities of their groups out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from concept_linker.knowledge_base.semantic_types import GROUP_NAMES

__all__ = [
    "BATCH_SIZE",
    "GROUPS",
    "Detected",
    "DetectsMany",
    "MentionDetector",
    "Span",
    "SpansOfTexts",
    "as_detector",
    "detect_stream",
]

#: How many texts are processed together.
BATCH_SIZE: Final = 256

#: The semantic groups that the built-in detectors predict, in the order of their numbers.
GROUPS: Final[tuple[str, ...]] = tuple(sorted(GROUP_NAMES))


class Span(NamedTuple):
    """Where a mention is, in code points, and what the detector says about it.

    Args:
        start: its first character.
        end: one past its last.
        label: its semantic group (``ANAT``), or ``""``.
        probability: that something is mentioned here, whatever its exact bounds; 1.0 where the
            detector gives no probabilities.
    """

    start: int
    end: int
    label: str = ""
    probability: float = 1.0


#: For each text the (start, end) of its spans.
SpansOfTexts = Sequence[Sequence[tuple[int, int]]]


class Detected:
    """What a detector found in some texts.

    The spans are computed when they are first read, so that :meth:`groups` of given spans does not
    pay for them.

    Args:
        find_spans: computes :attr:`spans`.
        group_probabilities: computes :meth:`groups`; ``None`` if the detector knows no groups.

    >>> Detected(lambda: [[Span(0, 3)], []]).spans
    [[Span(start=0, end=3, label='', probability=1.0)], []]
    """

    def __init__(
        self,
        find_spans: Callable[[], list[list[Span]]],
        group_probabilities: Callable[[SpansOfTexts], Sequence[Any]] | None = None,
    ) -> None:
        self._find_spans = find_spans
        self._group_probabilities = group_probabilities
        self._spans: list[list[Span]] | None = None

    # Not functools.cached_property: before Python 3.12 all instances share one lock, which makes
    # threads wait for each other, and a process that is forked meanwhile hangs.
    @property
    def spans(self) -> list[list[Span]]:
        """The spans of each text, in reading order, none overlapping another."""
        if self._spans is None:
            self._spans = self._find_spans()
        return self._spans

    def groups(self, spans: SpansOfTexts) -> Sequence[Any]:
        """The probabilities of the semantic groups of any spans, given that they are mentions.

        Args:
            spans: for each text (start, end) of its spans, in code points; they may overlap.

        Returns:
            For each text an array of shape (spans, groups), in the order of :data:`GROUPS`, each
            row adding up to 1; or ``None`` for each span if the detector knows no groups.
        """
        if self._group_probabilities is None:
            return [[None] * len(of_text) for of_text in spans]
        return self._group_probabilities(spans)


@runtime_checkable
class MentionDetector(Protocol):
    """Finds mentions.  Threads may call it at the same time."""

    def detect(self, texts: Sequence[str]) -> Detected:
        """What is mentioned in some texts; they are processed together, in memory."""
        ...


@runtime_checkable
class DetectsMany(Protocol):
    """The simplest detector that a user can write: spans, and nothing about groups."""

    def detect_many(self, texts: Iterable[str]) -> Iterable[list[Span]]:
        """The spans of each text, in reading order, none overlapping another."""
        ...


class _Adapter:
    """Makes a detector of anything that has ``detect_many``."""

    def __init__(self, detector: DetectsMany) -> None:
        self._detector = detector

    def detect(self, texts: Sequence[str]) -> Detected:
        """See :class:`MentionDetector`."""
        return Detected(lambda: list(self._detector.detect_many(texts)))


def as_detector(detector: MentionDetector | DetectsMany) -> MentionDetector:
    """The detector itself, or an adapter around one that only has ``detect_many``."""
    return _Adapter(detector) if isinstance(detector, DetectsMany) else detector


def detect_stream(detector: MentionDetector, texts: Iterable[str]) -> Iterator[list[Span]]:
    """The spans of each text of a stream, in batches, in constant memory."""
    stream = iter(texts)
    while batch := list(islice(stream, BATCH_SIZE)):
        yield from detector.detect(batch).spans
