"""
Messages of Chatwoot: how fast they are acknowledged while every crew hangs.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.load import Load, request, send
from benchmarks.processes import API_KEY, Server, floor, hub

_ROUNDS = 5
_COUNT = 3000
_TENANTS = 50
_SENDERS = 50
_SECRET = "benchmark-secret"
_FIXTURE = Path("tests/fixtures/chatwoot_message_created_whatsapp.json")


def acknowledging() -> Iterator[Figure]:
    """
    Signed messages at 50 connections against the naive floor, both durable.

    Each is another message in one of many conversations of fifty tenants.
    """
    payload = json.loads(_FIXTURE.read_text("utf-8"))
    with TemporaryDirectory() as text, _hanging_crew() as url:
        folder = Path(text)
        ours, floors = [], []
        for round_ in range(_ROUNDS):
            requests = [_message(payload, n) for n in range(_COUNT)]
            with floor("naive", folder / f"naive{round_}.db") as server:
                floors.append(
                    _all_answered(send(server.port, requests, count=_COUNT, connections=_SENDERS))
                )
            with hub(
                folder / f"hub{round_}",
                ODOO_AI_CONFIG_CHATWOOT_SECRETS=_SECRET,
                ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
            ) as server:
                _prepare(server, url)
                ours.append(
                    _all_answered(send(server.port, requests, count=_COUNT, connections=_SENDERS))
                )
    detail = (
        f"{median(load.rate for load in ours):.0f}/s; floor "
        f"{median(load.rate for load in floors):.0f}/s, p99 "
        f"{median(load.p99_ms for load in floors):.1f} ms"
    )
    yield at_least(
        f"message acknowledged, every crew hanging, {_SENDERS} connections / naive floor",
        1.0,
        [our.rate / floor_.rate for our, floor_ in zip(ours, floors, strict=True)],
        detail,
    )
    yield at_most(
        f"p99 of the acknowledgement with {_SENDERS} senders, every crew hanging",
        50,
        median(load.p99_ms for load in ours),
        "ms",
    )


def _message(payload: dict[str, Any], number: int) -> bytes:
    conversation = payload["conversation"] | {"id": number % 500}
    inbox = payload["inbox"] | {"id": number % _TENANTS + 1}
    message = payload | {"id": number + 1, "conversation": conversation, "inbox": inbox}
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    at = str(int(time.time()))
    digest = hmac.new(_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "X-Chatwoot-Timestamp": at,
        "X-Chatwoot-Signature": f"sha256={digest}",
        "X-Chatwoot-Delivery": f"00000000-0000-0000-0000-{number:012d}",
    }
    return request("POST", "/webhook", headers=headers, body=body)


def _prepare(server: Server, crew: str) -> None:
    crews = {"default_crew": "ia", "crews": {"ia": {"type": "http", "url": crew}}}
    for tenant in range(_TENANTS):
        account = f"account_{tenant}"
        mapping = {
            "chatwoot_account_id": 1,
            "chatwoot_inbox_id": tenant + 1,
            "internal_account_id": account,
            "domain": "retail",
        }
        credentials = {"token": "t", "name": account}
        for event in (
            {"event": "mapping_sync", "account_id": account, "mapping": mapping},
            {
                "event": "credentials_sync",
                "account_id": account,
                "domain": "retail",
                **credentials,
            },
        ):
            _call(server, "/odoo-webhook", event)
        _call(server, f"/configs/{account}/retail/crews", {"yaml_content": json.dumps(crews)})


def _call(server: Server, path: str, body: dict[str, Any]) -> None:
    call = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}",
        data=json.dumps(body).encode(),
        headers={"X-API-Key": API_KEY, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(call) as answer:
        answer.read()


@contextmanager
def _hanging_crew() -> Iterator[str]:
    # Connections are made by the kernel, and nobody ever reads from them.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def _all_answered(load: Load) -> Load:
    if set(load.statuses) != {200}:
        raise RuntimeError(f"not every answer was 200: {load.statuses}")
    return load
