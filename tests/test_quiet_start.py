"""Imports are lazy, and nothing opens a socket."""

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


#: What is imported, and what must not come with it.
STARTS = {
    "import concept_linker": "numpy numba pyarrow pydantic spacy",
    "import concept_linker.cli": "numpy numba pyarrow pydantic spacy rich tqdm",
    "import concept_linker; concept_linker.link('a lesion')": "spacy pyarrow pandas tokenizers",
    "import concept_linker.viewing; import concept_linker.linker": "spacy pyarrow pandas",
    "import concept_linker.triplets.reading": "spacy pyarrow numpy numba",
    "import concept_linker.annotating.annotate; import concept_linker.pmc.extraction": "spacy",
}


@pytest.mark.parametrize("code", STARTS)
def test_imports_are_lazy(open_base: object, code: str) -> None:
    heavy = STARTS[code].split()
    assert (
        run(f"import sys\n{code}\nprint([m for m in {heavy} if m in sys.modules])").strip() == "[]"
    )


@pytest.mark.parametrize("arguments", ["--help", "link --help", "records validate --help"])
def test_help_is_fast(arguments: str) -> None:
    heavy = "numpy numba pyarrow spacy pandas tqdm".split()
    code = (
        "import sys\nfrom concept_linker.cli import main\n"
        f"sys.argv = ['concept-linker', *{arguments.split()}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert run(code).splitlines()[-1] == "[]"


def test_commands_do_not_import_spacy_unnecessarily(open_base: object, tmp_path: Path) -> None:
    """Neither do its workers: the import of a fake spaCy leaves a mark."""
    spacy = tmp_path / "path/spacy/__init__.py"
    spacy.parent.mkdir(parents=True)
    mark = tmp_path / "asked"
    spacy.write_text(f"open({str(mark)!r}, 'w').close()\nraise ImportError('spacy')\n")
    (tmp_path / "captions.csv").write_text("caption,image\nA lesion.,a.jpg\nThe liver.,b.jpg\n")
    environment = {**os.environ, "PYTHONPATH": f"{spacy.parents[1]}{os.pathsep}{ROOT}"}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "concept_linker", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    for arguments in (
        "link -q lesion",
        "annotate captions.csv -o run --workers 2 -q",
        "records validate run -q",
        "view run -o page.html -q",
        "kb info",
        "about",
    ):
        done = command(*arguments.split())
        assert done.returncode == 0, (arguments, done.stderr)
        assert not mark.exists(), arguments
    assert command(
        *"annotate captions.csv -o other -q --detector en_core_sci_sm".split()
    ).returncode
    assert mark.exists()


def test_every_public_name_can_be_imported() -> None:
    run(
        "import concept_linker\n"
        "for name in concept_linker.__all__: getattr(concept_linker, name)\n"
        "try: concept_linker.nonsense\n"
        "except AttributeError: pass\n"
        "else: raise SystemExit('no AttributeError')\n"
    )
