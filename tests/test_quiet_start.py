"""Importing is light, and nothing in here ever opens a socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

NO_SOCKETS = """
import sys
def forbid(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError(f"{event} {arguments}")
sys.addaudithook(forbid)
"""


def run(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guard_itself_works() -> None:
    with pytest.raises(AssertionError, match="socket"):
        run(NO_SOCKETS + "import socket; socket.socket().connect(('127.0.0.1', 9))")


def test_import_and_link_without_a_socket(open_base: object) -> None:
    code = NO_SOCKETS + (
        "import concept_linker\n"
        "print(concept_linker.link('a lesion in the hippocampus').mentions[-1].best.concept_id)\n"
    )
    assert run(code).strip() == "C0019564"


def test_import_is_light() -> None:
    heavy = "numpy numba pyarrow pydantic spacy rich typer tqdm".split()
    code = f"import sys, concept_linker; print([m for m in {heavy} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_every_public_name_can_be_imported() -> None:
    run(
        "import concept_linker\n"
        "for name in concept_linker.__all__: getattr(concept_linker, name)\n"
        "try: concept_linker.nonsense\n"
        "except AttributeError: pass\n"
        "else: raise SystemExit('no AttributeError')\n"
    )
