"""What a run does, as values that can be sent to any process or machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from concept_linker.errors import BatchError

if TYPE_CHECKING:
    from concept_linker.annotating.inputs.columns import Columns
    from concept_linker.linker import ConceptLinker
    from concept_linker.triplets.record import Form, Profile

__all__ = ["MAX_CHARACTERS", "TIMEOUT", "Job", "LinkerSpec", "kb_checksum"]

#: Captions that take longer (seconds) or have more characters go into quarantine.  A typical
#: caption takes two milliseconds and has 150 characters.
TIMEOUT: Final = 60.0
MAX_CHARACTERS: Final = 100_000


@dataclass(frozen=True, slots=True)
class LinkerSpec:
    """How to load the linker; every worker loads its own.

    Args:
        kb: ``"default"``, or the absolute path of a knowledge base.
        detector: the name of the detector.
        settings: further arguments of :meth:`ConceptLinker.load`.
        kb_sha256: the checksum that the knowledge base must have; ``""`` accepts any.
    """

    kb: str = "default"
    detector: str = "hybrid"
    settings: Mapping[str, Any] = field(default_factory=dict)
    kb_sha256: str = ""

    def load(self, *, quiet: bool = True) -> ConceptLinker:
        """Loads the linker.

        Raises:
            BatchError: the knowledge base has another checksum.
            KnowledgeBaseError: it cannot be opened.
            SettingsError: a setting or the detector does not exist.
        """
        from concept_linker.linker import ConceptLinker

        linker = ConceptLinker.load(self.kb, detector=self.detector, quiet=quiet, **self.settings)
        found = kb_checksum(linker)
        if self.kb_sha256 and found != self.kb_sha256:
            raise BatchError(
                f"{linker.kb.path}: the knowledge base has the checksum {found[:12]}, expected "
                f"{self.kb_sha256[:12]} as at the start of the run; restore it, or start again "
                "with --no-resume"
            )
        return linker


def kb_checksum(linker: ConceptLinker) -> str:
    """Returns the checksum of a linker's knowledge base.

    It is that of the manifest, which in turn contains the checksums of all arrays.
    """
    from concept_linker.knowledge_base.checksum import sha256_of
    from concept_linker.knowledge_base.store import MANIFEST

    return sha256_of(linker.kb.path / MANIFEST)


@dataclass(frozen=True, slots=True)
class Job:
    """How every shard is annotated.

    Args:
        linker: how to load the linker.
        columns: the roles of the input's columns.
        formats: the output formats, names of
            :data:`~concept_linker.annotating.shards.formats.FORMATS`.
        form: full or minimised records.
        profile: which mentions become spans, and what their offsets index.
        tokenizer: a WordPiece vocabulary, or ``None``.
        mentions: whether the output has a column with all mentions.
        linked_by: what provenance says about the linker: ``version``, ``kb``, ``kb_sha256`` and
            ``settings``.
        timeout: the time limit of a caption in seconds; ``None`` means no limit.
        max_characters: the maximum length of a caption.
    """

    linker: LinkerSpec
    columns: Columns
    formats: tuple[str, ...]
    form: Form
    profile: Profile
    tokenizer: Path | None
    mentions: bool
    linked_by: Mapping[str, Any]
    timeout: float | None = None
    max_characters: int = MAX_CHARACTERS

    @property
    def keeps_negated(self) -> bool:
        """Whether negated mentions are spans."""
        return self.profile["negated"] == "keep"
