"""Parses commands and explains them: help, suggestions, messages for wrong calls.

Help is laid out here rather than by typer: its layout changes with its version, breaks examples
in the middle of an option, and needs a wide terminal.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["Command", "CommandLine", "Group", "UsageError", "examples_of", "explain"]

#: What the parser raises for a wrong call.  Newer versions of typer contain their own copy of
#: click, so it is found through the one class that all versions export.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_HELP_NAMES = ["-h", "--help"]
_INDENT = 2
#: Longer names are on a separate line.
_NAMES = 30
_WIDEST = 100
#: How click reports a word too many.
_EXTRA = re.compile(r"got unexpected extra arguments?(?:\(s\))? \((.*)\)", re.DOTALL)


class CommandLine(typer.Typer):
    """A group of commands with the help layout of this module.

    Args:
        settings: as for :class:`typer.Typer`.
    """

    def __init__(self, **settings: Any) -> None:
        defaults = {
            "add_completion": False,
            "cls": Group,
            "context_settings": {"help_option_names": _HELP_NAMES},
            "pretty_exceptions_enable": False,
            "rich_markup_mode": None,
        }
        super().__init__(**{**defaults, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Registers a command, as :meth:`typer.Typer.command` does."""
        return super().command(name, **{"cls": Command, **settings})


class Command(TyperCommand):
    """A command without subcommands."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Returns what follows the name: arguments, required options, ``[OPTIONS]``."""
        return [
            *(_metavar(one) for one in self.get_params(ctx) if _is_argument(one)),
            *(_names(one, short=True) for one in self.get_params(ctx) if _is_required(one)),
            "[OPTIONS]",
        ]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes usage, description, arguments and options."""
        formatter.write("\n".join([*_head(self, ctx), *_parameters(self, ctx)]) + "\n")


class Group(TyperGroup):
    """A command with subcommands."""

    #: Heading in the help → its commands.  Commands without a heading come under "Commands".
    headings: ClassVar[Mapping[str, Sequence[str]]] = {}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Shows the help, as an error, if there are no arguments."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help(), err=True)
            raise typer.Exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the command; for an unknown name, suggests the nearest."""
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            known: dict[str, list[str]] = {}
            for path, _ in _commands(ctx.find_root().command):
                known.setdefault(path.rpartition(" ")[2], []).append(path)
            close = [path for one in get_close_matches(args[0], known, 1) for path in known[one]]
            here = ctx.command_path.partition(" ")[2]
            inside = [path for path in close if here and path.startswith(f"{here} ")]
            ctx.fail(f"no such command {args[0]!r}{_did_you_mean(inside or close)}")
        return super().resolve_command(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Returns what follows the name."""
        return ["COMMAND", "..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes usage, description, commands, options; examples if the description has none."""
        lines = _head(self, ctx)
        listed = {name for names in self.headings.values() for name in names}
        others = [name for name in self.list_commands(ctx) if name not in listed]
        widest = max(len(name) for name in self.list_commands(ctx))
        for title, names in {**self.headings, "Commands": others}.items():
            found = [(f"{name:<{widest}}", self.get_command(ctx, name)) for name in names]
            rows = [(name, _first_line(one.help)) for name, one in found if one is not None]
            lines += _section(title, rows)
        lines += _parameters(self, ctx)
        if not examples_of(self):
            lines += ["", "Examples:", ""]
            lines += [
                f"    {examples[0]}" for _, one in _commands(self) if (examples := examples_of(one))
            ]
        formatter.write("\n".join(lines) + "\n")


def explain(error: Exception) -> str:
    """Returns the message for a wrong call: what is wrong, a suggestion, where to look."""
    context = getattr(error, "ctx", None)
    name = getattr(error, "option_name", None)
    possible = getattr(error, "possibilities", None)
    message = str(error.format_message()).rstrip(".")  # type: ignore[attr-defined]
    message = message[:1].lower() + message[1:]
    if name and message.startswith("no such option"):
        message = f"no such option {name}{_did_you_mean(sorted(possible or ()))}"
    if context is None:
        return message
    arguments = [one for one in context.command.params if _is_argument(one)]
    message = _EXTRA.sub(r"unexpected argument \1", message)
    if message.startswith("unexpected argument") and any(
        _metavar(one) == "TEXT" for one in arguments
    ):
        message += "; put quotes around a text of several words"
    return f"{message}; see `{context.command_path} --help`"


def examples_of(command: Any) -> list[str]:
    """Returns the examples in a command's help, one call each."""
    lines = (command.help or "").replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.startswith("    concept-linker ")]


