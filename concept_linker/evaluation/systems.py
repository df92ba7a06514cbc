"""The interfaces of systems that can be measured: linkers of given spans and of plain texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from concept_linker.annotation import Annotation, Mention
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.errors import InputError

__all__ = ["BulkSpanLinker", "Progress", "SpanLinker", "TextLinker", "link_gold", "link_texts"]

#: Called with the number of finished documents.
Progress = Callable[[int], None]

_Spans = Sequence[tuple[int, int]]


@runtime_checkable
class SpanLinker(Protocol):
    """Links given mentions; :class:`~concept_linker.ConceptLinker` does."""

    def link_spans(self, text: str, spans: _Spans) -> Annotation:
        """Returns one mention per span, in the given order."""
        ...


@runtime_checkable
class BulkSpanLinker(Protocol):
    """Links the given mentions of many texts together, which is faster."""

    def link_spans_many(self, documents: Iterable[tuple[str, _Spans]]) -> Iterator[Annotation]:
        """Yields for each text what :meth:`SpanLinker.link_spans` returns."""
        ...


@runtime_checkable
class TextLinker(Protocol):
    """Detects mentions and links them; :class:`~concept_linker.ConceptLinker` does."""

    def link_many(self, texts: Iterable[str]) -> Iterator[Annotation]:
        """Yields the annotation of each text, in order."""
        ...


def link_gold(
    system: SpanLinker | BulkSpanLinker, corpus: GoldCorpus, progress: Progress | None = None
) -> tuple[tuple[Mention, ...], ...]:
    """Links a corpus's gold mentions.

    A discontinuous mention is passed as one span, from the start of its first part to the end of
    its last, because linkers accept contiguous spans only.

    Args:
        system: the linker; ``link_spans_many`` is used if it has one.
        corpus: the corpus.
        progress: called with the number of finished documents.

    Returns:
        The linked mentions of each document, in the order of the gold mentions.

    Raises:
        InputError: the system does not return one mention per span.
    """
    given = [
        (document.text, [(mention.start, mention.end) for mention in document.mentions])
        for document in corpus.documents
    ]
    if isinstance(system, BulkSpanLinker):
        annotations: Iterable[Annotation] = system.link_spans_many(given)
    else:
        annotations = (system.link_spans(text, spans) for text, spans in given)
    linked = []
    for number, (annotation, document) in enumerate(
        zip(annotations, corpus.documents, strict=True), 1
    ):
        if len(annotation.mentions) != len(document.mentions):
            raise InputError(
                f"{type(system).__name__} returned {len(annotation.mentions)} mentions for "
                f"document {document.id}, expected {len(document.mentions)}: one per span"
            )
        linked.append(annotation.mentions)
        if progress:
            progress(number)
    return tuple(linked)


def link_texts(
    system: TextLinker, corpus: GoldCorpus, progress: Progress | None = None
) -> tuple[tuple[Mention, ...], ...]:
    """Lets a system detect and link mentions in the texts of a corpus.

    Args:
        system: the linker; it sees the texts only.
        corpus: the corpus.
        progress: called with the number of finished documents.

    Returns:
        The system's mentions of each document.

    Raises:
        InputError: the system does not return one annotation per text.
    """
    linked = []
    texts = [document.text for document in corpus.documents]
    for number, annotation in enumerate(system.link_many(texts), 1):
        linked.append(annotation.mentions)
        if progress:
            progress(number)
    if len(linked) != len(texts):
        raise InputError(
            f"{type(system).__name__} returned {len(linked)} annotations, expected {len(texts)}"
        )
    return tuple(linked)
