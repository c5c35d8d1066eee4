"""
Short forms for the writes of contract tests.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from attrs import evolve

from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.retention import RetentionRules
from odoo_ai_config.domain.access import ApiKey, Scope, TokenUse
from odoo_ai_config.domain.addresses import Address, Feed, RecordKind
from odoo_ai_config.domain.changes import (
    AuditAction,
    AuditEntry,
    Changeset,
    Claim,
    IdempotencyKey,
    IdempotencyRecord,
)
from odoo_ai_config.domain.channels.mapping import (
    ChannelKey,
    ChannelMapping,
    MappingRevision,
    SpecialNumber,
)
from odoo_ai_config.domain.channels.phone import PhoneNumber
from odoo_ai_config.domain.channels.routing import Rule
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionKey,
    CollectionName,
    CollectionSync,
    Item,
    change_after,
)
from odoo_ai_config.domain.conversations.state import (
    NOTHING_SEEN,
    ConversationKey,
    Pause,
    Seen,
    Sighting,
    Status,
    Wrote,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision, tombstone
from odoo_ai_config.domain.events import event_message, trial_event
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.domain.messages.inbox import (
    HUB_NOTICE,
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
    answer_context,
    body_context,
)
from odoo_ai_config.domain.outcomes import Notice, Outcome, WriteKind
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.domain.subscriptions import SubscriptionId

# In the future of every machine: a store that expires records by its own clock must keep these.
# Microseconds, because a store has to keep them.
AT = datetime(2060, 2, 29, 23, 59, 59, 123457, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def owner(tenant: str = "acme", domain: str = "default") -> TenantArea:
    return TenantArea(TenantId(tenant), BusinessArea(domain))


def key(
    tenant: str = "acme", domain: str = "default", kind: DocumentKind | str = CONFIG
) -> DocumentKey:
    named = DocumentKind(kind) if isinstance(kind, str) else kind
    return owner(tenant, domain).document(named)


def revision(
    where: DocumentKey | None = None,
    version: int = 1,
    *,
    at: datetime = AT,
    author: str = "writer",
    authored: AuthoredYaml | None = None,
    **body: Json,
) -> Revision:
    document = Document.of(body or {"version": version}, authored)
    return Revision(where or key(), version, document, AT, at, author)


def rules_over(store: ConfigStore, kept: Retention | None = None) -> RetentionRules:
    """
    Rules that keep everything but the values of deleted credentials, or *kept*.
    """
    return RetentionRules(store, kept or Retention(RetentionPolicy(), None))


def deleted(current: Revision) -> Revision:
    return tombstone(current, author="remover", at=current.updated_at)


def mapping(
    account: str | None = "1",
    inbox: str | None = "1",
    version: int = 1,
    *,
    tenant: str = "acme",
    active: bool = True,
    fallback: bool = False,
    sequence: int = 10,
    numbers: tuple[tuple[str, str], ...] = (),
) -> MappingRevision:
    holder = owner(tenant) if account is None and inbox is None else None
    channel = ChannelKey(
        None if account is None else ChatwootId(account),
        None if inbox is None else ChatwootId(inbox),
        holder,
    )
    special = tuple(SpecialNumber(PhoneNumber(digits), crew) for digits, crew in numbers)
    mapped = ChannelMapping(channel, owner(tenant), sequence, fallback, special, active)
    return MappingRevision(mapped, version, AT, AT + version * DAY, "writer")


def tenant_key(tenant: str = "acme", key_id: str = "k1", master_id: str = "m1") -> TenantKey:
    return TenantKey(TenantId(tenant), key_id, master_id, f"{key_id}/{master_id}".encode(), AT)


def fingerprint(number: int = 1) -> Fingerprint:
    return Fingerprint(f"{number:032x}")


def secret(
    tenant: str = "acme",
    ref: str = "odoo",
    number: int = 1,
    *,
    domain: str = "default",
    key_id: str = "k1",
    envelope: bytes = b"\x00sealed\xff",
) -> SealedSecret:
    context = SealContext(owner(tenant, domain), CredentialRef(ref))
    return SealedSecret(context, fingerprint(number), key_id, envelope)


def credentials(version: int = 1, /, *, tenant: str = "acme", **numbers: int) -> Revision:
    """
    A credentials document that names fingerprints by number.
    """
    masks: dict[str, Json] = {ref: fingerprint(number).mask for ref, number in numbers.items()}
    return revision(key(tenant, kind=CREDENTIALS), version, account_id=tenant, credentials=masks)


def request_record(
    name: str = "d1",
    *,
    caller: str = "caller",
    digest: str = "digest",
    expires_at: datetime = AT + DAY,
) -> IdempotencyRecord:
    outcome = Outcome(
        WriteKind.CREDENTIALS,
        owner(),
        {"config": 1, "credentials": 2},
        changed=True,
        at=AT,
        notices=(Notice("missing_credential", "integrations.mcp"),),
        digests={"config": "c" * 64, "credentials": "d" * 64},
    )
    return IdempotencyRecord(Claim(IdempotencyKey(caller, name), digest), outcome, AT, expires_at)


def collection_key(tenant: str = "acme", name: str = "products_informations") -> CollectionKey:
    return CollectionKey(TenantId(tenant), CollectionName(name))


def item(id_: str = "1", **body: Json) -> Item:
    return Item.of(id_, body)


def pushed(*items: Item, key: CollectionKey | None = None) -> CollectionChange:
    """
    The change that creates a collection of *items*.
    """
    change, _ = change_after(
        None, {}, CollectionSync(items, whole=True), key=key or collection_key(), at=AT
    )
    assert change is not None
    return change


def audit_entry(subject: str = "odoo", tenant: str | None = "acme", day: int = 0) -> AuditEntry:
    of = None if tenant is None else TenantId(tenant)
    return AuditEntry(
        AT + day * DAY, AuditAction.CREDENTIAL_READ, "reader", of, subject, "request-1"
    )


def api_key(id_: str = "a1", day: int = 0, tenant: str | None = None) -> ApiKey:
    return ApiKey(
        id=id_,
        name="Odoo de produção",
        digest=b"\x00\xff" * 16,
        scopes=frozenset({Scope.WEBHOOK, Scope.CONFIG_READ}),
        tenant=None if tenant is None else TenantId(tenant),
        created_at=AT + day * DAY,
    )


def address(id_: str = "d1", tenant: str = "acme", **fields: str) -> Address:
    return Address(
        id=id_,
        name="Odoo de produção",
        digest=b"\x00\xff" * 16,
        feed=Feed(owner(tenant), RecordKind.CREDENTIALS, model="x_client", fields=fields),
        created_at=AT,
        created_by="a1",
    )


def address_use(id_: str = "d1", minute: int = 0) -> TokenUse:
    return TokenUse(id_, AT + minute * MINUTE)


def origin(name: str, conversation: str | None = "1", account: str | None = "1") -> Origin:
    """
    The origin of a message with *name* as its delivery and as its id in Chatwoot.
    """
    return Origin(
        event="message_created",
        account=None if account is None else ChatwootId(account),
        inbox=ChatwootId("1"),
        conversation=None if conversation is None else ChatwootId(conversation),
        message=ChatwootId(name),
        delivery=f"delivery of {name}",
        request_id=f"request of {name}",
    )


def destination(
    tenant: str = "acme", domain: str = "default", crew: str | None = "sales"
) -> Destination:
    return Destination(owner(tenant, domain), crew, Rule.INBOX, Release(1, 2))


def event_to(subscription: SubscriptionId, number: int = 1) -> InboxMessage:
    """
    A message with an event to a subscription to the whole hub, due at once.
    """
    id_ = MessageId(f"message-event-{number}")
    return event_message(trial_event(subscription, str(number)), id_, None, at=AT)


def message(
    name: str = "message-1",
    conversation: str | None = "1",
    *,
    tenant: str = "acme",
    minute: int = 0,
    number: int = 1,
) -> InboxMessage:
    """
    A message that was just received, due at once, with a text of fingerprint *number*.
    """
    at = AT + minute * MINUTE
    return InboxMessage(
        id=MessageId(name),
        origin=origin(name, conversation),
        stage=Stage.QUEUED,
        received_at=at,
        updated_at=at,
        due_at=at,
        destination=destination(tenant),
        body=fingerprint(number),
    )


def sighting(
    id_: str = "1", seen: Seen = NOTHING_SEEN, *, account: str = "1", minute: int = 0
) -> Sighting:
    """
    Something that was learned about a conversation.
    """
    key = ConversationKey(ChatwootId(account), ChatwootId(id_))
    return Sighting(key, seen, AT + minute * MINUTE)


def full(tenant: str = "acme") -> Seen:
    """
    Something about each part of a conversation.
    """
    return Seen(
        at=AT - DAY,
        status=Status.PENDING,
        assignee=ChatwootId("3"),
        team="vendas",
        labels=("vip", "ação"),
        can_reply=False,
        blocked=True,
        wrote=Wrote.PERSON,
        wrote_at=AT - 2 * DAY,
        mark="msg_1/2",
        pause=Pause("note", AT + DAY),
        handed_over=True,
        told_closed=True,
        told_people=True,
        owner=owner(tenant),
        inbox=ChatwootId("7"),
        crew="analytics",
    )


def stray(name: str, stage: Stage = Stage.UNRESOLVED, minute: int = 0) -> InboxMessage:
    """
    A message without an owner.
    """
    received = message(name, minute=minute)
    return evolve(received, stage=stage, due_at=None, destination=None, reason="no_route")


def notice(name: str = "notice-1", conversation: str | None = "1") -> InboxMessage:
    """
    What the hub tells people in a conversation.
    """
    told = message(name, conversation)
    about = evolve(told.origin, event=HUB_NOTICE, message=None, proof="hub")
    return evolve(told, origin=about, stage=Stage.ANSWERED, body=None, answer=fingerprint(7))


def text_of(received: InboxMessage, number: int = 1, *, key_id: str = "k1") -> SealedSecret:
    """
    The sealed text of a message.
    """
    return SealedSecret(body_context(received), fingerprint(number), key_id, b"\x00text\xff")


def answer_to(received: InboxMessage, number: int = 2, *, key_id: str = "k1") -> SealedSecret:
    """
    The sealed answer to a message.
    """
    return SealedSecret(answer_context(received), fingerprint(number), key_id, b"\x00said\xff")


def everything(tenant: str = "acme", name: str = "d1", account: str = "1") -> Changeset:
    """
    A changeset with one thing of every kind, for a new tenant.
    """
    data_key = tenant_key(tenant, key_id=f"key-of-{tenant}")
    return Changeset(
        revisions=(revision(key(tenant)), credentials(tenant=tenant, odoo=1)),
        mappings=(
            mapping(account, "1", tenant=tenant, numbers=(("5511987654321", "boss"),)),
            mapping(None, None, tenant=tenant, fallback=True),
        ),
        secrets=(secret(tenant, key_id=data_key.key_id),),
        new_tenant_key=data_key,
        messages=(message(f"message-of-{tenant}", tenant=tenant),),
        sightings=(sighting(seen=full(tenant), account=account),),
        collections=(pushed(item(name="Camisa"), key=collection_key(tenant)),),
        idempotency_record=request_record(name),
        audit=(audit_entry(tenant=tenant),),
        api_keys=(api_key(f"api-key-of-{tenant}", tenant=tenant),),
        addresses=(address(f"address-of-{tenant}", tenant),),
    )
