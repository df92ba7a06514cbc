"""The options that every reader has."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.source import SourceInfo, sha256_of

__all__ = ["SourceOptions"]


class SourceOptions(BaseModel):
    """Describes a source, where its file does not or is wrong.

    Args:
        name: the name for the manifest; ``None`` uses the name in the file, or the file name.
        version: its version; ``None`` uses the version in the file.
        licence: its licence; ``None`` uses the licence in the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    version: str | None = None
    licence: str | None = None

    def info(
        self,
        format: str,
        files: list[Path],
        *,
        name: str = "",
        version: str = "",
        licence: str = "",
    ) -> SourceInfo:
        """Returns the manifest's entry, from these options or else from the file.

        Args:
            format: the reader's name.
            files: the files that were read; each is hashed.
            name: the name in the file; ``""`` uses the first file's name.
            version: the version in the file.
            licence: the licence in the file.

        Raises:
            SourceError: a file cannot be read.
        """
        hashes = {}
        for file in files:
            try:
                hashes[file.name] = sha256_of(file)
            except OSError as error:
                raise SourceError(file, f"cannot be read: {error.strerror}") from error
        return SourceInfo(
            format=format,
            name=self.name or name or files[0].name.partition(".")[0],
            version=version if self.version is None else self.version,
            licence=licence if self.licence is None else self.licence,
            files=hashes,
        )
