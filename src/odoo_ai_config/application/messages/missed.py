"""
Find what customers wrote while the hub did not hear Chatwoot.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from odoo_ai_config.application.errors import ChatwootUnreadableError
from odoo_ai_config.application.messages.payloads import read_event
from odoo_ai_config.application.messages.reply_sender import ReplySender
from odoo_ai_config.application.ports.channel_directory import ChannelDirectory
from odoo_ai_config.application.ports.chatwoot_client import (
    AccountAccess,
    ChatwootClient,
    ListedConversation,
    ListedMessage,
)
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.conversations.state import Seen, Status, Wrote
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.receiving import ChatwootEvent

MOST_CONVERSATIONS: Final = 1000
# Of one conversation.
MOST_PAGES: Final = 50
MOST_FOUND: Final = 2000
LONGEST_SEARCH: Final = timedelta(minutes=10)


@frozen
class Missed:
    """
    A message that the hub never received, as the event that did not come.
    """

    event: ChatwootEvent
    payload: SecretText

    @property
    def by_customer(self) -> bool:
        """
        Whether a customer wrote it, and not a person who works there.
        """
        seen = self.event.seen
        return seen is None or seen.wrote is Wrote.CUSTOMER


@frozen
class Search:
    """
    What was found, in the order in which it is to be received.

    Args:
        complete: A limit did not end the search.
    """

    found: Sequence[Missed]
    complete: bool


@frozen(eq=False)
class FindMissedMessages:
    """
    Asks Chatwoot for the messages of customers, and of people who have answered them.

    In a conversation, people's messages come first: the AI must not answer what a person has
    answered. Looked at are conversations that a bot has, and those of inboxes that a mapping
    names: Chatwoot lists the others of the account too, of which the hub may never have heard.
    """

    inbox: MessageInbox
    channels: ChannelDirectory
    reply_sender: ReplySender
    chatwoot: ChatwootClient
    clock: Clock

    async def __call__(
        self, account: ChatwootId, *, since: datetime, until: datetime, caller: ApiKey
    ) -> Search:
        """
        Find what was written from *since* to *until*.

        At most `MOST_CONVERSATIONS` conversations, `MOST_FOUND` messages and `LONGEST_SEARCH`;
        those with the newest messages come first.

        Raises:
            ChatwootUnreadableError: The account has no token, or one that may not read.
            ChatwootUnavailableError, ChatwootRefusedError: Chatwoot does not tell.
        """
        caller.require(Scope.WEBHOOK)
        caller.require_unbound()
        access = await self.reply_sender.account(account)
        if access is None:
            raise ChatwootUnreadableError
        ends_at = self.clock.monotonic() + LONGEST_SEARCH.total_seconds()
        found: list[Missed] = []
        number = 0
        async for conversation in self._conversations(access, since):
            number += 1
            if (
                number > MOST_CONVERSATIONS
                or len(found) >= MOST_FOUND
                or self.clock.monotonic() >= ends_at
            ):
                return Search(found, complete=False)
            missed, whole = await self._missed(access, conversation, since, until)
            found += sorted(missed, key=lambda one: one.by_customer)
            if not whole:
                return Search(found, complete=False)
        return Search(found, complete=True)

    async def _conversations(
        self, access: AccountAccess, since: datetime
    ) -> AsyncIterator[ListedConversation]:
        page = 1
        while True:
            listed = await self.chatwoot.conversations(access, page=page)
            if listed is None:
                raise ChatwootUnreadableError
            for conversation in listed:
                if conversation.active_at is not None and conversation.active_at < since:
                    return
                yield conversation
            if not listed:
                return
            page += 1

    async def _missed(
        self,
        access: AccountAccess,
        conversation: ListedConversation,
        since: datetime,
        until: datetime,
    ) -> tuple[list[Missed], bool]:
        missed: list[Missed] = []
        before: ChatwootId | None = None
        for _ in range(MOST_PAGES):
            listed = await self.chatwoot.messages(access, conversation, before=before)
            for message in reversed(listed):
                if message.at is not None and message.at < since:
                    return missed[::-1], True
                one = await self._unknown(message, conversation)
                if one is not None and (message.at is None or message.at <= until):
                    missed.append(one)
            if not listed:
                return missed[::-1], True
            before = listed[0].id
        return missed[::-1], False

    async def _unknown(
        self, message: ListedMessage, conversation: ListedConversation
    ) -> Missed | None:
        event = read_event(message.event)
        seen, incoming = event.seen, event.incoming
        if message.deleted or incoming is None:
            return None
        if seen is not None and not _is_of_interest(seen):
            return None
        if await self.inbox.received(event.origin) is not None:
            return None
        if conversation.status is not Status.PENDING:
            route = (await self.channels.table_for(incoming)).resolve(incoming)
            if route.matched_by is not Rule.INBOX:
                return None
        return Missed(event, SecretText(json.dumps(message.event)))


def _is_of_interest(seen: Seen) -> bool:
    # A note only if it is a command.
    command = seen.pause is not None or seen.resumes
    return command or seen.wrote in {Wrote.CUSTOMER, Wrote.PERSON}
