"""``concept-linker about`` and ``completion``: the program itself."""

from __future__ import annotations

import platform
import re
from typing import Annotated, Any

import typer

from concept_linker._version import __version__
from concept_linker.cli.console import print_json
from concept_linker.cli.options import KB, JsonFlag, QuietFlag, choice

__all__ = ["COMPLETE", "about", "complete", "completion", "print_version"]

#: The variable in which shells ask for a completion.
COMPLETE = "_CONCEPT_LINKER_COMPLETE"

_SHELLS = ("bash", "zsh", "fish", "powershell")
_MODELS = ("mention_ner", "ranker", "dictionary")
#: Extras for developers of the library.
_DEVELOPMENT = ("dev", "docs", "test", "training")


def print_version(given: bool) -> None:
    """Prints the version, for ``--version``."""
    if given:
        print(f"concept-linker {__version__}")
        raise typer.Exit


def about(kb: KB = "default", as_json: JsonFlag = False, quiet: QuietFlag = False) -> None:
    """Show versions, and the checksums of the knowledge base and the models.

    Include its output in bug reports and in the methods section of a paper.

    Examples:

        concept-linker about
        concept-linker about --json
    """
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.checksum import sha256_of
    from concept_linker.knowledge_base.store import MANIFEST
    from concept_linker.runtime.resources import cache_folder

    base = KnowledgeBase.open(kb, quiet=quiet)
    packages, extras = _installed()
    facts: dict[str, Any] = {
        "concept_linker": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "extras": extras,
        "kb": {
            "name": kb,
            "path": str(base.path),
            "sha256": sha256_of(base.path / MANIFEST),
            "concepts": base.info.counts["concepts"],
            "names": base.info.counts["names"],
        },
        "models": {name: _checksum(name) for name in _MODELS},
        "cache": str(cache_folder()),
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _print(facts: dict[str, Any]) -> None:
    base = facts["kb"]
    print(f"concept-linker {facts['concept_linker']}")
    print(f"Python {facts['python']}, {facts['platform']}")
    print(", ".join(f"{name} {version}" for name, version in facts["packages"].items()))
    missing = [name for name, installed in facts["extras"].items() if not installed]
    print(f"extras not installed: {', '.join(missing) or 'none'}")
    print(f"knowledge base {base['name']}: {base['concepts']:,} concepts, {base['names']:,} names")
    print(f"  {base['path']}")
    print(f"  SHA-256 {base['sha256']}")
    for name, checksum in facts["models"].items():
        print(f"model {name}: SHA-256 {checksum}")
    print(f"cache {facts['cache']}")


def _installed() -> tuple[dict[str, str], dict[str, bool]]:
    """Returns the versions of required packages, and which extras are completely installed."""
    from importlib import metadata

    packages: dict[str, str] = {}
    extras: dict[str, bool] = {}
    for line in metadata.requires("concept-linker") or ():
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = ""
        extra = re.search(r"""extra == ["'](.+?)["']""", line)
        if extra is None:
            packages[name] = version
        elif extra[1] not in _DEVELOPMENT:
            extras[extra[1]] = extras.get(extra[1], True) and bool(version)
    return packages, extras


def _checksum(model: str) -> str:
    """Returns the SHA-256 of what ``sha256sum`` prints for the files of a model, sorted by path."""
    from hashlib import sha256

    from concept_linker.knowledge_base.checksum import sha256_of
    from concept_linker.runtime.resources import model_path

    folder = model_path(model)
    patterns = ("weights/**/*", "priors/*", "every*.txt")
    files = sorted(path for one in patterns for path in folder.glob(one) if path.is_file())
    lines = (f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return sha256("".join(lines).encode()).hexdigest()


def completion(
    context: typer.Context,
    shell: Annotated[
        str,
        typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.", **choice(*_SHELLS)),
    ],
) -> None:
    """Print the script with which a shell completes commands, options and values.

    Examples:

        concept-linker completion bash >> ~/.bashrc
        concept-linker completion zsh >> ~/.zshrc
        concept-linker completion fish > ~/.config/fish/completions/concept-linker.fish
    """
    raise typer.Exit(complete(context.find_root().command, f"source_{shell}"))


def complete(command: Any, instruction: str) -> int:
    """Answers a shell: prints the script, or the possible completions of a line.

    Args:
        command: the whole command line.
        instruction: for example ``source_bash`` or ``complete_zsh``.
    """
    from typer.completion import (  # type: ignore[attr-defined]
        completion_init,
        shell_complete,
    )

    completion_init()
    return shell_complete(command, {}, "concept-linker", COMPLETE, instruction)
