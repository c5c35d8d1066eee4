"""
``where``: the store, the folders and the settings that a command uses here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from odoo_ai_config.application.errors import InvalidKeyRingError
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags
from odoo_ai_config.entrypoints.cli.terminal import say_json, say_table
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings, Source

_THERE = "existe"
_ABSENT = "não existe"


# What a command uses, where it is, and whether it is there as far as the file system tells.
Place: TypeAlias = tuple[str, str, str]


def where(
    *,
    json: Annotated[bool, Parameter(help="Mostra JSON.")] = False,
    flags: ServerFlags = SERVER_AS_SET,
) -> None:
    """
    Mostra com que armazenamento, pastas e configurações os comandos trabalham daqui.

    Nada é criado nem aberto, e nenhum segredo é mostrado. `settings` lista os valores.
    """
    places = [*_stored(flags.settings()), *_sources(flags)]
    if json:
        names = ("what", "place", "state")
        say_json([dict(zip(names, place, strict=True)) for place in places])
        return
    say_table(("O QUÊ", "ONDE", "ESTADO"), places)


def _stored(settings: Settings) -> Iterator[Place]:
    location = settings.store
    state = _state(location.path) if location.technology == "sqlite" else ""
    yield "armazenamento", location.place, state
    yield _file("pasta de dados", settings.data_dir)
    yield _ring(settings)
    if location.url is not None:
        yield _file("espera em disco", settings.spool_file)
    yield _file("chaves revogadas", settings.revoked_keys_path)
    yield _file("primeira chave de API", settings.api_key_path)
    if settings.log_dir is not None:
        yield _file("pasta de logs", settings.log_dir)


def _ring(settings: Settings) -> Place:
    source = Container(settings=settings, make=False).key_ring()
    try:
        current = source.status().ring.current_id
    except InvalidKeyRingError:
        there = Path(source.place).exists()
        return "chaveiro", source.place, "não pode ser usado" if there else _ABSENT
    return "chaveiro", source.place, f"chave atual {current}"


def _sources(flags: ServerFlags) -> Iterator[Place]:
    if flags.config is not None:
        yield _file("arquivo de configuração", flags.config)
    yield _file(".env", Path(".env"))
    for state in flags.sources().states():
        if state.source is not Source.DEFAULT:
            yield "configuração", state.variable, state.source.value


def _file(what: str, path: Path) -> Place:
    return what, str(path.absolute()), _state(path)


def _state(path: Path) -> str:
    return _THERE if path.exists() else _ABSENT
