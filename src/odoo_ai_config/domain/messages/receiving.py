"""
Which events of Chatwoot the hub processes: what customers say, and nothing else.
"""

from __future__ import annotations

import enum
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.conversations.answering import Trait
from odoo_ai_config.domain.conversations.state import ConversationKey, Seen
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import DELETED_REASON, Origin
from odoo_ai_config.domain.messages.persons import Person

MESSAGE_CREATED: Final = "message_created"
MESSAGE_UPDATED: Final = "message_updated"
# The other events that Chatwoot sends.
OTHER_EVENTS: Final = frozenset(
    {
        MESSAGE_UPDATED,
        "conversation_created",
        "conversation_updated",
        "conversation_status_changed",
        "conversation_opened",
        "conversation_resolved",
        "conversation_typing_on",
        "conversation_typing_off",
        "webwidget_triggered",
        "contact_created",
        "contact_updated",
        "inbox_created",
        "inbox_updated",
    }
)


class Direction(enum.Enum):
    """
    The direction of a message. Templates and activity notes are outgoing.
    """

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    UNKNOWN = "unknown"


class Author(enum.Enum):
    """
    Who wrote a message: a customer, unless Chatwoot says otherwise.
    """

    CUSTOMER = "customer"
    USER = "user"
    BOT = "bot"


class Act(enum.Enum):
    """
    What happened to a message of a conversation, as far as the hub does anything about it.

    WRITTEN, EDITED and CHOSEN are of the customer and wait for an answer. CHOSEN is what the
    customer chose among the choices of a message of ours. The others change what is known.
    """

    WRITTEN = "written"
    EDITED = "edited"
    CHOSEN = "chosen"
    TRANSCRIBED = "transcribed"
    DELETED = "deleted"
    FAILED = "failed"


# What a customer waits to be answered.
TO_ANSWER: Final = frozenset({Act.WRITTEN, Act.EDITED, Act.CHOSEN})


class Ignored(enum.Enum):
    """
    Why the hub ignores an event. The values are public.
    """

    UNKNOWN_EVENT = "unknown_event"
    NOT_A_MESSAGE = "not_a_message"
    PRIVATE = "private"
    OUTGOING = "outgoing"
    UNKNOWN_DIRECTION = "unknown_direction"
    FROM_USER = "from_user"
    FROM_BOT = "from_bot"
    NO_ACCOUNT = "no_account"
    NO_CONVERSATION = "no_conversation"
    DELETED = DELETED_REASON


@frozen
class ChatwootEvent:
    """
    An event, in the same form for every version of Chatwoot and every test script.

    Args:
        private: A note among the agents; anything but a clear no counts as yes.
        sender: The customer's WhatsApp number, or the id of one who hides it, if there is one.
        act: None if the event is not about a message, or tells only how far it has come.
        traits: What makes the message one that the AI does not answer by default.
        seen: What the event says about its conversation; None for a customer's message that says
            nothing unusual, which the delivery reads anyway.
        persons: The names of the customer.
    """

    origin: Origin
    direction: Direction
    private: bool
    author: Author
    sender: str | None = field(repr=False)
    act: Act | None = None
    traits: frozenset[Trait] = frozenset()
    seen: Seen | None = None
    persons: tuple[Person, ...] = field(default=(), repr=False)

    def seen_as(
        self, account: ChatwootId | None, delivery: str | None, proof: str | None = None
    ) -> ChatwootEvent:
        """
        The same event with its account and with what recognises its delivery.
        """
        # Written out: `evolve` costs a fiftieth of the whole work on a message.
        known = self.origin
        origin = Origin(
            known.event,
            account,
            known.inbox,
            known.conversation,
            known.message,
            delivery,
            proof,
            known.request_id,
            known.edition,
        )
        return ChatwootEvent(
            origin,
            self.direction,
            self.private,
            self.author,
            self.sender,
            self.act,
            self.traits,
            self.seen,
            self.persons,
        )

    @property
    def conversation(self) -> ConversationKey | None:
        """
        The conversation that it is about; None if it names none.
        """
        account, id_ = self.origin.account, self.origin.conversation
        return None if account is None or id_ is None else ConversationKey(account, id_)

    @property
    def incoming(self) -> IncomingMessage | None:
        """
        The input of routing; None if the event has no account.
        """
        if self.origin.account is None:
            return None
        return IncomingMessage(self.origin.account, self.origin.inbox, self.sender)


def reason_to_ignore(event: ChatwootEvent) -> Ignored | None:
    """
    Why the hub ignores *event*; None if it does not.

    Everything that the hub or an agent writes comes back as an event. If the hub processed one
    of those, it would answer its own answers forever.
    """
    origin, act = event.origin, event.act
    if act not in TO_ANSWER:
        known = origin.event in OTHER_EVENTS
        return Ignored.NOT_A_MESSAGE if known else Ignored.UNKNOWN_EVENT
    # The message that the customer chose in is ours.
    by_others = act is not Act.CHOSEN
    reason = None
    if event.private:
        reason = Ignored.PRIVATE
    elif event.direction is Direction.OUTGOING and by_others:
        reason = Ignored.OUTGOING
    elif event.direction is Direction.UNKNOWN:
        reason = Ignored.UNKNOWN_DIRECTION
    elif event.author is Author.USER and by_others:
        reason = Ignored.FROM_USER
    elif event.author is Author.BOT and by_others:
        reason = Ignored.FROM_BOT
    elif origin.account is None:
        reason = Ignored.NO_ACCOUNT
    elif origin.conversation is None:
        reason = Ignored.NO_CONVERSATION
    return reason
