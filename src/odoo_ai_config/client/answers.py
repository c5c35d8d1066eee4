"""
What the hub's answers say, in the values that the same calls give in process.

A reader takes what was asked for and refuses an answer to another question, because proxies and
caches mix things up. Whatever it raises means that the body is no answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from odoo_ai_config.client.transport import Answer, json_object
from odoo_ai_config.domain.changes import AuditAction
from odoo_ai_config.domain.channels.routing import Consideration, Route, Rule, Verdict
from odoo_ai_config.domain.collections import (
    CollectionChanges,
    CollectionKey,
    Item,
    ItemState,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.feed import Change, FeedKind
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.messages.inbox import MessageId, Receipt, Reception, Stage
from odoo_ai_config.domain.outcomes import ItemCounts, Notice, Outcome, WriteKind


@frozen
class MessageReceipt:
    """
    What the hub tells of a message after a call about it; in process it is an `InboxMessage`.
    """

    id: MessageId
    stage: Stage
    reason: str | None


def _require(expected: object, told: object) -> None:
    if expected != told:
        raise ValueError("an answer to another question")


def reader_of_document(key: DocumentKey) -> Callable[[bytes], tuple[str, int]]:
    """
    Reads the data of the document *key*, as JSON text, and its version.
    """

    def read(body: bytes) -> tuple[str, int]:
        told: Any = json_object(body)
        _require(str(key), f"{told['tenant_id']}/{told['domain']}/{told['config_type']}")
        _require(dict, type(told["json_data"]))
        text = json.dumps(told["json_data"], ensure_ascii=False, separators=(",", ":"))
        return text, _version(told)

    return read


def reader_of_credential(
    owner: TenantArea, ref: CredentialRef
) -> Callable[[bytes], tuple[SecretText, int]]:
    """
    Reads an opened credential, which has no version.
    """

    def read(body: bytes) -> tuple[SecretText, int]:
        told: Any = json_object(body)
        _require(f"{owner}/{ref}", f"{told['tenant_id']}/{told['domain']}/{told['ref']}")
        _require(str, type(told["value"]))
        return SecretText(told["value"]), 0

    return read


def reader_of_changes(key: CollectionKey) -> Callable[[bytes], tuple[CollectionChanges, int]]:
    """
    Reads a page of the collection *key*, and the version of the collection.
    """

    def read(body: bytes) -> tuple[CollectionChanges, int]:
        told: Any = json_object(body)
        _require(str(key), f"{told['tenant_id']}/{told['collection']}")
        put = (ItemState(one["id"], one["version"], _item(one)) for one in told["items"])
        gone = (ItemState(one["id"], one["version"], None) for one in told["removed"])
        _require(str, type(told["cursor"]))
        changes = CollectionChanges(
            key,
            _version(told),
            int(told["count"]),
            datetime.fromisoformat(told["updated_at"]),
            tuple(sorted((*put, *gone), key=lambda state: (state.version, state.id))),
            complete=not told["more"],
            cursor=told["cursor"],
        )
        return changes, changes.version

    return read


def reader_of_item(id_: str) -> Callable[[bytes], tuple[Item, int]]:
    """
    Reads one item; the version is that of its collection, which is not told.
    """

    def read(body: bytes) -> tuple[Item, int]:
        told: Any = json_object(body)
        _require(id_, told["id"])
        return _item(told), 0

    return read


def read_route(body: bytes) -> tuple[Route, int]:
    """
    Reads where a message goes, which has no version.
    """
    told: Any = json_object(body)
    owner = None
    if told["resolved"]:
        owner = _area(told["tenant_id"], told["domain"])
    considered = (
        Consideration(
            Rule(step["rule"]),
            Verdict(step["verdict"]),
            tuple(_area(one["tenant_id"], one["domain"]) for one in step["owners"]),
        )
        for step in told.get("considered", ())
    )
    return Route(owner, told["crew"], Rule(told["matched_by"]), tuple(considered)), 0


def outcome_of_event(kind: WriteKind, told: Any, answer: Answer) -> Outcome:  # noqa: ANN401 - JSON
    """
    What an event of Odoo did.
    """
    names = ("config", "credentials", "mapping")
    return Outcome(
        kind,
        _area(told["tenant_id"], told["domain"]),
        {name: told[f"{name}_version"] for name in names if f"{name}_version" in told},
        changed=told["changed"],
        at=datetime.fromisoformat(told["timestamp"]),
        notices=_notices(told["warnings"]),
        digests={name: told[f"{name}_digest"] for name in names if f"{name}_digest" in told},
        replayed=answer.replayed,
    )


def outcome_of_push(told: Any, answer: Answer) -> Outcome:  # noqa: ANN401 - JSON
    """
    What a push to a collection did.
    """
    name, digest = told["collection"], told.get("digest")
    return Outcome(
        WriteKind.COLLECTION,
        _area(told["tenant_id"], BusinessArea().value),
        {name: told["version"]},
        changed=told["changed"],
        at=datetime.fromisoformat(told["timestamp"]),
        notices=_notices(told.get("warnings", ())),
        items=ItemCounts(**told["counts"]),
        digests={} if digest is None else {name: digest},
        replayed=answer.replayed,
    )


def receipt_of(told: Any) -> Receipt:  # noqa: ANN401 - JSON
    """
    What the hub did with an event of Chatwoot.
    """
    return Receipt(MessageId(told["message_id"]), Reception(told["status"]), told["reason"])


def message_receipt(told: Any) -> MessageReceipt:  # noqa: ANN401 - JSON
    """
    Where a message is now.
    """
    return MessageReceipt(MessageId(told["message_id"]), Stage(told["stage"]), told["reason"])


def changes_in(told: Any) -> tuple[list[Change | None], str]:  # noqa: ANN401 - JSON
    """
    What the feed tells, and where to go on; None for a change that only newer hubs know.
    """
    return [*map(_change, told["changes"])], _cursor_in(told["cursor"])


def _change(told: Any) -> Change | None:  # noqa: ANN401 - JSON
    try:
        kind, action = FeedKind(told["kind"]), AuditAction(told["action"])
    except ValueError:
        return None
    area, document = told.get("domain"), told.get("document")
    return Change(
        0,
        _cursor_in(told["cursor"]),
        datetime.fromisoformat(told["at"]),
        kind,
        action,
        tuple(map(TenantId, told["tenants"])),
        None if area is None else BusinessArea(area),
        None if document is None else DocumentKind(document),
        told.get("name"),
        told.get("version"),
        deleted=told.get("deleted", False),
    )


def _cursor_in(told: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(told, str) or not told:
        raise ValueError("not a cursor")
    return told


def _version(told: Any) -> int:  # noqa: ANN401 - JSON
    version = told["version"]
    if type(version) is not int or version < 1:
        raise ValueError("not a version")
    return version


def _item(told: Any) -> Item:  # noqa: ANN401 - JSON
    item = Item.of(told["id"], told["data"])
    _require(expected=True, told=item.has(told["digest"]))
    return item


def _area(tenant: str, domain: str) -> TenantArea:
    return TenantArea(TenantId(tenant), BusinessArea(domain))


def _notices(told: Sequence[Any]) -> tuple[Notice, ...]:
    return tuple(Notice(one["code"], one["field"]) for one in told)
