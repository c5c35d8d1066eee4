"""
Refusals of the domain, one class for each reason, each with a stable *code*.

The texts are for developers. The HTTP boundary makes the text that a user of Odoo reads from the
code and the attributes, so that no message repeats input by accident.

A refusal with an attribute of a domain type stands in the module of that type.
"""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """
    A rule of the domain refused a request. Only subclasses are raised.
    """

    code: ClassVar[str]

    def __str__(self) -> str:
        return (type(self).__doc__ or "").strip().split("\n", maxsplit=1)[0]


class InvalidValueError(DomainError):
    """
    A value does not have the form that its field requires.

    Args:
        field: Path of the field, for instance ``mapping.sequence``.
        rule: Stable name of the broken rule, for instance ``tenant_id``.
    """

    code = "invalid_value"

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(field, rule)
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.field} does not follow the rule {self.rule!r}."


class InvalidYamlError(DomainError):
    """
    A text is not acceptable YAML 1.2.

    Args:
        line: Counted from 1; 0 if it is unknown.
        column: Likewise.
    """

    code = "invalid_yaml"

    def __init__(self, line: int = 0, column: int = 0) -> None:
        super().__init__(line, column)
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"Not acceptable YAML 1.2 (line {self.line}, column {self.column})."


class RevisionConflictError(DomainError):
    """
    Another writer changed the same thing first.
    """

    code = "revision_conflict"


class PreconditionFailedError(DomainError):
    """
    The document is not at the version that the writer expects.

    Args:
        current: Its present version; 0 if it was never written.
    """

    code = "version_mismatch"

    def __init__(self, current: int) -> None:
        super().__init__(current)
        self.current = current


class DocumentNotFoundError(DomainError):
    """
    The document does not exist.
    """

    code = "document_not_found"


class DocumentDeletedError(DomainError):
    """
    The document is deleted; the history keeps its versions.
    """

    code = "document_deleted"

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class RevisionNotFoundError(DomainError):
    """
    The document has no such version, or it is pruned.
    """

    code = "version_not_found"


class TenantNotFoundError(DomainError):
    """
    The tenant does not exist.
    """

    code = "tenant_not_found"


class MappingNotFoundError(DomainError):
    """
    No channel was ever mapped.
    """

    code = "mapping_not_found"


class CredentialNotFoundError(DomainError):
    """
    The tenant has no sealed value under this reference.
    """

    code = "credential_not_found"


class UnknownFingerprintError(DomainError):
    """
    A credentials document names a sealed value that the tenant does not have.
    """

    code = "unknown_fingerprint"


class EncryptedValueError(DomainError):
    """
    A value is ciphertext of the replaced server, which the hub cannot open.

    Args:
        field: The place of the value.
    """

    code = "encrypted_value"

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class InvalidApiKeyError(DomainError):
    """
    The API key is missing, unknown or revoked.
    """

    code = "invalid_api_key"


class ApiKeyNotFoundError(DomainError):
    """
    No API key has this id.
    """

    code = "api_key_not_found"


class TenantForbiddenError(DomainError):
    """
    The API key is bound to another tenant.
    """

    code = "tenant_forbidden"


class IdempotencyKeyReusedError(DomainError):
    """
    An earlier request used the idempotency key with another body.
    """

    code = "idempotency_key_reused"


class MessageNotFoundError(DomainError):
    """
    The message does not exist, or is pruned.
    """

    code = "message_not_found"


class CrewNotFoundError(DomainError):
    """
    The tenant has no crew of that name, or no default crew.
    """

    code = "crew_not_found"


class CollectionNotFoundError(DomainError):
    """
    Nothing was ever pushed into the collection.
    """

    code = "collection_not_found"


class CollectionNotEnabledError(DomainError):
    """
    The tenant's settings do not enable the collection.
    """

    code = "collection_not_enabled"


class ItemNotFoundError(DomainError):
    """
    The collection has no item with this id.
    """

    code = "item_not_found"


class CursorExpiredError(DomainError):
    """
    The hub no longer knows all changes since the cursor was given.
    """

    code = "cursor_expired"
