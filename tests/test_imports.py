"""Imports run one way: the floors of docs/architecture.md, drawn from the code."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "concept_linker"
TOP = "concept_linker"


def modules() -> dict[str, Path]:
    """Dotted name → file; a package is its ``__init__``."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = [TOP, *path.relative_to(PACKAGE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The package's modules that a file imports, wherever in the file: also late, also for types.

    ``import_module("concept_linker.x")`` counts, and strings such as ``"concept_linker.x:name"``.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.fullmatch(rf"({TOP}(?:\.\w+)+)(?::\w+)?", node.value)
            found |= {named[1]} if named else set()
    return found & known.keys()


@cache
def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: imported(path, known) - {name} for name, path in known.items()}


def floors() -> list[list[str]]:
    """The floors that docs/architecture.md shows, the lowest first."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- floors -->\n+```text\n(.*?)```", text, re.DOTALL)
    assert block is not None
    lines = [line.split("#")[0].split() for line in block[1].splitlines()]
    return [line for line in reversed(lines) if line]


def part(module: str) -> str:
    """The first name below the package, which floors are made of."""
    return module.split(".")[1] if "." in module else "__init__"


def test_every_part_is_on_one_floor() -> None:
    listed = [name for floor in floors() for name in floor]
    assert len(listed) == len(set(listed))
    assert set(listed) == {part(module) for module in modules()}


@pytest.mark.parametrize("module", sorted(graph()))
def test_imports_go_down(module: str) -> None:
    level = {name: number for number, floor in enumerate(floors()) for name in floor}
    upward = {
        other
        for other in graph()[module]
        if part(other) != part(module) and level[part(other)] >= level[part(module)]
    }
    assert not upward, f"{module} imports from its own floor or a higher one"


def test_no_module_imports_itself_in_a_circle() -> None:
    try:
        list(TopologicalSorter(graph()).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


def test_modules_that_the_map_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    known = [path.as_posix() for path in ROOT.glob("*/**/*.py")]
    named = set(re.findall(r"`([\w/]+\.py)`", text))
    assert named
    assert [one for one in sorted(named) if not any(p.endswith(f"/{one}") for p in known)] == []
