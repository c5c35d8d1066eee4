"""
How long what is stored is kept, and the removal of what need not be kept any longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore, PruneReport
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.credentials.secrets import SealContext
from odoo_ai_config.domain.documents.credentials import erased_by
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import Revision, content_of, successor
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import RETENTION, TenantId
from odoo_ai_config.domain.json_types import JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.retention import Retention, require_retention, retention_place

_PAGE: Final = 500


@frozen(eq=False)
class RetentionRules:
    """
    What is kept how long: by *default*, and of the tenants that want it otherwise.
    """

    store: ConfigStore
    default: Retention

    async def of(self, tenant: TenantId) -> Retention:
        """
        What holds for *tenant*.
        """
        return self._on_top((await self.own(tenant)) or {})

    async def own(self, tenant: TenantId) -> JsonObject | None:
        """
        What *tenant* wants otherwise; None if nothing.
        """
        key = retention_place(tenant).document(RETENTION)
        document = content_of((await self.store.current((key,))).get(key))
        return None if document is None else document.body

    async def others(self) -> dict[TenantId, Retention]:
        """
        What holds for each tenant that wants it otherwise.
        """
        return {
            revision.key.tenant: self._on_top(revision.document.body)
            async for revision in self._documents()
            if revision.key.owner == retention_place(revision.key.tenant)
        }

    async def erased_by(
        self, before: Revision | None, after: Revision | None
    ) -> tuple[SealContext, ...]:
        """
        What goes at once when *after* replaces *before*, both of one credentials document.

        Values that are kept for some time are removed by the pruning.
        """
        gone = erased_by(before, after)
        if not gone or (await self.of(gone[0].tenant)).history.credentials:
            return ()
        return gone

    def _on_top(self, own: ReadOnlyJsonObject) -> Retention:
        try:
            return self.default.amended(own)
        except InvalidValueError:
            # A document of this name from before it meant anything.
            return self.default

    async def _documents(self) -> AsyncIterator[Revision]:
        after: TenantId | None = None
        while page := await self.store.retentions(after=after, limit=_PAGE):
            for revision in page:
                yield revision
            after = page[-1].key.tenant


@frozen(eq=False)
class TenantRetention:
    """
    Read and change what is kept how long for one tenant.
    """

    rules: RetentionRules
    store: ConfigStore
    clock: Clock

    async def __call__(self, tenant: TenantId, *, caller: ApiKey) -> tuple[Retention, JsonObject]:
        """
        What holds for *tenant*, and what of it differs from the settings of the hub.
        """
        caller.require(Scope.CONFIG_READ, tenant)
        return await self.rules.of(tenant), await self.rules.own(tenant) or {}

    async def set(
        self, tenant: TenantId, body: ReadOnlyJsonObject, *, caller: ApiKey
    ) -> tuple[Retention, JsonObject]:
        """
        Keep for *tenant* what *body* says, and all else by the settings of the hub.

        Raises:
            InvalidValueError: *body* has a member that does not exist, or a number that is not
                allowed.
        """
        caller.require(Scope.CONFIG_WRITE, tenant)
        place = retention_place(tenant)
        require_retention(body, place)
        key, document = place.document(RETENTION), Document.of(body)

        async def decide() -> tuple[Changeset, None]:
            current = (await self.store.current((key,))).get(key)
            revision = successor(current, key, document, author=caller.id, at=self.clock.now())
            return Changeset(revisions=() if revision is None else (revision,)), None

        await commit_decided(self.store, decide, caller.occasion)
        return self.rules.default.amended(body), document.body


@frozen(eq=False)
class PruneHistory:
    """
    Apply the retention policy; the server runs this periodically.
    """

    store: ConfigStore
    clock: Clock
    rules: RetentionRules

    async def __call__(self) -> PruneReport:
        """
        Remove old revisions, expired idempotency records, and values that nothing keeps.
        """
        own = {tenant: one.history for tenant, one in (await self.rules.others()).items()}
        return await self.store.prune(self.rules.default.history, own=own, now=self.clock.now())


_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A customer may write weeks after a person answered, and the AI has to be silent then, too. What
# is known of a conversation is small, and holds no text of a customer.
CONVERSATIONS_KEPT: Final = timedelta(days=365)


@frozen(eq=False)
class PruneMessages:
    """
    Remove finished messages with their texts, and what is known of conversations.

    The server runs this periodically. Conversations are kept for `CONVERSATIONS_KEPT` at least.
    """

    inbox: MessageInbox
    conversations: ConversationStore
    clock: Clock
    rules: RetentionRules

    async def __call__(self) -> int:
        """
        Return how many messages were removed.

        Open and stuck ones stay, and so do conversations while they are paused; texts without a
        message always go.
        """
        now = self.clock.now()
        before = _before(self.rules.default, now)
        others = await self.rules.others()
        own = {tenant: _before(one, now) for tenant, one in others.items()}
        pruning = self.inbox.prune(before=before, own=own)
        (removed,) = await asyncio.gather(pruning, return_exceptions=True)
        # Also where messages stay, because they cannot be removed.
        await self.conversations.prune(before=min(before, now - CONVERSATIONS_KEPT))
        if isinstance(removed, BaseException):
            raise removed
        return removed


def _before(retention: Retention, now: datetime) -> datetime:
    return _NEVER if retention.messages is None else now - retention.messages
