"""The values that all parts share: an annotation has mentions, a mention has candidates.

Plain, frozen, comparable and picklable.  To add a field, add it to its class: JSON, data frames,
the mentions column of records and spaCy's ``span._.linked`` follow from the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

__all__ = ["ADAPTERS", "MENTION_FIELDS", "Annotation", "Candidate", "Mention"]

#: What turns an annotation into a ``record``, a ``dataframe`` or ``html``.  The package's root
#: registers these, so that values need not know the parts that are built on them.
ADAPTERS: dict[str, Callable[..., Any]] = {}


class Candidate(NamedTuple):
    """A concept that a mention may mean.

    A tuple, because a search makes thirty per mention and tuples are the fastest to make.

    Args:
        concept_id: a UMLS CUI (``C0019564``), or a CURIE (``UBERON:0002421``) where no CUI
            is known.
        name: the concept's preferred name.
        alias: the name of the concept that is most similar to the mention.
        similarity: cosine of the character 3-grams of mention and alias, 0 to 1; 1.0 where they
            are equal after normalisation; 0.0 where the candidate was not found by its names but
            by the priors or by another mention of the text (``alias`` is then the preferred name).
        score: the probability that this concept is meant, given that the mention is one, 0 to 1.
        semantic_types: UMLS type unique identifiers (``T023``), or the source's own types.
    """

    concept_id: str
    name: str
    alias: str
    similarity: float
    score: float
    semantic_types: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, by field; numbers rounded to six places."""
        return dict(zip(self._fields, map(_plain, self), strict=True))


@dataclass(frozen=True, slots=True)
class Mention:
    """A span of a caption that names a concept.

    Args:
        start: its first character, counted in Unicode code points from 0.
        end: one past its last.
        text: the caption's characters from start to end, exactly.
        label: its semantic group (``ANAT``) by the detector, else by the best candidate, or ``""``.
        probability: the detector's probability that something is mentioned here, 0 to 1; 1.0 where
            the span was given.
        long_form: the long form in this caption if the mention is an abbreviation, else ``None``.
        negated: whether the caption says that it is absent.
        best: the chosen concept, or ``None`` where no candidate is good enough (NIL).
        candidates: highest score first; of equal scores the higher similarity, then the lower
            concept id.

    >>> heart = Candidate("C0018787", "Heart", "heart", 1.0, 0.9)
    >>> mention = Mention(4, 9, "heart", probability=0.5, best=heart, candidates=(heart,))
    >>> mention.concept_id, mention.name, mention.confidence
    ('C0018787', 'Heart', 0.45)
    """

    start: int
    end: int
    text: str
    label: str = ""
    probability: float = 1.0
    long_form: str | None = None
    negated: bool = False
    best: Candidate | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def concept_id(self) -> str | None:
        """The chosen concept's id; ``None`` where there is none."""
        return self.best.concept_id if self.best else None

    @property
    def name(self) -> str | None:
        """The chosen concept's preferred name; ``None`` where there is none."""
        return self.best.name if self.best else None

    @property
    def confidence(self) -> float:
        """The probability that the link is right: ``probability * best.score``, 0.0 without one.

        The setting ``min_score`` is the least confidence of a link.
        """
        return self.probability * self.best.score if self.best else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, by field; numbers rounded to six places."""
        return {
            **{name: _plain(getattr(self, name)) for name in MENTION_FIELDS},
            "best": self.best.to_dict() if self.best else None,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
        }

    def to_row(self) -> dict[str, Any]:
        """Returns a flat row for tables: the mention's fields, then those of its best candidate.

        Without a best candidate its fields are ``None``, its types ``[]``.
        """
        fields_of_mention = {name: _plain(getattr(self, name)) for name in MENTION_FIELDS}
        best = self.best.to_dict() if self.best else {**_NO_CANDIDATE, "semantic_types": []}
        return {**fields_of_mention, **best}


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
        """Returns plain JSON values."""
        return {"text": self.text, "mentions": [mention.to_dict() for mention in self.mentions]}

    def to_record(self, *, image: str, **fields: Any) -> dict[str, Any]:
        """Returns a MedConcept-23M record.

        See :func:`concept_linker.triplets.from_annotation.to_record`.

        Args:
            image: the image's path inside the folder of images.
            fields: further fields of the record.
        """
        record: dict[str, Any] = ADAPTERS["record"](self, image=image, **fields)
        return record

    def to_dataframe(self, library: Literal["pandas", "polars"] | None = None) -> Any:
        """Returns a data frame with one row per mention; see :meth:`Mention.to_row`.

        Args:
            library: the data frame library; by default pandas if it is installed, else polars.

        Raises:
            SettingsError: the library is not installed.
        """
        return ADAPTERS["dataframe"](self, library)

    def _repr_html_(self) -> str:
        """For notebooks: the text with its mentions highlighted."""
        html: str = ADAPTERS["html"](self)
        return html


#: The fields of a mention that are plain values.
MENTION_FIELDS = tuple(
    one.name for one in fields(Mention) if one.name not in ("best", "candidates")
)
_NO_CANDIDATE: dict[str, Any] = dict.fromkeys(Candidate._fields)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    return list(value) if isinstance(value, tuple) else value
