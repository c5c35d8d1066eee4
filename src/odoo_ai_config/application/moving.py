"""
Move a business area of a tenant to another name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import Sealer, Sealing
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    released,
    remapped,
)
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SealContext, SealedSecret
from odoo_ai_config.domain.documents.credentials import resealed
from odoo_ai_config.domain.documents.revisions import Revision, tombstone, version_of
from odoo_ai_config.domain.errors import DocumentNotFoundError
from odoo_ai_config.domain.identifiers import (
    CREDENTIALS,
    PAUSES,
    RETENTION,
    BusinessArea,
    CredentialRef,
    TenantArea,
)
from odoo_ai_config.domain.tenants import AreaInUseError, AreaMove, TenantState, Wish, relocated

# They are about the whole tenant, and stay where they are looked for.
_OF_TENANT: Final = frozenset({PAUSES, RETENTION})
_PAGE: Final = 100


@frozen
class AreaPlan:
    """
    What a move changes.

    Args:
        documents: The newest revision of each document, as it is at the new place.
        revisions: How many versions they have together.
        credentials: How many values are sealed again.
        channels: How many channels belong to the area.
        addresses: How many secret addresses feed it.
    """

    source: TenantArea
    target: TenantArea
    documents: tuple[Revision, ...]
    revisions: int
    credentials: int
    channels: int
    addresses: int


@frozen
class _Sealed:
    """
    The values of an area at its new place, and their fingerprints there by those before.
    """

    secrets: tuple[SealedSecret, ...] = ()
    sealing: Sealing = field(factory=Sealing)
    fingerprints: Mapping[tuple[str, Fingerprint], Fingerprint] = field(factory=dict)


@frozen(eq=False)
class MoveArea:
    """
    Move the documents of an area with their history, its credentials, channels and addresses.

    One commit does it: a reader sees the area at one place or at the other. The old place keeps
    deleted documents and names the new one. Messages and conversations stay with the tenant, and
    are answered by the rules of the new place.
    """

    store: ConfigStore
    tenants: TenantStore
    channels: ChannelDirectory
    addresses: AddressStore
    secrets: SecretStore
    sealer: Sealer
    clock: Clock

    async def __call__(
        self,
        source: TenantArea,
        target: TenantArea,
        *,
        caller: ApiKey,
        reason: str | None = None,
        dry_run: bool = False,
        request_id: str | None = None,
    ) -> AreaPlan:
        """
        Move *source* to *target*, another area of the same tenant; with *dry_run* only plan it.

        Raises:
            InvalidValueError: Both are the same.
            DocumentNotFoundError: *source* has no document.
            AreaInUseError: *target* has documents.
            TenantErasedError: The tenant is erased.
        """
        caller.require(Scope.ADMIN, source.tenant)
        caller.require_unbound()
        wish = Wish(source.tenant, caller.id, self.clock.now(), reason or caller.reason)
        return await self._moved(source, target, wish, dry_run=dry_run, request_id=request_id)

    async def follow(self, source: BusinessArea, target: TenantArea, *, caller: ApiKey) -> None:
        """
        Move what is at *source* to *target*, as Odoo says with an event, unless that is done.

        Who may send events of a tenant may rename its areas: its events make them.

        Raises:
            AreaInUseError: Both have documents.
            TenantErasedError: The tenant is erased.
        """
        caller.require(Scope.WEBHOOK, target.tenant)
        place = TenantArea(target.tenant, source)
        if place != target:
            wish = Wish(target.tenant, caller.id, self.clock.now(), caller.reason)
            with suppress(DocumentNotFoundError):
                await self._moved(place, target, wish)

    async def _moved(
        self,
        source: TenantArea,
        target: TenantArea,
        wish: Wish,
        *,
        dry_run: bool = False,
        request_id: str | None = None,
    ) -> AreaPlan:
        async def decide() -> tuple[Changeset, AreaPlan]:
            current = await self.tenants.current(source.tenant)
            state = relocated(current, wish, AreaMove(source.domain, target.domain))
            changeset, plan = await self._planned(source, target, wish, state)
            entry = AuditEntry(
                wish.at,
                AuditAction.AREA_MOVED,
                wish.by,
                source.tenant,
                f"{source} -> {target}",
                request_id,
            )
            return (
                Changeset() if dry_run else evolve(changeset, audit=(entry,)),
                plan,
            )

        return await commit_decided(self.store, decide, reason=wish.reason)

    async def _planned(
        self, source: TenantArea, target: TenantArea, wish: Wish, state: TenantState
    ) -> tuple[Changeset, AreaPlan]:
        newest = await self._documents(source)
        if not newest:
            raise DocumentNotFoundError
        if await self._documents(target):
            raise AreaInUseError
        sealed = await self._sealed(source, target, wish.at)
        moved: list[Revision] = []
        for revision in newest:
            moved += await self._history(revision, target, sealed)
        mappings = await self._mappings(source, target, wish)
        addresses = [
            evolve(address, feed=evolve(address.feed, owner=target))
            async for address in self._addresses(source)
        ]
        by_kind = {revision.key: revision for revision in moved}
        plan = AreaPlan(
            source,
            target,
            tuple(by_kind.values()),
            len(moved),
            len(sealed.secrets),
            sum(revision.mapping.owner == target for revision in mappings),
            len(addresses),
        )
        gone = [tombstone(one, author=wish.by, at=wish.at) for one in newest]
        changeset = Changeset(
            revisions=(*moved, *gone),
            mappings=tuple(mappings),
            secrets=sealed.secrets,
            erased=tuple(
                SealContext(source, CredentialRef(ref)) for ref, _ in sealed.fingerprints
            ),
            new_tenant_key=sealed.sealing.new_tenant_key,
            sealed_under=sealed.sealing.sealed_under,
            addresses=tuple(addresses),
            tenant_states=(state,),
        )
        return changeset, plan

    async def _documents(self, area: TenantArea) -> list[Revision]:
        found = await self.store.documents(area.tenant, area.domain)
        return [revision for revision in found if revision.key.kind not in _OF_TENANT]

    async def _sealed(self, source: TenantArea, target: TenantArea, at: datetime) -> _Sealed:
        secrets: list[SealedSecret] = []
        fingerprints: dict[tuple[str, Fingerprint], Fingerprint] = {}
        sealing = Sealing()
        for ref, stored in (await self.secrets.stored_in(source)).items():
            for before in stored:
                value = await self.sealer.opened(SealContext(source, ref), before)
                after, sealing = await self.sealer.one(SealContext(target, ref), value, at=at)
                secrets += sealing.secrets
                fingerprints[ref.value, before] = after
        return _Sealed(tuple(secrets), sealing, fingerprints)

    async def _history(
        self, newest: Revision, target: TenantArea, sealed: _Sealed
    ) -> Sequence[Revision]:
        key, before = target.document(newest.key.kind), None
        history: list[Revision] = []
        while page := await self.store.history(newest.key, before=before, limit=_PAGE):
            history += page
            before = page[-1].version
        first = version_of((await self.store.current((key,))).get(key)) + 1
        moved: list[Revision] = []
        for version, revision in enumerate(reversed(history), start=first):
            document = revision.document
            if key.kind == CREDENTIALS:
                reseal = partial(resealed, document, sealed.fingerprints)
                document = await run_off_loop(reseal, cost=cost_of(document))
            moved.append(evolve(revision, key=key, version=version, document=document))
        return moved

    async def _mappings(
        self, source: TenantArea, target: TenantArea, wish: Wish
    ) -> list[MappingRevision]:
        moved: list[MappingRevision | None] = []
        author, at = wish.by, wish.at
        for current in await self.channels.mappings(source.tenant):
            mapping = current.mapping
            if mapping.owner != source:
                continue
            if mapping.key.holder is None:
                new = evolve(mapping, owner=target)
                moved.append(remapped(current, new, author=author, at=at))
                continue
            # It has no channel: the name of the area is its key.
            key = ChannelKey(holder=target)
            there = (await self.channels.current((key,))).get(key)
            held: ChannelMapping = evolve(mapping, key=key, owner=target)
            moved.append(remapped(there, held, author=author, at=at))
            moved.append(released(current, author=author, at=at))
        return [one for one in moved if one is not None]

    async def _addresses(self, source: TenantArea) -> AsyncIterator[Address]:
        after = None
        while page := await self.addresses.addresses(
            tenant=source.tenant, after=after, limit=_PAGE
        ):
            for address in page:
                if address.feed.owner == source:
                    yield address
            after = page[-1].id
