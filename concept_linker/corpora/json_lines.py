"""JSON Lines, each line checked against a model, and each mention in it on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from concept_linker.corpora.checks import Bad, SetAside, bad_rows
from concept_linker.corpora.fitting import Draft
from concept_linker.corpora.gold import GoldDocument
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.quarantine import Quarantine

__all__ = ["Model", "documents", "drafts"]

_M = TypeVar("_M", bound=BaseModel)


class Model(BaseModel):
    """What all models of corpora share: values are of their type, other keys are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


def documents(
    path: Path,
    model: type[_M],
    convert: Callable[[_M, int, Bad], GoldDocument],
    quarantine: Quarantine,
) -> Iterator[GoldDocument]:
    """Each line as a document.

    Args:
        path: a plain or gzip file.
        model: what a line must be.
        convert: makes a document of what was read, the number of its line, and what takes its bad
            mentions.
        quarantine: takes lines that are no such object.

    Raises:
        SourceError: the file cannot be read, or a bad row stops it.
    """
    bad = bad_rows(quarantine, path)
    for number, line in lines(path, quarantine):
        if not line.strip():
            continue
        made: list[GoldDocument] = []
        with SetAside(bad, number, line):
            made.append(convert(model.model_validate_json(line), number, bad))
        yield from made


def drafts(
    values: Sequence[Any],
    model: type[_M],
    convert: Callable[[_M], Draft],
    bad: Bad,
    line: int | None,
    place: str = "mentions",
) -> list[Draft]:
    """The mentions of one document; one that is bad costs no other.

    Args:
        values: what the file has for them.
        model: what each must be.
        convert: makes a draft of one.
        bad: takes the bad ones.
        line: their line.
        place: the key that has them.
    """
    made: list[Draft] = []
    for number, value in enumerate(values):
        own = f"{place}.{number}"
        with SetAside(bad, line, value, own):
            draft = convert(model.model_validate(value))
            made.append(draft._replace(line=line, place=own, row=value))
    return made
