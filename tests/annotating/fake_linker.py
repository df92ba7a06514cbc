"""A fast fake linker that kills its process, raises or hangs at certain captions.

Tests that start processes use it, because loading the real linker takes each two seconds.
As a program, ``concept-linker`` with this linker:

    python fake_linker.py annotate …
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from concept_linker.annotating import annotate as annotate_module
from concept_linker.annotating.job import LinkerSpec
from concept_linker.annotation import Annotation, Candidate, Mention

LESION = Candidate("C0221198", "Lesion", "lesion", 0.875, 0.75, ("T033",))


class FakeLinker:
    """Finds lesions.  Kills its process at POISON, at UNLUCKY once; raises at WRONG.

    Never returns from ENDLESS: in a regular expression, in compiled code that nothing
    interrupts, or asleep.  A lesion after "no" is negated.
    """

    def __init__(self, choice: FakeLinkerSpec) -> None:
        self.kb = SimpleNamespace(path=Path(choice.kb))
        self._choice = choice
        self._compiling = choice.compiling

    @property
    def settings(self) -> Any:
        from concept_linker.settings import LinkerSettings

        return LinkerSettings(**self._choice.settings)

    def link_many(self, texts: Iterable[str], **_: Any) -> Iterator[Annotation]:
        texts = list(texts)
        time.sleep(self._compiling)
        self._compiling = 0.0
        time.sleep(self._choice.seconds * len(texts))
        for text in texts:
            if "WRONG" in text:
                raise ZeroDivisionError("of a linker")
            if "UNLUCKY" in text:
                mark = self._choice.scratch / "unlucky"
                if mark.exists():
                    continue
                mark.touch()
            if "POISON" in text or "UNLUCKY" in text:
                os.kill(os.getpid(), signal.SIGKILL)
        for text in texts:
            if "ENDLESS REGEX" in text:
                re.match("(a+)+$", "a" * 60 + "b")
            if "ENDLESS LOOP" in text:
                deque(itertools.repeat(0), maxlen=0)
            if "ENDLESS SLEEP" in text:
                time.sleep(10_000)
        for text in texts:
            found = re.finditer("lesion", text)
            mentions = (
                Mention(
                    m.start(),
                    m.end(),
                    m[0],
                    "DISO",
                    negated=text[: m.start()].endswith("no "),
                    best=LESION,
                )
                for m in found
            )
            yield Annotation(text, tuple(mentions))


@dataclass(frozen=True, slots=True)
class FakeLinkerSpec(LinkerSpec):
    """Loads a :class:`FakeLinker` linker."""

    scratch: Path = Path()
    seconds: float = 5e-4
    compiling: float = 0.0

    def load(self, *, quiet: bool = True) -> Any:
        return FakeLinker(self)


@dataclass(frozen=True, slots=True)
class DyingSpec(LinkerSpec):
    """Kills the worker before it is ready."""

    def load(self, *, quiet: bool = True) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class LocalOnlySpec(FakeLinkerSpec):
    """Loads a linker in the process of the tests, and raises in all others."""

    home: int = field(default_factory=os.getpid)

    def load(self, *, quiet: bool = True) -> Any:
        if os.getpid() != self.home:
            raise FileNotFoundError("no such base")
        return FakeLinker(self)


if __name__ == "__main__":
    import fake_linker  # by the name under which workers import it

    from concept_linker.cli import main

    annotate_module.LinkerSpec = fake_linker.FakeLinkerSpec  # type: ignore[misc]
    main()
