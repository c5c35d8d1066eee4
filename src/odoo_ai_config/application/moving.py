"""
Move a business area of a tenant to another name, and plan such moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

from attrs import define, evolve, field, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import Sealer, Sealing
from odoo_ai_config.application.errors import SealBrokenError
from odoo_ai_config.application.off_loop import ENTRY, cost_of, run_off_loop
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.application.standings import refuse_gone
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
from odoo_ai_config.domain.errors import (
    CredentialNotFoundError,
    DocumentNotFoundError,
    RevisionConflictError,
)
from odoo_ai_config.domain.event_times import believed, is_stale
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    PAUSES,
    RETENTION,
    BusinessArea,
    DocumentKey,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.tenants import (
    AreaInUseError,
    AreaMove,
    AreaMovedError,
    MoveTooLargeError,
    TenantVersion,
    Wish,
    relocated,
)

# They are about the whole tenant, and stay where they are looked for.
_OF_TENANT: Final = frozenset({PAUSES, RETENTION})
_PAGE: Final = 100
# Each may be as large as a document.
_FEW: Final = 10
# A commit of so many takes seconds. Retention keeps the versions of a document far below it.
MOST_MOVED: Final = 5000
# So many characters are in memory several times until they are stored.
MOST_TEXT: Final = 64 * 2**20


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
class Relocation:
    """
    What a commit holds of the documents, credentials, channels and addresses that move.

    Args:
        newest: The newest revision of each document, as it is at the new place.
        channels: How many channels have another owner.
    """

    newest: tuple[Revision, ...]
    changeset: Changeset
    channels: int


@frozen
class _Sealed:
    """
    Values at their new places, and their fingerprints there by those before, for each area.
    """

    secrets: tuple[SealedSecret, ...] = ()
    sealing: Sealing = field(factory=Sealing)
    erased: tuple[SealContext, ...] = ()
    fingerprints: Mapping[TenantArea, Mapping[tuple[str, Fingerprint], Fingerprint]] = field(
        factory=dict
    )


@define(eq=False)
class Room:
    """
    How much of something one commit may hold.
    """

    most: int
    _taken: int = 0

    def take(self, number: int) -> None:
        """
        Use up *number* of it.

        Raises:
            MoveTooLargeError: There is less left.
        """
        self._taken += number
        if self._taken > self.most:
            raise MoveTooLargeError(self.most)


@frozen(eq=False)
class Relocator:
    """
    Plans how areas get other names, with all that has to change in one commit.

    Args:
        most: The most versions and credentials of a commit.
        most_text: The most characters of its versions.
    """

    store: ConfigStore
    tenants: TenantStore
    channels: ChannelDirectory
    addresses: AddressStore
    secrets: SecretStore
    sealer: Sealer
    most: int = MOST_MOVED
    most_text: int = MOST_TEXT

    async def planned(
        self,
        newest: Sequence[Revision],
        places: Callable[[TenantArea], TenantArea],
        wish: Wish,
        *versions: TenantVersion,
    ) -> Relocation:
        """
        Move the documents *newest* of a tenant, and what belongs to their areas.

        Args:
            newest: The living documents that move.
            places: Where each area of the tenant is afterwards; itself, if it stays.
            wish: Whose tenant it is, who asks for it and when.
            versions: Of the tenants that it is about, from before anything of them was read.

        Raises:
            MoveTooLargeError: They have too many versions and credentials, or too much text.
            SealBrokenError, MasterKeyMissingError: A credential does not open.
            RevisionConflictError: It was taken away meanwhile.
        """
        try:
            return await self._planned(newest, places, wish, versions)
        except (CredentialNotFoundError, SealBrokenError):
            # An erasure, another move or a deletion takes values away.
            if [await self.tenants.version(one.tenant) for one in versions] != list(versions):
                raise RevisionConflictError from None
            raise

    async def _planned(
        self,
        newest: Sequence[Revision],
        places: Callable[[TenantArea], TenantArea],
        wish: Wish,
        versions: tuple[TenantVersion, ...],
    ) -> Relocation:
        areas = {revision.key.owner: places(revision.key.owner) for revision in newest}
        room, text = Room(self.most), Room(self.most_text)
        sealed = await self._sealed(areas, wish.at, room)
        moved: list[Revision] = []
        for revision in newest:
            history = await self._history(revision.key, room, text)
            moved += await self._moved(history, areas[revision.key.owner], sealed)
        mappings = await self._mappings(places, wish)
        addresses = await self._addresses(places, wish.tenant)
        gone = [tombstone(one, author=wish.by, at=wish.at) for one in newest]
        changeset = Changeset(
            versions=versions,
            revisions=(*moved, *gone),
            mappings=tuple(mappings),
            secrets=sealed.secrets,
            erased=sealed.erased,
            **sealed.sealing.key_parts,
            addresses=tuple(addresses),
            moved=frozenset(revision.key for revision in moved),
        )
        by_key = {revision.key: revision for revision in moved}
        channels = sum(places(one.mapping.owner) == one.mapping.owner for one in mappings)
        return Relocation(tuple(by_key.values()), changeset, channels)

    async def _sealed(
        self, areas: Mapping[TenantArea, TenantArea], at: datetime, room: Room
    ) -> _Sealed:
        secrets: list[SealedSecret] = []
        erased: list[SealContext] = []
        fingerprints: dict[TenantArea, dict[tuple[str, Fingerprint], Fingerprint]] = {}
        sealing = Sealing()
        for source, target in areas.items():
            fingerprints[source] = {}
            for ref, stored in (await self.secrets.stored_in(source)).items():
                room.take(len(stored))
                erased.append(SealContext(source, ref))
                for before in stored:
                    value = await self.sealer.opened(SealContext(source, ref), before)
                    place = SealContext(target, ref)
                    after, sealing = await self.sealer.one(place, value, at=at, beside=sealing)
                    secrets += sealing.secrets
                    fingerprints[source][ref.value, before] = after
        return _Sealed(tuple(secrets), sealing, tuple(erased), fingerprints)

    async def _history(self, key: DocumentKey, room: Room, text: Room) -> Sequence[Revision]:
        before, history = None, list[Revision]()
        while page := await self.store.history(key, before=before, limit=_FEW):
            room.take(len(page))
            text.take(sum(len(one.document.text) for one in page))
            history += page
            before = page[-1].version
        return history

    async def _moved(
        self, history: Sequence[Revision], target: TenantArea, sealed: _Sealed
    ) -> Sequence[Revision]:
        source = history[0].key
        key = target.document(source.kind)
        first = version_of((await self.store.current((key,))).get(key)) + 1
        moved: list[Revision] = []
        for version, revision in enumerate(reversed(history), start=first):
            document = revision.document
            if key.kind == CREDENTIALS:
                marks = sealed.fingerprints[source.owner]
                reseal = partial(resealed, document, marks)
                document = await run_off_loop(reseal, cost=cost_of(document))
            moved.append(evolve(revision, key=key, version=version, document=document))
        return moved

    async def _mappings(
        self, places: Callable[[TenantArea], TenantArea], wish: Wish
    ) -> Sequence[MappingRevision]:
        found = [
            (one, places(one.mapping.owner)) for one in await self.channels.mappings(wish.tenant)
        ]
        moving = [(one, target) for one, target in found if target != one.mapping.owner]
        # Without a channel, the name of the area is the key.
        held = [ChannelKey(holder=target) for one, target in moving if one.mapping.key.holder]
        there = await self.channels.current(held)
        author, at = wish.by, wish.at

        def moved() -> Iterator[MappingRevision | None]:
            for current, target in moving:
                mapping, key = current.mapping, ChannelKey(holder=target)
                if mapping.key.holder is None:
                    new = evolve(mapping, owner=target)
                    yield remapped(current, new, author=author, at=at)
                    continue
                held: ChannelMapping = evolve(mapping, key=key, owner=target)
                yield remapped(there.get(key), held, author=author, at=at)
                yield released(current, author=author, at=at)

        return await run_off_loop(
            lambda: [one for one in moved() if one is not None], cost=ENTRY * len(moving)
        )

    async def _addresses(
        self, places: Callable[[TenantArea], TenantArea], tenant: TenantId
    ) -> list[Address]:
        after, moved = None, []
        while page := await self.addresses.addresses(tenant=tenant, after=after, limit=_PAGE):
            for address in page:
                target = places(address.feed.owner)
                if target != address.feed.owner:
                    moved.append(evolve(address, feed=evolve(address.feed, owner=target)))
            after = page[-1].id
        return moved


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
    relocator: Relocator
    clock: Clock

    async def __call__(
        self,
        source: TenantArea,
        target: TenantArea,
        *,
        caller: ApiKey,
        dry_run: bool = False,
    ) -> AreaPlan:
        """
        Move *source* to *target*, another area of the same tenant; with *dry_run* only plan it.

        Raises:
            InvalidValueError: Both are the same.
            DocumentNotFoundError: *source* has no document.
            AreaMovedError: It has moved already.
            AreaInUseError: *target* has documents.
            MoveTooLargeError: *source* has too many versions and credentials, or too much text.
            TenantErasedError, TenantRenamedError: The tenant is erased or renamed.
        """
        wish = Wish.of(source.tenant, caller, self.clock.now())
        return await self._moved(source, target, wish, dry_run=dry_run)

    async def follow(
        self,
        source: BusinessArea,
        target: TenantArea,
        *,
        caller: ApiKey,
        event_at: datetime | None = None,
    ) -> None:
        """
        Move what is at *source* to *target*, as Odoo says with an event, unless that is done.

        Who may send events of a tenant may rename its areas: its events make them. An event of
        before the last change at *source*, or of before *target* moved away, is late: it moves
        nothing.

        Raises:
            AreaInUseError: Both have documents.
            MoveTooLargeError: *source* has too many versions and credentials, or too much text.
            TenantErasedError, TenantRenamedError: The tenant is erased or renamed.
        """
        caller.require(Scope.WEBHOOK, target.tenant)
        place = TenantArea(target.tenant, source)
        if place != target:
            wish = Wish(target.tenant, caller.id, self.clock.now(), caller.occasion)
            told_at = believed(event_at, now=wish.at)
            if await self._is_late(told_at, place, target):
                return
            with suppress(DocumentNotFoundError, AreaMovedError):
                await self._moved(place, target, wish, event_at=told_at)

    async def _is_late(
        self, event_at: datetime | None, source: TenantArea, target: TenantArea
    ) -> bool:
        keys = [area.document(kind) for area in (source, target) for kind in (CONFIG, CREDENTIALS)]
        newest = (await self.store.current(keys)).values()
        return is_stale(event_at, *(one.event_at for one in newest))

    async def _moved(
        self,
        source: TenantArea,
        target: TenantArea,
        wish: Wish,
        *,
        dry_run: bool = False,
        event_at: datetime | None = None,
    ) -> AreaPlan:
        async def decide() -> tuple[Changeset, AreaPlan]:
            # First: what others write meanwhile begins this anew.
            version = await self.tenants.version(source.tenant)
            current = await self.tenants.current(source.tenant)
            state = relocated(current, wish, AreaMove(source.domain, target.domain))
            newest = await self._documents(source)
            if not newest:
                refuse_gone(source, current)
                raise DocumentNotFoundError
            if await self._documents(target):
                raise AreaInUseError

            def place(area: TenantArea) -> TenantArea:
                return target if area == source else area

            moved = await self.relocator.planned(newest, place, wish, version)
            changeset = moved.changeset
            plan = AreaPlan(
                source,
                target,
                moved.newest,
                len(changeset.revisions) - len(newest),
                len(changeset.secrets),
                moved.channels,
                len(changeset.addresses),
            )
            if dry_run:
                return Changeset(), plan
            entry = AuditEntry(
                wish.at, AuditAction.AREA_MOVED, wish.by, source.tenant, f"{source} -> {target}"
            )
            # Deleted at the time of the move, so that an event of before it does not undo it.
            at = event_at or wish.at
            revisions = tuple(
                evolve(one, event_at=at) if one.key.owner == source else one
                for one in changeset.revisions
            )
            changeset = evolve(changeset, revisions=revisions, audit=(entry,))
            return evolve(changeset, tenant_states=(state,)), plan

        return await commit_decided(self.store, decide, wish.occasion)

    async def _documents(self, area: TenantArea) -> list[Revision]:
        found = await self.store.documents(area.tenant, area.domain)
        return [revision for revision in found if revision.key.kind not in _OF_TENANT]
