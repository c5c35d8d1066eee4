"""
Translates errors of the driver into errors of the hub.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from odoo_ai_config.application.errors import (
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)

P = ParamSpec("P")
R = TypeVar("R")

COMMIT_UNKNOWN: Final = "UnknownTransactionCommitResult"
_TRANSIENT: Final = "TransientTransactionError"
_RETRYABLE: Final = "RetryableWriteError"
_DUPLICATE_KEY: Final = 11000
_WRITE_CONFLICT: Final = 112
# Temporary: no primary, no majority, no time, no network between the members, shutting down.
_PASSING: Final[Mapping[int, StoreFailure]] = {
    6: StoreFailure.AWAY,  # HostUnreachable
    7: StoreFailure.AWAY,  # HostNotFound
    50: StoreFailure.AWAY,  # MaxTimeMSExpired
    64: StoreFailure.NO_MAJORITY,  # WriteConcernTimeout
    89: StoreFailure.AWAY,  # NetworkTimeout
    91: StoreFailure.AWAY,  # ShutdownInProgress
    100: StoreFailure.NO_MAJORITY,  # UnsatisfiableWriteConcern
    134: StoreFailure.NO_MAJORITY,  # ReadConcernMajorityNotAvailableYet
    189: StoreFailure.NO_PRIMARY,  # PrimarySteppedDown
    262: StoreFailure.AWAY,  # ExceededTimeLimit
    9001: StoreFailure.AWAY,  # SocketException
    10107: StoreFailure.NO_PRIMARY,  # NotWritablePrimary
    11600: StoreFailure.AWAY,  # InterruptedAtShutdown
    11602: StoreFailure.NO_PRIMARY,  # InterruptedDueToReplStateChange
    13435: StoreFailure.NO_PRIMARY,  # NotPrimaryNoSecondaryOk
    13436: StoreFailure.NO_PRIMARY,  # NotPrimaryOrSecondary
    14031: StoreFailure.DISK_FULL,  # OutOfDiskSpace
}
_LOCKED_OUT: Final = frozenset({13, 18, 8000})  # Unauthorized, AuthenticationFailed, AtlasError
_LOCKED_OUT_ADVICE: Final = (
    "O MongoDB recusou o usuário do hub. Confira o usuário, a senha e o authSource em "
    "ODOO_AI_CONFIG_STORE_URL; o usuário precisa do papel readWrite no banco do hub."
)
_INCOMPATIBLE_ADVICE: Final = (
    "O MongoDB não é compatível com o hub. Use um replica set do MongoDB 4.4 ou mais novo e "
    "confira as opções em ODOO_AI_CONFIG_STORE_URL."
)


def translated(method: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """
    Raise an error of the hub from *method* in place of the driver's, where there is one.
    """

    @wraps(method)
    async def translating(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        except ConfigurationError as error:
            raise StoreUnusableError(_INCOMPATIBLE_ADVICE) from error
        except PyMongoError as error:
            if _codes(error) & _LOCKED_OUT:
                raise StoreUnusableError(_LOCKED_OUT_ADVICE, StoreFailure.LOCKED_OUT) from error
            failure = _failure_of(error)
            if failure is not None:
                raise StoreUnavailableError(failure) from error
            raise

    return translating


def is_duplicate(error: PyMongoError) -> bool:
    """
    Whether a unique index refused a write.
    """
    return _DUPLICATE_KEY in _codes(error)


def duplicate_field(error: DuplicateKeyError) -> str | None:
    """
    The first field of the unique index that refused a write.
    """
    return next(iter((error.details or {}).get("keyPattern", ())), None)


def is_conflict(error: PyMongoError) -> bool:
    """
    Whether another transaction wrote to the same records first.

    A duplicate counts: where it is a refusal it is caught before, and elsewhere another writer
    of the same new record was faster, which the next snapshot shows.
    """
    return bool(_codes(error) & {_WRITE_CONFLICT, _DUPLICATE_KEY})


def is_passing(error: PyMongoError) -> bool:
    """
    Whether the server may accept the same transaction after an interruption.

    Not if no server answered within the driver's timeout: the caller has waited long enough.
    """
    return error.has_error_label(_TRANSIENT) and not isinstance(error, ServerSelectionTimeoutError)


def _failure_of(error: PyMongoError) -> StoreFailure | None:
    if isinstance(error, NotPrimaryError):
        return StoreFailure.NO_PRIMARY
    if isinstance(error, WTimeoutError):
        return StoreFailure.NO_MAJORITY
    told = next((_PASSING[code] for code in sorted(_codes(error)) if code in _PASSING), None)
    if told is None and (
        isinstance(error, ConnectionFailure)
        or error.timeout
        or any(map(error.has_error_label, (COMMIT_UNKNOWN, _TRANSIENT, _RETRYABLE)))
    ):
        return StoreFailure.AWAY
    return told


def _codes(error: PyMongoError) -> set[int]:
    if not isinstance(error, OperationFailure):
        return set()
    details = error.details or {}
    nested = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    return {code for code in (error.code, *(e.get("code") for e in nested)) if code is not None}
