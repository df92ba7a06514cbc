"""What can be measured: anything that links given spans, or finds and links mentions itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from concept_linker.annotation import Annotation, Mention
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.errors import InputError

__all__ = ["BulkSpanLinker", "Progress", "SpanLinker", "TextLinker", "link_gold", "link_texts"]

#: Called with the number of documents that are done.
Progress = Callable[[int], None]

_Spans = Sequence[tuple[int, int]]


@runtime_checkable
class SpanLinker(Protocol):
    """Links mentions that are given; :class:`~concept_linker.ConceptLinker` is one."""

    def link_spans(self, text: str, spans: _Spans) -> Annotation:
        """One mention for each span, in the order given."""
        ...


@runtime_checkable
class BulkSpanLinker(Protocol):
    """Links the given mentions of many texts together, which is faster than one by one."""

    def link_spans_many(self, documents: Iterable[tuple[str, _Spans]]) -> Iterator[Annotation]:
        """For each text and its spans what :meth:`SpanLinker.link_spans` returns."""
        ...


@runtime_checkable
class TextLinker(Protocol):
    """Finds mentions and links them; :class:`~concept_linker.ConceptLinker` is one."""

    def link_many(self, texts: Iterable[str]) -> Iterator[Annotation]:
        """The annotation of each text, in order."""
        ...


def link_gold(
    system: SpanLinker | BulkSpanLinker, corpus: GoldCorpus, progress: Progress | None = None
) -> tuple[tuple[Mention, ...], ...]:
    """Links a corpus's gold mentions.

    A discontinuous mention is given as one span, from its first part's start to its last part's
    end: linkers take contiguous ones only.

    Args:
        system: the linker; its bulk form is used where it has one.
        corpus: the corpus.
        progress: told how many documents are done.

    Returns:
        For each document its mentions as linked, in the order of the gold mentions.

    Raises:
        InputError: the system returns another number of mentions than it was given.
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
                f"{type(system).__name__} gave {len(annotation.mentions)} mentions for document "
                f"{document.id}, wanted {len(document.mentions)}: one a span"
            )
        linked.append(annotation.mentions)
        if progress:
            progress(number)
    return tuple(linked)


def link_texts(
    system: TextLinker, corpus: GoldCorpus, progress: Progress | None = None
) -> tuple[tuple[Mention, ...], ...]:
    """Lets a system find and link the mentions of a corpus's texts.

    Args:
        system: the linker.
        corpus: the corpus; only its texts are shown to the system.
        progress: told how many documents are done.

    Returns:
        For each document the mentions that the system returned.
    """
    linked = []
    texts = [document.text for document in corpus.documents]
    for number, annotation in enumerate(system.link_many(texts), 1):
        linked.append(annotation.mentions)
        if progress:
            progress(number)
    if len(linked) != len(texts):
        raise InputError(
            f"{type(system).__name__} gave {len(linked)} annotations, wanted {len(texts)}"
        )
    return tuple(linked)
