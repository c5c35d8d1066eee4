"""
Options that many commands share.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from attrs import asdict, frozen
from cyclopts import Group, Parameter

from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings, SettingSources, read_sources

# Named here because commands of commands do not take it over from the program.
OPTIONS: Final = Group("Opções")
ARGUMENTS: Final = Group("Argumentos")
SETTINGS: Final = Group(
    "Configuração",
    help="Vencem o ambiente, que vence .env, que vence o arquivo YAML; veja `settings`.",
)
_MOST: Final = 1_000_000


@Parameter(name="*", group=SETTINGS)
@frozen
class StoreFlags:
    """
    Where the data of the hub is.
    """

    data_dir: Annotated[
        str | None,
        Parameter(help="Pasta do banco de dados, do chaveiro e da primeira chave de API."),
    ] = None
    store_url: Annotated[
        str | None,
        Parameter(help="sqlite:///arquivo, mongodb://... ou memory://."),
    ] = None
    keyring: Annotated[str | None, Parameter(help="Caminho do arquivo do chaveiro.")] = None
    config: Annotated[
        Path | None, Parameter(help="Arquivo YAML com as configurações, pelo nome de cada uma.")
    ] = None

    def sources(self) -> SettingSources:
        """
        What is set where, these flags included.

        Raises:
            SettingsError: The YAML file cannot be read or has an unknown setting.
            InvalidYamlError: It is not YAML.
        """
        given = {
            name: str(value)
            for name, value in asdict(self).items()
            if value is not None and name != "config"
        }
        return read_sources(flags=given, file=self.config, parse_yaml=Container.yaml().parse)

    def settings(self) -> Settings:
        """
        The settings, these flags included.

        Raises:
            SettingsError: A setting cannot be used.
            InvalidYamlError: The YAML file is not YAML.
        """
        return self.sources().settings()


# No flag given: everything is as it is set elsewhere.
AS_SET: Final = StoreFlags()


@Parameter(name="*", group=SETTINGS)
@frozen
class ServerFlags(StoreFlags):
    """
    How the server runs.
    """

    host: Annotated[str | None, Parameter(help="Endereço em que escuta; 0.0.0.0 para todos.")] = (
        None
    )
    port: Annotated[
        int | None, Parameter(help="Porta em que escuta; 0 para qualquer uma livre.")
    ] = None
    apps: Annotated[
        str | None,
        Parameter(help="config, chatwoot, odoo-api, ou alguns deles separados por vírgula."),
    ] = None
    workers: Annotated[int | None, Parameter(help="Processos que atendem a mesma porta.")] = None
    log_level: Annotated[str | None, Parameter(help="debug, info, warning ou error.")] = None
    log_format: Annotated[str | None, Parameter(help="auto, console ou json.")] = None
    log_dir: Annotated[
        str | None, Parameter(help="Pasta dos arquivos de log; vazio para não gravar.")
    ] = None
    shutdown_seconds: Annotated[
        int | None, Parameter(help="Quanto uma parada espera pelas requisições aceitas.")
    ] = None
    require_signature: Annotated[
        bool | None, Parameter(help="Recusa webhooks sem assinatura.", negative=())
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


def container_of(settings: Settings) -> Container:
    """
    The composition root for one command.
    """
    return Container(settings=settings)


def reader_of(settings: Settings) -> Container:
    """
    The composition root for one command that only reads.
    """
    return Container(settings=settings, read_only=True)


def positive(limit: int) -> int:
    """
    How many results are asked for.

    Raises:
        CommandError: None or fewer, or more than a store can count.
    """
    if not 1 <= limit <= _MOST:
        raise CommandError(f"--limit deve ser um inteiro de 1 a {_MOST}.")
    return limit
