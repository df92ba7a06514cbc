"""Compiled code is cached if possible; without a cache everything works, too."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

ROOT = Path(__file__).resolve().parents[1]
CACHE = "CONCEPT_LINKER_CACHE"
#: Prints how many functions were not compiled but loaded.
CODE = """
import numpy as np
from concept_linker.detection import phrase_matching
phrase_matching.hash_table(np.arange(5, dtype=np.uint64))
print(sum(phrase_matching._fill.stats.cache_hits.values()))
"""


@pytest.fixture(scope="module")
def unprivileged() -> list[str]:
    """Returns the start of a command that cannot write to read-only folders, even as root."""
    if not hasattr(os, "getuid") or os.getuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv is not installed")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


class Installed:
    """The package in a read-only installation."""

    def __init__(self, folder: Path, unprivileged: list[str]) -> None:
        self.folder, self._command = folder, [*unprivileged, sys.executable]
        self.site, self.home, self.temporary = (folder / n for n in ("site", "home", "tmp"))
        source = ROOT / "concept_linker"
        shutil.copytree(source, self.site / "concept_linker", ignore=lambda *_: ["__pycache__"])
        (self.site / "models").symlink_to(ROOT / "models")
        for one in (self.home, self.temporary):
            one.mkdir()
        for one in (self.home, *self.site.rglob("*")):
            protect(one)

    def run(self, *arguments: str, **environment: str) -> tuple[str, list[str]]:
        """Runs Python; returns its output and the lines of its warnings."""
        inherited = {k: v for k, v in os.environ.items() if k not in (CACHE, "NUMBA_CACHE_DIR")}
        own = {"HOME": self.home, "XDG_CACHE_HOME": "", "TMPDIR": self.temporary}
        done = subprocess.run(
            [*self._command, *arguments],
            env={**inherited, **own, "PYTHONPATH": self.site, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert not list(self.temporary.iterdir())
        return done.stdout.strip(), done.stderr.splitlines()


def protect(path: Path, *, writable: bool = False) -> None:
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o755 if writable else 0o555)


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, unprivileged: list[str]
) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    yield Installed(folder, unprivileged)
    for one in folder.rglob("*"):
        protect(one, writable=True)


def test_no_writable_folder(installed: Installed, tmp_path: Path) -> None:
    output, [warning] = installed.run("-c", CODE)
    assert output == "0"
    assert str(installed.home) in warning
    assert warning.endswith("set CONCEPT_LINKER_CACHE to a writable folder")
    output, [warning] = installed.run("-c", CODE, **{CACHE: "/dev/null/cache"})
    assert output == "0"
    assert warning.startswith("/dev/null/cache/")


@pytest.mark.parametrize("variable", [CACHE, "NUMBA_CACHE_DIR"])
def test_a_folder_set_by_the_user(installed: Installed, tmp_path: Path, variable: str) -> None:
    cache = tmp_path / "cache"
    named = {variable: str(cache)}
    assert installed.run("-c", CODE, **named) == ("0", [])
    assert list(cache.rglob("*.nbi"))
    assert installed.run("-c", CODE, **named) == ("1", [])
    # When a container's image is made, root fills what others only read.
    for one in (cache, *cache.rglob("*")):
        protect(one)
    assert installed.run("-c", CODE, **named) == ("1", [])
    for one in (cache, *cache.rglob("*")):
        protect(one, writable=True)


def test_truncated_code_is_compiled_again(installed: Installed, tmp_path: Path) -> None:
    named = {CACHE: str(tmp_path)}
    installed.run("-c", CODE, **named)
    for path in tmp_path.rglob("*.nbi"):
        path.write_bytes(b"")
    assert installed.run("-c", CODE, **named) == ("0", [])
    assert installed.run("-c", CODE, **named) == ("1", [])


def test_code_that_names_a_class_of_another_version_is_compiled_again(
    installed: Installed, tmp_path: Path
) -> None:
    named = {CACHE: str(tmp_path)}
    installed.run("-c", CODE, **named)
    for path in tmp_path.rglob("*.nbi"):
        path.write_bytes(pickle.dumps(numba.__version__) + b"cconcept_linker.old\nClass\n.")
    assert installed.run("-c", CODE, **named) == ("0", [])
    assert installed.run("-c", CODE, **named) == ("1", [])


def test_code_with_an_imported_constant_is_compiled_again_when_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "kernel.py").write_text(
        "from concept_linker.runtime.compiling import njit\n"
        "from kernels.constants import NUMBER\n\n"
        "@njit(cache=True)\ndef number():\n    return NUMBER\n"
    )
    call = "from kernels.kernel import number; print(number(), *number.stats.cache_hits.values())"
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    printed = []
    for value in (1, 1, 22):
        (folder / "constants.py").write_text(f"NUMBER = {value}\n")
        os.utime(folder / "constants.py", ns=(value, value))
        done = subprocess.run([sys.executable, "-c", call], capture_output=True, check=True)
        printed.append(done.stdout.split())
    assert printed == [[b"1"], [b"1", b"1"], [b"22"]]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A full file system."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        with pytest.raises(OSError, match="No space"), (disk / "full").open("wb") as file:
            file.write(bytes(1 << 20))
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(installed: Installed, full_disk: Path) -> None:
    output, [warning] = installed.run("-c", CODE, **{CACHE: str(full_disk)})
    assert output == "0"
    assert "No space left on device" in warning
    assert not [path for path in full_disk.rglob("*.tmp.*") if path.is_file()]


@pytest.mark.slow
def test_a_whole_command_on_a_full_disk(installed: Installed, full_disk: Path) -> None:
    """The default base, too, is built elsewhere."""
    if not os.environ.get("CONCEPT_LINKER_SLOW"):
        pytest.skip("takes minutes; set CONCEPT_LINKER_SLOW to run it")
    command = "-m", "concept_linker", "link", "--quiet", "--json", "a lesion of the hippocampus"
    output, [warning] = installed.run(*command, **{CACHE: str(full_disk)})
    assert "C0019564" in output
    assert "No space left on device" in warning
