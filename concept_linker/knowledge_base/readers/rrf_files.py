"""Reads the files of an RRF release, according to the layout in its MRFILES.RRF."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.checks import clean_ids, clean_names
from concept_linker.knowledge_base.readers.delimited import Block, blocks
from concept_linker.knowledge_base.readers.release import Release
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["FILES", "RELEASE_FILE", "RrfFiles"]

_LOG = logging.getLogger(__name__)

#: The columns according to the manual, for a release whose MRFILES.RRF does not list them.
COLUMNS = {
    "MRCONSO.RRF": "CUI,LAT,TS,LUI,STT,SUI,ISPREF,AUI,SAUI,SCUI,SDUI,SAB,TTY,CODE,STR,SRL,"
    "SUPPRESS,CVF",
    "MRSTY.RRF": "CUI,TUI,STN,STY,ATUI,CVF",
    "MRDEF.RRF": "CUI,AUI,ATUI,SATUI,SAB,DEF,SUPPRESS,CVF",
    "MRSAB.RRF": "VCUI,RCUI,VSAB,RSAB,SON,SF,SVER,VSTART,VEND,IMETA,RMETA,SLC,SCC,SRL,TFR,CFR,"
    "CXTY,TTYL,ATNL,LAT,CENC,CURVER,SABIN,SSN,SCIT",
    "MRRANK.RRF": "RANK,SAB,TTY,SUPPRESS",
    "MRFILES.RRF": "FIL,DES,FMT,CLS,RWS,BTS",
}
#: The columns that are read.
USED = {
    "MRCONSO.RRF": ["CUI", "LAT", "TS", "STT", "ISPREF", "AUI", "SAB", "TTY", "STR", "SUPPRESS"],
    "MRSTY.RRF": ["CUI", "TUI"],
    "MRDEF.RRF": ["CUI", "SAB", "DEF", "SUPPRESS"],
    "MRSAB.RRF": ["RSAB", "SVER", "LAT"],
    "MRRANK.RRF": ["RANK", "SAB", "TTY"],
    "MRFILES.RRF": ["FIL", "FMT"],
}
RELEASE_FILE = "release.dat"
#: All files of a release that are read.
FILES = [*COLUMNS, RELEASE_FILE]


class _Skipped(Quarantine):
    """Skips bad rows of MRSAB, which has several layouts and only versions and languages."""

    def bad(self, path: Path | str, line: int | None, problem: str, *, row: str = "") -> None:
        if not self.count:
            _LOG.warning("%s, line %s: %s; rows with this layout are skipped", path, line, problem)
        self.count += 1


class RrfFiles:
    """The rows of a release's files."""

    def __init__(self, release: Release, quarantine: Quarantine) -> None:
        self.release = release
        self.quarantine = quarantine
        self.columns = {name: listed.split(",") for name, listed in COLUMNS.items()}
        for line, (name, listed) in self.rows("MRFILES.RRF"):
            if listed and name in COLUMNS:
                self.columns[name] = listed.split(",")
                if missing := set(USED[name]) - set(self.columns[name]):
                    problem = f"{name} lacks the columns {', '.join(sorted(missing))}"
                    raise SourceError(release.place("MRFILES.RRF"), problem, line=line)

    def blocks(self, name: str) -> Iterator[Block]:
        """Yields the used columns of a file; nothing if the release does not have it."""
        if name in self.release:
            yield from blocks(
                self.release.chunks(name),
                self.release.place(name),
                columns=[*self.columns[name], ""],  # a delimiter ends each column, the last one too
                used=USED[name],
                delimiter="|",
                quarantine=_Skipped() if name == "MRSAB.RRF" else self.quarantine,
            )

    def rows(self, name: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yields the rows of a small file with their lines."""
        for block in self.blocks(name):
            values = zip(*(block.columns[key].to_pylist() for key in USED[name]), strict=True)
            yield from zip(block.lines.tolist(), values, strict=True)

    def checked(
        self, name: str, block: Block, kept: pa.ChunkedArray | None, text: str
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """Returns the selected good rows of a block, id and text cleaned, and their lines."""
        indices = np.arange(block.columns.num_rows)
        table = block.columns
        if kept is not None:
            indices = indices[kept.to_numpy()]
            table = table.filter(kept)
        ids, bad_ids = clean_ids(table["CUI"].combine_chunks())
        texts, bad_texts = clean_names(table[text].combine_chunks())
        table = table.set_column(table.column_names.index("CUI"), "CUI", ids)
        table = table.set_column(table.column_names.index(text), text, texts)
        problems = bad_texts | bad_ids
        for row in sorted(problems):
            index = int(indices[row])
            line = int(block.lines[index])
            place = self.release.place(name)
            self.quarantine.bad(place, line, problems[row], row=block.row(index))
        if problems:
            good = np.delete(np.arange(len(indices)), list(problems))
            table, indices = table.take(pa.array(good)), indices[good]
        return table, block.lines[indices]
