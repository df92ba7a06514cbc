"""What a gold corpus is: documents, their mentions, and the concepts that people gave them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from concept_linker.knowledge_base.semantic_types import semantic_group

__all__ = ["GoldCorpus", "GoldDocument", "GoldMention"]


@dataclass(frozen=True, slots=True)
class GoldMention:
    """A mention that people marked.

    Args:
        spans: (start, end) of each of its parts, in code points, in reading order; more than one
            where the mention is discontinuous.
        ids: the concepts that it means: several where it is composite (``breast and ovarian
            cancer``), none where the annotators found no concept for it.
        types: what the corpus calls its kind: TUIs, or a label such as ``Disease``.
        flags: the subsets of the corpus that it belongs to, such as ``st21pv``.
    """

    spans: tuple[tuple[int, int], ...]
    ids: tuple[str, ...]
    types: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()

    @property
    def start(self) -> int:
        """Where its first part begins."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """Where its last part ends."""
        return self.spans[-1][1]

    @property
    def group(self) -> str:
        """The semantic group of its first type where that is a TUI, else that type, or ``""``."""
        first = self.types[0] if self.types else ""
        return semantic_group([first]) or first


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """One text with its mentions, in reading order."""

    id: str
    text: str
    mentions: tuple[GoldMention, ...]

    def surface(self, mention: GoldMention) -> str:
        """The characters of a mention, its parts joined by one blank."""
        return " ".join(self.text[start:end] for start, end in mention.spans)


@dataclass(frozen=True, slots=True)
class GoldCorpus:
    """Documents with gold mentions.

    Args:
        name: what reports call it.
        documents: in the order of the file.
        bad: how many mentions, lines and documents of the file were set aside.
    """

    name: str
    documents: tuple[GoldDocument, ...]
    bad: int = 0

    def __len__(self) -> int:
        """How many mentions there are."""
        return sum(len(document.mentions) for document in self.documents)

    def __iter__(self) -> Iterator[tuple[GoldDocument, GoldMention]]:
        for document in self.documents:
            for mention in document.mentions:
                yield document, mention

    @property
    def flags(self) -> frozenset[str]:
        """The subsets that some mention belongs to."""
        return frozenset().union(*(mention.flags for _, mention in self))

    def only(self, wanted: Callable[[GoldMention], bool], name: str = "") -> GoldCorpus:
        """The same documents with only the mentions that are wanted.

        Args:
            wanted: says of a mention whether it stays.
            name: what to call the result; this corpus's name where empty.
        """
        documents = tuple(
            replace(document, mentions=tuple(filter(wanted, document.mentions)))
            for document in self.documents
        )
        return GoldCorpus(name or self.name, documents, self.bad)

    def subset(self, flag: str) -> GoldCorpus:
        """The mentions that belong to a subset, such as ``st21pv``."""
        return self.only(lambda mention: flag in mention.flags, f"{self.name} {flag}")
