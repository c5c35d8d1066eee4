"""
Whatever changes something over HTTP leaves an entry with its author, reason and request.

The operations are those of the description, so a new one cannot be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from aiohttp import ClientResponse
from attrs import frozen

from odoo_ai_config.domain.changes import AuditEntry
from tests.trail import trail
from tests.unit.entrypoints.http.messages.test_messages import kill, receive
from tests.unit.entrypoints.http.openapi.test_openapi import DOCUMENT, OPERATIONS, operation
from tests.unit.entrypoints.http.test_any_input import MAPPING
from tests.unit.entrypoints.http.web_hub import WebHub, fixture, having

WRITING: Final = {
    operation(path, method)["operationId"]: (path, method)
    for path, method in OPERATIONS
    if method != "get"
}
# They change nothing, or are refused because the AI service has to do them.
IDLE: Final = {
    *("simulateEvent", "reconcile", "findPerson"),
    *("generateDescription", "describeProduct", "updatePrices", "searchProducts"),
}
# A message is its own record; a crew that answers one has no reason to give.
MESSAGES: Final = {
    *("receiveMessage", "receiveMessageWithToken", "answerMessage"),
    "testSubscription",
}
# Without a key there is nobody who could say why.
WITHOUT_A_KEY: Final = {"receiveRecord"}
WHY: Final = "INC-4711"
PARTS: Final = {
    "tenant": "123456",
    "domain": "retail",
    "kind": "config",
    "ref": "token_referencia",
    "name": "products_informations",
    "account": "1",
    "inbox": "7",
    "conversation": "1",
}
CHANNEL: Final = {
    "event_type": "mapping_sync",
    "account_id": "123456",
    "mapping": {
        "chatwoot_account_id": 1,
        "internal_account_id": "123456",
        "domain": "retail",
        "special_whatsapp_numbers": [{"number": "+55 11 98765-4321", "crew": "sales"}],
    },
}


@frozen
class Case:
    """
    How to make an operation change something.

    Args:
        body: If the description has no example that does.
        query: After the path.
        after: The operations that come first.
    """

    body: Any = None
    query: str = ""
    after: tuple[str, ...] = ()


CASES: Final[Mapping[str, Case]] = {
    "publishDocument": Case({"yaml_content": "a: 1"}),
    "patchDocument": Case({"a": 1}),
    "rollBackDocument": Case({"version": 1}, after=("publishDocument",)),
    "endSuspension": Case(after=("suspendTenant",)),
    "eraseTenant": Case(query="?confirm=123456"),
    "reopenTenant": Case(after=("eraseTenant",)),
    "erasePerson": Case({"number": "+5511999990000", "tenant_id": "123456"}),
    "moveArea": Case(query="?to=outlet"),
    "renameTenant": Case(query="?to=654321"),
    "resumeTenant": Case(after=("pauseTenant",)),
    "resumeChannel": Case(after=("pauseChannel",)),
    "resumeConversation": Case(after=("pauseConversation",)),
    "replaceMapping": Case(MAPPING),
    "mergeMapping": Case(MAPPING),
    "rollBackMapping": Case({"channel": "channel/1/*", "version": 1}, after=("replaceMapping",)),
    "syncCompanyServices": Case({"yaml_content": "a: 1"}),
    "answerMcp": Case(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "publish_document",
                "arguments": {"tenant": "123456", "yaml": "a: 1", "confirm": True},
            },
        }
    ),
    "setChatwootInstallation": Case({"base_url": "https://chat.example.com"}),
    "setChatwootAccount": Case({"base_url": "https://chat.example.com"}),
}


async def done(web: WebHub, identity: str, **parts: str) -> ClientResponse:
    path, method = WRITING[identity]
    case = CASES.get(identity, Case())
    body = case.body or _example(_content(identity))
    target = re.sub(r"{(\w+)}", lambda found: {**PARTS, **parts}[found[1]], path)
    sent = {} if body is None else {"json": body}
    headers = {"X-Reason": WHY, "X-Request-ID": identity}
    if "application/merge-patch+json" in _content(identity, whole=True):
        headers["Content-Type"] = "application/merge-patch+json"
    return await web.ask(method, target + case.query, headers=headers, **sent)


def _content(identity: str, *, whole: bool = False) -> Any:
    path, method = WRITING[identity]
    content = operation(path, method).get("requestBody", {}).get("content", {})
    return content if whole else content.get("application/json", {})


def _example(part: Any) -> Any:
    if "examples" in part:
        found = part["examples"]
        return next(iter(found.values()))["value"] if isinstance(found, dict) else found[0]
    if "$ref" in part:
        return _example(DOCUMENT["components"]["schemas"][part["$ref"].rsplit("/")[-1]])
    inner = [part["schema"]] if "schema" in part else []
    inner += [one for kind in ("anyOf", "oneOf", "allOf") for one in part.get(kind, [])]
    return next((found for one in inner if (found := _example(one)) is not None), None)


async def said(web: WebHub) -> list[AuditEntry]:
    return [entry for entry in await trail(web.hub.ports.audit) if entry.reason == WHY]


async def prepared(web: WebHub) -> dict[str, str]:
    """
    A client with everything; the ids of a message, a key, an address and a subscription.
    """
    for event in (having(fixture("credentials_flat"), "retail", "domain"), CHANNEL):
        assert (await web.send(event)).status == 200
    message = await receive(web)
    await kill(web, message)
    key = await web.new_key()
    address = await (await done(web, "createAddress")).json()
    subscription = await (await done(web, "createSubscription")).json()
    return {
        "message_id": message,
        "key": key.split("_")[1],
        "address": address["id"],
        "subscription": subscription["id"],
    }


@pytest.mark.parametrize("identity", sorted(WRITING.keys() - IDLE - MESSAGES - WITHOUT_A_KEY))
async def test_whatever_writes_says_why(web: WebHub, identity: str) -> None:
    ids = await prepared(web)
    named = (name for name in ("address", "subscription") if name in identity.lower())
    ids["id"] = ids[next(named, "key")]
    for before in CASES.get(identity, Case()).after:
        answer = await done(web, before, **ids)
        assert answer.status == 200, await answer.text()
    already = len(await said(web))
    answer = await done(web, identity, **ids)
    assert answer.status == 200, await answer.text()
    new = await said(web)
    assert len(new) > already
    assert new[0].actor == web.key.split("_")[1]
    assert identity in {entry.request_id for entry in new[: len(new) - already]}


def test_whatever_needs_a_key_and_writes_takes_a_reason() -> None:
    for identity in WRITING.keys() - WITHOUT_A_KEY:
        parameters = operation(*WRITING[identity])["parameters"]
        assert {"$ref": "#/components/parameters/X-Reason"} in parameters, identity
