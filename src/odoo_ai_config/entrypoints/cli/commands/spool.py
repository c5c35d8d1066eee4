"""
``spool``: what waits on this machine for the store, and what the store refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, TypeAlias

from cyclopts import App, Parameter

from odoo_ai_config.application.ports.message_spool import MessageSpool, SpooledArrival
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.entrypoints.cli.flags import AS_SET, OPTIONS, AsJson, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, tell
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.http.platform.representations import timestamp

spool: Final = App(
    name="spool",
    help="Mostra o que espera nesta máquina pelo MongoDB, e o que foi recusado depois.",
    group_parameters=OPTIONS,
)

_Ids: TypeAlias = Annotated[list[str], Parameter(help="IDs, como `spool list` mostra.")]


@spool.command(name="list")
async def list_(*, json: AsJson = False, flags: StoreFlags = AS_SET) -> None:
    """
    Lista o que foi recusado quando o armazenamento voltou e aguarda uma pessoa.

    Os textos não aparecem. O código diz por que foi recusado.
    """
    with _opened(flags) as found:
        census, kept = await found.census(), await found.kept()
    _KEPT.say(kept, json=json)
    tell(f"Esperam pelo armazenamento: {census.waiting}; bytes: {census.bytes}.")


_KEPT: Final = Listing[SpooledArrival](
    ("ID", "CHEGOU", "SOBRE", "CÓDIGO"),
    lambda one: (one.id.value, moment(one.at), one.lane, one.refusal or ""),
    lambda one: {
        "id": one.id.value,
        "at": timestamp(one.at),
        "lane": one.lane,
        "refusal": one.refusal,
    },
    "Nada foi recusado.",
)


@spool.command
async def retry(ids: _Ids, *, flags: StoreFlags = AS_SET) -> None:
    """
    Faz o que foi recusado esperar outra vez; o servidor no ar o recebe de novo.
    """
    named = [MessageId(text) for text in ids]
    with _opened(flags) as found:
        count = await found.requeue(named)
    _require(count, named)
    say(f"De volta à espera: {count}.")


@spool.command
async def discard(ids: _Ids, *, flags: StoreFlags = AS_SET) -> None:
    """
    Apaga para sempre o que foi recusado.
    """
    named = [MessageId(text) for text in ids]
    with _opened(flags) as found:
        kept = {one.id for one in await found.kept()}.intersection(named)
        await found.settle(done=kept, refused={})
    _require(len(kept), named)
    say(f"Apagados: {len(kept)}.")


@contextmanager
def _opened(flags: StoreFlags) -> Iterator[MessageSpool]:
    # Without the store, which may be away.
    container = Container(settings=flags.settings())
    found = container.spool()
    try:
        if found is None:
            raise CommandError(
                "Aqui nada espera em disco: só com MongoDB, e com ODOO_AI_CONFIG_SPOOL_BYTES "
                "acima de 0."
            )
        yield found
    finally:
        container.spool.shutdown()


def _require(count: int, named: list[MessageId]) -> None:
    if count < len(named):
        raise CommandError(f"Não estão entre os recusados: {len(named) - count}; veja spool list.")
