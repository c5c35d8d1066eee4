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
    A rule of the domain refused. Never raised itself.
    """

    code: ClassVar[str]

    def __str__(self) -> str:
        return (type(self).__doc__ or "").strip().split("\n", maxsplit=1)[0]


class InvalidValueError(DomainError):
    """
    A value does not have the form that its field asks for.

    Args:
        field: Path of the field, for instance ``mapping.sequence``.
        rule: Stable name of the rule that was broken, for instance ``tenant_id``.
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

    *line* and *column* count from 1 and are 0 where the place is unknown.
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
    Somebody else wrote the same document or channel first.
    """

    code = "revision_conflict"


class PreconditionFailedError(DomainError):
    """
    The document is not at the version that the writer had seen.

    *current* is the version it is at, 0 if there is none.
    """

    code = "version_mismatch"

    def __init__(self, current: int) -> None:
        super().__init__(current)
        self.current = current


class DocumentNotFoundError(DomainError):
    """
    There is no such document.
    """

    code = "document_not_found"


class DocumentDeletedError(DomainError):
    """
    The document was deleted; its versions remain in the history.
    """

    code = "document_deleted"

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class RevisionNotFoundError(DomainError):
    """
    The document has no such version, or no longer has it.
    """

    code = "version_not_found"


class TenantNotFoundError(DomainError):
    """
    There is no such tenant.
    """

    code = "tenant_not_found"


class MappingNotFoundError(DomainError):
    """
    No channel has ever been mapped.
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
    A secret is a ciphertext of the replaced server, and would be taken for the secret itself.

    *field* is where it stands.
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
    There is no API key with this id.
    """

    code = "api_key_not_found"


class TenantForbiddenError(DomainError):
    """
    The API key is bound to another tenant.
    """

    code = "tenant_forbidden"


class IdempotencyKeyReusedError(DomainError):
    """
    The idempotency key came before with another body.
    """

    code = "idempotency_key_reused"


class MessageNotFoundError(DomainError):
    """
    There is no such message, or no longer.
    """

    code = "message_not_found"


class CrewNotFoundError(DomainError):
    """
    The tenant has no crew of that name, or none that is the default one.
    """

    code = "crew_not_found"


class CollectionNotFoundError(DomainError):
    """
    Nothing was ever pushed into the collection.
    """

    code = "collection_not_found"


class CollectionNotEnabledError(DomainError):
    """
    The tenant's settings do not enable the collection, so that crews are not served it.
    """

    code = "collection_not_enabled"


class ItemNotFoundError(DomainError):
    """
    The collection has no item with this id, or no longer has it.
    """

    code = "item_not_found"


class CursorExpiredError(DomainError):
    """
    What changed since the cursor was given is no longer known: read from the beginning.
    """

    code = "cursor_expired"
