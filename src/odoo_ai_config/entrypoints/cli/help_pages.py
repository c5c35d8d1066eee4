"""
Help pages in Portuguese: the texts that cyclopts adds are in English.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve
from cyclopts.help import ColumnSpec, DefaultFormatter, DescriptionRenderer, HelpEntry, InlineText
from cyclopts.help.specs import get_default_parameter_columns
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

_WORDS: Final = {"COMMAND": "COMANDO", "[OPTIONS]": "[OPÇÕES]", "[ARGS]": "[ARGUMENTOS]"}


class PortugueseFormatter(DefaultFormatter):
    """
    The layout of cyclopts with Portuguese words.
    """

    def __init__(self) -> None:
        super().__init__(column_specs=_columns)

    def render_usage(self, console: Console, _options: ConsoleOptions, usage: object) -> None:
        """
        Show the syntax of the command.
        """
        words = " ".join(_WORDS.get(word, word) for word in str(usage).split())
        console.print(Text(f"Uso: {words}\n", style="bold"))

    def render_description(
        self, console: Console, options: ConsoleOptions, description: object
    ) -> None:
        """
        Show what the command is for. Lines break where the terminal ends, not where the code does.
        """
        if isinstance(description, InlineText) and isinstance(
            written := description.primary_renderable, Text
        ):
            paragraphs = (" ".join(one.split()) for one in written.plain.split("\n\n"))
            description.primary_renderable = Text("\n\n".join(paragraphs))
        super().render_description(console, options, description)


class _Description(DescriptionRenderer):
    def __call__(self, entry: HelpEntry) -> RenderableType:
        notes = []
        if entry.choices:
            notes.append(f"[opções: {', '.join(entry.choices)}]")
        # Every switch is off by default.
        if entry.default not in (None, str(False)):
            notes.append(f"[padrão: {entry.default}]")
        if entry.required:
            notes.append("[obrigatório]")
        bare = evolve(entry, choices=None, default=None, required=False)
        shown = super().__call__(bare)
        if isinstance(shown, InlineText):
            for note in notes:
                shown.append(Text(note, "dim"))
        return shown


def _columns(
    console: Console, options: ConsoleOptions, entries: list[HelpEntry]
) -> tuple[ColumnSpec, ...]:
    *others, description = get_default_parameter_columns(console, options, entries)
    return (*others, description.copy(renderer=_Description()))
