"""
List tenants, suspend them, erase them and reopen them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.errors import ContentionError
from odoo_ai_config.application.ports.address_store import AddressStore
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.certificate_signer import CertificateSigner
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.revoked_keys import RevokedKeys
from odoo_ai_config.application.ports.secret_store import SecretStore
from odoo_ai_config.application.ports.tenant_store import TenantStore
from odoo_ai_config.application.standings import (
    OnFailure,
    following,
    for_each,
    raised,
    states_of,
)
from odoo_ai_config.domain.access import ApiKey, Occasion, Scope
from odoo_ai_config.domain.addresses import Address
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey, released
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.errors import TenantNotFoundError
from odoo_ai_config.domain.identifiers import HUB, SUBSCRIPTIONS, TenantId
from odoo_ai_config.domain.tenants import (
    CLOSED,
    ERASURE,
    Certificate,
    CertificateInvalidError,
    CertificateNotFoundError,
    NotedErasure,
    Standing,
    TenantContents,
    TenantState,
    Wish,
    counted,
    erased,
    erasing,
    going_on,
    refuse_closed,
    reopened,
    require_confirmed,
    resumed,
    signed_bytes,
    standing_of,
    statement_of,
    suspended,
)

_PAGE: Final = 100


def _unreported(_steps: int) -> None:
    pass


@frozen
class TenantOverview:
    """
    A tenant, where it stands, and the newest revision of each of its living documents.
    """

    tenant: TenantId
    documents: tuple[Revision, ...]
    standing: Standing = Standing.ACTIVE


@frozen(eq=False)
class ListTenants:
    """
    The tenants that a caller may see, with their documents.
    """

    store: ConfigStore
    tenants: TenantStore

    async def __call__(
        self, *, caller: ApiKey, after: TenantId | None = None, limit: int = 50
    ) -> Sequence[TenantOverview]:
        """
        At most *limit* tenants following *after*; a bound caller sees only its own.

        The hub's own tenant is left out.
        """
        caller.require(Scope.CONFIG_READ)
        if caller.tenant is not None:
            own = await self._overview(caller.tenant)
            seen = after is not None and after >= caller.tenant
            return [own] if own.documents and not seen else []
        # One more than asked for, because the hub's own may be among them.
        found = await self.store.tenants(after=after, limit=limit + 1)
        tenants = [tenant for tenant in found if tenant != HUB][:limit]
        return await asyncio.gather(*(self._overview(tenant) for tenant in tenants))

    async def one(self, tenant: TenantId, *, caller: ApiKey) -> TenantOverview:
        """
        One tenant.

        Raises:
            TenantNotFoundError: It has no document.
            TenantErasedError: It is erased.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        overview = await self._overview(tenant)
        refuse_closed(tenant, await self.tenants.remembered(tenant))
        if not overview.documents:
            raise TenantNotFoundError
        return overview

    async def _overview(self, tenant: TenantId) -> TenantOverview:
        standing = (await self.tenants.remembered(tenant)).standing
        found = await self.store.documents(tenant)
        documents = tuple(one for one in found if one.key.domain != SUBSCRIPTIONS)
        return TenantOverview(tenant, documents, standing)


