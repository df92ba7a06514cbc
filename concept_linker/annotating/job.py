"""What a run is asked to do, in values that travel to any process or machine."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from concept_linker.errors import BatchError, SettingsError

if TYPE_CHECKING:
    from concept_linker.annotating.columns import Columns
    from concept_linker.linker import ConceptLinker
    from concept_linker.triplets.record import Form, Profile

__all__ = ["FORMATS", "MAX_CHARACTERS", "TIMEOUT", "Job", "LinkerChoice"]

#: Names of output formats, which are also the endings of their files.
FORMATS: Final = ("parquet", "jsonl", "jsonl.gz", "jsonl.zst")

#: A caption that takes more seconds, or has more characters, is set aside.  A usual one takes two
#: milliseconds and has 150.
TIMEOUT: Final = 60.0
MAX_CHARACTERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class LinkerChoice:
    """Which linker; every worker loads its own.

    Args:
        kb: ``"default"``, or the absolute path of a base.
        detector: what finds mentions; the linker's default if none is given.
        settings: the rest of what :meth:`ConceptLinker.load` takes.
        kb_sha256: the checksum that the base must have, empty where any will do.
    """

    kb: str = "default"
    detector: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    kb_sha256: str = ""

    def load(self, *, quiet: bool = True) -> ConceptLinker:
        """The linker.

        Raises:
            BatchError: the base is another one than it shall be.
            KnowledgeBaseError: it cannot be opened.
            SettingsError: a setting or detector that does not exist.
        """
        from concept_linker.linker import ConceptLinker

        options = dict(self.settings)
        if self.detector is not None:
            options["detector"] = self.detector
        linker = ConceptLinker.load(self.kb, quiet=quiet, **options)
        found = base_checksum(linker)
        if self.kb_sha256 and found != self.kb_sha256:
            raise BatchError(
                f"{linker.kb.path}: is another knowledge base than the run began with "
                f"(checksum {found[:12]}, wanted {self.kb_sha256[:12]})"
            )
        return linker

    def detector_name(self) -> str:
        """The detector, the default by its name."""
        from concept_linker.linker import ConceptLinker

        default = inspect.signature(ConceptLinker.load).parameters["detector"].default
        return str(self.detector or default)


def base_checksum(linker: ConceptLinker) -> str:
    """The checksum of a linker's base; its manifest has those of its arrays."""
    from concept_linker.knowledge_base.checksum import sha256_of
    from concept_linker.knowledge_base.store import MANIFEST

    return sha256_of(linker.kb.path / MANIFEST)


@dataclass(frozen=True, slots=True)
class Job:
    """What is done to a shard.

    Args:
        linker: which linker.
        columns: what the input's columns are.
        formats: of the output, of :data:`FORMATS`.
        form: full or minimised records.
        profile: which mentions become spans, and what their offsets count in.
        tokenizer: a WordPiece vocabulary, or none.
        mentions: whether all mentions go along, in a column of their own.
        linked_by: what the provenance says of the linker: ``version``, ``kb``, ``kb_sha256`` and
            ``settings``.
        timeout: how many seconds a caption may take; no limit if not given.
        max_characters: how many a caption may have.
    """

    linker: LinkerChoice
    columns: Columns
    formats: tuple[str, ...]
    form: Form
    profile: Profile
    tokenizer: Path | None
    mentions: bool
    linked_by: Mapping[str, Any]
    timeout: float | None = None
    max_characters: int = MAX_CHARACTERS


def check_formats(given: str | Sequence[str]) -> tuple[str, ...]:
    """The formats that are meant by ``"parquet,jsonl"`` or a list of them.

    Raises:
        SettingsError: one does not exist, or two would have the same name of file.
    """
    names = tuple(given.split(",") if isinstance(given, str) else given)
    for name in names:
        if name not in FORMATS:
            raise SettingsError(f"format is {name!r}, wanted {', '.join(FORMATS)}, or several")
    if not names or len({name.split(".")[0] for name in names}) < len(names):
        raise SettingsError(
            f"formats are {','.join(names)!r}, wanted parquet, one of jsonl, or both"
        )
    return names
