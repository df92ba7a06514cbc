"""``--verify`` finds indices that are out of range in a base with correct checksums."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_bases import HEAD, source

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.soundness import check_sound
from concept_linker.search import index as key_index


@pytest.fixture(scope="module", params=["few keys", "many keys"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with each kind of index."""
    folder = tmp_path_factory.mktemp("sound") / "kb"
    names = [f"lesion {number * 7919} of organ {number % 7}" for number in range(200)]
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "many keys":
            known = key_index.build
            patched.setattr(
                key_index, "build", lambda keys, offsets: known(keys, offsets, few_keys=0)
            )
        build_knowledge_base([source(*names)], folder)
    return folder


def check(folder: Path) -> None:
    manifest, arrays = store.open_folder(folder)
    check_sound(folder, manifest, arrays)


def test_every_build_is_sound(built: Path, tmp_path: Path) -> None:
    check(built)
    build_knowledge_base([source("one")], tmp_path / "kb")
    check(tmp_path / "kb")


def test_the_open_base_is_sound(open_base: KnowledgeBase) -> None:
    check_sound(open_base.path, open_base.info, open_base.rows.arrays)


def broken(array: NDArray[Any], draw: random.Random, how: str) -> NDArray[Any]:
    """An array with a value that is far too high, with one too few, or of another type."""
    if how == "another type":
        return array.astype(np.float32)
    if how == "too short":
        return array[:-1]
    changed = array.copy()
    flat = changed.reshape(-1)
    flat[draw.randrange(flat.size)] = np.iinfo(array.dtype).max
    return changed


#: Bytes that may be anything, or numbers that no index is made of.
_FREE = {
    "a wrong value": {
        "concept_ids_bytes", "names_bytes", "other_ids_bytes", "definitions_bytes", "key_bytes",
        "key_signatures", "key_common", "gram_weights", "gram_codes",
    },
    "too short": set(),
    "another type": {"key_grams", "postings"},
}  # fmt: skip


@pytest.mark.parametrize("how", _FREE)
def test_indices_out_of_range(
    built: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)  # takes longer than all the rest
    manifest, arrays = store.open_folder(built)
    head = {name: getattr(manifest, name) for name in HEAD}
    draw = random.Random(how)
    for name, array in arrays.items():
        if not array.size or name in _FREE[how]:
            continue
        folder = tmp_path / name
        changed = {**arrays, name: broken(np.array(array), draw, how)}
        store.write(folder, changed, head)
        with pytest.raises(KnowledgeBaseError, match="does not fit the other arrays") as caught:
            check(folder)
        assert "\n" not in str(caught.value), name


def test_strings_that_are_not_utf_8(built: Path, tmp_path: Path) -> None:
    manifest, arrays = store.open_folder(built)
    head = {name: getattr(manifest, name) for name in HEAD}
    for name in ("names_bytes", "key_bytes"):
        changed = np.array(arrays[name])
        changed[-1] = 0xC3
        store.write(tmp_path / name, {**arrays, name: changed}, head)
        with pytest.raises(KnowledgeBaseError, match=f"{name} does not fit"):
            check(tmp_path / name)
