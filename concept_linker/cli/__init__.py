"""The command line: parses, calls the library, prints.

Exit status: 0 done; 1 the work failed (the reason is one line on standard error); 2 the command
was called wrongly.
"""

from __future__ import annotations

import sys

import typer
from typer.core import TyperGroup

from concept_linker.cli import (
    annotate,
    encode,
    evaluate,
    holdout,
    images,
    kb,
    link,
    pmc,
    records,
    retrieval,
    train,
    view,
)
from concept_linker.errors import ConceptLinkerError

__all__ = ["app", "main"]

_HELP = """
Link the medical concepts of figure captions.

For research only: not for clinical decisions, nor to identify persons.

Examples:

    concept-linker link "CT shows a pleural effusion."

    concept-linker annotate captions.jsonl.gz -o annotated

    concept-linker kb build --source obo=hp.obo -o hpo

    concept-linker kb info hpo

    concept-linker kb search hipocampus

    concept-linker evaluate dev.pubtator.txt --kb mesh --html report.html

    concept-linker train --corpus TRAIN.pubtator --kb mesh -o mesh-taught

    concept-linker pmc fetch PMC11370360 -o articles

    concept-linker pmc extract articles -o records.jsonl

    concept-linker records validate records.jsonl

    concept-linker records repair published.jsonl -o exact.jsonl

    concept-linker records convert records.jsonl -o records.parquet

    concept-linker records minimise records.jsonl -o minimised.jsonl

    concept-linker records stats records.jsonl

    concept-linker records card records.parquet -o README.md

    concept-linker images hash figures -o figures.csv

    concept-linker images duplicates training.csv evaluation.csv

    concept-linker holdout build records.jsonl -o heldout --size 9000

    concept-linker holdout verify heldout records.jsonl

    concept-linker encode heldout --model concepts-halves -o baseline

    concept-linker retrieval --images baseline/images.npy --texts baseline/texts.npy

    concept-linker view figures.jsonl --images figures -o figures.html
"""

app = typer.Typer(
    name="concept-linker",
    help=_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=TyperGroup,
)
link.register(app)
annotate.register(app)
evaluate.register(app)
encode.register(app)
retrieval.register(app)
train.register(app)
view.register(app)
app.add_typer(kb.app, name="kb")
app.add_typer(pmc.app, name="pmc")
app.add_typer(records.app, name="records")
app.add_typer(images.app, name="images")
app.add_typer(holdout.app, name="holdout")


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
