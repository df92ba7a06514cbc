"""A small base on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from small_bases import source

from concept_linker.knowledge_base.build import build_knowledge_base


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that no test changes."""
    folder = tmp_path_factory.mktemp("store") / "whole"
    build_knowledge_base([source("lesion", "hippocampus", "pleural effusion")], folder)
    return folder


@pytest.fixture
def base(whole: Path, tmp_path: Path) -> Path:
    """A base that tests may damage."""
    return Path(shutil.copytree(whole, tmp_path / "kb"))
