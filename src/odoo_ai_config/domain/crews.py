"""
Crews: the AI services of a tenant that answer its customers.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.identifiers import CredentialRef, TenantDomain
from odoo_ai_config.domain.inbox import InboxMessage

LONGEST_TIMEOUT: Final = timedelta(seconds=60)
LONGEST_PATIENCE: Final = timedelta(hours=24)


class CrewKind(enum.Enum):
    """
    How a crew is reached.
    """

    HTTP = "http"
    IN_PROCESS = "in_process"
    ECHO = "echo"


@frozen
class Crew:
    """
    One crew of a tenant, as its ``crews`` document describes it.

    Args:
        url: Where messages are posted; only and always of an HTTP crew.
        secret: Reference of the signing secret (``whsec_...``) among the tenant's credentials.
        timeout: How long it may take to say anything.
        patience: How long an answer may take that it gives later.
    """

    name: str
    owner: TenantDomain
    kind: CrewKind
    url: str | None = None
    secret: CredentialRef | None = None
    timeout: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=15)


@frozen
class Contact:
    """
    The customer who wrote, as far as Chatwoot tells.
    """

    id: str | None = None
    name: str | None = None
    number: str | None = None
    identifier: str | None = None


@frozen
class Attachment:
    """
    A file of a message; Chatwoot keeps it.
    """

    kind: str
    url: str = field(repr=False)


@frozen
class CustomerMessage:
    """
    What a customer wrote.

    Args:
        channel: Chatwoot's name of the kind of channel, for instance ``Channel::Whatsapp``.
        sent_at: By Chatwoot's clock.
    """

    text: str | None = field(repr=False)
    contact: Contact = field(repr=False)
    channel: str | None = None
    inbox_name: str | None = None
    attachments: tuple[Attachment, ...] = ()
    sent_at: datetime | None = None


@frozen
class CrewTask:
    """
    What a crew is given: a received message, opened.

    Asking again for the same one is recognised by its id.
    """

    received: InboxMessage
    message: CustomerMessage


@frozen
class Answer:
    """
    What a crew has to say to the customer.
    """

    text: str = field(repr=False)


class Later(enum.Enum):
    """
    A crew that took the message and answers later.
    """

    LATER = "later"


class Silence(enum.Enum):
    """
    A crew that took the message and has nothing to say to it.
    """

    SILENCE = "silence"


LATER: Final = Later.LATER
SILENCE: Final = Silence.SILENCE
