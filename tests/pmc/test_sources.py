"""Folders, archives and files of articles, including damaged and hostile ones."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from cloud_server import jats

from concept_linker.errors import InputError
from concept_linker.pmc import sources
from concept_linker.pmc.sources import check_sources, read_sources


def archive(members: dict[str, bytes], packing: str = "") -> bytes:
    stream = io.BytesIO()
    mode = "" if packing == "zst" else packing
    with tarfile.open(fileobj=stream, mode=f"w:{mode}") as made:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    data = stream.getvalue()
    return pa.compress(data, codec="zstd", asbytes=True) if packing == "zst" else data


def read(*paths: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    rejected: dict[str, str] = {}
    return dict(read_sources(paths, rejected.__setitem__)), rejected


MEMBERS = {"a/PMC1.xml": b"one", "a/PMC2.nxml": b"two", "readme.txt": b"no", "x.jpg": b"no"}


@pytest.mark.parametrize("packing", ["", "gz", "xz", "bz2", "zst"])
def test_archives(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"x.tar{'.' if packing else ''}{packing}"
    path.write_bytes(archive(MEMBERS, packing))
    found, rejected = read(path)
    assert found == {f"{path.name}!a/PMC1.xml": b"one", f"{path.name}!a/PMC2.nxml": b"two"}
    assert rejected == {}


def test_a_folder(tmp_path: Path) -> None:
    for name in ("b/2.xml", "b/c/3.nxml", "a.xml", ".hidden.xml", "b/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "z.tar").write_bytes(archive({"4.xml": b"four"}))
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    found, rejected = read(tmp_path)
    names = [name.replace(os.sep, "/") for name in found]
    assert names == ["a.xml", "b/2.xml", "b/c/3.nxml", "z.tar!4.xml"]
    assert rejected == {}


@pytest.mark.parametrize("packing", ["", "gz", "xz", "zst"])
def test_a_cut_archive_is_read_up_to_the_cut(tmp_path: Path, packing: str) -> None:
    members = {f"{n}.xml": b"<" + os.urandom(20_000) for n in range(20)}
    data = archive(members, packing)
    torn, after = tmp_path / f"a.tar.{packing or 'x'}", tmp_path / "b.xml"
    torn = torn.with_name(f"a.tar{'.' if packing else ''}{packing}")
    torn.write_bytes(data[: len(data) // 2])
    after.write_bytes(b"after")
    found, rejected = read(torn, after)
    assert list(rejected) == [torn.name]
    assert "the rest of the archive cannot be read" in rejected[torn.name]
    assert found.pop("b.xml") == b"after"
    assert len(found) >= 5 or packing == "xz"  # which packs them as one block
    for name, content in found.items():
        assert content == members[name.partition("!")[2]]


@pytest.mark.parametrize(
    "data", [b"", b"no archive" * 100, b"\x28\xb5\x2f\xfd....", lzma.compress(b"x")]
)
def test_other_files_are_not_archives(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    found, rejected = read(tmp_path)
    assert found == {}
    assert list(rejected) == ["x.tar"]


def test_an_archive_cannot_write_or_lead_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_bytes(b"secret")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as made:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo("link.xml")
            link.type, link.linkname = kind, str(secret)
            made.addfile(link)
        for name in ("../../evil.xml", "/evil.xml", "fifo.xml"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.FIFOTYPE if name == "fifo.xml" else tarfile.REGTYPE
            made.addfile(info)
    path = tmp_path / "in" / "x.tar"
    path.parent.mkdir()
    path.write_bytes(stream.getvalue())
    before = sorted(tmp_path.rglob("*"))
    found, rejected = read(path)
    assert found == {"x.tar!../../evil.xml": b"", "x.tar!/evil.xml": b""}
    assert rejected == {}
    assert sorted(tmp_path.rglob("*")) == before


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 100)
    (tmp_path / "a.xml").write_bytes(b"x" * 101)
    (tmp_path / "b.tar").write_bytes(archive({"c.xml": b"x" * 101, "d.xml": b"x" * 100}))
    found, rejected = read(tmp_path)
    assert list(found) == ["b.tar!d.xml"]
    assert list(rejected) == ["a.xml", "b.tar!c.xml"]


def test_no_such_source(tmp_path: Path) -> None:
    (tmp_path / "a.xml").touch()
    (tmp_path / "empty").mkdir()
    check_sources([tmp_path, tmp_path / "a.xml"])
    with pytest.raises(InputError, match="no such file or folder"):
        check_sources([tmp_path, tmp_path / "none"])
    with pytest.raises(InputError, match="empty: no JATS in this folder"):
        check_sources([tmp_path, tmp_path / "empty"])


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Of an archive of many articles, one at a time is in memory."""
    import tracemalloc

    path = tmp_path / "x.tar"
    article = jats("PMC1")
    path.write_bytes(archive({f"{n:05}.xml": article for n in range(4000)}))
    held = []
    tracemalloc.start()
    try:
        for number, _ in enumerate(read_sources([path], lambda *_: None)):
            if number in (1000, 3999):
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[1] - held[0] < 100_000