@frozen(eq=False)
class ReadStanding:
    """
    Where a tenant stands, and the certificate of its erasure.
    """

    tenants: TenantStore
    signer: CertificateSigner

    async def __call__(self, tenant: TenantId, *, caller: ApiKey) -> TenantState | None:
        """
        The newest state of *tenant*; None if it was always active.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        return await self.tenants.current(tenant)

    async def unserved(
        self, *, caller: ApiKey, after: TenantId | None = None, limit: int = 50
    ) -> Sequence[TenantState]:
        """
        At most *limit* states of tenants that are not active, by their ids, following *after*.
        """
        caller.require(Scope.ADMIN)
        caller.require_unbound()
        others = set(Standing) - {Standing.ACTIVE}
        return await self.tenants.states(others, after=after, limit=limit)

    async def certificate(self, tenant: TenantId, *, caller: ApiKey) -> Certificate:
        """
        The certificate of the last erasure of *tenant*.

        Raises:
            CertificateNotFoundError: It is not erased.
        """
        caller.require(Scope.ADMIN, tenant)
        state = await self.tenants.current(tenant)
        if state is None or state.certificate is None:
            raise CertificateNotFoundError
        return Certificate.from_text(state.certificate)

    def verify(self, text: str, public_key: bytes | None = None) -> Certificate:
        """
        The certificate that *text* is, if *public_key* signed it.

        Without *public_key*, one of the keys of this hub must have.

        Raises:
            InvalidValueError: It is no certificate.
            CertificateInvalidError: It was changed, or another key signed it.
        """
        return verified(text, self.signer, public_key)


def verified(text: str, signer: CertificateSigner, public_key: bytes | None) -> Certificate:
    """
    As `ReadStanding.verify`, which needs nothing of the store.
    """
    certificate = Certificate.from_text(text)
    signature = certificate.signature
    trusted = signer.public_keys().values() if public_key is None else [public_key]
    if signature.public_key not in trusted or not signer.verify(
        signed_bytes(certificate.statement), signature
    ):
        raise CertificateInvalidError
    return certificate


@frozen(eq=False)
class SuspendTenant:
    """
    Serve nothing of a tenant while everything is still taken in; and end that again.
    """

    store: ConfigStore
    tenants: TenantStore
    clock: Clock

    async def __call__(self, tenant: TenantId, *, caller: ApiKey) -> TenantState | None:
        """
        The state of the tenant, suspended; suspending it again changes nothing.

        Raises:
            TenantNotFoundError: It has no document.
            TenantErasedError: It is erased.
        """
        wish = Wish.of(tenant, caller, self.clock.now())
        if not await self.store.documents(tenant):
            # An erased one has none, either.
            refuse_closed(tenant, await self.tenants.current(tenant))
            raise TenantNotFoundError
        return await _moved(self, wish, suspended, AuditAction.TENANT_SUSPENDED)

    async def end(self, tenant: TenantId, *, caller: ApiKey) -> TenantState | None:
        """
        The state of the tenant, active again; None if it was always active.

        Raises:
            TenantErasedError: It is erased.
        """
        wish = Wish.of(tenant, caller, self.clock.now())
        return await _moved(self, wish, resumed, AuditAction.SUSPENSION_ENDED)


@frozen(eq=False)
class EraseTenant:
    """
    Remove everything of a tenant but its state and the audit trail, and certify that.

    The first commit closes the tenant and destroys its data keys: from there on nothing opens,
    nothing is served and nothing new is stored. The rest goes in short steps. If the program ends
    in between, the next call or `go_on` continues.

    Args:
        end_rename: Ends the rename of an id from which something still follows to the erased
            tenant: nothing is left under that id, either.
    """

    store: ConfigStore
    tenants: TenantStore
    channels: ChannelDirectory
    secrets: SecretStore
    api_keys: ApiKeyStore
    addresses: AddressStore
    noted: RevokedKeys
    signer: CertificateSigner
    end_rename: Callable[[TenantId], Awaitable[object]]
    clock: Clock

    async def planned(self, tenant: TenantId, *, caller: ApiKey) -> TenantContents:
        """
        What an erasure of *tenant* would remove now.

        Raises:
            TenantNotFoundError: There is nothing of it.
            TenantErasedError: It is erased.
        """
        wish = Wish.of(tenant, caller, self.clock.now())
        refuse_closed(wish.tenant, await self.tenants.current(wish.tenant))
        contents = await self._contents(tenant)
        if contents == TenantContents():
            raise TenantNotFoundError
        return contents

    async def __call__(
        self,
        tenant: TenantId,
        *,
        caller: ApiKey,
        confirmation: str | None,
        large: bool = False,
        on_progress: Callable[[int], None] = _unreported,
    ) -> TenantState:
        """
        The state of the erased tenant, with its certificate; erasing it again changes nothing.

        Args:
            tenant: Whom to erase.
            caller: Who asks for it; the certificate has the reason.
            confirmation: The tenant's id once more.
            large: Whether the store may stand still to clean a large file.
            on_progress: Called with the number of steps that were done.

        Raises:
            InvalidValueError: *confirmation* is not the tenant's id.
            TenantNotFoundError: There is nothing of it.
        """
        wish = Wish.of(tenant, caller, self.clock.now())
        require_confirmed(tenant, confirmation)
        # One that is renamed is not to be erased.
        erasing(await self.tenants.current(tenant), wish, ())
        if standing_of(await self.tenants.current(tenant)) not in CLOSED:
            await self.planned(tenant, caller=caller)
            await self._begun(wish)
        return await self._finished(tenant, large=large, on_progress=on_progress)

    async def go_on(self, on_failure: OnFailure = raised) -> Sequence[TenantState]:
        """
        Finish the erasures that were interrupted, and return those that are finished now.
        """
        return await for_each(self.tenants, Standing.ERASING, self._finished, on_failure)

    async def again(self, *, caller: ApiKey, restored: bool) -> Sequence[TenantId]:
        """
        Begin the noted erasures again that an older copy of the store undoes; return the tenants.

        `go_on` finishes them.

        Args:
            caller: Who asks for it.
            restored: Whether the store is known to be an older copy.

        Raises:
            StoreUnusableError: The list beside the store cannot be read.
        """
        begun = []
        found = map(NotedErasure.from_text, sorted(await self.noted.noted()))
        notes = [one for one in found if one is not None]
        for one in notes:
            state = await self.tenants.current(one.tenant)
            data_keys = [key.key_id for key in await self.secrets.keys_of(one.tenant)]
            if standing_of(state) not in CLOSED and one.is_undone(
                state, data_keys, restored=restored, begin=one.begin(notes)
            ):
                restorer = caller.because("já apagado; voltou com um backup")
                await self._begun(Wish.of(one.tenant, restorer, self.clock.now()))
                begun.append(one.tenant)
        return begun

    async def note_all(self) -> None:
        """
        Note the erasures by other machines, too.

        Raises:
            StoreUnusableError: The list beside the store cannot be read or written.
        """
        notes = await self._notes([state async for state in states_of(self.tenants, ERASURE)])
        if missing := notes - await self.noted.noted():
            await self.noted.note(missing)

    async def _notes(self, erasures: Sequence[TenantState]) -> set[str]:
        """
        What is to be noted of *erasures*: also who had one of these ids before and still lives.
        """
        notes = [note for state in erasures for note in NotedErasure.all_of(state)]
        ids = {note.tenant for note in notes}
        if ids:
            async for state in states_of(self.tenants, set(Standing) - CLOSED):
                notes += [note for note in NotedErasure.kept_of(state) if note.tenant in ids]
        return {note.text for note in notes}

    async def _begun(self, wish: Wish) -> None:
        tenant = wish.tenant

        async def decide() -> tuple[Changeset, None]:
            data_keys = tuple(key.key_id for key in await self.secrets.keys_of(tenant))
            state = erasing(await self.tenants.current(tenant), wish, data_keys)
            if state is None:
                return Changeset(), None
            entry = _entry(wish, AuditAction.ERASURE_BEGUN)
            return Changeset(audit=(entry,), tenant_states=(state,)), None

        await commit_decided(self.store, decide, wish.occasion)

    async def _finished(
        self,
        tenant: TenantId,
        *,
        large: bool = False,
        on_progress: Callable[[int], None] = _unreported,
    ) -> TenantState:
        # Before anything goes: a restored older store does not bring it back.
        await self.noted.note(await self._notes([await self._current(tenant)]))
        await self._counted(tenant)
        for old in await self._earlier(tenant):
            await self.end_rename(old)
        await self._revoked(tenant)
        await self._released(tenant)
        steps = 0
        while await self.tenants.remove_some(tenant):
            steps += 1
            on_progress(steps)
        scrubbed = await self.tenants.scrub(large=large)

        async def decide() -> tuple[Changeset, TenantState]:
            current = await self._current(tenant)
            if current.standing is Standing.ERASED:
                return Changeset(), current
            now = self.clock.now()
            statement = statement_of(current, at=now, scrubbed=scrubbed)
            signature = self.signer.sign(signed_bytes(statement))
            state = erased(current, Certificate(statement, signature))
            entry = AuditEntry(now, AuditAction.TENANT_ERASED, current.by, tenant, tenant.value)
            return Changeset(tenant_states=(state,), audit=(entry,)), state

        return await commit_decided(self.store, decide)

    async def _revoked(self, tenant: TenantId) -> None:
        """
        Revoke its API keys and secret addresses. A closed tenant gets no others.
        """

        async def decide() -> tuple[Changeset, Sequence[str]]:
            now, by = self.clock.now(), (await self._current(tenant)).by
            keys = [key for key in await self.api_keys.api_keys() if key.tenant == tenant]
            addresses = [address async for address in self._addresses_of(tenant)]
            changeset = Changeset(
                api_keys=tuple(key.revoked(now) for key in keys if key.revoked_at is None),
                addresses=tuple(one.revoked(now, by) for one in addresses if not one.revoked_at),
            )
            return changeset, [*(key.id for key in keys), *(one.id for one in addresses)]

        if ids := await commit_decided(self.store, decide):
            # Before they are removed: a restored older store does not make them valid again.
            await self.noted.note(ids)

    async def _addresses_of(self, tenant: TenantId) -> AsyncIterator[Address]:
        after = None
        while page := await self.addresses.addresses(tenant=tenant, after=after, limit=_PAGE):
            for address in page:
                yield address
            after = page[-1].id

    async def _released(self, tenant: TenantId) -> None:
        """
        Give up its channels, of which there may be thousands.
        """
        keys = [mapped.mapping.key for mapped in await self.channels.mappings(tenant)]
        for start in range(0, len(keys), _PAGE):
            decide = partial(self._given_up, tenant, keys[start : start + _PAGE])
            await commit_decided(self.store, decide)

    async def _given_up(
        self, tenant: TenantId, keys: Sequence[ChannelKey]
    ) -> tuple[Changeset, None]:
        current, now = await self._current(tenant), self.clock.now()
        mappings = [
            released(mapped, author=current.by, at=now)
            for mapped in (await self.channels.current(keys)).values()
            if mapped.mapping.owner.tenant == tenant
        ]
        changed = tuple(mapped for mapped in mappings if mapped is not None)
        if not changed:
            return Changeset(), None
        state = going_on(current)
        why = Occasion(state.reason)
        return Changeset(mappings=changed, tenant_states=(state,), occasion=why), None

    async def _counted(self, tenant: TenantId) -> None:
        """
        Store what there is to remove, once: the steps that remove it may be interrupted.
        """

        async def decide() -> tuple[Changeset, None]:
            current = await self._current(tenant)
            if current.contents is not None:
                return Changeset(), None
            contents = await self._contents(tenant)
            return Changeset(tenant_states=(counted(current, contents),)), None

        await commit_decided(self.store, decide)

    async def _contents(self, tenant: TenantId) -> TenantContents:
        """
        What there is of *tenant*, also of what still follows from its earlier ids.
        """
        contents = await self.tenants.contents(tenant)
        for old in await self._earlier(tenant):
            left = await self.tenants.contents(old)
            contents = evolve(
                contents,
                messages=contents.messages + left.messages,
                conversations=contents.conversations + left.conversations,
            )
        return contents

    async def _earlier(self, tenant: TenantId) -> Sequence[TenantId]:
        """
        The earlier ids of *tenant* from which something still follows.
        """
        heirs = await following(self.tenants)
        return [old for old, heir in heirs.items() if heir == tenant]

    async def _current(self, tenant: TenantId) -> TenantState:
        current = await self.tenants.current(tenant)
        if current is None or not current.is_closed:
            # It was erased and reopened meanwhile.
            raise ContentionError
        return current


@frozen(eq=False)
class ReopenTenant:
    """
    Let what Odoo sends of an erased tenant in again, under a new data key.
    """

    store: ConfigStore
    tenants: TenantStore
    clock: Clock

    async def __call__(self, tenant: TenantId, *, caller: ApiKey) -> TenantState | None:
        """
        The state of the tenant, active again; None if it was always active.

        Raises:
            TenantErasedError: Its erasure is not finished.
        """
        wish = Wish.of(tenant, caller, self.clock.now())
        return await _moved(self, wish, reopened, AuditAction.TENANT_REOPENED)


async def _moved(
    stores: SuspendTenant | ReopenTenant,
    wish: Wish,
    move: Callable[[TenantState | None, Wish], TenantState | None],
    action: AuditAction,
) -> TenantState | None:
    async def decide() -> tuple[Changeset, TenantState | None]:
        current = await stores.tenants.current(wish.tenant)
        state = move(current, wish)
        if state is None:
            return Changeset(), current
        entry = _entry(wish, action)
        return Changeset(tenant_states=(state,), audit=(entry,)), state

    return await commit_decided(stores.store, decide, wish.occasion)


def _entry(wish: Wish, action: AuditAction) -> AuditEntry:
    return AuditEntry(wish.at, action, wish.by, wish.tenant, wish.tenant.value)
