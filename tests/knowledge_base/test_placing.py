"""A build may replace a knowledge base on request, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_bases import names_of, one_line, source

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.store import MANIFEST, REQUIRED


def everything(folder: Path) -> dict[str, bytes | str]:
    """Returns the content of a folder: the bytes of files, the targets of links."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = "neither"
    return found


def survives(folder: Path, *, whole: Path | None = None) -> str:
    """Checks that no build changes anything, with or without ``replace``; returns its error."""
    before = everything(whole or folder.parent)
    for replace in (False, True):
        with pytest.raises(KnowledgeBaseError) as caught:
            build_knowledge_base([source("new")], folder, replace=replace)
        assert everything(whole or folder.parent) == before
    return one_line(caught)


def test_a_base_is_replaced_only_on_request(base: Path) -> None:
    before = everything(base)
    with pytest.raises(KnowledgeBaseError, match="is already a knowledge base") as caught:
        build_knowledge_base([source("new")], base)
    assert "--force" in one_line(caught)
    assert everything(base) == before
    build_knowledge_base([source("new")], base, replace=True)
    assert names_of(base) == ["new"]


@pytest.mark.parametrize(
    "manifest",
    ["{}", "[]", "", "junk", '{"arrays": {}}', '{"format": 3, "shards": []}', "[" * 99999],
)
def test_a_manifest_alone_is_not_a_base(tmp_path: Path, manifest: str) -> None:
    folder = tmp_path / "work"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (folder / "thesis.tex").write_text("years of work")
    (folder / MANIFEST).write_text(manifest)
    assert "is not a knowledge base: it contains '.git'" in survives(folder)
    (folder / "thesis.tex").rename(tmp_path / "thesis.tex")
    (folder / ".git").rename(tmp_path / ".git")
    assert "has no valid manifest" in survives(folder)


def add_file(base: Path) -> None:
    (base / "thesis.npy").write_text("years of work")


def add_git(base: Path) -> None:
    (base / ".git").mkdir()


def add_to_priors(base: Path) -> None:
    (base / "priors").mkdir()
    (base / "priors" / "Notes.txt").write_text("years of work")


def link_priors(base: Path) -> None:
    elsewhere = base.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "totals.npy").write_text("years of work")
    (base / "priors").symlink_to(elsewhere, target_is_directory=True)


def link_an_array(base: Path) -> None:
    path = base / "names_bytes.npy"
    path.rename(base.with_name("names.npy"))
    path.symlink_to(base.with_name("names.npy"))


def link_the_manifest(base: Path) -> None:
    (base / MANIFEST).rename(base.with_name("m.json"))
    (base / MANIFEST).symlink_to(base.with_name("m.json"))


def make_an_array_a_folder(base: Path) -> None:
    (base / "names_bytes.npy").unlink()
    (base / "names_bytes.npy").mkdir()


def add_a_pipe(base: Path) -> None:
    os.mkfifo(base / "pipe")


@pytest.mark.parametrize(
    "change",
    [
        add_file, add_git, add_to_priors, link_priors, link_an_array, link_the_manifest,
        make_an_array_a_folder, add_a_pipe,
    ],
)  # fmt: skip
def test_a_base_with_other_content_survives(base: Path, change: Callable[[Path], None]) -> None:
    change(base)
    assert "is not a knowledge base: it " in survives(base)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)
)
def test_any_other_name_survives(base: Path, name: str) -> None:
    path = base / name
    if name in (".", "..") or path.exists():
        return
    path.write_text("years of work")
    survives(base, whole=base)
    path.unlink()


def test_the_root_folder_is_rejected() -> None:
    with pytest.raises(KnowledgeBaseError, match="cannot be a knowledge base") as caught:
        build_knowledge_base([source("new")], Path("/"), replace=True)
    one_line(caught)


def test_a_link_to_another_folder_survives(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / MANIFEST).write_text("{}")
    for target in (work, tmp_path / "file"):
        (tmp_path / "file").write_text("years of work")
        link = tmp_path / "link"
        link.symlink_to(target)
        survives(link)
        link.unlink()


def test_a_damaged_base_and_one_of_an_older_format_are_replaced(base: Path) -> None:
    path = base / MANIFEST
    data = json.loads(path.read_bytes())
    older = {**data, "format": 2, "arrays": {**data["arrays"], "gone_since": {}}}
    for text in ("damaged", json.dumps(older)):
        (base / "gone_since.npy").unlink(missing_ok=True)
        if text != "damaged":
            (base / "gone_since.npy").write_bytes(b"1")
        path.write_text(text)
        build_knowledge_base([source("new")], base, replace=True)
        assert names_of(base) == ["new"]
    (base / f"{REQUIRED[0]}.npy").unlink()
    build_knowledge_base([source("newer")], base, replace=True)
    assert names_of(base) == ["newer"]


@pytest.mark.parametrize("name", [".kb.old", ".kb.4000000.part"])
def test_other_content_with_the_name_of_a_leftover_survives(base: Path, name: str) -> None:
    other = base.with_name(name)
    other.mkdir()
    (other / "thesis.npy").write_text("years of work")
    (other / MANIFEST).write_text("{}")
    before = everything(other)
    if name.endswith("old"):
        assert f"{other} is in the way" in survives(base)
    else:
        build_knowledge_base([source("new")], base, replace=True)
    assert everything(other) == before


def test_content_added_during_a_build_survives(base: Path) -> None:
    """Both while the sources are read and at the moment of the swap."""

    def write(_: Path) -> None:
        (base / "thesis.tex").write_text("years of work")

    with pytest.raises(KnowledgeBaseError, match=r"contains 'thesis.tex'"):
        build_knowledge_base([source("new")], base, replace=True, more=write)
    assert (base / "thesis.tex").read_text() == "years of work"
    (base / "thesis.tex").unlink()
    assert names_of(base)[0] == "lesion"

    rename = Path.rename

    def late(path: Path, target: Path) -> Path:
        if path == base:
            (base / "thesis.tex").write_text("years of work")
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "rename", late)
        build_knowledge_base([source("new")], base, replace=True)
    assert names_of(base) == ["new"]
    assert (base.with_name(".kb.old") / "thesis.tex").read_text() == "years of work"


def test_a_base_written_during_a_build_survives(tmp_path: Path) -> None:
    folder, first = tmp_path / "kb", tmp_path / "first"
    build_knowledge_base([source("first")], first)
    with pytest.raises(KnowledgeBaseError, match="is already a knowledge base"):
        build_knowledge_base([source("late")], folder, more=lambda _: os.rename(first, folder))
    assert names_of(folder) == ["first"]
