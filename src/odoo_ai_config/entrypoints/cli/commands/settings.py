"""
``settings``: all settings and their values.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags
from odoo_ai_config.entrypoints.cli.terminal import say_table, say_text
from odoo_ai_config.entrypoints.settings import SettingSources, SettingState


def settings(
    *,
    env: Annotated[
        bool, Parameter(help="Escreve um modelo de arquivo .env com os padrões.")
    ] = False,
    flags: ServerFlags = SERVER_AS_SET,
) -> None:
    """
    Lista todas as configurações, o valor de cada uma e de onde ele vem.

    Segredos aparecem como `***`.
    """
    if env:
        say_text(env_template())
        return
    states = flags.sources().states()
    heading = ("VARIÁVEL", "VALOR", "ORIGEM", "PADRÃO")
    say_table(heading, [(s.variable, s.value, s.source.value, s.default) for s in states])
    flags.settings()


def env_template() -> str:
    """
    The content of ``.env.example``: every setting with its default, commented out.
    """
    head = "# Copie para .env e descomente o que quiser mudar; o ambiente e as opções vencem.\n"
    states = SettingSources({}).states()
    return head + "\n".join(map(_template_line, states))


def _template_line(state: SettingState) -> str:
    return f"\n# {state.help}\n#{state.variable}={state.default}"
