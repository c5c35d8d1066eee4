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
    A message that the caller *to* may see: one of its tenant, if it is bound to one.

    Those that belong to no tenant are for whoever is not bound.

    Raises:
        MessageNotFoundError: There is no such message.
        TenantForbiddenError: It is not one of the caller's tenant.
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
    Whose message it is; None if it is nobody's.
    """
    return None if message.destination is None else message.destination.owner.tenant


def listed_tenant(caller: ApiKey, asked: TenantId | None) -> TenantId | None:
    """
    Whose messages *caller* gets to see that asks for those of *asked*; None for everybody's.

    Raises:
        ScopeMissingError: The hub's own are asked for, and *caller* is not for that.
    """
    if asked is None:
        return caller.tenant
    caller.require_tenant(asked)
    return asked
