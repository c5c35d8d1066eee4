"""
``addresses``: secret addresses for Odoo's automation rules.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from cyclopts import App, Parameter

from odoo_ai_config.domain.addresses import Address, Feed, RecordKind
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.identifiers import BusinessArea, TenantArea, TenantId
from odoo_ai_config.entrypoints.cli.flags import (
    AS_SET,
    OPTIONS,
    WRITE_AS_SET,
    AsJson,
    StoreFlags,
    WriteFlags,
)
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.session import OPERATOR, every, operator, reading, session
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, say_json, tell
from odoo_ai_config.entrypoints.http.addresses.handlers import address_shown

addresses: Final = App(
    name="addresses",
    help="Cria, lista e revoga endereços secretos para as regras de automação do Odoo.",
    group_parameters=OPTIONS,
)

_KINDS: Final = ", ".join(kind.value for kind in RecordKind)

AddressId = Annotated[str, Parameter(help="ID do endereço, como `addresses list` mostra.")]


@addresses.command
async def create(
    *,
    name: Annotated[str, Parameter(help="Para quem é o endereço.")],
    tenant: Annotated[str, Parameter(help="Cliente dono de tudo o que chega por ele.")],
    kind: Annotated[str, Parameter(help=f"O que o hub faz de cada registro: {_KINDS}.")],
    domain: Annotated[str, Parameter(help="Área de negócio.")] = "default",
    collection: Annotated[
        str | None, Parameter(help="Coleção dos itens, com --kind collection.")
    ] = None,
    model: Annotated[
        str | None,
        Parameter(help="Único modelo do Odoo aceito, como x_cliente; sem ele, qualquer um."),
    ] = None,
    field: Annotated[
        list[str] | None,
        Parameter(help="CAMPO_DO_HUB=CAMPO_DO_ODOO; repita para mais de um."),
    ] = None,
    flags: WriteFlags = WRITE_AS_SET,
) -> None:
    """
    Cria um endereço secreto e o mostra uma única vez.

    O endereço vai para a saída padrão, sozinho; dele só se guarda o resumo criptográfico. Quem o
    conhece grava na configuração deste cliente, sem chave.
    """
    feed = Feed(
        TenantArea(TenantId(tenant), BusinessArea.from_text(domain)),
        _kind(kind),
        None if collection is None else CollectionName.from_text(collection),
        model,
        dict(map(_pair, field or [])),
    )
    async with session(flags) as services:
        address, token = await services.create_address(feed, name=name, caller=operator(flags))
    tell(f"Endereço {address.id} criado; guarde-o agora, ele não será mostrado de novo:")
    public = flags.settings().public_url or "http://SERVIDOR:PORTA"
    say(f"{public}/odoo-webhook/{token.reveal()}")


@addresses.command(name="list")
async def list_(
    *,
    tenant: Annotated[str | None, Parameter(help="Só os deste cliente.")] = None,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Lista os endereços, os revogados também.
    """
    of = None if tenant is None else TenantId(tenant)
    async with reading(flags) as services:
        read = partial(services.list_addresses, caller=OPERATOR, tenant=of)
        found = [address async for address in every(read, lambda address: address.id)]
    _ADDRESSES.say(found, json=json)


@addresses.command
async def show(address_id: AddressId, *, flags: StoreFlags = AS_SET) -> None:
    """
    Mostra um endereço e de que campos do Odoo ele lê; o próprio endereço não volta.
    """
    async with reading(flags) as services:
        address = await services.list_addresses.one(address_id, caller=OPERATOR)
    say_json(address_shown(address))


@addresses.command
async def revoke(address_id: AddressId, *, flags: WriteFlags = WRITE_AS_SET) -> None:
    """
    Revoga um endereço, para sempre; os servidores o recusam na mesma hora.
    """
    async with session(flags) as services:
        address = await services.revoke_address(address_id, caller=operator(flags))
    say(f"Endereço {address.id} ({address.name}) revogado em {moment(address.revoked_at)}.")


def _row(address: Address) -> tuple[str, ...]:
    feed = address.feed
    return (
        address.id,
        address.name,
        str(feed.owner.tenant),
        str(feed.owner.domain),
        feed.kind.value if feed.collection is None else str(feed.collection),
        feed.model or "qualquer",
        moment(address.created_at),
        moment(address.used_at),
        moment(address.revoked_at),
    )


_ADDRESSES: Final = Listing(
    ("ID", "NOME", "CLIENTE", "ÁREA", "PARA", "MODELO", "CRIADO", "USADO", "REVOGADO"),
    _row,
    address_shown,
    "Nenhum endereço; crie um com: odoo-ai-config addresses create",
)


def _kind(text: str) -> RecordKind:
    try:
        return RecordKind(text)
    except ValueError:
        raise CommandError(f"Tipo desconhecido; escolha entre {_KINDS}.") from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, source = text.partition("=")
    if not sign:
        raise CommandError("Escreva --field CAMPO_DO_HUB=CAMPO_DO_ODOO.")
    return name.strip(), source.strip()
