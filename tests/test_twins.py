"""Every module with compiled kernels has a plain twin.

The twin of ``concept_linker/<part>/…/<module>.py`` is ``tests/<part>/plain_<module>.py``.
It does the same in plain Python, and tests compare the two.  :data:`OTHERWISE` lists modules whose
kernels are compared with something else.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "concept_linker"

_SEARCH = "search/plain_index.py in search/test_matching.py"
_NEAR = "all pairs in retrieval/near_duplicates/test_near_captions.py"
_RETRIEVAL = "retrieval/brute_force.py in retrieval/test_retrieval_scoring.py"
#: For each module without a twin: what its kernels are compared with, and where.
OTHERWISE = {
    "ranking/arrays.py": "Rows.row_of in ranking/test_first_stage.py",
    "retrieval/counting.py": _RETRIEVAL,
    "retrieval/measures.py": _RETRIEVAL,
    "retrieval/near_duplicates/probing.py": _NEAR,
    "retrieval/near_duplicates/shingles.py": _NEAR,
    "search/best.py": _SEARCH,
    "search/build.py": _SEARCH,
    "search/grams.py": _SEARCH,
    "search/probe.py": _SEARCH,
    "search/scan.py": _SEARCH,
}


def compiled_modules() -> list[str]:
    """Returns the modules that import ``njit`` from ``runtime.compiling``."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module == "concept_linker.runtime.compiling"
                and any(one.name == "njit" for one in node.names)
            ):
                found.append(path.relative_to(PACKAGE).as_posix())
    return found


def has_twin(module: str) -> bool:
    """Returns whether the plain twin of a module exists."""
    path = Path(module)
    return ROOT.joinpath("tests", *path.parts[:-1][:1], f"plain_{path.name}").exists()


def test_every_compiled_module_has_a_twin() -> None:
    assert [one for one in compiled_modules() if not has_twin(one) and one not in OTHERWISE] == []


def test_the_exceptions_are_current() -> None:
    modules = set(compiled_modules())
    assert modules >= OTHERWISE.keys()
    assert [module for module in OTHERWISE if has_twin(module)] == []
    tests = {place.rsplit(" in ", 1)[1] for place in OTHERWISE.values()}
    assert [test for test in tests if not (ROOT / "tests" / test).exists()] == []
