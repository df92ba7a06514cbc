"""The command line: parses arguments, calls the library, prints results.

Exit status:

=== ==================================================================================
0   done
1   done, but some of the data is bad; it is listed, counted or set aside
2   not done: a wrong call, setting, input or file; the reason is one line
3   not done: an error in concept-linker itself, with its traceback
130 interrupted (Ctrl-C)
141 the reader of standard output has closed it, as ``| head`` does
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
from concept_linker.cli.linking import linking
from concept_linker.errors import ConceptLinkerError

__all__ = ["app", "main"]

_HELP = """
Link figure captions to medical concepts: offline, with exact offsets and calibrated scores.

For research only: not for clinical decisions, not for identifying persons.

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
        "Make and repair records": ("pmc", "records"),
        "Measure": ("evaluate", "retrieval", "encode", "holdout", "images"),
        "This program": ("about", "completion"),
    }


app = parser.CommandLine(name="concept-linker", cls=_Commands)
app.command(cls=linking())(link.link)
app.command(cls=linking())(annotate.annotate)
app.command()(view.view)
app.add_typer(kb.app, name="kb")
app.command()(train.train)
app.add_typer(pmc.app, name="pmc")
app.add_typer(records.app, name="records")
app.command(cls=linking(k=30))(evaluate.evaluate)
app.command()(retrieval.retrieval)
app.command()(encode.encode)
app.add_typer(holdout.app, name="holdout")
app.add_typer(images.app, name="images")
app.command()(about.about)
app.command()(about.completion)


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
    if sys.stdin is None:  # the caller closed it: `<&-`
        sys.stdin = open(os.devnull)  # noqa: SIM115
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the caller closed it: `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        # A terminal that cannot show a character shows its code instead.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    if not sys.stderr.isatty():  # a log file: do not redraw bars ten times a second
        os.environ.setdefault("TQDM_MININTERVAL", "10")
    command = typer.main.get_command(app)
    if instruction := os.environ.get(about.COMPLETE):
        sys.exit(about.complete(command, instruction))
    sys.exit(_run(command, sys.argv[1:]))


def _run(command: Any, arguments: list[str]) -> int:
    """Runs a command and returns its exit status."""
    try:
        status = _status(command, arguments)
        sys.stdout.flush()
    except parser.UsageError as error:
        _report(parser.explain(error))
    except ConceptLinkerError as error:
        _report(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _reader_is_gone():
            return 141
        _report(_system_message(error))
    except KeyboardInterrupt:
        _report("interrupted")
        return 130
    except Exception:
        traceback.print_exc()
        _report("this is an error in concept-linker; please report it with the lines above")
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


def _report(problem: object) -> None:
    note(f"concept-linker: {problem}")


def _system_message(error: OSError) -> str:
    """Returns the system's message in the form of our own errors: the path first."""
    if not error.strerror:
        return str(error)
    message = error.strerror[:1].lower() + error.strerror[1:]
    return message if error.filename is None else f"{os.fsdecode(error.filename)}: {message}"


def _reader_is_gone() -> bool:
    """Returns whether standard output is the broken pipe; if so, drops what is still to print."""
    output = sys.stdout.fileno()
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(output, select.POLLOUT)
        if not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
            return False
    # Python flushes standard output once more when it exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True
