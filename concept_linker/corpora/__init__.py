"""Readers of gold corpora: one module and one line of :data:`FORMATS` for each format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from concept_linker.corpora.gold import GoldCorpus, GoldDocument
from concept_linker.corpora.sniffing import Head, read_heads
from concept_linker.errors import SourceError
from concept_linker.input_files import find_files, is_pattern
from concept_linker.quarantine import Quarantine
from concept_linker.runtime.registry import Entry, find_entry, list_names, load

__all__ = ["FORMATS", "Format", "detect_format", "read_corpus"]


@dataclass(frozen=True, slots=True)
class Format(Entry):
    """A format of gold corpora.

    Args:
        code: its reader, ``read(path, quarantine) -> tuple[GoldDocument, ...]``.
        description: one line for help texts and documentation.
        detect: whether a file is in the format, ``detect(head) -> bool``.
        folders: whether the reader takes a folder as a whole; else it gets each file of a folder.
    """

    detect: str
    folders: bool = False


#: The formats by name. The first one that detects a file reads it.
FORMATS: Mapping[str, Format] = {
    "brat": Format(
        "concept_linker.corpora.brat:read",
        "BRAT standoff: a folder of `.txt` and `.ann` files, or one `.ann` file",
        "concept_linker.corpora.brat:detect",
        folders=True,
    ),
    "bioc_xml": Format(
        "concept_linker.corpora.bioc_xml:read",
        "BioC as XML",
        "concept_linker.corpora.bioc_xml:detect",
    ),
    "bioc_json": Format(
        "concept_linker.corpora.bioc_json:read",
        "BioC as JSON: a collection, a document, or one document a line",
        "concept_linker.corpora.bioc_json:detect",
    ),
    "craft": Format(
        "concept_linker.corpora.craft:read",
        "figure captions of CRAFT as JSON Lines",
        "concept_linker.corpora.craft:detect",
    ),
    "medmentions": Format(
        "concept_linker.corpora.medmentions:read",
        "MedMentions as JSON Lines: whole documents, or tokenised sentences",
        "concept_linker.corpora.medmentions:detect",
    ),
    "jsonl": Format(
        "concept_linker.corpora.jsonl:read",
        "this library's own JSON Lines: one document a line",
        "concept_linker.corpora.jsonl:detect",
    ),
    "pubtator": Format(
        "concept_linker.corpora.pubtator:read",
        "PubTator: title, abstract, and one mention a line",
        "concept_linker.corpora.pubtator:detect",
    ),
}


def read_corpus(
    path: str | PathLike[str],
    format: str | None = None,
    *,
    quarantine: Quarantine | None = None,
) -> GoldCorpus:
    """Reads a gold corpus.

    Args:
        path: a file (plain or gzip), a folder of files, or a pattern such as ``dev-*.jsonl``.
        format: one of :data:`FORMATS`; by default it is detected from the content.
        quarantine: takes bad mentions, lines and documents, and reading continues; by default the
            first of them is an error.

    Raises:
        InputError: no file matches the pattern.
        SettingsError: the format is unknown.
        SourceError: the corpus cannot be read, or has no documents.
    """
    path = Path(path)
    if format is not None:
        find_entry(FORMATS, format, "corpus format")
    places = find_files([path], ("",)) if is_pattern(path) else [path]
    if not places[0].exists():
        raise SourceError(path, "no such file or folder")
    quarantine = quarantine or Quarantine()
    before = quarantine.count
    documents = tuple(
        document for place in places for document in _read_place(place, format, quarantine)
    )
    bad = quarantine.count - before
    if not documents:
        rows = f" ({bad:,} bad rows)" if bad else ""
        raise SourceError(path, f"contains no documents{rows}, expected at least one")
    # With the folder's name, because many corpora name their files train and dev.
    name = "/".join((path.resolve().parent.name, path.name.partition(".")[0]))
    return GoldCorpus(name, documents, bad)


def detect_format(path: Path) -> str:
    """Returns the name of the format that a file, or a folder as a whole, is in.

    Raises:
        SourceError: no format fits, or the file is empty.
    """
    for head in read_heads(path):
        for name, format in FORMATS.items():
            detect: Callable[[Head], bool] = load(format.detect)
            if detect(head):
                return name
    raise SourceError(path, f"no corpus format fits, expected {list_names(FORMATS)}")


def _read_place(place: Path, format: str | None, quarantine: Quarantine) -> Iterator[GoldDocument]:
    """Yields the documents of a file, or of the files of a folder."""
    if not place.is_dir() or _is_one_corpus(place, format):
        yield from _read(place, format, quarantine)
        return
    files = (file for file in place.rglob("*") if file.is_file() and file.name[0] != ".")
    for file in sorted(files):
        if file.name.endswith(".quarantine.jsonl"):
            continue
        try:
            yield from _read(file, format, quarantine)
        except SourceError as error:
            if quarantine.stops:
                raise
            quarantine.bad(error.path, error.line, error.problem)


def _is_one_corpus(folder: Path, format: str | None) -> bool:
    """Whether a format reads the folder as a whole."""
    if format is not None:
        return FORMATS[format].folders
    return any(one.folders and load(one.detect)(Head(folder)) for one in FORMATS.values())


def _read(path: Path, format: str | None, quarantine: Quarantine) -> tuple[GoldDocument, ...]:
    read: Callable[[Path, Quarantine], tuple[GoldDocument, ...]]
    read = FORMATS[format or detect_format(path)].load()
    return read(path, quarantine)
