"""Damage to an archive is detected, or does not change what is read from it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from cloud_server import jats
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sources import archive, read

from concept_linker.pmc import sources, tar_stream
from concept_linker.pmc.extraction import ExtractionSummary, Pair, extract

slow = pytest.mark.skipif(not os.environ.get("CONCEPT_LINKER_SLOW"), reason="takes a minute")
ARTICLES = {
    f"{folder}/PMC{n}.xml": jats(f"PMC{n}", caption=f"Case {n}, {os.urandom(40).hex()}")
    for n in range(6)
    for folder in ("a", "b" * 120)
}


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=150),
            st.binary(max_size=1500),
            st.sampled_from(
                [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE,
                 tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
            ),
        ),
        max_size=6,
    ),
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)  # fmt: skip
@settings(max_examples=200)
def test_archives_are_read_as_tarfile_reads_them(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, bytes, bytes]], form: int
) -> None:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=form, pax_headers={"a": "b"} if members else {}
    ) as made:
        for number, (name, data, kind) in enumerate(members):
            info = tarfile.TarInfo(f"{name}{number}.xml")
            info.type, info.linkname = kind, name
            info.size = len(data) if info.isreg() else 0
            try:
                made.addfile(info, io.BytesIO(data))
            except ValueError:  # the old format takes no such name
                continue
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    path.write_bytes(stream.getvalue())
    with tarfile.open(path) as there:
        correct = [
            (f"x.tar!{one.name}", content.read())
            for one in there
            if one.isreg() and (content := there.extractfile(one))
        ]
    found, rejected = read(path)
    # What looks like something else, or is packed, is another test's.
    for name, data in correct:
        assert found.get(name, data) == data
        assert name in found or name in rejected
    assert found.keys() <= {name for name, _ in correct}


PACKED: dict[str, Callable[[], bytes]] = {
    "x.tar.gz": lambda: archive(ARTICLES, "gz"),
    "x.tar.xz": lambda: archive(ARTICLES, "xz"),
    "x.tar.bz2": lambda: archive(ARTICLES, "bz2"),
    "PMC1.xml.gz": lambda: gzip.compress(jats("PMC1"), mtime=0),
    "PMC1.xml": lambda: gzip.compress(jats("PMC1"), mtime=0),
    "PMC2.xml.xz": lambda: lzma.compress(jats("PMC2")),
    "PMC3.xml.bz2": lambda: bz2.compress(jats("PMC3")),
}


def figures(path: Path) -> tuple[list[Pair], int]:
    """The articles read from an archive, and the number of rejected files."""
    reported: list[str] = []
    pairs = list(extract([path], ExtractionSummary(), lambda name, reason: reported.append(reason)))
    return pairs, len(reported)


def flips(path: Path, data: bytes, places: list[int]) -> None:
    """Each flipped bit is detected, or the articles are equal."""
    path.write_bytes(data)
    whole, reported = figures(path)
    assert whole
    assert not reported
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        found, reported = figures(path)
        assert reported or found == whole, f"bit {place}"


@pytest.mark.parametrize("name", PACKED)
def test_a_flipped_bit_is_detected(tmp_path: Path, name: str) -> None:
    data = PACKED[name]()
    flips(tmp_path / name, data, random.Random(name).sample(range(8 * len(data)), 40))


@slow
@pytest.mark.slow
@pytest.mark.parametrize("name", PACKED)
def test_500_flipped_bits_are_detected(tmp_path: Path, name: str) -> None:
    data = PACKED[name]()
    flips(tmp_path / name, data, random.Random(name).sample(range(8 * len(data)), 500))


def test_a_flipped_bit_in_a_header_is_detected(tmp_path: Path) -> None:
    """A plain archive has checksums of its headers only."""
    data = archive({f"{n}.xml": jats(f"PMC{n}") for n in range(4)})
    with tarfile.open(fileobj=io.BytesIO(data)) as made:
        headers = [one.offset for one in made]
    end = len(data.rstrip(b"\0"))
    places = [8 * start + bit for start in headers for bit in range(8 * 512)]
    places += range(8 * (end + 512), 8 * len(data))  # the end mark too
    flips(tmp_path / "x.tar", data, random.Random(1).sample(places, 300))


def test_a_wrong_checksum_is_reported(tmp_path: Path) -> None:
    data = bytearray(archive(ARTICLES, "gz"))
    data[-8] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(data)
    found, rejected = read(tmp_path)
    assert found.keys() == {f"x.tar.gz!{name}" for name in ARTICLES}
    assert "CRC check failed" in rejected["x.tar.gz"]
    assert rejected["x.tar.gz"].endswith("the part before may be damaged too")


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def blocks(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 512)


GOOD = header("good.xml", 10) + blocks(b"<article/>") + bytes(1024)
PAX = b"30 size=100000000000000000000\n", b"29 size=10000000000000000000\n", b"14 size=-1024\n"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("before", "good"),
    [
        (header("x", 2 << 30, b"x"), False),
        (header("x", 1 << 20, b"x") + b"1" * (1 << 20), False),
        (header("x", 10, b"L") + blocks(b"abcdefghi\0"), False),  # the good one's name is another
        ((header("x", 10, b"x") + blocks(b"10 path=a\n")) * 5000 + header("a", 0), True),
        ((header("x", 10, b"L") + blocks(b"abcdefghi\0")) * 5000 + header("a", 0), True),
        (header("a.bin", 1 << 62), False),
        *((header("x", len(pax), b"x") + blocks(pax) + header("b", 3), False) for pax in PAX),
        (header("x", 9, b"x") + blocks(b"9 path==\n") + header("a", 0), True),
        (header("x", 9, b"x") + blocks(b"8 path=a\n"), False),
        (header("x", 4, b"g") + blocks(b"3 a\n"), True),
        (header("a", 0).replace(b"ustar", b"USTAR"), False),
    ],
    ids=range(13),
)
def test_sizes_in_headers_allocate_nothing(tmp_path: Path, before: bytes, good: bool) -> None:
    (tmp_path / "x.tar").write_bytes(before + GOOD)
    tracemalloc.start()
    try:
        found, rejected = read(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert (found == {"x.tar!good.xml": b"<article/>"}) is good
    assert good is not bool(rejected)
    assert all("\n" not in reason and len(reason) < 250 for reason in rejected.values())


@pytest.mark.parametrize("name", ["x.tar.bz2", "x.xml"])
def test_archives_that_unpack_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tar_stream, "_LARGE", 1 << 24)
    monkeypatch.setattr(sources, "MAX_BYTES", 1 << 24)
    begin = header("a.bin", 2 << 30) if name == "x.tar.bz2" else b"<article>"
    (tmp_path / name).write_bytes(bz2.compress(begin + bytes(20 << 20)))
    found, rejected = read(tmp_path)
    assert not found
    [reason] = rejected.values()
    expected = (
        "the archive unpacks to more than 1,000 times"
        if name == "x.tar.bz2"
        else "more than 16,777,216"
    )
    assert expected in reason


@pytest.mark.parametrize(
    ("data", "description"),
    [
        (b"PK\x03\x04...", "a zip archive; unpack it first"),
        (b"%PDF-1.7", "a PDF"),
        (b'  {"a": 1}', "JSON"),
        (gzip.compress(gzip.compress(b"<article/>")), "a file compressed twice"),
    ],
)
def test_other_content_is_named(tmp_path: Path, data: bytes, description: str) -> None:
    (tmp_path / "a.xml").write_bytes(data)
    (tmp_path / "b.tar").write_bytes(archive({"c.xml": data, "d.xml": b"<article/>"}))
    found, rejected = read(tmp_path)
    assert list(found) == ["b.tar!d.xml"]
    assert list(rejected) == ["a.xml", "b.tar!c.xml"]
    assert all(f"looks like {description}" in reason for reason in rejected.values())


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)  # type: ignore[no-any-return]


@pytest.mark.parametrize("packer", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_compression_is_detected_by_content(
    tmp_path: Path, packer: Callable[[bytes], bytes]
) -> None:
    """Of articles, archives, and articles in archives, whatever their names."""
    (tmp_path / "a.xml").write_bytes(packer(b"<article/>"))
    (tmp_path / "b.nxml.gz").write_bytes(packer(b"<article/>"))
    (tmp_path / "c.tar").write_bytes(packer(archive({"d.xml": packer(b"<article/>")})))
    (tmp_path / "e.xml").write_bytes(packer(archive({"f.xml.gz": b"<article/>"})))
    found, rejected = read(tmp_path)
    names = ["a.xml", "b.nxml.gz", "c.tar!d.xml", "e.xml!f.xml.gz"]
    assert found == dict.fromkeys(names, b"<article/>")
    assert not rejected


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_pipes_are_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    (tmp_path / "b.xml").write_bytes(b"<article/>")
    found, rejected = read(tmp_path)
    assert list(found) == ["b.xml"]
    assert list(rejected) == ["a.xml"]


def test_an_archive_without_any_article(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(archive({"a.txt": b"a"}))
    found, rejected = read(tmp_path / "x.tar")
    assert not found
    assert rejected["x.tar"].startswith("no JATS in this archive, expected JATS")
