"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from concept_linker import KnowledgeBase

# On a busy machine examples are made slowly, which says nothing of them.
settings.register_profile(
    "steady", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data that is not part of the repository; skips where it is absent."""
    fallback = Path(__file__).resolve().parents[1] / "../shared/data"
    folder = Path(os.environ.get("CONCEPT_LINKER_DATA", fallback)).resolve()
    if not folder.is_dir():
        pytest.skip("no shared data: set CONCEPT_LINKER_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def open_base() -> KnowledgeBase:
    """The open base, derived at the first use."""
    return KnowledgeBase.open("default", quiet=True)
