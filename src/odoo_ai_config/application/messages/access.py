"""
Who may see which message.
"""

from __future__ import annotations

from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.domain.access import ApiKey
from odoo_ai_config.domain.errors import MessageNotFoundError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, MessageId


async def visible(inbox: MessageInbox, message_id: MessageId, *, to: ApiKey) -> InboxMessage:
    """
    The message, if the caller *to* may see it.

    A bound caller sees its own tenant's messages. Only unbound callers see messages that belong
    to no tenant.

    Raises:
        MessageNotFoundError: There is no such message.
        TenantForbiddenError: It is not a message of the caller's tenant.
    """
    message = await inbox.find(message_id)
    if message is None:
        raise MessageNotFoundError
    to.require_holder(tenant_of(message))
    return message


def tenant_of(message: InboxMessage) -> TenantId | None:
    """
    The tenant that the message belongs to, if any.
    """
    return None if message.destination is None else message.destination.owner.tenant
