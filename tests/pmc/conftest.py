"""Fixtures of the tests of ``pmc``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_server import Cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The Cloud Service on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Cloud() as cloud:
        yield cloud


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The output folder."""
    return tmp_path / "articles"
