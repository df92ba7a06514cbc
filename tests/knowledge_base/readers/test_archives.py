"""A flipped bit in a packed vocabulary is reported, or changes nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import Quarantine, SourceTables

FLIPS = 250
NAMES = ["lesion", "hippocampus", "pleural effusion", "heart attack", "liver cirrhosis"] * 12
FILES = {
    "META/MRCONSO.RRF": "".join(
        f"C{n:07}|ENG|P|L{n}|PF|S{n}|Y|A{n}||||MSH|MH|D{n}|{name} {n}|0|N||\n"
        for n, name in enumerate(NAMES, 1)
    ),
    "META/MRSTY.RRF": "".join(f"C{n:07}|T047|B2|Disease|AT{n}||\n" for n in range(1, 61)),
    "META/MRDEF.RRF": "C0000001|A1|AT1||MSH|something seen|N||\n",
    "META/README": "not read\n",
}
OBO = "".join(
    f'[Term]\nid: A:{n}\nname: {name} {n}\nsynonym: "{name[::-1]} {n}" EXACT []\n'
    for n, name in enumerate(NAMES, 1)
)


def tar(mode: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]
        for name, text in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return target.getvalue()


def zipped(files: dict[str, bytes], method: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def plain() -> dict[str, bytes]:
    return {name: text.encode() for name, text in FILES.items()}


def halves() -> dict[str, bytes]:
    """Packs a release like NLM does: several archives in one, each with some of the files."""
    one = {name: data for name, data in plain().items() if "MRSTY" not in name}
    other = {name: data for name, data in plain().items() if "MRSTY" in name}
    return {
        "2023aa-1-meta.nlm": zipped(one, zipfile.ZIP_DEFLATED),
        "2023aa-2-meta.nlm": zipped(other, zipfile.ZIP_DEFLATED),
    }


PACKED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "umls.tar.gz": ("rrf", lambda: tar("w:gz")),
    "umls.tar.bz2": ("rrf", lambda: tar("w:bz2")),
    "umls.tar.xz": ("rrf", lambda: tar("w:xz")),
    "umls.zip": ("rrf", lambda: zipped(plain(), zipfile.ZIP_DEFLATED)),
    "stored.zip": ("rrf", lambda: zipped(plain(), zipfile.ZIP_STORED)),
    "full.zip": ("rrf", lambda: zipped(halves(), zipfile.ZIP_DEFLATED)),
    "a.obo.gz": ("obo", lambda: gzip.compress(OBO.encode())),
    "in two members.obo.gz": (
        "obo",
        lambda: gzip.compress(OBO[:700].encode()) + gzip.compress(OBO[700:].encode()),
    ),
}


def content(tables: SourceTables) -> list[object]:
    parts = (tables.names, tables.types, tables.same_as, tables.definitions)
    return [part.to_pylist() for part in parts]


def is_reported(format: str, path: Path, correct: list[object], quarantine: Path) -> bool:
    """Returns whether damage was reported; bad rows are skipped, or they might hide it."""
    bad = Quarantine(quarantine)
    try:
        tables = read_source(format, path, {}, bad)
    except SourceError:
        return True
    assert bad.count or content(tables) == correct
    return bad.count > 0


@pytest.mark.parametrize("name", PACKED)
def test_one_flipped_bit(tmp_path: Path, name: str) -> None:
    format, make = PACKED[name]
    data, path = make(), tmp_path / name
    path.write_bytes(data)
    correct = content(read_source(format, path))
    assert len(correct[0]) >= 60  # type: ignore[arg-type]
    draw = random.Random(name)
    reported = 0
    for bit in draw.sample(range(8 * len(data)), FLIPS):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        path.write_bytes(flipped)
        reported += is_reported(format, path, correct, tmp_path / "bad.jsonl")
    assert reported > FLIPS / 4


@pytest.mark.parametrize("name", PACKED)
def test_cut_anywhere(tmp_path: Path, name: str) -> None:
    format, make = PACKED[name]
    data, path = make(), tmp_path / name
    path.write_bytes(data)
    correct = content(read_source(format, path))
    for end in random.Random(name).sample(range(len(data)), 60):
        path.write_bytes(data[:end])
        assert is_reported(format, path, correct, tmp_path / "bad.jsonl"), end


def test_a_damaged_header_in_a_tar_is_reported(tmp_path: Path) -> None:
    data, path = tar("w"), tmp_path / "umls.tar"
    path.write_bytes(data)
    correct = content(read_source("rrf", path))
    with tarfile.open(path) as archive:
        headers = [entry.offset for entry in archive]
    draw = random.Random(5)
    for header in headers:
        for _ in range(40):
            flipped = bytearray(data)
            flipped[header + draw.randrange(500)] ^= 1 << draw.randrange(8)
            path.write_bytes(flipped)
            is_reported("rrf", path, correct, tmp_path / "bad.jsonl")


@pytest.mark.parametrize(("unpack", "what"), [(bz2.compress, "bzip2"), (lzma.compress, "xz")])
def test_other_compression(tmp_path: Path, unpack: Callable[[bytes], bytes], what: str) -> None:
    path = tmp_path / "a.obo"
    path.write_bytes(unpack(OBO.encode()))
    with pytest.raises(SourceError, match=f"is an? {what} file, expected text"):
        read_source("obo", path)


def test_named_gz_but_not_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.obo.gz"
    path.write_text(OBO)
    with pytest.raises(SourceError, match=r"is named .gz but is damaged or not a gzip"):
        read_source("obo", path)
