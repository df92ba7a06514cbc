"""A damaged base is reported in one line that says what to do."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_bases import HEAD, names_of, one_line, source

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.checksum import page_sums


def damaged(folder: Path, *, expected: str) -> None:
    """Opening a base fails with one line that says what to do."""
    with pytest.raises(KnowledgeBaseError, match=expected) as caught:
        KnowledgeBase.open(folder)
    message = one_line(caught)
    assert str(folder) in message
    assert re.search("expected|build the base again", message)


def test_missing(tmp_path: Path) -> None:
    damaged(tmp_path / "absent", expected="no such knowledge base")
    (tmp_path / "file").write_text("")
    damaged(tmp_path / "file", expected="no such knowledge base")
    damaged(
        tmp_path, expected="not a knowledge base, expected 'default' or a folder with manifest.json"
    )
    damaged(
        Path("/"),
        expected="not a knowledge base, expected 'default' or a folder with manifest.json",
    )


@pytest.mark.parametrize("name", ["names_bytes", "definitions_bytes", "postings"])
@pytest.mark.parametrize("kept", [-1, 64, 0])
def test_truncated(base: Path, name: str, kept: int) -> None:
    path = base / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:kept])
    damaged(base, expected=f"{name}.npy: .* bytes, expected .*; it is damaged; build")


def test_a_file_that_has_grown(base: Path) -> None:
    with (base / "names_bytes.npy").open("ab") as stream:
        stream.write(b"x")
    damaged(base, expected="it is damaged; build")


def test_each_file_missing(base: Path) -> None:
    paths = sorted(base.glob("*.npy"))
    assert {path.stem for path in paths} >= set(store.REQUIRED)
    for path in paths:
        data = path.read_bytes()
        path.unlink()
        damaged(base, expected=f"{path.name}: missing; build")
        path.write_bytes(data)
    assert names_of(base)[0] == "lesion"


def test_verify_finds_one_flipped_bit_in_any_file(base: Path) -> None:
    store.verify(base)
    draw = random.Random(1)
    for path in sorted(base.glob("*.npy")):
        data = path.read_bytes()
        flipped = bytearray(data)
        header = 128
        flipped[draw.randrange(header, len(data)) if len(data) > header else 9] ^= (
            1 << draw.randrange(8)
        )
        path.write_bytes(flipped)
        with pytest.raises(KnowledgeBaseError, match="build the base again") as caught:
            store.verify(base)
        assert path.name in one_line(caught)
        path.write_bytes(data)
    store.verify(base)


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header")
def test_every_flipped_bit_of_a_header(base: Path) -> None:
    """Opening fails properly, or else verification does."""
    path = base / "key_signatures.npy"
    data = path.read_bytes()
    refused = 0
    for bit in range(128 * 8):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        path.write_bytes(flipped)
        try:
            store.open_folder(base)
        except KnowledgeBaseError:
            refused += 1
        else:
            if not bit % 64:
                with pytest.raises(KnowledgeBaseError, match="SHA-256"):
                    store.verify(base)
    assert refused > 400


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.view(np.int8),
        lambda array: array[:-1],
        lambda array: array[:, None],
        lambda array: np.array([{}] * 2, object),
    ],
    ids=["dtype", "length", "shape", "pickle"],
)
@pytest.mark.parametrize("honest", [False, True], ids=["size differs", "size as listed"])
def test_another_type_or_shape(base: Path, change: Callable[[Any], Any], honest: bool) -> None:
    path = base / "names_bytes.npy"
    np.save(path, change(np.load(path)), allow_pickle=True)
    if honest:
        size = path.stat().st_size
        edit_manifest(base, lambda data: data["arrays"]["names_bytes"].update(size=size))
    damaged(base, expected=r"names_bytes.npy: .*; (it is damaged; )?build the base again")


def edit_manifest(base: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = base / store.MANIFEST
    data = json.loads(path.read_bytes())
    edit(data)
    path.write_text(json.dumps(store.sealed(data)))


@pytest.mark.parametrize(
    "version", [store.FORMAT + 1, store.FORMAT - 1, str(store.FORMAT), None, store.FORMAT + 0.5]
)
def test_another_format(base: Path, version: object) -> None:
    edit_manifest(base, lambda data: data.update(format=version))
    damaged(
        base,
        expected=re.escape(
            f"format is {version!r}, expected {store.FORMAT}; build the base again, or"
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"format": %d}' % store.FORMAT,
        b"[" * 100_000,
    ],
)
def test_a_manifest_that_is_not_one(base: Path, text: bytes) -> None:
    (base / store.MANIFEST).write_bytes(text)
    damaged(base, expected="build the base again")


def test_every_entry_of_the_manifest_is_needed(base: Path) -> None:
    path = base / store.MANIFEST
    text = path.read_bytes()
    data = json.loads(text)
    for entry in data.keys() - {"sha256"}:
        edit_manifest(base, lambda data, entry=entry: data.pop(entry))
        damaged(base, expected="build the base again")
        path.write_bytes(text)
    for name in store.REQUIRED:
        edit_manifest(base, lambda data, name=name: data["arrays"].pop(name))
        damaged(base, expected=f"lacks {name}; build the base again")
        path.write_bytes(text)
    edit_manifest(base, lambda data: data.update(more=1))
    damaged(base, expected="more: ")


def test_arrays_of_any_shape_come_back(tmp_path: Path) -> None:
    arrays = {name: np.zeros((0, 16), np.uint8) for name in store.REQUIRED}
    arrays |= {"names_bytes": np.arange(6, dtype=np.int32).reshape(2, 3), "more": np.array(7)}
    store.write(tmp_path / "kb", arrays, HEAD)
    manifest, found = store.open_folder(tmp_path / "kb")
    assert manifest.made_by == "a test"
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].size or not found[name].flags.writeable
    store.verify(tmp_path / "kb")


def test_every_flipped_bit_of_a_manifest(base: Path) -> None:
    """Opening fails, or the manifest has the same content."""
    path = base / store.MANIFEST
    text = path.read_bytes()
    said = store.open_folder(base)[0]
    draw = random.Random(2)
    refused = 0
    for bit in draw.sample(range(8 * len(text)), 300):
        flipped = bytearray(text)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        path.write_bytes(flipped)
        try:
            found = store.open_folder(base)[0]
        except KnowledgeBaseError:
            refused += 1
        else:
            assert found == said
    assert refused > 150


@pytest.mark.parametrize("small", [0, 1 << 20], ids=["when looked at", "when opened"])
def test_every_array_is_checked_before_use(
    base: Path, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concept_linker.knowledge_base.mapping.SMALL", small)
    draw = random.Random(3)
    for path in sorted(base.glob("*.npy")):
        data = path.read_bytes()
        if len(data) == 128:
            continue
        flipped = bytearray(data)
        flipped[draw.randrange(128, len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        expected = f"{path.name}: wrong checksum, it is damaged; build the base again"
        with pytest.raises(KnowledgeBaseError, match=expected) as caught:
            store.open_folder(base)[1][path.stem]
        one_line(caught)
        if not small:  # the others are as they were
            kb = KnowledgeBase.open(base)
            assert len(kb) == 3
            with pytest.raises(KnowledgeBaseError, match="damaged"):
                dict(kb.rows.arrays)
        path.write_bytes(data)


def test_damage_that_page_sums_detect() -> None:
    """Any bit; a lost, duplicate or moved page; missing or additional bytes."""
    draw = random.Random(4)
    for data in (draw.randbytes(3 * 4096 + 5), bytes(range(256)) * 40, b"\1" * 9000, b""):
        pages = [data[at : at + 4096] for at in range(0, len(data), 4096)]
        others = {data + b"\0", data[:-1], bytes(4096) + data[4096:], data[::-1]}
        others |= {b"".join(pages[1:] + pages[:1]), b"".join(pages[:1] * len(pages))}
        for _ in range(100 if data else 0):
            flipped = bytearray(data)
            flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            others.add(bytes(flipped))
        assert len(others) > 1
        for other in others - {data}:
            assert page_sums(other) != page_sums(data)


def test_replacing_an_open_base(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open base is checked against its own manifest, not that of the new base."""
    monkeypatch.setattr("concept_linker.knowledge_base.mapping.SMALL", 0)
    kb = KnowledgeBase.open(base)
    build_knowledge_base([source("another")], base, replace=True)
    assert [kb.concept(f"C000000{number}").name for number in (1, 2)] == ["lesion", "hippocampus"]
    assert names_of(base) == ["another"]


def test_a_damaged_default_base_says_which_folder_to_delete(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONCEPT_LINKER_CACHE", str(base.parent))
    base = base.rename(base.with_name("open-4-0123"))
    (base / "names_bytes.npy").write_bytes(b"")
    with pytest.raises(KnowledgeBaseError) as caught:
        KnowledgeBase.open(base)
    assert one_line(caught).endswith(f"; delete the folder {base}, it is rebuilt on next use")
