"""
``settings``: all settings and their values.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import Parameter

from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, AsJson, ServerFlags
from odoo_ai_config.entrypoints.cli.terminal import Listing, say_text
from odoo_ai_config.entrypoints.settings import SettingSources, SettingState


def settings(
    *,
    env: Annotated[
        bool, Parameter(help="Escreve um modelo de arquivo .env com os padrões.")
    ] = False,
    json: AsJson = False,
    flags: ServerFlags = SERVER_AS_SET,
) -> None:
    """
    Lista todas as configurações, o valor de cada uma e de onde ele vem.

    Segredos aparecem como `***`.
    """
    if env:
        say_text(env_template())
        return
    _SETTINGS.say(flags.sources().states(), json=json)
    flags.settings()


_SETTINGS: Final = Listing[SettingState](
    ("VARIÁVEL", "VALOR", "ORIGEM", "PADRÃO"),
    lambda state: (state.variable, state.value, state.source.value, state.default),
    lambda state: {
        "variable": state.variable,
        "value": state.value,
        "source": state.source.value,
        "default": state.default,
    },
    "Nenhuma configuração.",
)


def env_template() -> str:
    """
    The content of ``.env.example``: every setting with its default, commented out.
    """
    head = "# Copie para .env e descomente o que quiser mudar; o ambiente e as opções vencem.\n"
    states = SettingSources({}).states()
    return head + "\n".join(map(_template_line, states))


def _template_line(state: SettingState) -> str:
    return f"\n# {state.help}\n#{state.variable}={state.default}"
