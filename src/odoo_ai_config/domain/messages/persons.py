"""
Persons whose messages the hub has: how they are named, and how their messages are found.

A store keeps keyed digests of the names with each message. Whoever reads the store without the
keys of the tenants can neither read a name nor test a guess.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.channels.phone import PhoneNumber, comparable
from odoo_ai_config.domain.credentials.secrets import SealContext, SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    ChatwootId,
    CredentialRef,
    TenantArea,
    TenantId,
)

LONGEST_IDENTIFIER: Final = 512
_PURPOSE: Final = "person"
_SHARED: Final = 4096


class PersonKind(enum.Enum):
    """
    By what a person is named.

    NUMBER is a WhatsApp number, or the id of somebody who hides it. CONTACT is the id of a contact
    in Chatwoot, and IDENTIFIER what the contact is called in another system.
    """

    NUMBER = "number"
    CONTACT = "contact"
    IDENTIFIER = "identifier"


# Each message that comes asks for three of them.
@lru_cache(maxsize=_SHARED)
def _place(tenant: TenantId, kind: PersonKind) -> SealContext:
    return SealContext(TenantArea(tenant, BusinessArea()), CredentialRef(kind.value), _PURPOSE)


@frozen
class Person:
    """
    One name of a person. Equal names are equal, however they are written.
    """

    kind: PersonKind
    value: str = field(repr=False)

    @classmethod
    def of_number(cls, number: PhoneNumber) -> Person:
        """
        By *number*, with and without the digit that mobile numbers have more or less.
        """
        return cls(PersonKind.NUMBER, number.comparable)

    @classmethod
    def of_contact(cls, account: ChatwootId, contact: ChatwootId) -> Person:
        """
        By the id of a contact, which Chatwoot counts over all accounts.
        """
        return cls(PersonKind.CONTACT, f"{account}/{contact}")

    @classmethod
    def from_contact(cls, text: str) -> Person:
        """
        Read ``1/77``: account and contact.

        Raises:
            InvalidValueError: It is not that.
        """
        account, _, contact = text.partition("/")
        try:
            return cls.of_contact(ChatwootId(account), ChatwootId(contact))
        except InvalidValueError:
            raise InvalidValueError("contact", "contact") from None

    @classmethod
    def of_identifier(cls, text: str) -> Person:
        """
        By the identifier of a contact, as another system wrote it.

        Raises:
            InvalidValueError: It is blank, or too long.
        """
        said = text.strip()
        if not 0 < len(said) <= LONGEST_IDENTIFIER:
            raise InvalidValueError("identifier", "identifier")
        return cls(PersonKind.IDENTIFIER, said)

    def place(self, tenant: TenantId) -> tuple[SealContext, SecretText]:
        """
        What the digest of the name under the key of *tenant* is made of.
        """
        return _place(tenant, self.kind), SecretText(self.value)


def persons_named(
    number: str | None, account: ChatwootId | None, contact: str | None, identifier: str | None
) -> tuple[Person, ...]:
    """
    The names of whoever wrote a message, or whom it was written to: at most one of each kind.

    *number* is as `phone.sender_of` gives it. An identifier that is blank or too long is left out.
    """
    found: list[Person] = []
    if number is not None:
        found.append(Person(PersonKind.NUMBER, comparable(number)))
    if account is not None and contact is not None:
        found.append(Person(PersonKind.CONTACT, f"{account}/{contact}"))
    if identifier is not None and 0 < len(identifier.strip()) <= LONGEST_IDENTIFIER:
        found.append(Person(PersonKind.IDENTIFIER, identifier.strip()))
    return tuple(found)


def one_of(persons: Iterable[Person | None]) -> Person:
    """
    The only one of *persons* that is given.

    Raises:
        InvalidValueError: None is given, or several are.
    """
    given = [person for person in persons if person is not None]
    if len(given) != 1:
        raise InvalidValueError("person", "person")
    return given[0]
