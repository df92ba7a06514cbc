"""The site builds without warnings, and its pages load nothing from the network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Markup that makes a browser load something; links do not.
FETCHES = re.compile(
    r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|srcset|href)=["']((?:https?:)?//[^"']*)"""
    r"""|@import\s+(?:url\()?["']?((?:https?:)?//[^"')]*)|url\(["']?((?:https?:)?//[^"')]*)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="needs the docs extra")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_exists(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*")]
    for page in pages:
        if page.suffix in (".md", ".rst", ".ipynb"):
            assert (site / page.with_suffix(".html")).is_file(), page


def test_nothing_is_loaded_from_the_network(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css"):
            found = FETCHES.findall(path.read_text(encoding="utf-8"))
            assert not found, f"{path.name}: {found}"


def test_the_public_names_are_documented(site: Path) -> None:
    import concept_linker

    pages = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    for name in concept_linker.__all__:
        assert f">{name}<" in pages, name
        assert name in dir(concept_linker)
    assert not [one for one in dir(concept_linker) if one[0] == "_" and not one.startswith("__")]
