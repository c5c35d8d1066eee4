"""
Pause the AI in one conversation, in one channel, or for a whole tenant.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from odoo_ai_config.application.commits import commit_decided
from odoo_ai_config.application.conversations.reading import visible_conversation
from odoo_ai_config.application.crews import pauses_in
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.changes import AuditAction, AuditEntry, Changeset
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.pauses import (
    paused_until,
    pauses_place,
)
from odoo_ai_config.domain.conversations.state import (
    Conversation,
    ConversationKey,
    Pause,
    Seen,
    Sighting,
    succeeding,
)
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import content_of, successor
from odoo_ai_config.domain.errors import (
    MappingNotFoundError,
    TenantNotFoundError,
)
from odoo_ai_config.domain.identifiers import PAUSES, TenantId

# By whether it is for the whole tenant, and whether the pause ends.
_ACTIONS: Final = {
    (True, False): AuditAction.TENANT_PAUSED,
    (True, True): AuditAction.TENANT_RESUMED,
    (False, False): AuditAction.CHANNEL_PAUSED,
    (False, True): AuditAction.CHANNEL_RESUMED,
}


@frozen(eq=False)
class PauseConversation:
    """
    Make the AI silent in one conversation, or give the conversation back to it.
    """

    store: ConfigStore
    conversations: ConversationStore
    inbox: MessageInbox
    clock: Clock

    async def __call__(
        self,
        key: ConversationKey,
        *,
        caller: ApiKey,
        until: datetime | None = None,
        dry_run: bool = False,
    ) -> Conversation:
        """
        The conversation, paused until *until*, or until somebody ends the pause.

        With *dry_run* nothing is written.

        Raises:
            InvalidValueError: *until* is not in the future.
            ConversationNotFoundError: The hub does not know it.
            TenantForbiddenError: It is not a conversation of the caller's tenant.
        """
        pause = paused_until(until, by=caller.id, now=self.clock.now())
        action = AuditAction.CONVERSATION_PAUSED
        return await self._changed(key, Seen(pause=pause), action, caller, dry_run=dry_run)

    async def end(
        self, key: ConversationKey, *, caller: ApiKey, dry_run: bool = False
    ) -> Conversation:
        """
        The conversation, given back to the AI: neither a pause nor a person makes it silent.

        Who has the conversation, and its status, are Chatwoot's. With *dry_run* nothing is
        written.

        Raises:
            ConversationNotFoundError: The hub does not know it.
            TenantForbiddenError: It is not a conversation of the caller's tenant.
        """
        action = AuditAction.CONVERSATION_RESUMED
        return await self._changed(key, Seen(resumes=True), action, caller, dry_run=dry_run)

    async def _changed(
        self,
        key: ConversationKey,
        seen: Seen,
        action: AuditAction,
        caller: ApiKey,
        *,
        dry_run: bool,
    ) -> Conversation:
        caller.require(Scope.MESSAGES_WRITE)

        async def decide() -> tuple[Changeset, Conversation]:
            known = await visible_conversation(self.conversations, self.inbox, key, to=caller)
            whose = evolve(seen, owner=known.owner, inbox=known.inbox, crew=known.crew)
            sighting = Sighting(key, whose, self.clock.now())
            after = succeeding(known, sighting)
            if (after.pause, after.with_people_since) == (known.pause, known.with_people_since):
                return Changeset(), known
            entry = AuditEntry(sighting.at, action, caller.id, known.tenant, f"conversation/{key}")
            return Changeset(sightings=(sighting,), audit=(entry,)), after

        return await commit_decided(self.store, decide, caller.occasion, dry_run=dry_run)


@frozen
class PauseState:
    """
    The pause of a channel, or of a whole tenant.

    Args:
        tenant: Who has the channel now.
        channel: None for the whole tenant.
        pause: None if there is none.
    """

    tenant: TenantId
    channel: ChannelKey | None
    pause: Pause | None


@frozen(eq=False)
class PauseTenant:
    """
    Make the AI silent for a tenant, in one of its channels or in all.
    """

    store: ConfigStore
    channels: ChannelDirectory
    clock: Clock

    async def __call__(
        self, where: TenantId | ChannelKey, *, caller: ApiKey, until: datetime | None = None
    ) -> PauseState:
        """
        Pause *where* until *until*, or until somebody ends the pause.

        A channel is paused for the tenant that gets its messages. If it moves to another tenant,
        that one has no pause.

        Raises:
            InvalidValueError: *until* is not in the future, or too many channels are paused.
            TenantNotFoundError: The tenant has no document.
            MappingNotFoundError: No tenant gets the messages of the channel.
        """
        pause = paused_until(until, by=caller.id, now=self.clock.now())
        return await self._changed(where, pause, caller)

    async def end(self, where: TenantId | ChannelKey, *, caller: ApiKey) -> PauseState:
        """
        End the pause of *where*; those of a tenant's channels and conversations stay.

        Raises:
            TenantNotFoundError, MappingNotFoundError: As for a pause.
        """
        return await self._changed(where, None, caller)

    async def _owner(self, channel: ChannelKey, caller: ApiKey) -> TenantId:
        message = IncomingMessage(channel.account, channel.inbox)
        route = (await self.channels.table_for(message)).resolve(message)
        if route.owner is None:
            caller.require_unbound()
            raise MappingNotFoundError
        return route.owner.tenant

    async def _changed(
        self, where: TenantId | ChannelKey, pause: Pause | None, caller: ApiKey
    ) -> PauseState:
        caller.require(Scope.MESSAGES_WRITE)
        channel = where if isinstance(where, ChannelKey) else None
        tenant = await self._owner(where, caller) if isinstance(where, ChannelKey) else where
        caller.require_tenant(tenant)
        key = pauses_place(tenant).document(PAUSES)
        state = PauseState(tenant, channel, pause)

        async def decide() -> tuple[Changeset, PauseState]:
            current = (await self.store.current((key,))).get(key)
            if channel is None and not await self.store.documents(tenant):
                raise TenantNotFoundError
            before, now = pauses_in(content_of(current)), self.clock.now()
            if before.at(channel) == pause:
                return Changeset(), state
            after = before.with_(channel, pause, now=now)
            document = Document.of(after.body)
            revision = successor(current, key, document, author=caller.id, at=now)
            entry = AuditEntry(
                now, _ACTIONS[channel is None, pause is None], caller.id, tenant, str(where)
            )
            revisions = () if revision is None else (revision,)
            return Changeset(revisions=revisions, audit=(entry,)), state

        return await commit_decided(self.store, decide, caller.occasion)
