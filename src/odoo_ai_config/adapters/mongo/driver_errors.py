"""
Translates errors of the driver into errors of the hub.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

import structlog
from bson.errors import BSONError
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    NotPrimaryError,
    OperationFailure,
    ProtocolError,
    PyMongoError,
    WTimeoutError,
)

from odoo_ai_config.application.errors import (
    ApplicationError,
    ContentionError,
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)

P = ParamSpec("P")
R = TypeVar("R")

_log = structlog.get_logger(area="config")

COMMIT_UNKNOWN: Final = "UnknownTransactionCommitResult"
TRANSIENT: Final = "TransientTransactionError"
_RETRYABLE: Final = "RetryableWriteError"
_OVERLOADED: Final = "SystemOverloadedError"
_DUPLICATE_KEY: Final = 11000
_WRITE_CONFLICT: Final = 112
# What is temporary, by what an operator does about it. The server's src/mongo/base/error_codes.yml
# names the codes.
_PASSING: Final[Mapping[int, StoreFailure]] = {
    int(code): failure
    for failure, codes in {
        StoreFailure.AWAY: (
            "6 7 43 50 70 71 74 82 83 89 90 91 96 136 143 145 150 172 173 174 175 194 199 202 203 "
            "205 206 209 215 217 221 222 225 228 230 231 234 237 239 244 245 246 249 250 251 259 "
            "262 272 276 279 282 287 290 291 303 309 310 311 312 314 317 333 355 356 358 360 363 "
            "372 374 375 379 384 391 398 413 442 445 9001 11600 11601 13388 46841 56846 91331 "
            "4938500 10045600"
        ),
        StoreFailure.BUSY: (
            "24 46 107 117 208 261 264 267 285 319 338 342 343 365 385 402 406 407 412 414 433 "
            "449 450 453 462 12586 12587 50915"
        ),
        StoreFailure.NO_PRIMARY: (
            "94 95 109 133 135 149 189 216 281 308 10058 10107 11602 13435 13436"
        ),
        StoreFailure.NO_MAJORITY: "64 75 79 100 134 187 278",
        StoreFailure.CORRUPT: "301",
        StoreFailure.READ_ONLY: "371",
        StoreFailure.DISK_FULL: "14031",
    }.items()
    for code in codes.split()
}
# UserNotFound, Unauthorized, AuthenticationFailed, RoleNotFound, AuthenticationRestrictionUnmet,
# MechanismUnavailable, AuthenticationAbandoned, InvalidJWT, LDAPRoleAcquisitionError, AtlasError
_LOCKED_OUT: Final = frozenset({11, 13, 18, 31, 214, 334, 337, 392, 404, 8000})
# The server does not know what the hub asks for, or is none that has transactions.
_UNSUITABLE: Final = frozenset(
    {
        *{20, 59, 67, 72, 76, 115, 123, 126, 148, 161, 168, 188, 224, 227, 235, 238, 243, 263},
        *{322, 323, 324, 347, 352, 354, 40415, 50768, 57986},
    }
)
# IndexOptionsConflict, IndexKeySpecsConflict
_OTHER_INDEX: Final = frozenset({85, 86})
_LOCKED_OUT_ADVICE: Final = (
    "O MongoDB recusou o usuário do hub. Confira o usuário, a senha e o authSource em "
    "ODOO_AI_CONFIG_STORE_URL; o usuário precisa do papel readWrite no banco do hub."
)
_INCOMPATIBLE_ADVICE: Final = (
    "O MongoDB não é compatível com o hub. Use um replica set do MongoDB 6 ou mais novo e "
    "confira as opções em ODOO_AI_CONFIG_STORE_URL."
)
_OTHER_INDEX_ADVICE: Final = (
    "No banco do hub há um índice com o nome ou os campos de um índice do hub, mas com outra "
    "definição. Remova esse índice (db.colecao.dropIndex) e inicie o hub de novo."
)
_REFUSED_ADVICE: Final = (
    "O MongoDB recusou uma operação do hub ({reason}). O log tem o lugar em store_refused; "
    "informe-o a quem mantém o hub."
)


def translated(method: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """
    Raise an error of the hub from *method* in place of any of the driver's.
    """

    @wraps(method)
    async def translating(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(*args, **kwargs)
        # The last two: an integer and a text that no BSON can hold.
        except (PyMongoError, BSONError, OverflowError, UnicodeEncodeError) as error:
            raise _error_of(error) from error

    return translating


def _error_of(error: Exception) -> ApplicationError:
    if not isinstance(error, PyMongoError):
        return _refused(error, type(error).__name__)
    if is_conflict(error):
        return ContentionError()
    unusable = _unusable(error)
    if unusable is not None:
        return unusable
    failure = _failure_of(error)
    if failure is not None:
        return StoreUnavailableError(failure)
    return _refused(error, ", ".join(map(str, sorted(_codes(error)))) or type(error).__name__)


def _unusable(error: PyMongoError) -> StoreUnusableError | None:
    codes = _codes(error)
    if codes & _LOCKED_OUT:
        return StoreUnusableError(_LOCKED_OUT_ADVICE, StoreFailure.LOCKED_OUT)
    if codes & _OTHER_INDEX:
        return StoreUnusableError(_OTHER_INDEX_ADVICE)
    if isinstance(error, ConfigurationError) or codes & _UNSUITABLE:
        return StoreUnusableError(_INCOMPATIBLE_ADVICE)
    return None


def _refused(error: Exception, reason: str) -> StoreUnusableError:
    # Most likely a mistake of ours: only the place tells which.
    _log.error("store_refused", reason=reason, exc_info=error)
    return StoreUnusableError(_REFUSED_ADVICE.format(reason=reason), StoreFailure.REFUSED)


def is_duplicate(error: PyMongoError) -> bool:
    """
    Whether a unique index refused a write.
    """
    return _DUPLICATE_KEY in _codes(error)


def is_conflict(error: PyMongoError) -> bool:
    """
    Whether another transaction wrote to the same records first.

    A duplicate counts: where it is a refusal it is caught before, and elsewhere another writer
    of the same new record was faster, which the next snapshot shows.
    """
    return bool(_codes(error) & {_WRITE_CONFLICT, _DUPLICATE_KEY})


def is_passing(error: PyMongoError) -> bool:
    """
    Whether the server may accept the same writes after an interruption.

    Not if it did not answer in time: the caller has waited long enough.
    """
    labelled = any(map(error.has_error_label, (TRANSIENT, _RETRYABLE, _OVERLOADED)))
    return labelled and not is_silence(error)


def is_silence(error: PyMongoError) -> bool:
    """
    Whether no server answered in time.
    """
    return isinstance(error, ConnectionFailure) and error.timeout


def _failure_of(error: PyMongoError) -> StoreFailure | None:
    if isinstance(error, NotPrimaryError):
        return StoreFailure.NO_PRIMARY
    if isinstance(error, WTimeoutError) or _waited_for_members(error):
        return StoreFailure.NO_MAJORITY
    told = next((_PASSING[code] for code in sorted(_codes(error)) if code in _PASSING), None)
    if told is not None:
        return told
    # The driver gives a connection that breaks at its beginning this label, too.
    if isinstance(error, OperationFailure) and error.has_error_label(_OVERLOADED):
        return StoreFailure.BUSY
    interrupted = isinstance(error, ConnectionFailure | ProtocolError) or error.timeout
    if interrupted or any(map(error.has_error_label, (COMMIT_UNKNOWN, TRANSIENT, _RETRYABLE))):
        return StoreFailure.AWAY
    return None


def _waited_for_members(error: PyMongoError) -> bool:
    return isinstance(error, BulkWriteError) and error.timeout and not error.details["writeErrors"]


def _codes(error: PyMongoError) -> set[int]:
    if not isinstance(error, OperationFailure):
        return set()
    details = error.details or {}
    nested = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    # A bulk write has a code of its own, which says that others follow.
    codes = {one.get("code") for one in nested} or {error.code}
    return {code for code in codes if code is not None}
