"""The options of every command that links, declared once.

``--kb`` and ``--detector`` are declared here; the others follow from the fields of
:class:`~concept_linker.LinkerSettings`.  A command has them with
``@app.command(cls=linking())`` and reads them with :func:`linker_options`.

The options are made when a command is parsed or explained, not when it is registered:
``concept-linker --help`` need not import the settings.
"""

from __future__ import annotations

from functools import cache
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from concept_linker.cli.options import KB, one_of
from concept_linker.cli.parser import Command
from concept_linker.detection import DETECTORS

__all__ = ["linker_options", "linking"]

_Detector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        autocompletion=one_of(*DETECTORS),
        show_default="hybrid",
        help="How mentions are found: "
        + ", ".join(f"'{name}' ({one.description})" for name, one in DETECTORS.items())
        + ", or an installed spaCy model.",
    ),
]
#: Settings that have another name on the command line.
_NAMES = {"k": ("-k", "--candidates")}


def linking(*only: str, **defaults: Any) -> type[Command]:
    """Returns the class of a command that has the options of the linker.

    Args:
        only: the names of the options it has, such as ``kb``; all of them if none is given.
        defaults: the defaults that differ from the linker's, by the name of the setting.
    """

    class LinkingCommand(Command):
        """A command with the options of the linker."""

        def get_params(self, ctx: Any) -> list[Any]:
            """Returns its own parameters, and those of the linker after the required ones."""
            own = super().get_params(ctx)
            needed = [number for number, one in enumerate(own, start=1) if one.required]
            place = max(needed, default=0)
            return [*own[:place], *self._linking(), *own[place:]]

        def invoke(self, ctx: Any) -> Any:
            """Puts the linker's options aside, and runs the command with its own."""
            values = {one.name: ctx.params.pop(one.name) for one in self._linking()}
            given = {name: value for name, value in values.items() if value is not None}
            ctx.meta[__name__] = defaults | given
            return super().invoke(ctx)

        def _linking(self) -> list[Any]:
            return _parameters(only, tuple(defaults.items()))

    return LinkingCommand


def linker_options(context: typer.Context) -> dict[str, Any]:
    """Returns what ``ConceptLinker.load`` takes: ``kb`` always, the others where given."""
    options: dict[str, Any] = context.meta[__name__]
    return options


@cache
def _parameters(only: tuple[str, ...], defaults: tuple[tuple[str, Any], ...]) -> list[Any]:
    from concept_linker.settings import LinkerSettings

    options: dict[str, Any] = {"kb": KB, "detector": _Detector}
    for name, field in LinkerSettings.model_fields.items():
        options[name] = Annotated[
            field.annotation | None,  # type: ignore[operator]
            typer.Option(
                *_NAMES.get(name, (f"--{name.replace('_', '-')}",)),
                metavar="N" if field.annotation is int else "X",
                show_default=str(dict(defaults).get(name, field.default)),
                help=field.description,
            ),
        ]

    def command(**_: Any) -> None:
        """Has the parameters that typer makes of the options."""

    command.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                annotation=option,
                default="default" if name == "kb" else None,
            )
            for name, option in options.items()
            if not only or name in only
        ]
    )
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return typer.main.get_command(app).params
