"""What a benchmark's figures were measured on, and where they are kept."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
_PACKAGES = ("concept-linker", "numba", "numpy", "pyarrow")


def data_folder() -> Path:
    """The folder of development data: ``CONCEPT_LINKER_DATA``, else ``../shared/data``."""
    default = Path(__file__).resolve().parents[1] / "../shared/data"
    return Path(os.environ.get("CONCEPT_LINKER_DATA", default)).resolve()


def save(name: str, command: str, figures: dict[str, Any]) -> None:
    """Writes ``results/NAME.json``: the figures with machine, versions and command."""
    RESULTS.mkdir(exist_ok=True)
    record = {"command": command, "machine": _machine(), "figures": figures}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "from a checkout"
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": sys.version.split()[0],
        "versions": versions,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
