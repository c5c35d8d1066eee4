"""
Every error of the driver becomes one of the hub.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from bson.errors import BSONError, InvalidBSON, InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ClientBulkWriteException,
    ConfigurationError,
    CursorNotFound,
    DocumentTooLarge,
    EncryptedCollectionError,
    EncryptionError,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WriteError,
)
from structlog.testing import capture_logs

from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.application.errors import (
    ApplicationError,
    ContentionError,
    StoreFailure,
    StoreUnavailableError,
    StoreUnusableError,
)

# The codes of MongoDB's src/mongo/base/error_codes.yml: those in sequence, with what was removed
# from it, and the others. 8000 is Atlas's own.
CODES = [
    *range(1, 463),
    *[8000, 9001, 9996, 10003, 10058, 10107, 10334, 11000, 11600, 11601, 11602, 12586, 12587],
    *[13104, 13113, 13297, 13388, 13435, 13436, 14031, 17280, 28769, 31082, 40413, 40414, 40415],
    *[46841, 50768, 50915, 56846, 57986, 91331, 640570, 640571, 1003141, 4662500, 4938500],
    *[9737301, 9751901, 9751902, 9751903, 10045600, 10171600],
]
# By the categories of the same file: of the network, interruptions, elections, shutting down,
# cancelled, out of time, of snapshots, of cursors, of stale routing, retriable, overloaded, and
# of write concerns.
TEMPORARY = {
    *{6, 7, 89, 317, 384, 9001},
    *{24, 50, 237, 262, 279, 281, 282, 290, 355, 453, 11600, 11601, 11602, 46841, 91331, 10045600},
    *{189, 10107, 13435, 13436},
    *{91, 333},
    *{90, 310, 312},
    *{202, 407},
    *{239, 246, 250, 272},
    *{43, 96, 175, 314},
    *{150, 13388},
    *{134, 358, 402, 406, 412, 50915},
    *{433, 449, 450, 462},
    *{64, 75, 79, 100},
    # And those that earlier came out as they were.
    *{133, 251, 291, 365, 371, 391},
}


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def forms_of(code: int) -> Iterator[PyMongoError]:
    """
    The errors in which the driver tells *code*.
    """
    details = {"ok": 0, "code": code, "errmsg": "no"}
    yield OperationFailure("no", code, details)
    yield WriteError("no", code, details)
    yield WriteConcernError("no", code, details)
    yield CursorNotFound("no", code, details)
    one = {"index": 0, "code": code, "errmsg": "no"}
    yield BulkWriteError({"writeErrors": [one], "writeConcernErrors": [], "nInserted": 0})
    yield BulkWriteError({"writeErrors": [], "writeConcernErrors": [one], "nInserted": 1})


def all_are(kind: type[Exception], errors: Iterable[Exception]) -> bool:
    return all(isinstance(error, kind) for error in errors)


async def outcome(error: Exception) -> Exception:
    @translated
    async def failing_call() -> None:
        raise error

    try:
        await failing_call()
    except Exception as raised:  # noqa: BLE001 - whatever comes out
        return raised
    raise AssertionError("nothing was raised")


async def test_every_code_of_the_server_is_an_error_of_the_hub() -> None:
    outcomes = {code: [await outcome(error) for error in forms_of(code)] for code in CODES}
    raw = [code for code, of in outcomes.items() if not all_are(ApplicationError, of)]
    assert raw == []


async def test_what_passes_by_itself_may_be_tried_again() -> None:
    outcomes = {code: [await outcome(error) for error in forms_of(code)] for code in TEMPORARY}
    final = [code for code, of in outcomes.items() if not all_are(StoreUnavailableError, of)]
    assert final == []


@pytest.mark.parametrize("code", [112, 11000])
async def test_faster_writer_is_contention(code: int) -> None:
    assert all_are(ContentionError, [await outcome(error) for error in forms_of(code)])


@pytest.mark.parametrize("code", [43, 133, 175, 202, 237, 246, 251, 365, 391, 462, 11601])
async def test_code_in_an_answer_with_an_unknown_label_counts(code: int) -> None:
    error = OperationFailure("no", code, {"errorLabels": ["SomethingNew"]})
    assert isinstance(await outcome(error), StoreUnavailableError)


def kinds_of(base: type[Exception]) -> Iterator[type[Exception]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds_of(kind)


def made(kind: type[Exception]) -> Exception:
    results: dict[str, Any] = {"writeErrors": [], "writeConcernErrors": []}
    arguments: dict[type[Exception], tuple[Any, ...]] = {
        BulkWriteError: (results,),
        ClientBulkWriteException: (results, False),
        EncryptionError: (ValueError("s3nha"),),
        EncryptedCollectionError: (ValueError("s3nha"), {}),
    }
    return kind(*arguments.get(kind, ("s3nha",)))


async def test_every_error_of_the_client_is_one_of_the_hub() -> None:
    kinds = {*kinds_of(PyMongoError), *kinds_of(BSONError)}
    assert len(kinds) > 25
    outcomes = {kind: await outcome(made(kind)) for kind in kinds}
    raw = [kind for kind, raised in outcomes.items() if not isinstance(raised, ApplicationError)]
    assert raw == []
    assert not any("s3nha" in f"{raised} {raised!r}" for raised in outcomes.values())


@pytest.mark.parametrize(
    "error",
    [
        InvalidDocument("cannot encode s3nha"),
        DocumentTooLarge("s3nha"),
        InvalidBSON("s3nha"),
        InvalidOperation("s3nha"),
        OverflowError("MongoDB can only handle up to 8-byte ints"),
        OperationFailure("s3nha", 2),
        BulkWriteError({"writeErrors": [{"code": 66}], "writeConcernErrors": []}),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_refused_as_wrong_is_logged_with_its_place_and_without_its_text(
    error: Exception, logged: list[Any]
) -> None:
    raised = await outcome(error)
    assert isinstance(raised, StoreUnusableError)
    assert raised.failure is StoreFailure.REFUSED
    [line] = logged
    assert (line["event"], line["exc_info"]) == ("store_refused", error)
    assert "s3nha" not in f"{line['reason']} {raised.advice}"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OperationFailure("", 85), "dropIndex"),
        (OperationFailure("", 86), "dropIndex"),
        (OperationFailure("", 20), "replica set"),
        (OperationFailure("", 59), "replica set"),
        (OperationFailure("", 115), "replica set"),
        (ConfigurationError(""), "replica set"),
        (OperationFailure("", 18), "authSource"),
        (OperationFailure("", 8000), "authSource"),
    ],
)
async def test_what_an_operator_can_change_has_an_advice(error: PyMongoError, advice: str) -> None:
    raised = await outcome(error)
    assert isinstance(raised, StoreUnusableError)
    assert advice in raised.advice


@pytest.mark.parametrize(
    "error",
    [
        ExecutionTimeout("", 50),
        OperationFailure("", 999_999, {"errorLabels": ["TransientTransactionError"]}),
        OperationFailure("", 999_999, {"errorLabels": ["RetryableWriteError"]}),
        OperationFailure("", 999_999, {"errorLabels": ["UnknownTransactionCommitResult"]}),
        AutoReconnect(""),
    ],
)
async def test_interruption_whose_code_is_unknown_is_an_outage(error: PyMongoError) -> None:
    raised = await outcome(error)
    assert isinstance(raised, StoreUnavailableError)
    assert raised.failure is StoreFailure.AWAY


async def test_members_that_are_slow_to_confirm_are_no_majority() -> None:
    late = {"code": 50, "errmsg": "operation exceeded time limit"}
    error = BulkWriteError({"writeErrors": [], "writeConcernErrors": [late]})
    raised = await outcome(error)
    assert isinstance(raised, StoreUnavailableError)
    assert raised.failure is StoreFailure.NO_MAJORITY
