"""pyproject.toml allows no version with a known vulnerability in reading untrusted files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

#: The first version without known vulnerabilities, and the last that was fixed.
SAFE = {
    "filelock": ((3, 20, 3), "CVE-2025-68146, CVE-2026-22701: a symbolic link instead of the lock"),
    "pillow": ((12, 3), "CVE-2026-54058, 55379, 59204 and others: decoders of images"),
}


def bounds(package: str) -> list[tuple[int, ...]]:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    requirement = re.compile(rf"{package}>=([0-9.]+)")
    found = map(
        requirement.fullmatch, [*project["dependencies"], *(one for some in extras for one in some)]
    )
    return [tuple(map(int, one[1].split("."))) for one in found if one]


@pytest.mark.parametrize("package", SAFE)
def test_lower_bounds(package: str) -> None:
    least, why = SAFE[package]
    assert bounds(package), package
    assert min(bounds(package)) >= least, why
