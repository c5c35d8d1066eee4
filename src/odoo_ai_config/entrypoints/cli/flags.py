"""
Options that many commands share.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

from attrs import asdict, frozen
from cyclopts import Group, Parameter

from odoo_ai_config.domain.access import lifetime
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import SCHEMA, Settings, SettingSources, read_sources

# A listing for programs.
AsJson = Annotated[bool, Parameter(help="Mostra JSON em vez da tabela.")]
# Named here because nested commands do not inherit it from the program.
OPTIONS: Final = Group("Opções")
ARGUMENTS: Final = Group("Argumentos")
SETTINGS: Final = Group(
    "Configuração",
    help="Estas opções prevalecem sobre o ambiente, o ambiente sobre .env, e .env sobre o arquivo "
    "YAML; veja `settings`.",
)
_HELP: Final = {setting.name: setting.help for setting in SCHEMA}
_MOST: Final = 1_000_000


def explained(name: str) -> Parameter:
    """
    Explain a flag as the setting of that name.
    """
    return Parameter(help=f"{_HELP[name]}.")


@Parameter(name="*", group=SETTINGS)
@frozen
class StoreFlags:
    """
    The settings that say where the data of the hub is.
    """

    data_dir: Annotated[str | None, explained("data_dir")] = None
    store_url: Annotated[str | None, explained("store_url")] = None
    # Not the keys themselves: other users see the arguments of a process.
    keyring: Annotated[str | None, Parameter(help="Caminho do arquivo do chaveiro.")] = None
    config: Annotated[
        Path | None, Parameter(help="Arquivo YAML com as configurações, pelo nome de cada uma.")
    ] = None

    def sources(self) -> SettingSources:
        """
        All sources of settings, with these flags among them.

        Raises:
            SettingsError: The YAML file cannot be read or has an unknown setting.
            InvalidYamlError: The file is not YAML.
        """
        given = {
            name: str(value)
            for name, value in asdict(self).items()
            if value is not None and name not in {"config", "reason"}
        }
        return read_sources(flags=given, file=self.config, parse_yaml=Container.yaml().parse)

    def settings(self) -> Settings:
        """
        The settings, which these flags override.

        Raises:
            SettingsError: A setting cannot be used.
            InvalidYamlError: The YAML file is not YAML.
        """
        return self.sources().settings()


# Without flags: everything as other sources set it.
AS_SET: Final = StoreFlags()


@Parameter(name="*", group=SETTINGS)
@frozen
class WriteFlags(StoreFlags):
    """
    Why a command changes something, too.
    """

    reason: Annotated[
        str | None,
        Parameter(
            group=OPTIONS, help="Por quê, para a trilha de auditoria; nunca escreva um segredo."
        ),
    ] = None


WRITE_AS_SET: Final = WriteFlags()


@Parameter(name="*", group=SETTINGS)
@frozen
class ServerFlags(StoreFlags):
    """
    The settings that say how the server runs, too.
    """

    host: Annotated[str | None, explained("host")] = None
    port: Annotated[int | None, explained("port")] = None
    apps: Annotated[str | None, explained("apps")] = None
    workers: Annotated[int | None, explained("workers")] = None
    log_level: Annotated[str | None, explained("log_level")] = None
    log_format: Annotated[str | None, explained("log_format")] = None
    log_dir: Annotated[str | None, explained("log_dir")] = None
    shutdown_seconds: Annotated[int | None, explained("shutdown_seconds")] = None
    require_signature: Annotated[
        bool | None,
        Parameter(help="Recusa requisições sem assinatura que precisam do escopo webhook."),
    ] = None

    def as_arguments(self) -> list[str]:
        """
        The same flags for another process.
        """
        return [
            f"--{name.replace('_', '-')}={value}"
            for name, value in asdict(self).items()
            if value is not None
        ]


SERVER_AS_SET: Final = ServerFlags()


def length_of(text: str | None) -> timedelta | None:
    """
    The length of time that *text* names: ``90d``, ``12h`` or ``30m``.

    Raises:
        InvalidValueError: It names none.
    """
    return None if text is None else lifetime(text)


def positive(limit: int) -> int:
    """
    Check how many results are asked for.

    Raises:
        CommandError: *limit* is below 1 or more than a store can count.
    """
    if not 1 <= limit <= _MOST:
        raise CommandError(f"--limit deve ser um inteiro de 1 a {_MOST}.")
    return limit
