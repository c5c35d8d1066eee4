"""
The program: its commands, its final message and its exit status.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from cyclopts import App, CycloptsError, Group, Parameter

from odoo_ai_config.application.errors import StoreFailure, StoreUnusableError
from odoo_ai_config.entrypoints.cli.flags import ARGUMENTS, OPTIONS
from odoo_ai_config.entrypoints.cli.help_pages import PortugueseFormatter
from odoo_ai_config.entrypoints.cli.refusals import EXPECTED, advice_on, usage_advice
from odoo_ai_config.entrypoints.cli.terminal import tell

NAME: Final = "odoo-ai-config"
_HERE: Final = "odoo_ai_config.entrypoints.cli"
# Where each command is. Its module is imported once it runs or its help is shown, so that no
# start pays for the others.
_COMMANDS: Final = {
    "keys": "commands.keys",
    "subscriptions": "commands.subscriptions",
    "addresses": "commands.addresses",
    "keyring": "commands.keyring",
    "credentials": "commands.credentials",
    "chatwoot": "commands.chatwoot",
    "messages": "commands.messages",
    "spool": "commands.spool",
    "conversations": "commands.conversations",
    "channels": "commands.conversations",
    "person": "commands.person",
    "send": "commands.send",
    "init": "serve.serving",
    "serve": "serve.serving",
    "worker": "serve.serving",
    "tunnel": "commands.tunnel",
    "demo": "demo.command",
    "tenants": "commands.tenants",
    "show": "commands.reading",
    "history": "commands.reading",
    "collections": "commands.reading",
    "mapping": "commands.mapping",
    "export": "commands.exporting",
    "import_": "commands.importing",
    "audit": "commands.audit",
    "doctor": "commands.doctor",
    "migrate": "commands.migrating",
    "copy": "commands.copying",
    "backup": "commands.copying",
    "restore": "commands.copying",
    "mcp": "commands.mcp",
    "where": "commands.where",
    "seal": "commands.sealing",
    "settings": "commands.settings",
}
_FAILED: Final = 1
_MISUSED: Final = 2
_NO_STORE: Final = 3
_INTERRUPTED: Final = 130


def program() -> App:
    """
    The command line with all its commands.
    """
    app = App(
        name=NAME,
        help="Recebe do Odoo a configuração e as credenciais dos clientes, criptografa, guarda as "
        "versões e serve aos serviços de IA.",
        help_epilogue="Cada comando tem sua ajuda: odoo-ai-config keys create --help",
        version=version(NAME),
        help_format="plaintext",
        help_formatter=PortugueseFormatter(),
        group_commands=Group("Comandos"),
        group_parameters=OPTIONS,
        group_arguments=ARGUMENTS,
        # No --no-json beside --json.
        default_parameter=Parameter(negative=()),
    )
    for name, module in _COMMANDS.items():
        app.command(f"{_HERE}.{module}:{name}", name=name.strip("_"), show=name != "worker")
    app["--help"].help = "Mostra esta ajuda."
    app["--version"].help = "Mostra a versão."
    return app


def main(tokens: Sequence[str] | None = None) -> int:
    """
    Run one command line and return the exit status of the process.
    """
    words = sys.argv[1:] if tokens is None else list(tokens)
    app = program()
    if not words or words[0] not in app or words[0].startswith("-"):
        # The help shows what each command is for.
        app.resolved_commands()
    try:
        result = app(
            words,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        tell(f"Erro: {usage_advice(error)}. Ajuda: {NAME} {_command_of(error)}--help")
        return _MISUSED
    except EXPECTED as error:
        tell(f"Erro: {advice_on(error)}")
        missing = isinstance(error, StoreUnusableError) and error.failure is StoreFailure.EMPTY
        return _NO_STORE if missing else _FAILED
    except BrokenPipeError:
        # The reader of the results has closed the pipe; the last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except KeyboardInterrupt:
        tell("Interrompido.")
        return _INTERRUPTED
    return result if isinstance(result, int) else 0


def _command_of(error: CycloptsError) -> str:
    return "".join(f"{name} " for name in error.command_chain or ())
