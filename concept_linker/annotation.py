"""The values that every part speaks: an annotation has mentions, a mention has candidates.

Plain, frozen, comparable, picklable; nothing in here computes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from concept_linker.triplets.record import Record

__all__ = ["Annotation", "Candidate", "Mention"]


class Candidate(NamedTuple):
    """A concept that a mention may mean.

    A tuple, because a search makes thirty for every mention, and no other value is made so fast.

    Args:
        concept_id: a UMLS CUI (``C0019564``), or a CURIE (``UBERON:0002421``) where no CUI
            is known.
        name: the concept's preferred name.
        alias: the name of it that is nearest to the mention.
        similarity: cosine of the character 3-grams of mention and alias, 0 to 1; 1.0 where they
            are equal after normalisation; 0.0 where not the names made it a candidate, but gold
            annotations of such words, or another mention of the text (``alias`` is then the
            preferred name).
        score: the probability that this concept is right, 0 to 1: the ranker's, times the
            detector's that there is a mention at all, unless that was given.
        semantic_types: UMLS type unique identifiers (``T023``), or the source's own types.
    """

    concept_id: str
    name: str
    alias: str
    similarity: float
    score: float
    semantic_types: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "concept_id": self.concept_id,
            "name": self.name,
            "alias": self.alias,
            "similarity": round(self.similarity, 6),
            "score": round(self.score, 6),
            "semantic_types": list(self.semantic_types),
        }


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of a caption that names a concept.

    Args:
        start: its first character, counted in Unicode code points from 0.
        end: one past its last.
        text: the caption's characters from start to end, exactly.
        label: its semantic group, as far as the detector knows one (``ANAT``), else ``""``.
        long_form: what it abbreviates in this caption, or ``None``.
        negated: whether the caption says that it is absent.
        best: the concept chosen, or ``None`` where nothing is good enough (NIL).
        candidates: what was considered: best score first; of equal scores the higher
            similarity, then the lower concept id.
    """

    start: int
    end: int
    text: str
    label: str = ""
    long_form: str | None = None
    negated: bool = False
    best: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "label": self.label,
            "long_form": self.long_form,
            "negated": self.negated,
            "best": self.best.to_dict() if self.best else None,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
        }


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text and its mentions, in reading order, none overlapping another.

    ``annotation.text[mention.start:mention.end] == mention.text`` holds for every mention.
    """

    text: str
    mentions: tuple[Mention, ...] = ()

    def __iter__(self) -> Iterator[Mention]:
        return iter(self.mentions)

    def __len__(self) -> int:
        return len(self.mentions)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"text": self.text, "mentions": [mention.to_dict() for mention in self.mentions]}

    def to_record(self, *, image: str, **fields: Any) -> Record:
        """As a MedConcept-23M record.

        Args:
            image: the image's path inside the folder of images.
            fields: see :func:`concept_linker.triplets.making.to_record`.
        """
        from concept_linker.triplets.making import to_record

        return to_record(self, image=image, **fields)

    def to_dataframe(self, library: Literal["pandas", "polars"] | None = None) -> Any:
        """As a data frame, one row a mention.

        Args:
            library: whose data frame; pandas where that is installed, else polars, if not given.

        Raises:
            SettingsError: it is not installed.
        """
        from concept_linker.viewing.frames import to_dataframe

        return to_dataframe(self, library)

    def _repr_html_(self) -> str:
        """For notebooks: the text with its mentions highlighted."""
        from concept_linker.viewing.notebook import annotation_html

        return annotation_html(self)
