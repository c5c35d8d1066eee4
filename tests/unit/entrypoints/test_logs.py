from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.contextvars import bound_contextvars

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.entrypoints.logs import logging_to

CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def unified_text(folder: Path) -> str:
    (file,) = folder.glob("*_unified_server.log")
    return file.read_text()


def lines_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in unified_text(folder).splitlines()]


def fail_twice() -> None:
    try:
        int(CANARY)
    except ValueError as error:
        raise RuntimeError(CANARY) from error


async def refuse_unread(_request: web.Request) -> web.Response:
    return web.Response(status=401)


def test_line_has_event_level_time_and_what_is_bound(tmp_path: Path) -> None:
    with (
        logging_to(folder=tmp_path, level="info", form="json"),
        bound_contextvars(request_id="r-1", tenant="acme"),
    ):
        structlog.get_logger().info("event_accepted", versions={"config": 1})

    (line,) = lines_of(tmp_path)
    assert line["event"] == "event_accepted"
    assert (line["level"], line["request_id"], line["tenant"]) == ("info", "r-1", "acme")
    assert line["versions"] == {"config": 1}
    assert str(line["timestamp"]).endswith("Z")


def test_less_severe_lines_are_left_out(tmp_path: Path) -> None:
    with logging_to(folder=tmp_path, level="warning", form="json"):
        structlog.get_logger().info("small_talk")
        structlog.get_logger().warning("worth_it")

    assert [line["event"] for line in lines_of(tmp_path)] == ["worth_it"]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "odoo_password",
        "senha",
        "app_secret",
        "ACCESS_TOKEN",
        "x_api_key",
        "content",
        "phone_number",
    ],
)
def test_what_is_called_like_a_secret_or_a_customers_words_is_masked(
    tmp_path: Path, name: str
) -> None:
    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().info("oops", **{name: CANARY})

    assert CANARY not in unified_text(tmp_path)


def test_secret_object_does_not_show_itself(tmp_path: Path) -> None:
    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().info("oops", value=SecretText(CANARY), deep=[SecretText(CANARY)])

    assert CANARY not in unified_text(tmp_path)


def test_data_class_shows_no_more_than_its_repr_does(tmp_path: Path) -> None:
    @dataclass
    class Login:
        user: str
        word: str = field(repr=False)

    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().info("login", who=Login("ana", CANARY))

    assert "user='ana'" in unified_text(tmp_path)
    assert CANARY not in unified_text(tmp_path)


def test_exception_is_told_by_type_and_place_but_not_by_its_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(folder=tmp_path, level="info", form="console"):
        try:
            fail_twice()
        except RuntimeError:
            structlog.get_logger().exception("unexpected")

    (line,) = lines_of(tmp_path)
    assert "RuntimeError" in str(line["exception"])
    assert "ValueError" in str(line["exception"])
    assert "test_logs.py" in str(line["exception"])
    assert CANARY not in str(line) + capsys.readouterr().err


def test_exceptions_that_caused_each_other_are_told_once(tmp_path: Path) -> None:
    cause, effect = ValueError(), RuntimeError()
    effect.__cause__, cause.__context__ = cause, effect
    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().error("unexpected", exc_info=effect)
    (line,) = lines_of(tmp_path)
    assert line["exception"] == "ValueError\nRuntimeError"


def test_context_that_a_cause_replaces_is_not_told(tmp_path: Path) -> None:
    error = RuntimeError()
    error.__context__, error.__suppress_context__ = ValueError(), True
    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().error("unexpected", exc_info=error)
    (line,) = lines_of(tmp_path)
    assert line["exception"] == "RuntimeError"


