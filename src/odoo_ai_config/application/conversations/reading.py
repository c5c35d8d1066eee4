"""
Read what the hub knows about conversations, and why the AI is silent in one.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from odoo_ai_config.application.conversations.silence import SilenceCheck, routed
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.conversation_store import ConversationStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.conversations.answering import Silence, Verdict
from odoo_ai_config.domain.conversations.state import (
    NOTHING_SEEN,
    Conversation,
    ConversationKey,
    Sighting,
    succeeding,
)
from odoo_ai_config.domain.errors import ConversationNotFoundError
from odoo_ai_config.domain.identifiers import ChatwootId, TenantArea, TenantId


async def visible_conversation(
    conversations: ConversationStore, inbox: MessageInbox, key: ConversationKey, *, to: ApiKey
) -> Conversation:
    """
    The conversation, if the caller *to* may see it: as with messages.

    While its first message waits for its crew, nothing else is known of it.

    Raises:
        ConversationNotFoundError: The hub does not know it.
        TenantForbiddenError: It is not a conversation of the caller's tenant.
    """
    conversation = await conversations.find(key)
    if conversation is None:
        first = next(iter(await inbox.of_conversation(key, limit=1)), None)
        if first is None:
            raise ConversationNotFoundError
        whose, seen = first.destination, NOTHING_SEEN
        if whose is not None:
            seen = routed(seen, whose, first.origin)
        conversation = succeeding(None, Sighting(key, seen, first.received_at))
    to.require_holder(conversation.tenant)
    return conversation


@frozen(eq=False)
class ListConversations:
    """
    The conversations that a caller may see.
    """

    conversations: ConversationStore
    standings: Standings

    async def __call__(
        self,
        *,
        caller: ApiKey,
        tenant: TenantId | None = None,
        after: ConversationKey | None = None,
        limit: int = 50,
    ) -> Sequence[Conversation]:
        """
        At most *limit* conversations behind *after*, by their names; a bound caller sees its own.

        Raises:
            TenantSuspendedError, TenantErasedError: The tenant that *caller* is bound to is not
                active.
        """
        caller.require(Scope.MESSAGES_READ)
        await self.standings.require_caller_served(caller)
        return await self.conversations.page(
            tenant=caller.listed_tenant(tenant), after=after, limit=limit
        )


@frozen
class Explanation:
    """
    Whether the AI would answer in a conversation now, rule by rule.

    Args:
        verdicts: The first silent one decides.
    """

    verdicts: tuple[Verdict, ...]

    @property
    def silence(self) -> Silence | None:
        """
        Why the AI would not answer; None if it would.
        """
        return next((verdict.rule for verdict in self.verdicts if verdict.silent), None)


@frozen(eq=False)
class ExplainSilence:
    """
    Whether the AI would answer in a conversation now, and by which rule it would not.
    """

    conversations: ConversationStore
    inbox: MessageInbox
    standings: Standings
    silence: SilenceCheck
    clock: Clock

    async def __call__(
        self, key: ConversationKey, *, caller: ApiKey
    ) -> tuple[Conversation, Explanation | None]:
        """
        A conversation with what its owner's rules say; None if no message of it had an owner.

        Raises:
            ConversationNotFoundError: The hub does not know it.
            TenantForbiddenError: It is not a conversation of the caller's tenant.
        """
        caller.require(Scope.MESSAGES_READ)
        await self.standings.require_caller_served(caller)
        conversation = await visible_conversation(self.conversations, self.inbox, key, to=caller)
        if conversation.owner is None:
            return conversation, None
        owner, crew, inbox = conversation.owner, conversation.crew, conversation.inbox
        return conversation, await self._explained(conversation, owner, crew, inbox)

    async def at(
        self,
        key: ConversationKey,
        owner: TenantArea,
        crew: str | None,
        inbox: ChatwootId | None,
        *,
        caller: ApiKey,
    ) -> Explanation:
        """
        What the rules of *owner* say about a message of *inbox* to *crew*, in any conversation.

        Raises:
            TenantForbiddenError: It is not a conversation of the caller's tenant.
        """
        caller.require(Scope.MESSAGES_READ, owner.tenant)
        conversation = await self.conversations.find(key)
        if conversation is None:
            conversation = Conversation(key, 0, self.clock.now())
        elif conversation.tenant is not None:
            caller.require_tenant(conversation.tenant)
        return await self._explained(conversation, owner, crew, inbox)

    async def _explained(
        self,
        conversation: Conversation,
        owner: TenantArea,
        crew: str | None,
        inbox: ChatwootId | None,
    ) -> Explanation:
        return Explanation(tuple(await self.silence.verdicts(conversation, owner, crew, inbox)))
