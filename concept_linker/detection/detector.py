"""The seam at which mention detectors plug in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from numpy.typing import NDArray

from concept_linker.knowledge_base.semantic_types import GROUP_NAMES

__all__ = [
    "GROUPS",
    "READ_TOGETHER",
    "GroupsOf",
    "MentionDetector",
    "Read",
    "ReadsOnce",
    "Span",
    "SpansOfTexts",
    "TellsGroups",
]

#: How many texts are worked on together.
READ_TOGETHER: Final = 256

#: The semantic groups that a detector of ours can give, in the order of their numbers.
GROUPS: Final[tuple[str, ...]] = tuple(sorted(GROUP_NAMES))


class Span(NamedTuple):
    """Where a mention is, in code points, and what the detector takes it for.

    ``label`` is a semantic group (``ANAT``), or empty; ``probability`` that something
    is mentioned here, whatever its exact bounds; 1.0 where the detector does not say.
    """

    start: int
    end: int
    label: str = ""
    probability: float = 1.0


#: For each text start and end of spans.
SpansOfTexts = Sequence[Sequence[tuple[int, int]]]
#: For spans of texts what is known of the chances of their groups, text by text.
GroupsOf = Callable[[SpansOfTexts], Sequence[Any]]


@runtime_checkable
class MentionDetector(Protocol):
    """Finds mentions: for every text its spans, in reading order, none overlapping another.

    A linker that threads share asks its detector from all of them.
    """

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """The spans of each text, in the order of the texts; takes them as they come."""
        ...


@runtime_checkable
class TellsGroups(Protocol):
    """A detector that also says of any span which semantic group it may belong to."""

    def groups_many(self, texts: Sequence[str], spans: SpansOfTexts) -> Sequence[NDArray[Any]]:
        """For each text the chances of :data:`GROUPS`, of shape (spans, groups)."""
        ...


class Read(NamedTuple):
    """What a detector has read in some texts.

    Args:
        spans: of each text its mentions, as ``MentionDetector.detect_many`` gives them.
        groups: as ``TellsGroups.groups_many`` of these texts, given spans.
    """

    spans: list[list[Span]]
    groups: GroupsOf


@runtime_checkable
class ReadsOnce(Protocol):
    """A detector that finds mentions and tells groups from one reading of the texts."""

    def read(self, texts: Sequence[str]) -> Read:
        """Reads texts together; memory grows with their characters."""
        ...
