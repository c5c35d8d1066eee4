"""
``show``, ``history`` and ``collections``: what is stored.
"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from odoo_ai_config.application.collections import CollectionOverview
from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.domain.collections import CollectionKey, CollectionName
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import BusinessArea, DocumentKey, DocumentKind, TenantId
from odoo_ai_config.entrypoints.cli.flags import AS_SET, AsJson, StoreFlags, positive
from odoo_ai_config.entrypoints.cli.session import OPERATOR, reading
from odoo_ai_config.entrypoints.cli.terminal import Listing, moment, say, say_json, say_text, tell
from odoo_ai_config.entrypoints.http.collections.handlers import summary_shown
from odoo_ai_config.entrypoints.http.documents.handlers import version_shown
from odoo_ai_config.entrypoints.wiring import Services

Tenant = Annotated[str, Parameter(help="Cliente (account_id).")]
Domain = Annotated[str, Parameter(help="Área de negócio.")]
Kind = Annotated[
    str, Parameter(name="--type", help="Tipo do documento: config, credentials, metadata...")
]


async def show(
    tenant: Tenant,
    *,
    domain: Domain = "default",
    kind: Kind = "config",
    version: Annotated[int | None, Parameter(help="Uma versão antiga, em vez da atual.")] = None,
    yaml: Annotated[bool, Parameter(help="Mostra YAML em vez de JSON.")] = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Mostra um documento de um cliente.

    Credenciais aparecem como `sealed:...`; os valores só saem pela API, com registro.
    """
    async with reading(flags) as services:
        revision = await services.read_document(
            _key(tenant, domain, kind), caller=OPERATOR, version=version
        )
        if yaml:
            say_text((await yaml_of(revision.document, services.ports.yaml)).rstrip("\n"))
        else:
            say_json(revision.document.body)
    tell(f"{revision.key}, versão {revision.version}, de {moment(revision.updated_at)}")


async def history(
    tenant: Tenant,
    *,
    domain: Domain = "default",
    kind: Kind = "config",
    limit: Annotated[int, Parameter(help="Quantas versões, das mais novas.")] = 20,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Lista as versões de um documento, das mais novas para as mais antigas.
    """
    key = _key(tenant, domain, kind)
    size = positive(limit)
    async with reading(flags) as services:
        revisions = await services.list_documents.history(key, caller=OPERATOR, limit=size)
    Listing(
        ("VERSÃO", "GRAVADA", "CHAVE", ""),
        _version_row,
        version_shown,
        f"{key} nunca foi gravado.",
    ).say(revisions, json=json)


def _version_row(one: Revision) -> tuple[str, ...]:
    deleted = "removido" if one.deleted else ""
    return (str(one.version), moment(one.updated_at), one.author, deleted)


async def collections(
    tenant: Tenant,
    name: Annotated[str, Parameter(help="Coleção a mostrar, item por item (JSON).")] = "",
    *,
    json: AsJson = False,
    flags: StoreFlags = AS_SET,
) -> None:
    """
    Lista as coleções de um cliente, ou mostra os itens de uma.
    """
    owner = TenantId(tenant)
    async with reading(flags) as services:
        if name:
            await _say_items(services, CollectionKey(owner, CollectionName.from_text(name)))
            return
        found = await services.read_collection.all_of(owner, caller=OPERATOR)
    Listing(
        ("COLEÇÃO", "HABILITADA", "VERSÃO", "ITENS", "ATUALIZADA"),
        _overview_row,
        summary_shown,
        f"{owner} não tem coleções.",
    ).say(found, json=json)


def _overview_row(one: CollectionOverview) -> tuple[str, ...]:
    head = one.head
    enabled = "sim" if one.enabled else "não"
    if head is None:
        return (str(one.name), enabled, "", "", "")
    return (str(one.name), enabled, str(head.version), str(head.size), moment(head.updated_at))


async def _say_items(services: Services, key: CollectionKey) -> None:
    cursor, complete = None, False
    while not complete:
        reading = await services.read_collection(key, caller=OPERATOR, since=cursor)
        for state in () if reading.page is None else reading.page.states:
            if state.item is not None:
                say(state.item.text)
        cursor = reading.cursor
        complete = reading.page is None or reading.page.complete


def _key(tenant: str, domain: str, kind: str) -> DocumentKey:
    return DocumentKey(TenantId(tenant), BusinessArea.from_text(domain), DocumentKind(kind))
