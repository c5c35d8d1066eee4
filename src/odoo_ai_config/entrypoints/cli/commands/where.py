"""
``where``: the store, the folders and the settings that a command uses here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from attrs import asdict, frozen
from cyclopts import Parameter

from odoo_ai_config.application.errors import InvalidKeyRingError
from odoo_ai_config.entrypoints.cli.flags import SERVER_AS_SET, ServerFlags
from odoo_ai_config.entrypoints.cli.terminal import say_json, say_table
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings, Source

_THERE = "existe"
_ABSENT = "não existe"


@frozen
class Place:
    """
    Something that a command uses, and where it is.

    Args:
        state: Whether it is there, as far as a look at the file system tells.
    """

    what: str
    place: str
    state: str = ""


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
        say_json([asdict(place) for place in places])
        return
    say_table(("O QUÊ", "ONDE", "ESTADO"), [(one.what, one.place, one.state) for one in places])


def _stored(settings: Settings) -> Iterator[Place]:
    location = settings.store
    state = _state(location.path) if location.technology == "sqlite" else ""
    yield Place("armazenamento", location.place, state)
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
        return Place("chaveiro", source.place, "não pode ser usado" if there else _ABSENT)
    return Place("chaveiro", source.place, f"chave atual {current}")


def _sources(flags: ServerFlags) -> Iterator[Place]:
    if flags.config is not None:
        yield _file("arquivo de configuração", flags.config)
    yield _file(".env", Path(".env"))
    for state in flags.sources().states():
        if state.source is not Source.DEFAULT:
            yield Place("configuração", state.variable, state.source.value)


def _file(what: str, path: Path) -> Place:
    return Place(what, str(path.absolute()), _state(path))


def _state(path: Path) -> str:
    return _THERE if path.exists() else _ABSENT
