"""
Events: what subscriptions are told. Each is a message on its way, as those of customers are.

An event is thin: the message names what it is about, and what it says is read when it is sent.
So there is nothing of a customer in it, and nothing has to be sealed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from attrs import frozen

from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.feed import Change, body_of_change
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.messages.inbox import (
    HUB_EVENT,
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
)
from odoo_ai_config.domain.subscriptions import (
    MessageOutcome,
    SubscriptionId,
    subscriptions_place,
)

_NO_RELEASE: Final = Release(0, 0)
_ABOUT: Final = re.compile(
    r"(?P<subscription>[^:]+):"
    r"(?:change:(?P<change>[0-9]{1,15})"
    r"|(?P<outcome>[a-z_]+):(?P<message>[^:]+):[0-9]+"
    r"|test:[^:]+)"
)


@frozen
class EventSubject:
    """
    What an event is about: a change, the outcome of a message, or neither, if it is a trial.

    Args:
        change: The number of the change's entry in the audit trail.
    """

    subscription: SubscriptionId
    change: int | None = None
    outcome: MessageOutcome | None = None
    message: MessageId | None = None

    @property
    def is_trial(self) -> bool:
        """
        Whether it only shows that the subscription can be told.
        """
        return self.change is None and self.outcome is None


def names_of_events(subscription: SubscriptionId) -> tuple[str, str]:
    """
    The names of all events to *subscription* are from the first of the two to below the second.
    """
    return f"{subscription}:", f"{subscription};"


def tells(message: InboxMessage, subscription: SubscriptionId) -> bool:
    """
    Whether *message* takes an event to *subscription*.
    """
    subject = subject_of(message)
    return subject is not None and subject.subscription == subscription


def change_event(subscription: SubscriptionId, change: Change) -> str:
    """
    The name of the event that tells *subscription* of *change*; the same each time.
    """
    return f"{subscription}:change:{change.number}"


def outcome_event(
    subscription: SubscriptionId, outcome: MessageOutcome, message: InboxMessage
) -> str:
    """
    The name of the event that tells *subscription* what became of *message* with its revision.
    """
    return f"{subscription}:{outcome.value}:{message.id}:{message.revision}"


def trial_event(subscription: SubscriptionId, token: str) -> str:
    """
    The name of an event that only shows whether *subscription* can be told.
    """
    return f"{subscription}:test:{token}"


def event_message(
    name: str, id_: MessageId, tenant: TenantId | None, *, at: datetime
) -> InboxMessage:
    """
    The message that takes the event *name* to a subscription of *tenant*; None for one of the hub.
    """
    return InboxMessage(
        id_,
        Origin(HUB_EVENT, delivery=name, proof="hub"),
        Stage.QUEUED,
        at,
        at,
        due_at=at,
        destination=Destination(subscriptions_place(tenant), None, Rule.UNRESOLVED, _NO_RELEASE),
    )


def subject_of(message: InboxMessage) -> EventSubject | None:
    """
    What the event that *message* takes is about; None if it is no event.
    """
    found = _ABOUT.fullmatch(message.origin.delivery or "") if message.is_event else None
    if found is None:
        return None
    return EventSubject(
        SubscriptionId(found["subscription"]),
        None if found["change"] is None else int(found["change"]),
        None if found["outcome"] is None else MessageOutcome(found["outcome"]),
        None if found["message"] is None else MessageId(found["message"]),
    )


def told_of_change(change: Change) -> JsonObject:
    """
    What the event about *change* says, by the Standard Webhooks.
    """
    return _event(f"{change.kind.value}.changed", change.at, body_of_change(change))


def told_of_outcome(outcome: MessageOutcome, message: InboxMessage) -> JsonObject:
    """
    What the event about the *outcome* of *message* says. A customer's words are not in it.
    """
    origin, destination = message.origin, message.destination
    owner = None if destination is None else destination.owner
    return _event(
        f"message.{outcome.value}",
        message.updated_at,
        {
            "message_id": message.id.value,
            "tenant_id": None if owner is None else owner.tenant.value,
            "domain": None if owner is None else owner.domain.value,
            "account_id": None if origin.account is None else origin.account.value,
            "inbox_id": None if origin.inbox is None else origin.inbox.value,
            "conversation_id": (
                None if origin.conversation is None else origin.conversation.value
            ),
            "chatwoot_message_id": None if origin.message is None else origin.message.value,
            "stage": message.stage.value,
            "reason": message.reason,
        },
    )


def told_for_trial(at: datetime) -> JsonObject:
    """
    What a trial says.
    """
    return _event("test", at, {})


def _event(type_: str, at: datetime, data: JsonObject) -> JsonObject:
    return {"type": type_, "timestamp": moment_text(at), "data": data}