def test_lines_of_the_standard_library_come_along_without_messages_of_exceptions(
    tmp_path: Path,
) -> None:
    with logging_to(folder=tmp_path, level="info", form="json"):
        logging.getLogger("aiohttp.server").warning("%s happened", "something")
        try:
            fail_twice()
        except RuntimeError:
            logging.getLogger("asyncio").exception("task failed")
        logging.getLogger("asyncio").debug("noise")

    first, second = lines_of(tmp_path)
    assert (first["event"], first["logger"]) == ("something happened", "aiohttp.server")
    assert "RuntimeError" in str(second["exception"])
    assert CANARY not in str(second)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"GET / HTTP/1.1\r\nno header\r\n\r\n", id="header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: hub\r\nContent-Length: -1\r\n\r\n", id="length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: hub\r\n"
            b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            id="not encoded as it says",
        ),
    ],
)
async def test_what_strangers_send_is_no_error_and_shows_no_stack(
    tmp_path: Path, request_: bytes
) -> None:
    app = web.Application()
    app.router.add_post("/", refuse_unread)
    server = TestServer(app)
    with logging_to(folder=tmp_path, level="info", form="json"):
        await server.start_server(access_log=None)
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request_)
        assert await reader.read()
        writer.close()
        await writer.wait_closed()
        await server.close()

    (line,) = lines_of(tmp_path)
    assert (line["event"], line["level"]) == ("request_unreadable", "info")
    assert "exception" not in line


def test_console_shows_people_lines_and_the_file_stays_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(folder=tmp_path, level="info", form="console"):
        structlog.get_logger().info("event_accepted", tenant="acme")

    shown = capsys.readouterr().err
    assert "event_accepted" in shown
    assert "{" not in shown
    (line,) = lines_of(tmp_path)
    assert str(line["timestamp"]) in shown


def test_auto_is_json_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to(folder=None, level="info", form="auto"):
        structlog.get_logger().info("event_accepted")

    assert json.loads(capsys.readouterr().err)["event"] == "event_accepted"
    assert list(tmp_path.iterdir()) == []


def test_line_finds_its_files_by_its_area(tmp_path: Path) -> None:
    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().info("server_ready")
        structlog.get_logger(area="hub").info("message_routed")
        with bound_contextvars(area="odoo-webhook", request_id="r-1"):
            structlog.get_logger().info("event_accepted")
            structlog.get_logger(area="hub").info("message_delivered")

    found = {
        name: [json.loads(line)["event"] for line in (tmp_path / name).read_text().splitlines()]
        for name in ("webhook.log", "hub.log", "config_service.log")
    }
    assert found == {
        "webhook.log": ["event_accepted"],
        "hub.log": ["message_routed", "message_delivered"],
        "config_service.log": ["event_accepted"],
    }
    assert [line.get("area") for line in lines_of(tmp_path)] == [
        None,
        "hub",
        "odoo-webhook",
        "hub",
    ]


def test_many_lines_arrive_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odoo_ai_config.entrypoints.logs._PAUSE", 0.001)
    with logging_to(folder=tmp_path, level="info", form="json"):
        for number in range(2000):
            structlog.get_logger().info("event", number=number)

    assert [line["number"] for line in lines_of(tmp_path)] == list(range(2000))


def test_value_that_no_file_could_hold_takes_no_line_with_it(tmp_path: Path) -> None:
    odd = [10**30, -(2**63) - 1, "half \ud83d", {("a", "b")}]
    at = datetime(2026, 4, 20, 12, tzinfo=UTC)
    with logging_to(folder=tmp_path, level="info", form="json"):
        structlog.get_logger().info("before")
        for value in odd:
            structlog.get_logger().info("odd", value=value, at=at)
        structlog.get_logger().info("after", value="São Paulo")

    lines = lines_of(tmp_path)
    assert [line["event"] for line in lines] == ["before", *["odd"] * len(odd), "after"]
    assert [line.get("value") for line in lines] == [
        None,
        *odd[:3],
        "{('a', 'b')}",
        "São Paulo",
    ]
    assert {line["at"] for line in lines[1:-1]} == {"2026-04-20T12:00:00Z"}
    assert all(str(line["timestamp"]).endswith("Z") for line in lines)


def test_nothing_is_left_behind_when_logging_ends(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))

    with logging_to(folder=tmp_path, level="debug", form="json"):
        pass

    assert (root.level, list(root.handlers)) == before
