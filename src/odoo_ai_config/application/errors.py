"""
Errors of the application, one class per reason, each with a stable *code*.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Self

from attrs import frozen

from odoo_ai_config.domain.errors import CodedError, RevisionConflictError


class ApplicationError(CodedError):
    """
    Something outside the domain prevented an operation.
    """


class StoreFailure(Enum):
    """
    Why a store fails, as far as it tells.

    Clients get one code for all of them; an operator does something different about each.
    """

    AWAY = "away"
    BUSY = "busy"
    CORRUPT = "corrupt"
    DISK_FULL = "disk_full"
    EMPTY = "empty"
    FILE_REPLACED = "file_replaced"
    IO_ERROR = "io_error"
    LOCKED_OUT = "locked_out"
    LOG_REMOVED = "log_removed"
    MIGRATION_NEEDED = "migration_needed"
    NEWER_SCHEMA = "newer_schema"
    NO_MAJORITY = "no_majority"
    NO_PRIMARY = "no_primary"
    OLDER_SCHEMA = "older_schema"
    READ_ONLY = "read_only"
    REFUSED = "refused"
    UNSUITABLE = "unsuitable"


@frozen
class StoreUnavailableError(ApplicationError):
    """
    The store does not answer; the operation may be tried again.
    """

    failure: StoreFailure = StoreFailure.AWAY


@frozen
class StoreUnusableError(ApplicationError):
    """
    The store answers, but cannot give the guarantees that the hub needs.

    Args:
        advice: What the operator can do about it; never holds a credential.
    """

    advice: str
    failure: StoreFailure = StoreFailure.UNSUITABLE

    def __str__(self) -> str:
        return self.advice


def no_store_at(place: str) -> StoreUnusableError:
    """
    The refusal of a command that looks for a store at *place* and finds none.
    """
    return StoreUnusableError(
        f"Não há armazenamento em {place}. Indique o do servidor com --data-dir ou --store-url "
        "(ODOO_AI_CONFIG_DATA_DIR, ODOO_AI_CONFIG_STORE_URL); odoo-ai-config where mostra o que "
        f"está em uso, e odoo-ai-config init cria um novo ({StoreFailure.EMPTY.value}).",
        StoreFailure.EMPTY,
    )


def unfinished_at(place: str) -> StoreUnusableError:
    """
    The refusal of a store that a copy or a restore has not finished.
    """
    return StoreUnusableError(
        f"Uma cópia ou restauração em {place} não terminou; repita o mesmo comando, que a conclui."
    )


def not_new_at(place: str) -> StoreUnusableError:
    """
    The refusal to copy or restore into a store that has data of its own.
    """
    return StoreUnusableError(
        f"Já há dados em {place}; uma cópia ou restauração precisa de um armazenamento novo."
    )


@frozen
class SpoolUnavailableError(ApplicationError):
    """
    The store is away, and the spool cannot keep the request either.

    Args:
        failure: What is wrong with the spool's disk; None if the spool is full.
    """

    failure: StoreFailure | None = None


class RequestRecordedError(ApplicationError):
    """
    The same request was recorded first.
    """

    # Public, so it keeps its first name.
    code = "delivery_recorded"


class MessageRecordedError(ApplicationError):
    """
    The same message was received before.
    """


@frozen
class CrewUnavailableError(ApplicationError):
    """
    The crew cannot be reached or cannot answer now; it may be asked again.

    Args:
        retry_after: Seconds that the crew asks to wait, if it does.
    """

    retry_after: float | None = None


class CrewRefusedError(ApplicationError):
    """
    The crew refuses the message; asking again is useless.
    """


@frozen
class SubscriberUnavailableError(ApplicationError):
    """
    Whoever is told of an event does not take it now; it may be sent again.

    Args:
        retry_after: Seconds that the other side asks to wait, if it does.
    """

    retry_after: float | None = None


class SubscriberGoneError(ApplicationError):
    """
    Nobody wants to be told at this address any more: it answers 410.
    """


class TargetForbiddenError(ApplicationError):
    """
    The hub may not call this address.

    It is in a private network, or it has no TLS and the operator does not allow it.
    """


@frozen
class ChatwootUnavailableError(ApplicationError):
    """
    Chatwoot cannot be reached or cannot do it now; it may be tried again.

    Args:
        retry_after: Seconds that Chatwoot asks to wait, if it does.
    """

    retry_after: float | None = None


class ChatwootRefusedError(ApplicationError):
    """
    Chatwoot refuses an action: the token, the account, the conversation or a value is wrong.
    """


class ChatwootUnreadableError(ApplicationError):
    """
    The Chatwoot account has no token that may read its conversations.
    """


@frozen
class AttachmentUnavailableError(ChatwootUnavailableError):
    """
    A file that an answer attaches cannot be fetched now; it may be tried again.
    """


class AttachmentRefusedError(ChatwootRefusedError):
    """
    A file that an answer attaches cannot be fetched, is too large, or is in a forbidden place.
    """


class TenantKeyChangedError(ApplicationError):
    """
    The tenant's data key was made or rotated meanwhile.
    """


# Refusals of a commit after which a writer decides again.
STATE_CHANGED: Final = (RevisionConflictError, TenantKeyChangedError, RequestRecordedError)


class ContentionError(ApplicationError):
    """
    Too many writers want the same document; the operation may be tried again.
    """


# Failures that pass: whoever can wait tries again later.
NOT_NOW: Final = (StoreUnavailableError, StoreUnusableError, ContentionError)


def is_refused(error: BaseException) -> bool:
    """
    Whether the store refuses one operation, and does so again; others may succeed meanwhile.
    """
    return isinstance(error, StoreUnusableError) and error.failure is StoreFailure.REFUSED


class SealBrokenError(ApplicationError):
    """
    A sealed value does not open.

    The cause (wrong key, wrong place, damaged bytes) is never told.
    """


class MasterKeyMissingError(ApplicationError):
    """
    A master key that wraps stored data keys is missing in the key ring.

    Args:
        master_ids: Ids of the missing master keys; an id is the key's fingerprint.
    """

    def __init__(self, *master_ids: str) -> None:
        super().__init__(*master_ids)
        self.master_ids = master_ids
        self.place: str | None = None

    def sought_in(self, place: str) -> Self:
        """
        The same error, which tells where the key ring is that does not have them.
        """
        self.place = place
        return self

    def __str__(self) -> str:
        ring = "The key ring" if self.place is None else f"The key ring {self.place}"
        return (
            f"{ring} does not have the master keys {', '.join(self.master_ids)}. Name the data "
            "folder (data_dir) or the key ring (keyring) of the hub that wrote the store."
        )


@frozen
class InvalidKeyRingError(ApplicationError):
    """
    The key ring cannot be used.

    Args:
        advice: What the operator can do about it; never holds a key.
    """

    advice: str

    def __str__(self) -> str:
        return self.advice
