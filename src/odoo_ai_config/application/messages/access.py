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
    tenant = tenant_of(message)
    if tenant is None:
        to.require_unbound()
    else:
        to.require_tenant(tenant)
    return message


def tenant_of(message: InboxMessage) -> TenantId | None:
    """
    The tenant that the message belongs to, if any.
    """
    return None if message.destination is None else message.destination.owner.tenant


def listed_tenant(caller: ApiKey, asked: TenantId | None) -> TenantId | None:
    """
    The tenant whose messages *caller* sees if it asks for those of *asked*; None for all.

    Raises:
        ScopeMissingError: *asked* is the hub, and *caller* does not have the scope.
    """
    if asked is None:
        return caller.tenant
    caller.require_tenant(asked)
    return asked
