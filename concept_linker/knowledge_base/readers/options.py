"""The settings that every reader takes."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.source import SourceInfo, sha256_of

__all__ = ["SourceOptions"]


class SourceOptions(BaseModel):
    """What to call a source, where the file does not say it or says it wrongly.

    Args:
        name: the name for the manifest; ``None`` takes the file's own or the file name.
        version: its version; ``None`` takes the file's own.
        licence: its licence; ``None`` takes the file's own.
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
        """The manifest's entry: what the user says, else what the file says.

        Args:
            format: the reader's name.
            files: the files that were read; each is hashed.
            name: the file's own name for itself; empty takes the first file's name.
            version: the file's own version.
            licence: the file's own licence.

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
