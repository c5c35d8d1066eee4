"""
Post a crew's answer to the customer, once.
"""

from __future__ import annotations

from attrs import frozen

from odoo_ai_config.application.chatwoot.accounts import ChatwootAccounts
from odoo_ai_config.application.ports.chatwoot_client import ChatwootClient, Conversation
from odoo_ai_config.domain.messages.inbox import InboxMessage
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage


@frozen(eq=False)
class ReplySender:
    """
    Posts answers to the conversations of every Chatwoot account that the hub may write to.
    """

    accounts: ChatwootAccounts
    chatwoot: ChatwootClient

    async def conversation_of(self, message: InboxMessage) -> Conversation | None:
        """
        Where the answer to *message* goes; None if its Chatwoot account is not configured.
        """
        origin = message.origin
        if origin.account is None or origin.conversation is None:
            return None
        access = await self.accounts.access_to(origin.account)
        if access.base_url is None or access.api_token is None:
            return None
        return Conversation(access.base_url, access.api_token, origin.account, origin.conversation)

    async def post(
        self,
        answer: OutgoingMessage,
        conversation: Conversation,
        message: InboxMessage,
        *,
        unposted: bool,
    ) -> bool:
        """
        Post *answer* to *message*; return False if it was posted before.

        *unposted*: there was no earlier attempt, so the conversation is not searched for the
        answer.

        Raises:
            ChatwootUnavailableError: It may be tried again.
            ChatwootRefusedError: Trying again is useless.
        """
        mark = message.id.value
        if not unposted and await self.chatwoot.has_mark(
            conversation, mark, private=answer.private
        ):
            return False
        await self.chatwoot.post(conversation, answer, mark=mark)
        return True
