"""Documents from JSON Lines: each line, and each mention in it, is validated on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from concept_linker.corpora.bad_rows import BadRowError, Reject, RowGuard, make_reject
from concept_linker.corpora.gold import GoldDocument
from concept_linker.corpora.offsets import RawMention
from concept_linker.knowledge_base.readers.opening import lines
from concept_linker.quarantine import Quarantine

__all__ = ["Model", "check_pairs", "parse_mentions", "read_documents"]

_M = TypeVar("_M", bound=BaseModel)


class Model(BaseModel):
    """Base of the models of corpora: types are strict, other keys are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


def read_documents(
    path: Path,
    model: type[_M],
    convert: Callable[[_M, int, Reject], GoldDocument],
    quarantine: Quarantine,
) -> Iterator[GoldDocument]:
    """Yields a document for each line.

    Args:
        path: a plain or gzip file.
        model: the model of a line.
        convert: returns the document of a validated line; it also takes the line's number, and a
            function that rejects bad mentions.
        quarantine: takes lines that do not fit the model.

    Raises:
        SourceError: the file cannot be read, or the quarantine stops at a bad row.
    """
    reject = make_reject(quarantine, path)
    for number, line in lines(path, quarantine):
        if not line.strip():
            continue
        made: list[GoldDocument] = []
        with RowGuard(reject, number, line):
            made.append(convert(model.model_validate_json(line), number, reject))
        yield from made


def parse_mentions(
    values: Sequence[Any],
    model: type[_M],
    convert: Callable[[_M], RawMention],
    reject: Reject,
    line: int | None,
    key: str = "mentions",
) -> list[RawMention]:
    """Returns the mentions of one document; each bad one is rejected alone.

    Args:
        values: the mentions as JSON values.
        model: the model of a mention.
        convert: returns the raw mention of a validated value.
        reject: called for each bad mention.
        line: the line of the document.
        key: the key that holds the mentions, for messages.
    """
    made: list[RawMention] = []
    for number, value in enumerate(values):
        place = f"{key}.{number}"
        with RowGuard(reject, line, value, place):
            mention = convert(model.model_validate(value))
            made.append(mention._replace(line=line, place=place, row=value))
    return made


def check_pairs(spans: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Returns spans as (start, end) pairs.

    Raises:
        BadRowError: a span does not have two numbers.
    """
    if any(len(span) != 2 for span in spans):
        raise BadRowError(f"spans is {spans}, expected [[start, end], …]")
    return [(start, end) for start, end in spans]
