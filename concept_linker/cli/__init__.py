"""The command line: parses, calls the library, prints.

Exit status: 0 done; 1 the work failed (the reason is one line on standard error); 2 the command
was called wrongly.
"""

from __future__ import annotations

import sys

import typer
from typer.core import TyperGroup

from concept_linker.errors import ConceptLinkerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="concept-linker",
    help="Link the medical concepts of figure captions.\n\nFor research only: not for clinical "
    "decisions, nor to identify persons.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=TyperGroup,
)


def main() -> None:
    """Runs the command line."""
    from concept_linker.cli import kb, link

    link.register(app)
    app.add_typer(kb.app, name="kb")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows its code; the run goes on.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except ConceptLinkerError as error:
        print(f"concept-linker: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader has gone: `concept-linker … | head`
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
