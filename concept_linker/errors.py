"""Every error that this library raises on purpose.

One tree, so that ``except ConceptLinkerError`` catches all of it.  A message is one line
that says what was given, what is wanted and, where a file is concerned, the place.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "ArticleError",
    "BatchError",
    "CloudError",
    "ConceptLinkerError",
    "ImageError",
    "InputError",
    "KnowledgeBaseError",
    "SettingsError",
    "SourceError",
]


class ConceptLinkerError(Exception):
    """The root of the tree."""


class InputError(ConceptLinkerError, ValueError):
    """An argument that cannot be worked on: a caption that is no text, a span outside it."""


class SettingsError(ConceptLinkerError, ValueError):
    """A setting that does not exist or lies outside its range."""


class KnowledgeBaseError(ConceptLinkerError):
    """A knowledge base folder that is missing, damaged, or of another format version."""


class BatchError(ConceptLinkerError):
    """A run over many captions that cannot begin, or cannot go on."""


class ArticleError(ConceptLinkerError):
    """An article that cannot be read: broken, or refused for safety's sake."""


class CloudError(ConceptLinkerError):
    """PMC's Cloud Service did not give what was asked for."""


class ImageError(ConceptLinkerError, OSError):
    """An image that is not there, lies outside its folder, or cannot be read.

    Args:
        image: its path, as it was given.
        problem: what is wrong with it.
    """

    def __init__(self, image: Path | str, problem: str) -> None:
        name = str(image)
        shown = name if len(name) <= 60 else name[:60] + "…"
        super().__init__(f"image {shown!r}: {problem}")
        self.problem = problem


class SourceError(ConceptLinkerError):
    """A vocabulary, corpus or records file that cannot be read as what it should be.

    Args:
        path: the file.
        problem: what is there, and what is wanted instead.
        line: the line it was found on, counted from 1, where a line is known.
    """

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None) -> None:
        place = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {problem}")
        self.path = Path(path)
        self.problem = problem
        self.line = line
