"""
Reads what a source expects the hub to have.
"""

from __future__ import annotations

from typing import Annotated, Final

from attrs import frozen

from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.collections import CollectionName
from odoo_ai_config.domain.identifiers import TenantArea, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject, is_empty
from odoo_ai_config.domain.reconciliation import PUSHED_KINDS, ExpectedArea, ExpectedState
from odoo_ai_config.entrypoints.http.platform.fields import converter, read, read_object
from odoo_ai_config.entrypoints.http.platform.schema import Body
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    DEFAULT_DOMAIN,
    AnyChannel,
    DomainName,
    names_no_channel,
)

MOST_ENTRIES: Final = 1000


@frozen
class KnownMapping:
    """
    What a source expects of a channel.
    """

    chatwoot_account_id: AnyChannel
    chatwoot_inbox_id: AnyChannel = None
    version: int | None = None
    digest: str | None = None


@frozen
class KnownCollection:
    """
    What a source expects of a collection.
    """

    name: CollectionName
    version: int | None = None
    digest: str | None = None


@frozen
class KnownArea:
    """
    What a source expects of one business area.
    """

    tenant_id: TenantId
    domain: DomainName = DEFAULT_DOMAIN
    config_version: int | None = None
    config_digest: str | None = None
    credentials_version: int | None = None
    credentials_digest: str | None = None
    metadata_version: int | None = None
    metadata_digest: str | None = None
    mappings: Annotated[tuple[KnownMapping, ...], MOST_ENTRIES] = ()
    collections: tuple[KnownCollection, ...] = ()


@frozen
class KnownAreas:
    """
    The answers that a source got to its last pushes.

    A thing with neither version nor digest was never acknowledged.
    """

    known: Annotated[tuple[KnownArea, ...], MOST_ENTRIES]


KNOWN: Final = Body(
    parts=(KnownAreas,),
    example={
        "known": [
            {
                "tenant_id": "123456",
                "domain": "retail",
                "config_version": 8,
                "credentials_version": 3,
                "mappings": [{"chatwoot_account_id": 1, "chatwoot_inbox_id": 7, "version": 2}],
            }
        ]
    },
)


def known_areas(body: JsonObject) -> tuple[ExpectedArea, ...]:
    """
    Read ``{"known": [...]}``.

    Raises:
        IncompleteDataError: The list is missing.
        InvalidFieldsError: A field is invalid.
    """
    return tuple(map(_known, read(KnownAreas, {"": body}).known))


def _known(area: KnownArea) -> ExpectedArea:
    documents = {
        kind: _acknowledged(
            getattr(area, f"{kind}_version"),
            getattr(area, f"{kind}_digest"),
        )
        for kind in PUSHED_KINDS
    }
    return ExpectedArea(
        TenantArea(area.tenant_id, area.domain.domain),
        {kind: known for kind, known in documents.items() if known != ExpectedState()},
        {
            ChannelKey(one.chatwoot_account_id, one.chatwoot_inbox_id): _acknowledged(
                one.version, one.digest
            )
            for one in area.mappings
        },
        {one.name: _acknowledged(one.version, one.digest) for one in area.collections},
    )


def _acknowledged(version: int | None, digest: str | None) -> ExpectedState:
    # Versions count from 1: a lower one was never acknowledged.
    return ExpectedState(version if version is not None and version > 0 else None, digest)


def _mapping(value: Json, _: object) -> object:
    account = value.get("chatwoot_account_id") if isinstance(value, dict) else None
    if not is_empty(account) and names_no_channel(account):
        # A channel that Odoo does not have cannot be compared.
        return None
    return read_object(KnownMapping, value)


converter.register_structure_hook(KnownMapping, _mapping)
