"""Gold corpora: documents, their mentions, and the concepts that annotators assigned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from concept_linker.knowledge_base.semantic_types import semantic_group

__all__ = ["GoldCorpus", "GoldDocument", "GoldMention"]


@dataclass(frozen=True, slots=True)
class GoldMention:
    """A mention that annotators marked.

    Args:
        spans: the (start, end) of each of its parts, in code points, in reading order. A
            discontinuous mention has more than one part.
        ids: its concepts: several for a composite mention (``breast and ovarian cancer``), none
            if the annotators found no concept for it.
        types: its types in the corpus: TUIs, or a label such as ``Disease``.
        flags: the subsets of the corpus it belongs to, such as ``st21pv``.
    """

    spans: tuple[tuple[int, int], ...]
    ids: tuple[str, ...]
    types: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()

    @property
    def start(self) -> int:
        """The start of the first part."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """The end of the last part."""
        return self.spans[-1][1]

    @property
    def group(self) -> str:
        """The semantic group of the first type if that is a TUI, else that type, or ``""``."""
        first = self.types[0] if self.types else ""
        return semantic_group([first]) or first


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """A text with its mentions, in reading order."""

    id: str
    text: str
    mentions: tuple[GoldMention, ...]

    def surface(self, mention: GoldMention) -> str:
        """Returns the characters of a mention, its parts joined by one blank."""
        return " ".join(self.text[start:end] for start, end in mention.spans)


@dataclass(frozen=True, slots=True)
class GoldCorpus:
    """Documents with gold mentions.

    Args:
        name: its name in reports.
        documents: its documents, in the order of the files.
        bad: the number of mentions, lines and documents that were set aside.
    """

    name: str
    documents: tuple[GoldDocument, ...]
    bad: int = 0

    def __len__(self) -> int:
        """The number of mentions."""
        return sum(len(document.mentions) for document in self.documents)

    def __iter__(self) -> Iterator[tuple[GoldDocument, GoldMention]]:
        for document in self.documents:
            for mention in document.mentions:
                yield document, mention

    @property
    def flags(self) -> frozenset[str]:
        """The subsets of the corpus."""
        return frozenset().union(*(mention.flags for _, mention in self))

    def only(self, accept: Callable[[GoldMention], bool], name: str = "") -> GoldCorpus:
        """Returns the same documents with only some of their mentions.

        Args:
            accept: whether to include a mention.
            name: the name of the result (default: the name of this corpus).
        """
        documents = tuple(
            replace(document, mentions=tuple(filter(accept, document.mentions)))
            for document in self.documents
        )
        return GoldCorpus(name or self.name, documents, self.bad)

    def subset(self, flag: str) -> GoldCorpus:
        """Returns the corpus with only the mentions of a subset, such as ``st21pv``."""
        return self.only(lambda mention: flag in mention.flags, f"{self.name} {flag}")
