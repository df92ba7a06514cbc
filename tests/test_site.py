"""The site is built without a warning, and its pages load nothing from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: What makes a browser fetch something; links to other pages do not.
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


def test_every_page_is_there(site: Path) -> None:
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*")]
    for page in pages:
        if page.suffix in (".md", ".rst", ".ipynb"):
            assert (site / page.with_suffix(".html")).is_file(), page


def test_nothing_is_loaded_from_outside(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css"):
            found = FETCHES.findall(path.read_text(encoding="utf-8"))
            assert not found, f"{path.name}: {found}"


def test_the_public_names_are_documented(site: Path) -> None:
    import concept_linker

    page = (site / "api/linking.html").read_text(encoding="utf-8")
    others = (site / "api/knowledge-base.html").read_text(encoding="utf-8")
    others += (site / "api/annotate.html").read_text(encoding="utf-8")
    for name in concept_linker.__all__:
        assert f">{name}<" in page + others, name
