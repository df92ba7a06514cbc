"""The seam at which mention detectors plug in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol, runtime_checkable

from concept_linker.knowledge_base.semantic_types import GROUP_NAMES

__all__ = ["GROUPS", "MentionDetector", "Span"]

#: The semantic groups that a detector of ours can give, in the order of their numbers.
GROUPS: Final[tuple[str, ...]] = tuple(sorted(GROUP_NAMES))


class Span(NamedTuple):
    """Where a mention is, in code points, and what the detector takes it for.

    ``label`` is a semantic group (``ANAT``), or empty.
    """

    start: int
    end: int
    label: str = ""


@runtime_checkable
class MentionDetector(Protocol):
    """Finds mentions: for every text its spans, in reading order, none overlapping another."""

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """The spans of each text, in the order of the texts; takes them as they come."""
        ...
