"""Reading gold corpora: one module a format, chosen by what the file holds.

============  =====================================================================================
pubtator      PubTator: ``id|t|title``, ``id|a|abstract``, one mention a line
bioc_xml      BioC as XML
bioc_json     BioC as JSON: a collection, a document, or one document a line
brat          BRAT standoff: a folder of ``.txt`` and ``.ann``, or one ``.ann``
medmentions   MedMentions as JSON Lines, whole documents or tokenised sentences
craft         figure captions of CRAFT as JSON Lines
jsonl         this library's own form: one object a line, such as
              ``{"id": "1", "text": "A lesion.", "mentions": [{"start": 2, "end": 8,
              "ids": ["C0221198"], "label": "DISO"}]}``
============  =====================================================================================

All but BRAT may be gzip files, and folders of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path

from concept_linker.corpora.gold import GoldCorpus, GoldDocument
from concept_linker.errors import SettingsError, SourceError
from concept_linker.input_files import find_files, is_pattern
from concept_linker.quarantine import Quarantine

__all__ = ["FORMATS", "corpus_format", "read_corpus"]

#: The formats' names; each is a module of this package with ``read(path, quarantine)``.
FORMATS = ("pubtator", "bioc_xml", "bioc_json", "brat", "medmentions", "craft", "jsonl")

_PUBTATOR = re.compile(r"^[^|\s]+\|[a-z]\|", re.IGNORECASE | re.MULTILINE)
#: A key that an object has → the format it is of; the first that fits decides.
_KEYS = {
    "documents": "bioc_json",
    "PubTator3": "bioc_json",
    "passages": "bioc_json",
    "caption": "craft",
    "pmid": "medmentions",
    "mentions": "jsonl",
}


def read_corpus(
    path: str | PathLike[str],
    format: str | None = None,
    *,
    quarantine: Quarantine | None = None,
) -> GoldCorpus:
    """Reads a gold corpus.

    Args:
        path: the file, the folder of files, or a pattern such as ``dev-*.jsonl``.
        format: one of :data:`FORMATS`; ``None`` goes by what the file holds.
        quarantine: takes the mentions, lines and documents that are bad, so that they cost no
            others; by default the first of them is an error.

    Raises:
        InputError: no file fits the pattern.
        SettingsError: there is no such format.
        SourceError: the corpus cannot be read as what it should be; with the line.
    """
    path = Path(path)
    if format is not None and format not in FORMATS:
        raise SettingsError(f"no corpus format {format!r}, wanted one of {', '.join(FORMATS)}")
    places = find_files([path], ("",)) if is_pattern(path) else [path]
    if not places[0].exists():
        raise SourceError(path, "no such file or folder")
    quarantine = quarantine or Quarantine()
    before = quarantine.count
    documents = tuple(one for place in places for one in _documents(place, format, quarantine))
    bad = quarantine.count - before
    if not documents:
        left = f" but {bad:,} bad ones" if bad else ""
        raise SourceError(path, f"holds no documents{left}, wanted one or more")
    # The folder too: many corpora call their files train and dev.
    name = "/".join((path.resolve().parent.name, path.name.partition(".")[0]))
    return GoldCorpus(name, documents, bad)


def _documents(path: Path, format: str | None, quarantine: Quarantine) -> Iterator[GoldDocument]:
    if not path.is_dir() or format == "brat" or any(path.rglob("*.ann")):
        yield from _read(path, format, quarantine)
        return
    files = (file for file in path.rglob("*") if file.is_file() and file.name[0] != ".")
    for file in sorted(files):
        if file.name.endswith(".quarantine.jsonl"):
            continue
        try:
            yield from _read(file, format, quarantine)
        except SourceError as error:
            if quarantine.stops:
                raise
            quarantine.bad(error.path, error.line, error.problem)


def _read(path: Path, format: str | None, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    module = import_module(f"{__name__}.{format or corpus_format(path)}")
    read: Callable[[Path, Quarantine], tuple[GoldDocument, ...]] = module.read
    return read(path, quarantine)


def corpus_format(path: Path) -> str:
    """The name of the format that a file is in; a folder of BRAT files is ``brat``.

    Raises:
        SourceError: none of them.
    """
    if path.is_dir() or path.suffix == ".ann":
        return "brat"
    from concept_linker.knowledge_base.readers.opening import chunks

    head = b""
    for piece in chunks(path):
        head += piece
        if len(head) > 1 << 20:
            break
    start = head.decode("utf-8", "replace").lstrip()
    if not start:
        raise SourceError(path, "is empty, wanted a gold corpus")
    if start.startswith("<"):
        return "bioc_xml"
    if start.startswith(("{", "[")):
        for keys in (_keys_of_first(start), set(re.findall(r'"(\w+)"\s*:', start))):
            for key, format in _KEYS.items():
                if key in keys:
                    return format
    if _PUBTATOR.search(start):
        return "pubtator"
    raise SourceError(path, f"no corpus format fits, wanted one of {', '.join(FORMATS)}")


def _keys_of_first(start: str) -> set[str]:
    """The keys of the first line's object; none where that is laid out over lines, or bad."""
    try:
        first = json.loads(start.partition("\n")[0])
    except (ValueError, RecursionError):
        return set()
    return set(first) if isinstance(first, Mapping) else set()
