"""The errors of this library.

``except ConceptLinkerError`` catches all of them.  A message is one line: what was given, what is
expected, what to do, and the file and line if there is one.
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
    """The base class of all errors of this library."""


class InputError(ConceptLinkerError, ValueError):
    """An invalid argument, such as a caption that is not a string, or a span outside it."""


class SettingsError(ConceptLinkerError, ValueError):
    """A setting that does not exist or is out of range."""


class KnowledgeBaseError(ConceptLinkerError):
    """A knowledge base folder that is missing, damaged, or of another format version."""


class BatchError(ConceptLinkerError):
    """A run over many captions that cannot start or continue."""


class ArticleError(ConceptLinkerError):
    """An article that cannot be read, or is rejected for safety."""


class CloudError(ConceptLinkerError):
    """A failed request to PMC's Cloud Service."""


class ImageError(ConceptLinkerError, OSError):
    """An image that does not exist, is outside its folder, or cannot be read.

    Args:
        image: its path, as given.
        problem: the problem.
    """

    def __init__(self, image: Path | str, problem: str) -> None:
        name = str(image)
        shown = name if len(name) <= 60 else name[:60] + "…"
        super().__init__(f"image {shown!r}: {problem}")
        self.problem = problem


class SourceError(ConceptLinkerError):
    """A vocabulary, corpus or file of records that cannot be read.

    Args:
        path: the file.
        problem: what the file has, and what is expected.
        line: the line of the problem, counted from 1, if it is known.
    """

    def __init__(self, path: Path | str, problem: str, *, line: int | None = None) -> None:
        place = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {problem}")
        self.path = Path(path)
        self.problem = problem
        self.line = line
