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

from odoo_ai_config.entrypoints.cli.commands.audit import audit
from odoo_ai_config.entrypoints.cli.commands.chatwoot import chatwoot
from odoo_ai_config.entrypoints.cli.commands.doctor import doctor
from odoo_ai_config.entrypoints.cli.commands.exporting import export
from odoo_ai_config.entrypoints.cli.commands.importing import import_
from odoo_ai_config.entrypoints.cli.commands.keyring import keyring
from odoo_ai_config.entrypoints.cli.commands.keys import keys
from odoo_ai_config.entrypoints.cli.commands.messages import messages
from odoo_ai_config.entrypoints.cli.commands.reading import collections, history, show, tenants
from odoo_ai_config.entrypoints.cli.commands.sealing import seal
from odoo_ai_config.entrypoints.cli.commands.send import send
from odoo_ai_config.entrypoints.cli.commands.settings import settings
from odoo_ai_config.entrypoints.cli.commands.tunnel import tunnel
from odoo_ai_config.entrypoints.cli.flags import ARGUMENTS, OPTIONS
from odoo_ai_config.entrypoints.cli.help_pages import PortugueseFormatter
from odoo_ai_config.entrypoints.cli.refusals import EXPECTED, advice_on, usage_advice
from odoo_ai_config.entrypoints.cli.serve.serving import serve, worker
from odoo_ai_config.entrypoints.cli.terminal import tell

NAME: Final = "odoo-ai-config"
_FAILED: Final = 1
_MISUSED: Final = 2
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
    for command in (keys, keyring, chatwoot, messages, send):
        app.command(command)
    reading = (tenants, show, history, collections, export, audit)
    for function in (serve, tunnel, *reading, doctor, seal, settings):
        app.command(function)
    app.command(import_, name="import")
    app.command(worker, show=False)
    app["--help"].help = "Mostra esta ajuda."
    app["--version"].help = "Mostra a versão."
    return app


def main(tokens: Sequence[str] | None = None) -> int:
    """
    Run one command line and return the exit status of the process.
    """
    try:
        result = program()(
            sys.argv[1:] if tokens is None else list(tokens),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        tell(f"Erro: {usage_advice(error)}. Ajuda: {NAME} {_command_of(error)}--help")
        return _MISUSED
    except EXPECTED as error:
        tell(f"Erro: {advice_on(error)}")
        return _FAILED
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
