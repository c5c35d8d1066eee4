"""
Tenants and crews that a mapping names and the hub does not know.

Odoo may send a mapping before the settings of its owner, so this is no refusal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Final

from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.domain.channels.mapping import ChannelMapping
from odoo_ai_config.domain.crews import crew_names
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CREWS,
    METADATA,
    BusinessArea,
    DocumentKey,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice

# The owners of one question to the store.
_BATCH: Final = 500
_KINDS: Final = (CONFIG, CREDENTIALS, METADATA, CREWS)


async def unknown_names(
    store: ConfigStore, mappings: Iterable[ChannelMapping]
) -> tuple[Notice, ...]:
    """
    A notice for each unknown tenant and crew that the active *mappings* name, by its name.

    A tenant is known if it has a document, and a crew if the ``crews`` document of the business
    area, or else of the tenant's default area, describes it. For an unknown tenant its crews do
    not matter.
    """
    named: dict[TenantArea, dict[str, None]] = {}
    for mapping in mappings:
        if mapping.active:
            crews = named.setdefault(mapping.owner, {})
            crews.update(dict.fromkeys(special.crew for special in mapping.numbers))
    found: dict[Notice, None] = {}
    owners = iter(named)
    while (batch := list(islice(owners, _BATCH))) and len(found) < MOST_NOTICES:
        notices = await _notices(store, {owner: named[owner] for owner in batch})
        found.update(dict.fromkeys(notices))
    return tuple(islice(found, MOST_NOTICES))


async def _notices(
    store: ConfigStore, named: Mapping[TenantArea, Collection[str]]
) -> Sequence[Notice]:
    # The settings are enough to know most tenants, and the store has them at hand.
    places = {owner: _places(owner, crews) for owner, crews in named.items()}
    current = await store.current([key for keys in places.values() for key in keys])
    living = {key for key, revision in current.items() if content_of(revision) is not None}
    strangers = {owner.tenant for owner, keys in places.items() if living.isdisjoint(keys)}
    strangers -= await _known(store, strangers) if strangers else set()
    notices: list[Notice] = []
    for owner, crews in named.items():
        if owner.tenant in strangers:
            notices.append(Notice("unknown_tenant", str(owner.tenant)))
        elif crews:
            unknown = await _unknown_crews(current, owner, crews)
            place = owner.document(CREWS)
            notices += (Notice("unknown_crew", f"{place}/{crew}") for crew in unknown)
    return notices


def _places(owner: TenantArea, crews: Collection[str]) -> Sequence[DocumentKey]:
    return owner.document(CONFIG), *(_crew_places(owner) if crews else ())


def _crew_places(owner: TenantArea) -> Iterator[DocumentKey]:
    yield owner.document(CREWS)
    yield TenantArea(owner.tenant, BusinessArea()).document(CREWS)


async def _known(store: ConfigStore, tenants: Collection[TenantId]) -> set[TenantId]:
    revisions = await store.documents_of(tenants, _KINDS)
    return {revision.key.tenant for revision in revisions if not revision.deleted}


async def _unknown_crews(
    current: Mapping[DocumentKey, Revision], owner: TenantArea, crews: Collection[str]
) -> Collection[str]:
    for key in _crew_places(owner):
        document = content_of(current.get(key))
        if document is not None:
            return await run_off_loop(
                partial(_undescribed, document, crews), cost=cost_of(document)
            )
    return crews


def _undescribed(document: Document, crews: Collection[str]) -> Collection[str]:
    known = crew_names(document.body)
    return [crew for crew in crews if crew not in known]
