"""JSON Lines, each line checked against a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from concept_linker.errors import SourceError
from concept_linker.evaluation.corpora.checks import BadCorpusError
from concept_linker.evaluation.gold import GoldDocument
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["Model", "documents", "problem_of"]

_M = TypeVar("_M", bound=BaseModel)


class Model(BaseModel):
    """What all models of corpora share: values are of their type, other keys are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


def documents(
    path: Path, model: type[_M], convert: Callable[[_M, int], GoldDocument]
) -> Iterator[GoldDocument]:
    """Each line as a document.

    Args:
        path: a plain or gzip file.
        model: what a line must be.
        convert: makes a document of what was read and the number of its line.

    Raises:
        SourceError: a line is no such object, or a mention does not fit its text.
    """
    for number, line in lines(path, Quarantine()):
        if not line.strip():
            continue
        try:
            yield convert(model.model_validate_json(line), number)
        except ValidationError as error:
            raise SourceError(path, problem_of(error), line=number) from error
        except BadCorpusError as error:
            raise SourceError(path, str(error), line=number) from error


def problem_of(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    message = first["msg"].replace("\n", " ")
    return f"{place}: {message}" if place else message