def _commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the full name and object of every command below a group."""
    for name, one in getattr(command, "commands", {}).items():
        below = f"{path} {name}".strip()
        yield below, one
        yield from _commands(one, below)


def _did_you_mean(possible: Sequence[str]) -> str:
    return f", did you mean {' or '.join(f'`{one}`' for one in possible)}?" if possible else ""


def _width() -> int:
    return max(40, min(shutil.get_terminal_size().columns - 1, _WIDEST))


def _head(command: Any, context: Any) -> list[str]:
    """Returns usage and description: paragraphs are filled, indented lines stay as they are."""
    pieces = " ".join(command.collect_usage_pieces(context))
    usage = _filled(f"Usage: {context.command_path} {pieces}", hanging=len("Usage: "))
    lines = [*usage]
    for paragraph in (command.help or "").strip().split("\n\n"):
        indented = paragraph.startswith("    ")
        if not (indented and lines[-1].startswith("    ")):  # no blank line between examples
            lines.append("")
        lines += paragraph.splitlines() if indented else _filled(" ".join(paragraph.split()))
    return lines


def _parameters(command: Any, context: Any) -> list[str]:
    arguments, options = [], []
    for one in command.get_params(context):
        if _is_argument(one):
            arguments.append((_metavar(one), _help(one)))
        elif not one.hidden:
            options.append((_names(one), _help(one)))
    return [*_section("Arguments", arguments), *_section("Options", options)]


def _section(title: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    """Returns a heading with two columns below it."""
    if not rows:
        return []
    column = _INDENT + min(max(len(name) for name, _ in rows), _NAMES) + 2
    lines = ["", f"{title}:"]
    for name, text in rows:
        filled = textwrap.wrap(text, _width() - column, break_on_hyphens=False) or [""]
        first = f"{' ' * _INDENT}{name}"
        if len(first) + 2 > column:
            lines.append(first)
            first = ""
        lines.append(f"{first:<{column}}{filled[0]}".rstrip())
        lines += [" " * column + line for line in filled[1:]]
    return lines


def _filled(text: str, hanging: int = 0) -> list[str]:
    return textwrap.wrap(
        text, _width(), subsequent_indent=" " * hanging, break_on_hyphens=False
    )  # fmt: skip


def _first_line(text: str | None) -> str:
    """Returns the first sentence, as the list of commands shows it."""
    paragraph = " ".join((text or "").strip().split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".")


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _is_required(parameter: Any) -> bool:
    return bool(parameter.required and not _is_argument(parameter))


def _is_flag(parameter: Any) -> bool:
    return bool(getattr(parameter, "is_flag", False))


def _metavar(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name.upper())
    if not _is_argument(parameter):
        return name
    if parameter.nargs != 1 and not name.endswith("..."):
        name += "..."
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any, *, short: bool = False) -> str:
    names = sorted([*parameter.opts, *parameter.secondary_opts], key=lambda one: one[1] == "-")
    text = names[0] if short else ", ".join(names)
    return text if _is_flag(parameter) else f"{text} {_metavar(parameter)}"


def _help(parameter: Any) -> str:
    notes = []
    if getattr(parameter, "multiple", False):
        notes.append("may be repeated")
    default = parameter.default
    shown = getattr(parameter, "show_default", True)
    if not shown or isinstance(shown, str):
        default = shown or None
    if parameter.required and not _is_argument(parameter):
        notes.append("required")
    elif _is_flag(parameter):
        if parameter.secondary_opts and default:
            notes.append(f"default {parameter.opts[0]}")
    elif isinstance(default, str | int | float):
        notes.append(f"default {default}")
    return " ".join([parameter.help or "", *(f"[{note}]" for note in notes)]).strip()
