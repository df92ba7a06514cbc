"""Which column is what: the caption, the image, the record's other keys, and what goes along."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from concept_linker.annotating.inputs import InputFile
from concept_linker.annotating.raw import raw_rows
from concept_linker.annotating.reading import is_image
from concept_linker.errors import InputError, SourceError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.json_lines import Line, parse_line
from concept_linker.triplets.mention_columns import MENTIONS
from concept_linker.triplets.parquet_files import IMAGE_BYTES, open_parquet
from concept_linker.triplets.record import OTHER_KEYS, PROVENANCE, RECORD_KEYS, SPAN_DETAILS

__all__ = ["OTHER_KEYS", "Columns", "survey"]

_CAPTIONS: Final = ("caption", "text", "fig_caption", "description")
_IMAGES: Final = ("image", "image_path", "file_name")
_PEEKED: Final = 1000
_PEEKED_IN_ALL: Final = 10_000


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of an input are.

    Args:
        caption: the caption's.
        image: that of the image's path; empty where there are no images.
        others: those that go along into Parquet, in order; none where they shall not.
        more: whether rows may have keys that are none of these.
        keep: whether others go along at all.
        provenance: whether rows say where they come from.
        taken: the names that the output has for itself.
    """

    caption: str
    image: str
    others: pa.Schema
    more: bool
    keep: bool
    provenance: bool
    taken: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "caption": self.caption,
            "image": self.image,
            "others": {field.name: str(field.type) for field in self.others},
        }


@dataclass(slots=True)
class _Seen:
    """What is seen of one file: its columns, and of Parquet their types."""

    file: InputFile
    names: list[str]
    types: pa.Schema | None
    values: dict[str, list[Any]]


def survey(
    files: Sequence[InputFile],
    *,
    caption: str | None = None,
    image: str | None = None,
    images: bool = True,
    keep: bool = True,
    json_lines: bool = False,
    mentions: bool = False,
) -> Columns:
    """Looks at the head of every file.

    Args:
        files: the input.
        caption: the caption's column; else ``caption``, ``text``, ``fig_caption``,
            ``description``, or the only column of text.
        image: the image's column; else ``image``, ``image_path`` or ``file_name``.
        images: whether rows have images at all.
        keep: whether other columns go along.
        json_lines: whether they must be such as JSON has.
        mentions: whether the output has a column of all mentions.

    Raises:
        InputError: a column is missing, cannot go along, or is of two types.
        SourceError: a file cannot be read as what it should be.
        OSError: a file cannot be read.
    """
    left = _PEEKED_IN_ALL
    seen = []
    for file in files:
        one = _look(file, min(_PEEKED, left))
        left -= max(map(len, one.values.values()), default=0)
        if one.names:
            seen.append(one)
    caption = _column(seen, caption, _CAPTIONS, "caption")
    image = _column(seen, image, _IMAGES, "image") if images else ""
    own = {*RECORD_KEYS, PROVENANCE, SPAN_DETAILS, caption, image}
    more = keep and any(one.types is None for one in seen)
    taken = (IMAGE_BYTES, *[OTHER_KEYS] * more, *[MENTIONS] * mentions)
    others = _others(seen, own, taken, json_lines) if keep else pa.schema([])
    return Columns(
        caption=caption,
        image=image,
        others=others,
        more=more,
        keep=keep,
        provenance=any(one.file.provenance_sha256 or PROVENANCE in one.names for one in seen),
        taken=taken,
    )


def _look(file: InputFile, rows: int) -> _Seen:
    if file.kind == "parquet":
        with open_parquet(file.path) as opened:
            often, count = Counter(opened.schema_arrow.names).most_common(1)[0]
            if count > 1:
                raise SourceError(file.name, f"has two columns named {often!r}")
            types = pa.schema(
                [
                    field.with_type(pa.string()) if is_image(field) else field
                    for field in opened.schema_arrow
                ]
            )
        return _Seen(file, types.names, types, {})
    # At least one: a file shows its columns even when enough rows were seen.
    heads = list(itertools.islice(_heads(file), max(1, rows)))
    values: dict[str, list[Any]] = {}
    for row in heads:
        for key, value in row.items():
            values.setdefault(key, []).append(value)
    return _Seen(file, list(values), None, values)


