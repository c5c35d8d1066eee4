"""
``mapping``: the history of the mapping of channels, and the way back.
"""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.application.channels.history import MappingChanges
from odoo_ai_config.domain.channels.history import (
    ChannelChange,
    ChannelChangeKind,
    ChannelState,
    HistoryPlace,
    MappingChange,
    Unshown,
    moment_of,
    moment_text,
)
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.cli.flags import (
    ARGUMENTS,
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
    positive,
)
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import Listing, say_json, say_table, tell
from odoo_ai_config.entrypoints.http.channels.history import changes_of, entry_of

mapping: Final = App(
    name="mapping",
    help="Mostra o histórico do mapeamento, compara dois momentos e volta a um deles.",
    group_parameters=OPTIONS,
    group_arguments=ARGUMENTS,
)

_KINDS: Final = {
    ChannelChangeKind.ADDED: "incluído",
    ChannelChangeKind.REMOVED: "não existia",
    ChannelChangeKind.MOVED: "movido",
    ChannelChangeKind.SWITCHED_ON: "ligado",
    ChannelChangeKind.SWITCHED_OFF: "desligado",
    ChannelChangeKind.CHANGED: "alterado",
}
_HEADING: Final = ("CANAL", "MUDANÇA", "DE", "PARA")

_MOMENT: Final = "data e hora ISO 8601 com fuso horário, como 2026-04-23T19:14:20Z"


@mapping.command
async def history(
    *,
    channel: Annotated[
        str | None, Parameter(help="Só este canal, como a coluna CANAL o mostra: channel/1/7.")
    ] = None,
    tenant: Annotated[
        str | None, Parameter(help="Só canais que este cliente tinha antes ou depois.")
    ] = None,
    after: Annotated[
        str | None, Parameter(help="Continua depois desta mudança, a última da página anterior.")
    ] = None,
    limit: Annotated[int, Parameter(help="Quantas, das mais novas.")] = 50,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Lista as mudanças dos canais: quem, quando, de quê para quê.

    Das mais novas para as mais antigas.
    """
    size = positive(limit)
    key = None if channel is None else ChannelKey.from_text(channel)
    bound = None if tenant is None else TenantId(tenant)
    start = None if after is None else HistoryPlace.from_text(after)
    async with reading(flags) as services:
        # One more than asked for shows whether there are more.
        found = await services.read_mapping_history(
            caller=OPERATOR, key=key, tenant=bound, after=start, limit=size + 1
        )
    page = found[:size]
    _HISTORY.say(page, json=json)
    if len(found) > size:
        tell(f"Há mais; continue com: --after {page[-1].place}")


@mapping.command
async def diff(
    from_: Annotated[str, Parameter(name="--from", help=f"O primeiro momento: {_MOMENT}.")],
    *,
    to: Annotated[str | None, Parameter(help="O segundo momento; sem ele, agora.")] = None,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Compara o mapeamento de dois momentos.
    """
    before = moment_of(from_)
    after = None if to is None else moment_of(to)
    async with reading(flags) as services:
        found = await services.compare_mapping(before, after, caller=OPERATOR)
    _say_changes(found, json=json, none="Nenhuma diferença.")


@mapping.command
async def rollback(
    *,
    at: Annotated[str | None, Parameter(help=f"Volta a este momento: {_MOMENT}.")] = None,
    channel: Annotated[
        str | None, Parameter(help="Só este canal, como `mapping history` o mostra.")
    ] = None,
    version: Annotated[
        int | None, Parameter(help="Em vez de um momento: a versão do canal.")
    ] = None,
    dry_run: Annotated[bool, Parameter(help="Só mostra o que mudaria.")] = False,
    json: AsJson = False,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Volta o mapeamento, ou um canal, a um momento anterior, como uma nova mudança.

    Um canal que não existia nesse momento é desligado e mantém seus dados.
    """
    key = None if channel is None else ChannelKey.from_text(channel)
    to = version if at is None else moment_of(at)
    if to is None or (version is not None and (at is not None or key is None)):
        raise CommandError("Indique --at, ou --channel com --version.")
    async with (reading if dry_run else session)(flags) as services:
        found = await services.roll_back_mapping(
            to, caller=operator(flags), key=key, dry_run=dry_run
        )
    _say_changes(found, json=json, none="Nada a mudar.")
    if dry_run:
        tell("Nada foi gravado.")


def _say_changes(found: MappingChanges, *, json: bool, none: str) -> None:
    if json:
        say_json(changes_of(found))
    elif found.channels:
        say_table(_HEADING, [_row(change) for change in found.channels])
    else:
        tell(none)
    if found.truncated:
        tell(f"Há mais; só os primeiros {len(found.channels)} canais são mostrados.")


def _entry_row(entry: MappingChange) -> tuple[str, ...]:
    return (moment_text(entry.at), entry.author, str(entry.version), *_row(entry.change))


def _row(change: ChannelChange) -> tuple[str, ...]:
    return (
        str(change.key),
        _KINDS[change.kind],
        _told(change.before),
        _told(change.after),
    )


_HISTORY: Final = Listing(
    ("QUANDO", "QUEM", "VERSÃO", *_HEADING), _entry_row, entry_of, "Nenhuma mudança."
)


def _told(state: ChannelState) -> str:
    if state is None:
        return "-"
    if isinstance(state, Unshown):
        return "removida pela retenção"
    facts = [str(state.owner)]
    if state.fallback:
        facts.append(f"reserva {state.sequence}")
    if state.numbers:
        facts.append(f"{len(state.numbers)} número(s)")
    if not state.active:
        facts.append("desligado")
    return ", ".join(facts)
