"""
Do in Chatwoot what an answer asks for, each step once.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.errors import (
    ApplicationError,
    ChatwootRefusedError,
    ChatwootUnavailableError,
)
from odoo_ai_config.application.ports.chatwoot_client import (
    AccountAccess,
    ChatwootClient,
    ConversationAccess,
)
from odoo_ai_config.domain.conversations.state import Seen
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.answers import (
    Action,
    Assign,
    AssignTeam,
    ChangeLabels,
    SetCustomAttributes,
    SetPriority,
)
from odoo_ai_config.domain.messages.inbox import InboxMessage


@frozen(eq=False)
class ReplySender:
    """
    Acts in the conversations of every Chatwoot account that the hub may write to.

    Args:
        courtesy: How long what no answer depends on may take.
    """

    accounts: ChatwootAccounts
    chatwoot: ChatwootClient
    courtesy: timedelta = timedelta(seconds=2)

    async def access_for(self, message: InboxMessage) -> ConversationAccess | None:
        """
        The conversation of *message*; None if its Chatwoot account is not configured.
        """
        origin = message.origin
        if origin.account is None or origin.conversation is None:
            return None
        access = await self.account(origin.account)
        if access is None:
            return None
        return ConversationAccess(
            access.base_url, access.token, access.account, origin.conversation
        )

    async def account(self, account: ChatwootId) -> AccountAccess | None:
        """
        The account; None if it is not configured.
        """
        access = await self.accounts.access_to(account)
        if access.base_url is None or access.api_token is None:
            return None
        return AccountAccess(access.base_url, access.api_token, account)

    async def live(self, conversation: ConversationAccess) -> Seen | None:
        """
        The state of the conversation now, if Chatwoot tells it.
        """
        try:
            return await self.chatwoot.live(conversation)
        except (ChatwootUnavailableError, ChatwootRefusedError):
            # What Chatwoot's events have told has to do.
            return None

    async def typing(self, message: InboxMessage, *, on: bool) -> None:
        """
        Show the customer that an answer to *message* is being written, or no longer.

        It takes no longer than *courtesy*, and fails in silence.
        """
        with suppress(TimeoutError, ApplicationError):
            async with asyncio.timeout(self.courtesy.total_seconds()):
                access = await self.access_for(message)
                if access is not None:
                    await self.chatwoot.typing(access, on=on)

    async def act(self, action: Action, conversation: ConversationAccess) -> None:
        """
        Do anything but posting; a repetition changes nothing.

        Raises:
            ChatwootUnavailableError: It may be tried again.
            ChatwootRefusedError: Trying again is useless.
        """
        chatwoot = self.chatwoot
        match action:
            case SetCustomAttributes(values):
                await chatwoot.set_custom_attributes(conversation, values)
            case ChangeLabels(added, removed):
                await chatwoot.set_labels(conversation, added=added, removed=removed)
            case SetPriority(priority):
                await chatwoot.set_priority(conversation, priority)
            case AssignTeam(team):
                await chatwoot.assign_team(conversation, team)
            case Assign(assignee):
                await chatwoot.assign(conversation, assignee)
            case _:
                await chatwoot.set_status(conversation, action.status, snoozed_until=action.until)