def _heads(file: InputFile) -> Iterator[dict[str, Any]]:
    """The first good rows, out of the first so many at all."""
    alone = replace(file, provenance_sha256="")  # a side-car has as many rows as the whole file
    for raw in itertools.islice(raw_rows(alone), _PEEKED):
        value = None if raw.problem else parse_line(Line(raw.line), lenient=True)
        if isinstance(value, dict) and not isinstance(value, BadRow):
            yield value


def _column(seen: Sequence[_Seen], given: str | None, usual: Iterable[str], what: str) -> str:
    if given is None:
        for name in usual:
            if all(name in one.names for one in seen):
                return name
        if what == "caption" and len(texts := _texts(seen)) == 1:
            return texts.pop()
        some = next(one for one in seen if not any(name in one.names for name in usual))
        raise InputError(
            f"{some.file.name}: no column is called {', '.join(usual)}; it has "
            f"{_named(some.names)}; name the one of the {what} with --{what}{_hint(some, what)}"
        )
    for one in seen:
        if given not in one.names:
            raise InputError(
                f"{one.file.name}: has no column {given!r} for the {what}, but {_named(one.names)}"
            )
    return given


def _hint(seen: _Seen, what: str) -> str:
    hint = ", or say --no-images" if what == "image" else ""
    if seen.file.kind in ("csv", "tsv"):
        hint += "; the first line of a table names its columns"
    return hint


def _texts(seen: Sequence[_Seen]) -> set[str]:
    """The columns of text."""
    found: set[str] = set()
    for one in seen:
        if one.types is not None:
            found |= {f.name for f in one.types if f.type in (pa.string(), pa.large_string())}
        else:
            found |= {name for name in one.names if any(type(v) is str for v in one.values[name])}
    return found


def _named(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 40 else name[:40] + "…" for name in names[:20]]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _others(
    seen: Sequence[_Seen], own: set[str], taken: tuple[str, ...], json_lines: bool
) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    values: dict[str, list[Any]] = {}
    for one in seen:
        for field in one.types or ():
            if field.name in own:
                continue
            if field.name in taken:
                raise InputError(
                    f"{one.file.name}: has a column {field.name!r}, which the output has for itself"
                )
            first = types.setdefault(field.name, field.type)
            if first != field.type:
                raise InputError(
                    f"{one.file.name}: the column {field.name!r} is {field.type}, but {first} "
                    "elsewhere; wanted one type, or --no-other-columns"
                )
            if json_lines and not _in_json(field.type):
                raise InputError(
                    f"{one.file.name}: the column {field.name!r} is {field.type}, which JSON has "
                    "not; wanted --format parquet, or --no-other-columns"
                )
        for name, some in one.values.items():
            if name not in own and name not in taken:  # such rows are set aside
                values.setdefault(name, []).extend(some)
    for name, some in values.items():
        if name not in types and (kind := _type_of(some)) is not None:
            types[name] = kind
    return pa.schema([(name, types[name]) for name in types])


def _type_of(values: list[Any]) -> pa.DataType | None:
    """The type of a column of such values; none where they are of several, or objects."""
    if any(_has_object(value) for value in values):
        return None
    try:
        kind = pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return None
    return pa.string() if pa.types.is_null(kind) else kind


def _has_object(value: Any) -> bool:
    if type(value) is list:
        return any(type(item) in (dict, list) for item in value)
    return type(value) is dict


def _in_json(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _in_json(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_in_json(field.type) for field in kind)
    if pa.types.is_dictionary(kind):
        return _in_json(kind.value_type)
    tests = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)
