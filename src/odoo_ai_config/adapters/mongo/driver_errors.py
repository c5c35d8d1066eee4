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

COMMIT_UNKNOWN: Final = "UnknownTransactionCommitResult"
_log = structlog.get_logger(area="config")

TRANSIENT: Final = "TransientTransactionError"
_RETRYABLE: Final = "RetryableWriteError"
_OVERLOADED: Final = "SystemOverloadedError"
_DUPLICATE_KEY: Final = 11000
_WRITE_CONFLICT: Final = 112
# Temporary, by what an operator does about it. Names are those of the server.
_PASSING: Final[Mapping[int, StoreFailure]] = {
    6: StoreFailure.AWAY,  # HostUnreachable
    7: StoreFailure.AWAY,  # HostNotFound
    24: StoreFailure.BUSY,  # LockTimeout
    43: StoreFailure.AWAY,  # CursorNotFound: idle for ten minutes, or its server restarted
    46: StoreFailure.BUSY,  # LockBusy
    50: StoreFailure.AWAY,  # MaxTimeMSExpired
    64: StoreFailure.NO_MAJORITY,  # WriteConcernTimeout
    70: StoreFailure.AWAY,  # ShardNotFound
    71: StoreFailure.AWAY,  # ReplicaSetNotFound
    74: StoreFailure.AWAY,  # NodeNotFound
    75: StoreFailure.NO_MAJORITY,  # WriteConcernLegacyOK
    79: StoreFailure.NO_MAJORITY,  # UnknownReplWriteConcern
    82: StoreFailure.AWAY,  # NoProgressMade
    83: StoreFailure.AWAY,  # RemoteResultsUnavailable
    89: StoreFailure.AWAY,  # NetworkTimeout
    90: StoreFailure.AWAY,  # CallbackCanceled
    91: StoreFailure.AWAY,  # ShutdownInProgress
    94: StoreFailure.NO_PRIMARY,  # NotYetInitialized
    95: StoreFailure.NO_PRIMARY,  # NotSecondary
    96: StoreFailure.AWAY,  # OperationFailed
    100: StoreFailure.NO_MAJORITY,  # UnsatisfiableWriteConcern
    107: StoreFailure.BUSY,  # LockFailed
    109: StoreFailure.NO_PRIMARY,  # ConfigurationInProgress
    117: StoreFailure.BUSY,  # ConflictingOperationInProgress
    133: StoreFailure.NO_PRIMARY,  # FailedToSatisfyReadPreference
    134: StoreFailure.NO_MAJORITY,  # ReadConcernMajorityNotAvailableYet
    135: StoreFailure.NO_PRIMARY,  # StaleTerm
    136: StoreFailure.AWAY,  # CappedPositionLost
    143: StoreFailure.AWAY,  # CursorInUse
    145: StoreFailure.AWAY,  # PooledConnectionsDropped
    149: StoreFailure.NO_PRIMARY,  # NoConfigPrimary
    150: StoreFailure.AWAY,  # StaleEpoch
    172: StoreFailure.AWAY,  # TransportSessionClosed
    173: StoreFailure.AWAY,  # TransportSessionNotFound
    174: StoreFailure.AWAY,  # TransportSessionUnknown
    175: StoreFailure.AWAY,  # QueryPlanKilled
    187: StoreFailure.NO_MAJORITY,  # LinearizableReadConcernError
    189: StoreFailure.NO_PRIMARY,  # PrimarySteppedDown
    194: StoreFailure.AWAY,  # BalancerInterrupted
    199: StoreFailure.AWAY,  # ReplicaSetMonitorRemoved
    202: StoreFailure.AWAY,  # NetworkInterfaceExceededTimeLimit
    203: StoreFailure.AWAY,  # ShardingStateNotInitialized
    205: StoreFailure.AWAY,  # ClusterTimeFailsRateLimiter
    206: StoreFailure.AWAY,  # NoSuchSession
    208: StoreFailure.BUSY,  # TooManyLocks
    209: StoreFailure.AWAY,  # StaleClusterTime
    215: StoreFailure.AWAY,  # DatabaseDropPending
    216: StoreFailure.NO_PRIMARY,  # ElectionInProgress
    217: StoreFailure.AWAY,  # IncompleteTransactionHistory
    221: StoreFailure.AWAY,  # IndexModified
    222: StoreFailure.AWAY,  # CloseChangeStream
    225: StoreFailure.AWAY,  # TransactionTooOld
    228: StoreFailure.AWAY,  # SessionTransferIncomplete
    230: StoreFailure.AWAY,  # DNSHostNotFound
    231: StoreFailure.AWAY,  # DNSProtocolError
    234: StoreFailure.AWAY,  # RetryChangeStream
    237: StoreFailure.AWAY,  # CursorKilled
    239: StoreFailure.AWAY,  # SnapshotTooOld
    244: StoreFailure.AWAY,  # TransactionAborted
    245: StoreFailure.AWAY,  # BrokenPromise
    246: StoreFailure.AWAY,  # SnapshotUnavailable
    249: StoreFailure.AWAY,  # StaleDbVersion
    250: StoreFailure.AWAY,  # StaleChunkHistory
    251: StoreFailure.AWAY,  # NoSuchTransaction
    259: StoreFailure.AWAY,  # KeyedExecutorRetry
    261: StoreFailure.BUSY,  # TooManyLogicalSessions
    262: StoreFailure.AWAY,  # ExceededTimeLimit
    264: StoreFailure.BUSY,  # TooManyFilesOpen
    267: StoreFailure.BUSY,  # PreparedTransactionInProgress
    272: StoreFailure.AWAY,  # MigrationConflict
    276: StoreFailure.AWAY,  # IndexBuildAborted
    278: StoreFailure.NO_MAJORITY,  # UnsatisfiableCommitQuorum
    279: StoreFailure.AWAY,  # ClientDisconnect
    281: StoreFailure.NO_PRIMARY,  # TransactionCoordinatorSteppingDown
    282: StoreFailure.AWAY,  # TransactionCoordinatorReachedAbortDecision
    285: StoreFailure.BUSY,  # IndexBuildAlreadyInProgress
    287: StoreFailure.AWAY,  # TransactionCoordinatorDeadlineTaskCanceled
    290: StoreFailure.AWAY,  # TransactionExceededLifetimeLimitSeconds
    291: StoreFailure.AWAY,  # NoQueryExecutionPlans: an index is being dropped
    301: StoreFailure.CORRUPT,  # DataCorruptionDetected
    303: StoreFailure.AWAY,  # SplitHorizonChange
    308: StoreFailure.NO_PRIMARY,  # CurrentConfigNotCommittedYet
    309: StoreFailure.AWAY,  # ExhaustCommandFinished
    310: StoreFailure.AWAY,  # PeriodicJobIsStopped
    311: StoreFailure.AWAY,  # TransactionCoordinatorCanceled
    312: StoreFailure.AWAY,  # OperationIsKilledAndDelisted
    314: StoreFailure.AWAY,  # ObjectIsBusy
    317: StoreFailure.AWAY,  # ConnectionPoolExpired
    319: StoreFailure.BUSY,  # MovePrimaryInProgress
    333: StoreFailure.AWAY,  # ServiceExecutorInShutdown
    338: StoreFailure.BUSY,  # ReshardCollectionInProgress
    342: StoreFailure.BUSY,  # ReshardingCriticalSectionTimeout
    343: StoreFailure.BUSY,  # ShardCannotRefreshDueToLocksHeld
    355: StoreFailure.AWAY,  # InterruptedDueToStorageChange
    356: StoreFailure.AWAY,  # TxnRetryCounterTooOld
    358: StoreFailure.AWAY,  # InternalTransactionNotSupported
    360: StoreFailure.AWAY,  # PlacementVersionRefreshCanceled
    363: StoreFailure.AWAY,  # RetryableTransactionInProgress
    365: StoreFailure.BUSY,  # TemporarilyUnavailable: the cache of the storage is full
    371: StoreFailure.READ_ONLY,  # UserWritesBlocked: the cluster is being copied to another
    372: StoreFailure.AWAY,  # CloseConnectionForShutdownCommand
    374: StoreFailure.AWAY,  # TransactionAPIMustRetryTransaction
    375: StoreFailure.AWAY,  # TransactionAPIMustRetryCommit
    379: StoreFailure.AWAY,  # DatabaseMetadataRefreshCanceled
    384: StoreFailure.AWAY,  # ConnectionError
    385: StoreFailure.BUSY,  # ConflictingServerlessOperation
    391: StoreFailure.AWAY,  # ReauthenticationRequired: done with the next connection
    398: StoreFailure.AWAY,  # StreamTerminated
    402: StoreFailure.BUSY,  # ResourceExhausted
    406: StoreFailure.BUSY,  # MigrationBlockingOperationCoordinatorCleaningUp
    407: StoreFailure.BUSY,  # PooledConnectionAcquisitionExceededTimeLimit
    412: StoreFailure.BUSY,  # UpdatesStillPending
    413: StoreFailure.AWAY,  # TransactionParticipantFailedUnyield
    414: StoreFailure.BUSY,  # AddOrRemoveShardInProgress
    433: StoreFailure.BUSY,  # AdmissionQueueOverflow
    442: StoreFailure.AWAY,  # RetryMultiPlanning
    445: StoreFailure.AWAY,  # DatabaseMetadataRefreshCanceledDueToFCVTransition
    449: StoreFailure.BUSY,  # RateLimitExceeded
    450: StoreFailure.BUSY,  # PooledConnectionAcquisitionRejected
    453: StoreFailure.BUSY,  # InterruptedDueToReshardingCriticalSection
    462: StoreFailure.BUSY,  # IngressRequestRateLimitExceeded
    9001: StoreFailure.AWAY,  # SocketException
    10058: StoreFailure.NO_PRIMARY,  # LegacyNotPrimary
    10107: StoreFailure.NO_PRIMARY,  # NotWritablePrimary
    11600: StoreFailure.AWAY,  # InterruptedAtShutdown
    11601: StoreFailure.AWAY,  # Interrupted: somebody killed the operation
    11602: StoreFailure.NO_PRIMARY,  # InterruptedDueToReplStateChange
    12586: StoreFailure.BUSY,  # BackgroundOperationInProgressForDatabase
    12587: StoreFailure.BUSY,  # BackgroundOperationInProgressForNamespace
    13388: StoreFailure.AWAY,  # StaleConfig
    13435: StoreFailure.NO_PRIMARY,  # NotPrimaryNoSecondaryOk
    13436: StoreFailure.NO_PRIMARY,  # NotPrimaryOrSecondary
    14031: StoreFailure.DISK_FULL,  # OutOfDiskSpace
    46841: StoreFailure.AWAY,  # ClientMarkedKilled
    50915: StoreFailure.BUSY,  # BackupCursorOpenConflictWithCheckpoint
    56846: StoreFailure.AWAY,  # ConfigServerUnreachable
    91331: StoreFailure.AWAY,  # RetriableRemoteCommandFailure
    4938500: StoreFailure.AWAY,  # IndexNotFoundCachedPlan
    10045600: StoreFailure.AWAY,  # InterruptedDueToFCVChange
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
