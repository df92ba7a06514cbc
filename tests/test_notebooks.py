"""The notebooks run, and print their stored outputs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import pytest

from concept_linker import KnowledgeBase

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
# In a separate process: Jupyter's event loops give warnings that do not concern us.
RUN = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": "."}}).execute()
nbformat.write(notebook, sys.argv[2])
"""


def printed(notebook: Any) -> list[str]:
    """The output of each cell, joined: how it is split depends on timing."""
    return [
        "".join(
            output.text
            for output in cell.get("outputs", ())
            if output.output_type == "stream" and output.name == "stdout"
        )
        for cell in notebook.cells
    ]


def test_notebooks_exist() -> None:
    assert [path.name for path in NOTEBOOKS] == [
        "evaluate_and_retrieve.ipynb",
        "link_captions.ipynb",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_prints_its_stored_outputs(
    path: Path, open_base: KnowledgeBase, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(path), "run.ipynb"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    kept, run = (nbformat.read(one, as_version=4) for one in (path, tmp_path / "run.ipynb"))
    assert printed(run) == printed(kept), "renew them with: python docs/renew.py notebooks"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_names_its_requirements(path: Path) -> None:
    """The first cell names every import that is not installed with the package."""
    notebook = nbformat.read(path, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {re.split(r"[>\[]", one)[0] for one in project["dependencies"]}
    needs = imported - core - {"concept_linker"} - sys.stdlib_module_names
    said = notebook.cells[0].source
    assert needs
    assert "pip install" in said
    assert all(f"`{name}`" in said for name in needs), needs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_outputs_are_complete_and_load_nothing(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert not re.search(r"/(home|root|tmp|Users)/", path.read_text(encoding="utf-8"))
