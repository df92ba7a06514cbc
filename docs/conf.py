"""Sphinx configuration of the site: these pages, and the API from the docstrings.

    python -m sphinx -W --keep-going docs build/site

Neither the build nor the pages load anything from the network.
"""

import os
from collections.abc import Iterator
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import concept_linker
from concept_linker import __version__
from concept_linker.cli import app

project = "concept_linker"
author = "The concept_linker authors"
copyright = "2026, the concept_linker authors"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
nitpicky = True
# Other projects have no pages here, and not every class of ours needs one.
nitpick_ignore_regex = [("py:.*", r"(?!concept_linker\.).*"), ("py:class", ".*")]

# Markdown as GitHub renders it; notebooks with their stored outputs.
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
add_module_names = False
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "concept_linker"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b6b75",
        "color-brand-content": "#0b6b75",
        "font-stack": 'system-ui, -apple-system, "Segoe UI", sans-serif',
        "font-stack--monospace": "ui-monospace, Menlo, Consolas, monospace",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5cc6cf",
        "color-brand-content": "#5cc6cf",
    },
    "top_of_page_buttons": [],
}
# Prompts are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


class Commands(SphinxDirective):
    """A section for every command, with the output of its ``--help``."""

    def run(self) -> list[nodes.Node]:
        """Returns the sections."""
        os.environ["COLUMNS"] = "88"
        command = typer.main.get_command(app)
        context = command.make_context("concept-linker", [], resilient_parsing=True)
        return [self._section(*one) for one in _commands(command, context)]

    def _section(self, path: str, text: str) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(path)], names=[nodes.fully_normalize_name(path)])
        section += nodes.title(path, path)
        section += nodes.literal_block(text, text, language="text")
        self.state.document.note_implicit_target(section, section)
        return section


def _commands(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Yields full name and help of all commands without subcommands."""
    if not hasattr(command, "commands"):
        yield context.command_path, command.get_help(context).strip()
        return
    for name, one in command.commands.items():
        below = one.make_context(name, [], parent=context, resilient_parsing=True)
        yield from _commands(one, below)


def _describe_settings(_app: Sphinx, _what: str, _name: str, value: Any, *rest: Any) -> None:
    """Adds the fields of settings, with their descriptions, to the docstring of the class."""
    lines = rest[-1]
    fields = getattr(value, "model_fields", {}) if isinstance(value, type) else {}
    described = [
        f"    {name}: {one.description}" for name, one in fields.items() if one.description
    ]
    if described:
        lines += ["", "Args:", *described, ""]


def _resolve_public(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """Resolves a reference to where a public name is defined: pages list it as public."""
    name = node.get("reftarget", "").rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in concept_linker.__all__:
        return None
    target = f"concept_linker.{name}"
    python = env.get_domain("py")
    return python.resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], target, node, content
    )


def setup(application: Sphinx) -> None:
    """Registers the directive and the hooks; the first one runs before napoleon."""
    application.connect("missing-reference", _resolve_public)
    application.add_directive("commands", Commands)
    application.connect("autodoc-process-docstring", _describe_settings, priority=400)
