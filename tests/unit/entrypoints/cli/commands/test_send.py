from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from attrs import define, field
from standardwebhooks import Webhook

from odoo_ai_config.entrypoints.server import listening_socket
from tests.source_tree import ROOT
from tests.unit.entrypoints.cli.conftest import Command, Ended

KEY = "uma-chave-bem-comprida"
SECRET = "whsec_c2VncmVkby1kZS10ZXN0ZS1jb20tMzItYnl0ZXM="
DONE = {
    "success": True,
    "message": "Credenciais sincronizadas com sucesso",
    "tenant_id": "123456",
    "domain": "default",
    "config_version": 1,
    "credentials_version": 2,
    "changed": True,
}


@define
class Receiver:
    """
    A hub with scripted answers that records its requests.

    Args:
        answers: Status, headers and body of each answer in turn; the last one is repeated.
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str], object]] = field(factory=lambda: [(200, {}, DONE)])
    requests: list[tuple[str, dict[str, str], bytes]] = field(factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(request.headers), await request.read()))
        place = min(len(self.requests), len(self.answers)) - 1
        status, headers, body = self.answers[place]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, headers=headers, text=text)

    @property
    def event(self) -> dict[str, object]:
        event: dict[str, object] = json.loads(self.requests[-1][2])
        return event


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """
    Run a receiver on a separate thread, since the command uses this thread's event loop.
    """
    receiver = Receiver()
    loop = asyncio.new_event_loop()
    listener = listening_socket("127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    stopped = asyncio.Event()
    started = threading.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", receiver.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        started.set()
        await stopped.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    started.wait()
    yield receiver
    loop.call_soon_threadsafe(stopped.set)
    thread.join()
    loop.close()


@pytest.fixture
def send(command: Command, receiver: Receiver) -> Command:
    def run(*tokens: str) -> Ended:
        return command("send", *tokens, "--url", receiver.url, "--api-key", KEY)

    return run


def test_credentials_are_those_of_the_seed(send: Command, receiver: Receiver) -> None:
    ended = send("credentials", "--account-id", "123456")
    assert ended.status == 0
    assert json.loads(ended.out) == DONE
    assert "config v1, credentials v2" in ended.err
    path, headers, _ = receiver.requests[0]
    assert path == "/odoo-webhook"
    assert headers["X-API-Key"] == KEY
    flat = json.loads((ROOT / "tests/fixtures/credentials_flat.json").read_text())
    assert receiver.event == flat


def test_mapping_is_that_of_the_seed(send: Command, receiver: Receiver) -> None:
    assert send("mapping", "--account-id", "123456").status == 0
    seed = json.loads((ROOT / "tests/fixtures/mapping_seed.json").read_text())
    assert receiver.event == seed


def test_metadata_is_of_the_company(send: Command, receiver: Receiver) -> None:
    assert send("metadata", "--account-id", "9", "--city", "Recife", "--opens-at", "8").status == 0
    event = receiver.event
    assert event["event_type"] == "company_metadata_sync"
    assert event["account_id"] == "9"
    assert isinstance(event["address"], dict)
    assert event["address"]["city"] == "Recife"


def test_fields_are_as_the_options_say(send: Command, receiver: Receiver) -> None:
    send(
        "credentials", "--account-id", "a", "--domain", "Saúde", "--name", "A", "--odoo-password",
        "p", "--token", "t", "--collection", "x", "--collection", "y", "--redis-prefix", "r",
        "--yaml-content", "a: 1",
    )  # fmt: skip
    event = receiver.event
    assert (event["domain"], event["name"], event["odoo_password"]) == ("Saúde", "A", "p")
    assert event["description"] == "Configuração para A"
    assert (event["enabled_collections"], event["redis_prefix"]) == (["x", "y"], "r")
    assert event["yaml_content"] == "a: 1"
    assert "qdrant_collection" not in event
    send(
        "mapping", "--chatwoot-inbox-id", "", "--no-fallback", "--number", "551188887777=vendas",
        "--sequence", "3",
    )  # fmt: skip
    mapping = receiver.event["mapping"]
    assert isinstance(mapping, dict)
    assert mapping["chatwoot_inbox_id"] is None
    assert mapping["is_fallback"] is False
    assert mapping["special_whatsapp_numbers"] == [{"number": "551188887777", "crew": "vendas"}]
    send("mapping", "--delete")
    assert receiver.event["event_type"] == "mapping_delete"


def test_cleared_fields_are_named_and_have_no_sample_value(
    send: Command, receiver: Receiver
) -> None:
    send("credentials", "--clear", "odoo_url", "--clear", "integrations.facebook")
    assert receiver.event["clear"] == ["odoo_url", "integrations.facebook"]
    assert "odoo_url" not in receiver.event
    send("metadata", "--clear", "address.city")
    address = receiver.event["address"]
    assert isinstance(address, dict)
    assert "city" not in address
    send("mapping", "--clear", "sequence")
    mapping = receiver.event["mapping"]
    assert isinstance(mapping, dict)
    assert (mapping["clear"], "sequence" in mapping) == (["sequence"], False)


def test_file_is_sent_as_it_is(send: Command, receiver: Receiver, folder: Path) -> None:
    (folder / "event.json").write_text('{"event_type": "x", "é": [1]}')
    send("credentials", "--file", "event.json")
    assert receiver.event == {"event_type": "x", "é": [1]}


@pytest.mark.parametrize("content", [None, "[1]", "{", "\udcff"])
def test_file_that_is_no_event_is_refused(
    content: str | None, send: Command, receiver: Receiver, folder: Path
) -> None:
    if content is not None:
        (folder / "event.json").write_bytes(content.encode(errors="surrogateescape"))
    ended = send("credentials", "--file", "event.json")
    assert ended.status == 1
    assert "event.json" in ended.err
    assert receiver.requests == []


def test_store_that_is_away_is_waited_for_as_long_as_the_hub_says(
    send: Command, receiver: Receiver
) -> None:
    away = {"detail": "Armazenamento indisponível", "code": "store_unavailable"}
    receiver.answers = [(503, {"Retry-After": "0"}, away)] * 2 + [(200, {}, DONE)]
    ended = send("credentials")
    assert ended.status == 0
    assert ended.err.count("nova tentativa em 0.0 s") == 2
    ids = {headers["webhook-id"] for _, headers, _ in receiver.requests}
    assert (len(receiver.requests), len(ids)) == (3, 1)


def test_store_that_stays_away_ends_with_what_the_hub_said(
    send: Command, receiver: Receiver
) -> None:
    away = {"detail": "Armazenamento indisponível", "code": "store_unavailable"}
    receiver.answers = [(503, {"Retry-After": "0"}, away)]
    ended = send("credentials", "--attempts", "2")
    assert ended.status == 1
    assert len(receiver.requests) == 2
    assert "doctor" in ended.err


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (401, "invalid_api_key", "keys create"),
        (401, "signature_missing", "--secret"),
        (403, "scope_missing", "escopo"),
        (422, "invalid_fields", "Recusado (422): Dados inválidos."),
    ],
)
def test_refusal_is_not_repeated_and_comes_with_advice(
    status: int, code: str, advice: str, send: Command, receiver: Receiver
) -> None:
    receiver.answers = [(status, {}, {"detail": "Dados inválidos", "code": code})]
    ended = send("credentials")
    assert ended.status == 1
    assert len(receiver.requests) == 1
    assert advice in ended.err


def test_success_that_is_none_is_a_failure(send: Command, receiver: Receiver) -> None:
    receiver.answers = [(200, {}, {"success": False})]
    assert send("credentials").status == 1


def test_answer_of_something_else_than_a_hub_is_a_failure(
    send: Command, receiver: Receiver
) -> None:
    receiver.answers = [(200, {}, "<html>")]
    ended = send("credentials")
    assert ended.status == 1
    assert "--url" in ended.err


def test_redirect_is_not_followed_with_the_key(send: Command, receiver: Receiver) -> None:
    receiver.answers = [(307, {"Location": "/elsewhere"}, {})]
    assert send("credentials").status == 1
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("answer", "headers", "told"),
    [
        (DONE | {"changed": False}, {}, "nada mudou"),
        (DONE, {"Idempotent-Replayed": "true"}, "já recebido"),
        (DONE, {}, "gravado"),
    ],
)
def test_what_became_of_the_event_is_told(
    answer: object, headers: dict[str, str], told: str, send: Command, receiver: Receiver
) -> None:
    receiver.answers = [(200, headers, answer)]
    assert told in send("credentials").err


def test_signature_is_one_that_the_reference_implementation_accepts(
    send: Command, receiver: Receiver
) -> None:
    send("credentials", "--secret", SECRET, "--webhook-id", "msg_1")
    _, headers, body = receiver.requests[0]
    assert Webhook(SECRET).verify(body, {k.lower(): v for k, v in headers.items()}) is not None
    assert headers["webhook-id"] == "msg_1"


def test_secret_of_the_environment_signs(
    send: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_WEBHOOK_SECRETS", f"{SECRET},whsec_b3V0cm8=")
    send("credentials")
    assert "webhook-signature" in receiver.requests[0][1]


def test_secret_that_is_none_is_refused(send: Command, receiver: Receiver) -> None:
    ended = send("credentials", "--secret", "whsec_***")
    assert ended.status == 1
    assert receiver.requests == []


def test_key_is_found_in_the_data_folder(
    command: Command, receiver: Receiver, folder: Path
) -> None:
    port = receiver.url.rpartition(":")[2]
    missing = command("send", "credentials", "--url", receiver.url)
    assert missing.status == 1
    assert "make run" in missing.err
    (folder / "dados").mkdir()
    (folder / "dados" / "api-key").write_text("oac_x\n")
    url = f"http://127.0.0.1:{port}/odoo-webhook/"
    found = command("send", "credentials", "--url", url, "--data-dir", "dados")
    assert found.status == 0
    assert receiver.requests[0][:1] == ("/odoo-webhook/",)
    assert receiver.requests[0][1]["X-API-Key"] == "oac_x"


def test_key_of_the_environment_is_used(
    command: Command, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODOO_AI_CONFIG_API_KEY", KEY)
    assert command("send", "credentials", "--url", receiver.url).status == 0
    assert receiver.requests[0][1]["X-API-Key"] == KEY


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://[", "http://"])
def test_invalid_address_is_refused(url: str, command: Command) -> None:
    ended = command("send", "credentials", "--url", url, "--api-key", KEY, "--attempts", "1")
    assert ended.status == 1
    assert "--url" in ended.err


def test_server_that_does_not_run_is_told_with_the_way_to_start_it(command: Command) -> None:
    listener = listening_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    listener.close()
    ended = command(
        "send", "credentials", "--url", f"http://user:segredo@127.0.0.1:{port}", "--api-key", KEY,
        "--attempts", "1",
    )  # fmt: skip
    assert ended.status == 1
    assert "make run" in ended.err
    assert "segredo" not in ended.err
    assert KEY not in ended.err


def test_server_that_does_not_answer_in_time_is_told(command: Command) -> None:
    # Nobody accepts: the kernel connects, and there is never an answer.
    with listening_socket("127.0.0.1", 0) as deaf:
        ended = command(
            "send", "credentials", "--url", f"http://127.0.0.1:{deaf.getsockname()[1]}",
            "--api-key", KEY, "--attempts", "1", "--timeout", "0.2",
        )  # fmt: skip
    assert ended.status == 1
    assert "a tempo" in ended.err
