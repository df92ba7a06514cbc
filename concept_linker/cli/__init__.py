"""The command line: parses, calls the library, prints.

Exit status:

=== ==================================================================================
0   done
1   done, but something in the data is bad; it is listed, counted or set aside
2   not done: the call, a setting, the input or a file; the reason is one line
3   not done: a fault of concept-linker itself, with its traceback
130 interrupted (Ctrl-C)
141 the reader of standard output has gone, as with ``| head``
=== ==================================================================================

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import select
import sys
import traceback
from typing import Annotated, Any, ClassVar

import typer

from concept_linker.cli import (
    about,
    annotate,
    encode,
    evaluate,
    holdout,
    images,
    kb,
    link,
    parser,
    pmc,
    records,
    retrieval,
    train,
    view,
)
from concept_linker.cli.console import note
from concept_linker.errors import ConceptLinkerError

__all__ = ["app", "main"]

_HELP = """
Link the medical concepts of figure captions: offline, with exact places and calibrated scores.

For research only: not for clinical decisions, nor to identify persons.

Examples:

    concept-linker link "CT shows a pleural effusion."
    concept-linker link - --json < captions.txt > linked.jsonl
    concept-linker kb search hipocampus
    concept-linker annotate captions.jsonl.gz -o annotated
    concept-linker view triplets.parquet -o page.html
    concept-linker kb build --source rrf=2026AA/META -o umls

`concept-linker COMMAND --help` explains a command, with examples.
"""


class _Commands(parser.Group):
    headings: ClassVar = {
        "Find concepts": ("link", "annotate", "view"),
        "Knowledge bases": ("kb", "train"),
        "Make and mend records": ("pmc", "records"),
        "Measure": ("evaluate", "retrieval", "encode", "holdout", "images"),
        "This program": ("about", "completion"),
    }


app = parser.CommandLine(name="concept-linker", cls=_Commands)
link.register(app)
annotate.register(app)
view.register(app)
app.add_typer(kb.app, name="kb")
train.register(app)
app.add_typer(pmc.app, name="pmc")
app.add_typer(records.app, name="records")
evaluate.register(app)
retrieval.register(app)
encode.register(app)
app.add_typer(holdout.app, name="holdout")
app.add_typer(images.app, name="images")
about.register(app)


@app.callback(help=_HELP)
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=about.print_version,
            help="Show the version; `concept-linker about` shows more.",
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line."""
    if sys.stdin is None:  # closed by who called: `<&-`
        sys.stdin = open(os.devnull)  # noqa: SIM115
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called: `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        # A terminal that cannot show a character shows its code; the run goes on.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty():  # a log is read by lines: a bar redrawn ten times a second fills it
        os.environ.setdefault("TQDM_MININTERVAL", "10")
    command = typer.main.get_command(app)
    if asked := os.environ.get(about.COMPLETE):
        sys.exit(about.complete(command, asked))
    sys.exit(_run(command, sys.argv[1:]))


def _run(command: Any, arguments: list[str]) -> int:
    """Runs a command and tells its exit status."""
    try:
        status = _status(command, arguments)
        sys.stdout.flush()
    except parser.UsageError as error:
        _tell(parser.told(error))
    except ConceptLinkerError as error:
        _tell(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return 141
        _tell(_of_system(error))
    except KeyboardInterrupt:
        _tell("interrupted")
        return 130
    except Exception:
        traceback.print_exc()
        _tell("this is a fault of concept-linker; please report it with the lines above")
        return 3
    else:
        return status
    return 2


def _status(command: Any, arguments: list[str]) -> int:
    try:
        with command.make_context("concept-linker", arguments) as context:
            command.invoke(context)
    except typer.Exit as exit:
        return exit.exit_code
    return 0


def _tell(problem: object) -> None:
    note(f"concept-linker: {problem}")


def _of_system(error: OSError) -> str:
    """What the system says, in the form of our own errors: the place first."""
    if not error.strerror:
        return str(error)
    said = error.strerror[:1].lower() + error.strerror[1:]
    return said if error.filename is None else f"{os.fsdecode(error.filename)}: {said}"


def _reader_is_gone() -> bool:
    """Whether standard output is the pipe that broke; if so, what is left for it is let go."""
    output = sys.stdout.fileno()
    if hasattr(select, "poll"):
        asked = select.poll()
        asked.register(output, select.POLLOUT)
        if not any(events & (select.POLLERR | select.POLLHUP) for _, events in asked.poll(0)):
            return False
    # Python flushes once more at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True
