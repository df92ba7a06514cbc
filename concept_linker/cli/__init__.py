"""The command line: parses, calls the library, prints.

Exit status: 0 done; 1 the work failed (the reason is one line on standard error); 2 the command
was called wrongly.
"""

from __future__ import annotations

import sys

import typer
from typer.core import TyperGroup

from concept_linker.cli import kb, link
from concept_linker.errors import ConceptLinkerError

__all__ = ["app", "main"]

_HELP = """
Link the medical concepts of figure captions.

For research only: not for clinical decisions, nor to identify persons.

Examples:

    concept-linker link "CT shows a pleural effusion."

    concept-linker kb build --source obo=hp.obo -o hpo

    concept-linker kb info hpo

    concept-linker kb search hipocampus
"""

app = typer.Typer(
    name="concept-linker",
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=TyperGroup,
)
link.register(app)
app.add_typer(kb.app, name="kb")


def main() -> None:
    """Runs the command line."""
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
    except OSError as error:
        print(f"concept-linker: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
