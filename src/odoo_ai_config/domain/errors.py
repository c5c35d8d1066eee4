"""
Refusals of the domain, one class for each reason, each with a stable *code*.

The texts are for developers. The HTTP boundary makes the text that a user of Odoo reads from the
code and the attributes, so that no message repeats input by accident.

A refusal with an attribute of a domain type stands in the module of that type.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from attrs import frozen

_NEXT_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class CodedError(Exception):
    """
    Why something is not done, with a stable *code* for programs.

    The code is the name of the class in snake case, unless the class states another one. This
    class, `DomainError`, `ApplicationError` and `HttpRefusalError` are not raised themselves.
    """

    code: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in vars(cls):
            cls.code = _NEXT_WORD.sub("_", cls.__name__.removesuffix("Error")).lower()

    def __str__(self) -> str:
        return (type(self).__doc__ or "").strip().split("\n", maxsplit=1)[0]


class DomainError(CodedError):
    """
    A rule of the domain refused a request.
    """


@frozen
class InvalidValueError(DomainError):
    """
    A value does not have the form that its field requires.

    Args:
        field: Path of the field, for instance ``mapping.sequence``.
        rule: Stable name of the broken rule, for instance ``tenant_id``.
        one_of: The values that follow it, if they are few.
    """

    field: str
    rule: str
    one_of: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f": it must be one of {', '.join(self.one_of)}" if self.one_of else ""
        return f"{self.field} does not follow the rule {self.rule!r}{told}."


@frozen
class InvalidYamlError(DomainError):
    """
    A text is not acceptable YAML 1.2.

    Args:
        line: Counted from 1; 0 if it is unknown.
        column: Likewise.
    """

    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"Not acceptable YAML 1.2 (line {self.line}, column {self.column})."


class RevisionConflictError(DomainError):
    """
    Another writer changed the same thing first.
    """


@frozen
class PreconditionFailedError(DomainError):
    """
    What is to be written is not in the state that the writer expects.

    Args:
        current: Its present version; 0 if it was never written.
    """

    code = "version_mismatch"

    current: int


class DocumentNotFoundError(DomainError):
    """
    The document does not exist.
    """


@frozen
class DocumentDeletedError(DomainError):
    """
    The document is deleted; the history keeps its versions.
    """

    version: int


class RevisionNotFoundError(DomainError):
    """
    The document has no such version, or it is pruned.
    """

    code = "version_not_found"


class TenantNotFoundError(DomainError):
    """
    The tenant does not exist.
    """


class MappingNotFoundError(DomainError):
    """
    No channel, or not the one in question, was ever mapped.
    """


@frozen
class AmbiguousMappingError(DomainError):
    """
    A section of the mapping does not say which channel is meant.

    Args:
        section: The name of the section.
    """

    section: str


class CredentialNotFoundError(DomainError):
    """
    The tenant has no sealed value under this reference.
    """


class UnknownFingerprintError(DomainError):
    """
    A credentials document names a sealed value that the tenant does not have.
    """


@frozen
class EncryptedValueError(DomainError):
    """
    A value is ciphertext of the replaced server, which the hub cannot open.

    Args:
        field: The place of the value.
    """

    field: str


class InvalidApiKeyError(DomainError):
    """
    The API key is missing, unknown or revoked.
    """


class ApiKeyExpiredError(InvalidApiKeyError):
    """
    The API key is the right one, and has expired.
    """


class ApiKeyNotFoundError(DomainError):
    """
    No API key has this id.
    """


class AddressNotFoundError(DomainError):
    """
    The secret address does not exist or is revoked.
    """


class TenantForbiddenError(DomainError):
    """
    The API key is bound to another tenant.
    """


class IdempotencyKeyReusedError(DomainError):
    """
    An earlier request used the idempotency key with another body.
    """


class MessageNotFoundError(DomainError):
    """
    The message does not exist, or is pruned.
    """


class ConversationNotFoundError(DomainError):
    """
    No event of the conversation has come, or what is known of it is pruned.
    """


class CrewNotFoundError(DomainError):
    """
    The tenant has no crew of that name, or no default crew.
    """


class CollectionNotFoundError(DomainError):
    """
    Nothing was ever pushed into the collection.
    """


class CollectionNotEnabledError(DomainError):
    """
    The tenant's settings do not enable the collection.
    """


class ItemNotFoundError(DomainError):
    """
    The collection has no item with this id.
    """


class CursorExpiredError(DomainError):
    """
    The hub no longer knows all changes since the cursor was given.
    """
