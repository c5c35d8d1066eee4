"""
Make, read and change subscriptions.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from attrs import define, evolve, field, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.credentials.sealing import Sealer
from odoo_ai_config.application.errors import TargetForbiddenError
from odoo_ai_config.application.linking import link_soon
from odoo_ai_config.application.ports.audit_log import AuditLog
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.application.ports.webhook_client import WebhookClient
from odoo_ai_config.application.retention import RetentionRules
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.audit import TrailEnd
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SecretText,
)
from odoo_ai_config.domain.documents.credentials import fingerprints_in, with_fingerprints
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of, successor
from odoo_ai_config.domain.errors import InvalidValueError, RevisionConflictError
from odoo_ai_config.domain.feed import FeedKind
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    CURSOR,
    CredentialRef,
    DocumentKey,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import Stage
from odoo_ai_config.domain.subscriptions import (
    MOST_SUBSCRIPTIONS,
    MessageOutcome,
    Subscription,
    SubscriptionId,
    SubscriptionNotFoundError,
    TooManySubscriptionsError,
    document_of,
    subscriptions_in,
    subscriptions_place,
)

# Where the announcing of changes is in the feed.
FEED_CURSOR: Final = subscriptions_place(None).document(CURSOR)
OVERLAP: Final = timedelta(days=1)
# Seconds for which other processes may still use what was changed.
_STALE_SECONDS: Final = 2.0
_MOST_KNOWN: Final = 4096
HUB_AUTHOR: Final = "subscriptions"
_ID_BYTES: Final = 12
# Of the dead events of a subscription that is removed.
_AT_A_TIME: Final = 100
_SECRET_BYTES: Final = 24


@frozen
class _Stored:
    """
    The subscriptions of one place as its documents have them, with the marks of their secrets.
    """

    subscriptions: Mapping[str, Subscription]
    sealed: Mapping[str, Fingerprint]


# What becomes of a subscription, and its new secrets.
_Decision: TypeAlias = tuple[Subscription, dict[CredentialRef, SecretText]]
# It gets the end of the audit trail, too: nobody is told of what changed before they asked for it.
_Decide: TypeAlias = Callable[[_Stored, TrailEnd], Awaitable[_Decision]]


def _documents_of(tenant: TenantId | None) -> tuple[DocumentKey, DocumentKey]:
    place = subscriptions_place(tenant)
    return place.document(CONFIG), place.document(CREDENTIALS)


def _stored_in(current: Mapping[DocumentKey, Revision], tenant: TenantId | None) -> _Stored:
    config, credentials = (content_of(current.get(key)) for key in _documents_of(tenant))
    return _Stored(
        subscriptions_in({} if config is None else config.body), fingerprints_in(credentials)
    )


@define(eq=False)
class Subscriptions:
    """
    The subscriptions of tenants, remembered for two seconds.
    """

    store: ConfigStore
    sealer: Sealer
    clock: Clock
    _known: dict[TenantId | None, tuple[float, _Stored]] = field(factory=dict, init=False)

    async def of(self, tenant: TenantId | None) -> Mapping[str, Subscription]:
        """
        Those of *tenant* alone, by id; None for those to the whole hub.
        """
        return (await self._stored(tenant)).subscriptions

    async def secrets(self, tenant: TenantId | None, one: Subscription) -> Sequence[SecretText]:
        """
        What signs for *one* of *tenant* now, the newest secret first.

        Raises:
            CredentialNotFoundError: One was removed meanwhile.
            SealBrokenError, MasterKeyMissingError: One does not open.
        """
        sealed, place = (await self._stored(tenant)).sealed, subscriptions_place(tenant)
        refs = [ref for ref in one.secrets(now=self.clock.now()) if ref.value in sealed]
        return [
            await self.sealer.opened(SealContext(place, ref), sealed[ref.value]) for ref in refs
        ]

    async def switch_off(self, tenant: TenantId | None, seen: Subscription, reason: str) -> None:
        """
        Note that one of *tenant* is off because of *reason*.

        Not if it is off or gone, or is no longer as it was *seen*: told elsewhere, or switched on
        since.
        """
        key, _ = _documents_of(tenant)

        async def decide() -> tuple[Changeset, None]:
            now = self.clock.now()
            current = await self.store.current((key,))
            stored = _stored_in(current, tenant).subscriptions
            one = stored.get(seen.id.value)
            if one is None or (one.url, one.on_since) != (seen.url, seen.on_since):
                return Changeset(), None
            after = {**stored, seen.id.value: one.switched_off(reason, at=now)}
            document = Document.of(document_of(after))
            written = successor(current.get(key), key, document, author=HUB_AUTHOR, at=now)
            return Changeset(revisions=() if written is None else (written,)), None

        await commit_decided(self.store, decide)
        self.forget()

    def forget(self) -> None:
        """
        Read again, because something was changed.
        """
        self._known.clear()

    async def _stored(self, tenant: TenantId | None) -> _Stored:
        now = self.clock.monotonic()
        known = self._known.get(tenant)
        if known is None or now >= known[0]:
            current = await self.store.current(_documents_of(tenant))
            known = now + _STALE_SECONDS, _stored_in(current, tenant)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[tenant] = known
        return known[1]


@frozen
class SubscriptionChange:
    """
    A change of a subscription: None leaves what is there.
    """

    url: str | None = None
    kinds: frozenset[FeedKind] | None = None
    outcomes: frozenset[MessageOutcome] | None = None
    on: bool | None = None

    def made_on(self, one: Subscription, *, behind: int, at: datetime) -> Subscription:
        """
        *one* after the change, made when the audit trail ends with the number *behind*.

        Raises:
            InvalidValueError: It would be told of nothing, or at no address.
        """
        changed = evolve(
            one if self.kinds is None else one.telling(self.kinds, behind=behind),
            url=one.url if self.url is None else self.url,
            outcomes=one.outcomes if self.outcomes is None else self.outcomes,
        )
        if self.on is None:
            return changed
        if self.on:
            return changed.switched_on(behind=behind, at=at)
        return changed.switched_off("by_hand", at=at)


@frozen(eq=False)
class ManageSubscriptions:
    """
    Everything that callers do with subscriptions: those of one tenant, or those to the whole hub.

    Every method but `listed` may raise ContentionError.
    """

    store: ConfigStore
    sealer: Sealer
    subscriptions: Subscriptions
    audit: AuditLog
    vault: SecretVault
    retention: RetentionRules
    inbox: MessageInbox
    webhooks: WebhookClient
    tokens: TokenSource
    clock: Clock

    async def listed(
        self, tenant: TenantId | None, *, caller: ApiKey
    ) -> Mapping[str, Subscription]:
        """
        Those of *tenant*, or of the caller's tenant.
        """
        caller.require(Scope.ADMIN)
        tenant = caller.listed_tenant(tenant)
        current = await self.store.current(_documents_of(tenant))
        return _stored_in(current, tenant).subscriptions

    async def create(
        self,
        tenant: TenantId | None,
        url: str,
        kinds: frozenset[FeedKind],
        outcomes: frozenset[MessageOutcome],
        *,
        caller: ApiKey,
    ) -> tuple[Subscription, SecretText]:
        """
        A new subscription and its secret, which nobody can read later.

        Raises:
            InvalidValueError: *url* is malformed or forbidden, or it would be told of nothing.
            TooManySubscriptionsError: *tenant* has as many as it may have.
        """
        id_ = SubscriptionId(f"sub_{self.tokens.token(_ID_BYTES)}")
        secret = self._new_secret()

        async def add(stored: _Stored, end: TrailEnd) -> _Decision:
            now = self.clock.now()
            made = Subscription(id_, url, dict.fromkeys(kinds, end.number), outcomes, now, now)
            self._require_permitted(url)
            if len(stored.subscriptions) >= MOST_SUBSCRIPTIONS:
                raise TooManySubscriptionsError
            return made, {id_.secret: secret}

        return await self._changed(tenant, id_, add, caller=caller), secret

    async def change(
        self,
        tenant: TenantId | None,
        id_: SubscriptionId,
        change: SubscriptionChange,
        *,
        caller: ApiKey,
    ) -> Subscription:
        """
        Apply *change*.

        Raises:
            SubscriptionNotFoundError: There is no such subscription.
            InvalidValueError: It would be told of nothing, or at no or a forbidden address.
        """

        async def decide(stored: _Stored, end: TrailEnd) -> _Decision:
            one, now = _one_of(stored, id_), self.clock.now()
            changed = change.made_on(one, behind=end.number, at=now)
            if change.url is not None:
                self._require_permitted(change.url)
            return changed, {}

        return await self._changed(tenant, id_, decide, caller=caller)

    async def rotate(
        self,
        tenant: TenantId | None,
        id_: SubscriptionId,
        *,
        caller: ApiKey,
        overlap: timedelta = OVERLAP,
    ) -> tuple[Subscription, SecretText]:
        """
        Give it a new secret. For *overlap* the old one signs, too.

        Raises:
            SubscriptionNotFoundError: There is no such subscription.
        """
        secret = self._new_secret()

        async def decide(stored: _Stored, _end: TrailEnd) -> _Decision:
            one, ref = _one_of(stored, id_), id_.secret
            context = SealContext(subscriptions_place(tenant), ref)
            old = await self.sealer.opened(context, stored.sealed[ref.value])
            rotated = evolve(one, old_secret_until=self.clock.now() + overlap)
            return rotated, {ref: secret, id_.old_secret: old}

        return await self._changed(tenant, id_, decide, caller=caller), secret

    async def remove(
        self, tenant: TenantId | None, id_: SubscriptionId, *, caller: ApiKey
    ) -> None:
        """
        Remove it. What waits for it is told to nobody, and what died is discarded.

        Raises:
            SubscriptionNotFoundError: There is no such subscription.
        """

        async def decide(stored: _Stored, _end: TrailEnd) -> _Decision:
            return _one_of(stored, id_), {}

        await self._changed(tenant, id_, decide, caller=caller, removes=True)
        while events := await self.inbox.page([Stage.DEAD], events=id_, limit=_AT_A_TIME):
            try:
                now = self.clock.now()
                discarded = tuple(event.discarded(at=now) for event in events)
                await self.store.commit(Changeset(messages=discarded))
            except RevisionConflictError:
                # Somebody replays or discards them; what is left can be discarded by its id.
                break

    async def _changed(
        self,
        tenant: TenantId | None,
        id_: SubscriptionId,
        decide: _Decide,
        *,
        caller: ApiKey,
        removes: bool = False,
    ) -> Subscription:
        """
        Store what *decide* makes of the subscription *id_*, with its new secrets, or *remove* it.
        """
        caller.require(Scope.ADMIN)
        caller.require_holder(tenant)
        place = subscriptions_place(tenant)
        config_key, credentials_key = _documents_of(tenant)

        async def decided() -> tuple[Changeset, Subscription]:
            now = self.clock.now()
            current = await self.store.current((config_key, credentials_key, FEED_CURSOR))
            stored = _stored_in(current, tenant)
            await link_soon(self.audit, self.vault)
            end, _ = await self.audit.end()
            made, plain = await decide(stored, end)
            others = {name: one for name, one in stored.subscriptions.items() if name != id_.value}
            after = others if removes else {**others, id_.value: made}
            sealing = await self.sealer(place, plain, known=stored.sealed, at=now)
            wanted = {ref.value for one in after.values() for ref in one.secrets(now=now)}
            marks = {
                name: mark
                for name, mark in {
                    **stored.sealed,
                    **{ref.value: mark for ref, mark in sealing.fingerprints.items()},
                }.items()
                if name in wanted
            }
            before = current.get(credentials_key)
            credentials = successor(
                before,
                credentials_key,
                with_fingerprints(place.tenant, marks),
                author=caller.id,
                at=now,
            )
            revisions = (
                successor(
                    current.get(config_key),
                    config_key,
                    Document.of(document_of(after)),
                    author=caller.id,
                    at=now,
                ),
                credentials,
                None
                if FEED_CURSOR in current
                else successor(None, FEED_CURSOR, cursor_document(end), author=caller.id, at=now),
            )
            return Changeset(
                revisions=tuple(one for one in revisions if one is not None),
                erased=await self.retention.erased_by(before, credentials),
                **sealing.parts,
            ), made

        result = await commit_decided(self.store, decided, caller.occasion)
        self.subscriptions.forget()
        return result

    def _require_permitted(self, url: str) -> None:
        try:
            self.webhooks.require_permitted(url)
        except TargetForbiddenError:
            raise InvalidValueError("url", "forbidden_target") from None

    def _new_secret(self) -> SecretText:
        random = self.tokens.token(_SECRET_BYTES)
        return SecretText(f"whsec_{base64.b64encode(random.encode()).decode()}")


def _one_of(stored: _Stored, id_: SubscriptionId) -> Subscription:
    try:
        return stored.subscriptions[id_.value]
    except KeyError:
        raise SubscriptionNotFoundError from None


def cursor_document(end: TrailEnd) -> Document:
    """
    The document that says where the announcing of changes is.
    """
    return Document.of({"cursor": str(end)})


def cursor_in(revision: Revision) -> TrailEnd:
    """
    Where the announcing of changes is, as *revision* says.
    """
    return TrailEnd.from_text(str(revision.document.body["cursor"]))
