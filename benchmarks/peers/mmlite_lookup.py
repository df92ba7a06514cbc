"""mmlite (a port of MetaMapLite): the concepts that it finds in the mention, the longest first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from measure import Ranked, distinct, folder, run
from mmlite import MetaMapLite
from mmlite.config import Settings


def prepare() -> Callable[[list[str]], Ranked]:
    """Builds the index from RRF, without a part-of-speech model."""
    meta, index = folder() / "META", folder() / "mmlite"
    program = Path(sys.executable).with_name("mmlite")
    files = ["--mrconso", meta / "MRCONSO.RRF", "--mrsty", meta / "MRSTY.RRF", "--out", index]
    subprocess.run(
        [program, "build-index", *map(str, files)], check=True, stdout=subprocess.DEVNULL
    )
    mapper = MetaMapLite(Settings(index_directory=index, enable_postagging=False))
    return lambda texts: [
        distinct(
            value.cui
            for entity in sorted(mapper.process_text(text), key=lambda entity: -entity.length)
            for value in entity.evs
        )
        for text in texts
    ]


run(prepare)
