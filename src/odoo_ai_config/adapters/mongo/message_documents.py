"""
The record of a received message and the domain object that it stands for.
"""

from __future__ import annotations

from odoo_ai_config.adapters.mongo.database import Record
from odoo_ai_config.adapters.mongo.documents import (
    instant_from,
    instant_record,
    owner_from,
    owner_record,
)
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.credentials.secrets import Fingerprint
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.inbox import (
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
    delivery_parts,
)


def message_record(message: InboxMessage) -> Record:
    """
    What a message says of itself, without an ``_id`` and without its place in a conversation.
    """
    destination = message.destination
    return {
        "origin": _origin_record(message.origin),
        "marks": list(message.origin.marks),
        "stage": message.stage.value,
        "open": message.is_open,
        "holder": owner_record(message.holder),
        "received_at": instant_record(message.received_at),
        "updated_at": instant_record(message.updated_at),
        "due_at": None if message.due_at is None else instant_record(message.due_at),
        "revision": message.revision,
        "destination": None if destination is None else _destination_record(destination),
        "attempts": message.attempts,
        "reason": message.reason,
        "body": None if message.body is None else message.body.value,
        "answer": None if message.answer is None else message.answer.value,
        "replays": message.replays,
        "claims": message.claims,
    }


def message_from(record: Record) -> InboxMessage:
    due_at, destination = record["due_at"], record["destination"]
    body, answer = record["body"], record["answer"]
    return InboxMessage(
        id=MessageId(record["_id"]),
        origin=_origin_from(record["origin"]),
        stage=Stage(record["stage"]),
        received_at=instant_from(record["received_at"]),
        updated_at=instant_from(record["updated_at"]),
        due_at=None if due_at is None else instant_from(due_at),
        revision=record["revision"],
        destination=None if destination is None else _destination_from(destination),
        attempts=record["attempts"],
        reason=record["reason"],
        body=None if body is None else Fingerprint(body),
        answer=None if answer is None else Fingerprint(answer),
        replays=record["replays"],
        # Not in what was written before claims were counted.
        claims=record.get("claims", 0),
    )


def _origin_record(origin: Origin) -> Record:
    return {
        "event": origin.event,
        "account": _value_of(origin.account),
        "inbox": _value_of(origin.inbox),
        "conversation": _value_of(origin.conversation),
        "message": _value_of(origin.message),
        "delivery": origin.delivery_mark,
        "request_id": origin.request_id,
    }


def _origin_from(record: Record) -> Origin:
    delivery, proof = delivery_parts(record["delivery"])
    return Origin(
        event=record["event"],
        account=_id_from(record["account"]),
        inbox=_id_from(record["inbox"]),
        conversation=_id_from(record["conversation"]),
        message=_id_from(record["message"]),
        delivery=delivery,
        proof=proof,
        request_id=record["request_id"],
    )


def _destination_record(destination: Destination) -> Record:
    return {
        "owner": owner_record(destination.owner),
        "crew": destination.crew,
        "matched_by": destination.matched_by.value,
        "config_version": destination.release.config_version,
        "mapping_version": destination.release.mapping_version,
    }


def _destination_from(record: Record) -> Destination:
    return Destination(
        owner=owner_from(record["owner"]),
        crew=record["crew"],
        matched_by=Rule(record["matched_by"]),
        release=Release(record["config_version"], record["mapping_version"]),
    )


def _value_of(id_: ChatwootId | None) -> str | None:
    return None if id_ is None else id_.value


def _id_from(value: str | None) -> ChatwootId | None:
    return None if value is None else ChatwootId(value)
