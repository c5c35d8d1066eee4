"""
One strategy per domain type. A new type of the domain gets its strategy here.

Where a test needs values to collide, it passes narrower strategies for the parts, for instance
``revisions(keys=st.sampled_from(...))``.
"""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.addresses import FIELDS, Address, Feed, RecordKind
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
from odoo_ai_config.domain.channels.routing import IncomingMessage, Rule
from odoo_ai_config.domain.collections import (
    CollectionChange,
    CollectionHead,
    CollectionKey,
    CollectionName,
    CollectionSync,
    Item,
    change_after,
)
from odoo_ai_config.domain.conversations.answering import Silence, Verdict
from odoo_ai_config.domain.conversations.pauses import Pauses
from odoo_ai_config.domain.conversations.state import (
    UNSAID,
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
    SecretText,
    TenantKey,
)
from odoo_ai_config.domain.crews import (
    LONGEST_PATIENCE,
    LONGEST_TIMEOUT,
    SHORTEST_TIMEOUT,
    Assignee,
    Attachment,
    Contact,
    ContactCard,
    ConversationAtMessage,
    Crew,
    CrewKind,
    CustomerMessage,
    Location,
    Reply,
    Team,
)
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy, Revision
from odoo_ai_config.domain.documents.syncs import (
    CompanyMetadataSync,
    CredentialsSync,
    OdooConnection,
    SocialAccount,
)
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    CREDENTIALS,
    METADATA,
    BusinessArea,
    ChatwootId,
    CredentialRef,
    DocumentKey,
    DocumentKind,
    TenantArea,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json, JsonObject, is_storable_value
from odoo_ai_config.domain.messages.answers import Answer, HandOver, Priority
from odoo_ai_config.domain.messages.inbox import (
    OPEN,
    Destination,
    InboxMessage,
    MessageId,
    Origin,
    Release,
    Stage,
)
from odoo_ai_config.domain.messages.outgoing import (
    CONTENT_TYPES,
    OutgoingFile,
    OutgoingMessage,
    Template,
)
from odoo_ai_config.domain.outcomes import ItemCounts, Notice, Outcome, WriteKind

T = TypeVar("T")

_ALNUM = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


def _either(given: SearchStrategy[T] | None, usual: SearchStrategy[T]) -> SearchStrategy[T]:
    # Not "or": a strategy warns if it is used as a boolean.
    return usual if given is None else given


def _name(first: str, rest: str, longest: int) -> SearchStrategy[str]:
    return st.builds(
        str.__add__, st.sampled_from(first), st.text(rest, min_size=0, max_size=longest - 1)
    )


@cache
def instants() -> SearchStrategy[datetime]:
    return st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        timezones=st.just(UTC),
    )


@cache
def printable(*, min_size: int = 0, max_size: int = 40) -> SearchStrategy[str]:
    """
    Text of any script that a store and a person can read: no surrogates, no control characters.
    """
    return st.text(
        st.characters(exclude_categories=["Cs", "Cc"]), min_size=min_size, max_size=max_size
    )


@cache
def tenant_ids() -> SearchStrategy[TenantId]:
    return st.builds(TenantId, _name(_ALNUM, _ALNUM + "._@-", 128))


@cache
def slugs() -> SearchStrategy[str]:
    return _name(_LOWER, _LOWER + "_-", 64)


@cache
def host_labels() -> SearchStrategy[str]:
    return _name(_LOWER, _LOWER + "_", 63)


@cache
def domains() -> SearchStrategy[BusinessArea]:
    return st.just(BusinessArea()) | st.builds(BusinessArea, slugs())


@cache
def kinds() -> SearchStrategy[DocumentKind]:
    return st.sampled_from([CONFIG, CREDENTIALS, METADATA]) | st.builds(DocumentKind, slugs())


@cache
def credential_refs() -> SearchStrategy[CredentialRef]:
    return st.builds(CredentialRef, _name(_ALNUM + "_", _ALNUM + "._@:+=~-", 256))


@cache
def chatwoot_ids() -> SearchStrategy[ChatwootId]:
    counted = st.integers(1, 10**9).map(str)
    return st.builds(ChatwootId, counted | _name(_ALNUM, _ALNUM + "_-", 64))


@cache
def tenant_domains(
    tenants: SearchStrategy[TenantId] | None = None,
) -> SearchStrategy[TenantArea]:
    return st.builds(TenantArea, _either(tenants, tenant_ids()), domains())


@cache
def document_keys(
    owners: SearchStrategy[TenantArea] | None = None,
) -> SearchStrategy[DocumentKey]:
    return st.builds(TenantArea.document, _either(owners, tenant_domains()), kinds())


@cache
def json_text() -> SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@cache
def json_values() -> SearchStrategy[Json]:
    scalars: SearchStrategy[Json] = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        json_text(),
    )

    def nested(inner: SearchStrategy[Json]) -> SearchStrategy[Json]:
        lists: SearchStrategy[Json] = st.lists(inner, max_size=4)
        objects: SearchStrategy[Json] = st.dictionaries(json_text(), inner, max_size=4)
        return lists | objects

    return st.recursive(scalars, nested, max_leaves=12)


@cache
def json_objects() -> SearchStrategy[JsonObject]:
    return st.dictionaries(json_text(), json_values(), max_size=5)


@cache
def authored_yaml() -> SearchStrategy[AuthoredYaml]:
    return st.builds(AuthoredYaml, printable(max_size=80), st.booleans())


@cache
def documents() -> SearchStrategy[Document]:
    return st.builds(Document.of, json_objects(), st.none() | authored_yaml())


@cache
def authors() -> SearchStrategy[str]:
    return printable(min_size=1, max_size=30)


@st.composite
def revisions(
    draw: DrawFn,
    *,
    keys: SearchStrategy[DocumentKey] | None = None,
    versions: SearchStrategy[int] | None = None,
) -> Revision:
    created, updated = sorted([draw(instants()), draw(instants())])
    deleted = draw(st.booleans())
    return Revision(
        key=draw(_either(keys, document_keys())),
        version=draw(_either(versions, st.integers(1, 10**6))),
        document=Document.of({}) if deleted else draw(documents()),
        created_at=created,
        updated_at=updated,
        author=draw(authors()),
        deleted=deleted,
        event_at=draw(st.none() | instants()),
    )


def retention_policies() -> SearchStrategy[RetentionPolicy]:
    ages = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=3650))
    return st.builds(
        RetentionPolicy, keep=st.none() | st.integers(1, 20), max_age=st.none() | ages
    )


@st.composite
def brazilian_mobiles(draw: DrawFn) -> str:
    """
    Digits of one Brazilian mobile, with or without the ninth digit.
    """
    area = draw(st.integers(11, 99).filter(lambda code: code % 10 != 0))
    local = draw(st.integers(60_000_000, 99_999_999))
    return f"55{area}{draw(st.sampled_from(['', '9']))}{local}"


@cache
def number_digits() -> SearchStrategy[str]:
    return brazilian_mobiles() | st.text(string.digits, min_size=8, max_size=15)


@cache
def hidden_ids() -> SearchStrategy[str]:
    """
    Ids of senders who hide their number: Meta's business-scoped ones, and WhatsApp's own.
    """
    return number_digits().map("BR.{}".format) | number_digits().map("{}@lid".format)


@cache
def phone_numbers() -> SearchStrategy[PhoneNumber]:
    return st.builds(PhoneNumber, number_digits() | hidden_ids())


@st.composite
def written_numbers(draw: DrawFn, digits: SearchStrategy[str] | None = None) -> str:
    """
    A number as Chatwoot, Twilio, Evolution or a person writes it.
    """
    number = draw(_either(digits, number_digits()))
    form = draw(
        st.sampled_from(
            [
                *("{}", "+{}", " {} ", "+{0[0]}{0[1]} {1}"),
                *("whatsapp:+{}", "tel:+{}", "TEL:{}", "{}@s.whatsapp.net", "{}@c.us"),
            ]
        )
    )
    return form.format(number, number[2:])


@cache
def not_numbers() -> SearchStrategy[str | None]:
    """
    Values in place of a number: nothing, an id that nobody has registered, another text.
    """
    return st.one_of(
        st.none(),
        st.just(""),
        hidden_ids(),
        printable(max_size=12).filter(lambda text: not any(map(str.isdecimal, text))),
    )


def channel_keys(
    *,
    owners: SearchStrategy[TenantArea] | None = None,
    accounts: SearchStrategy[ChatwootId] | None = None,
    inboxes: SearchStrategy[ChatwootId] | None = None,
) -> SearchStrategy[ChannelKey]:
    account = _either(accounts, chatwoot_ids())
    inbox = _either(inboxes, chatwoot_ids())
    return st.one_of(
        st.builds(ChannelKey, account, inbox),
        st.builds(ChannelKey, account),
        st.builds(ChannelKey, st.none(), inbox),
        st.builds(ChannelKey, holder=_either(owners, tenant_domains())),
    )


def special_numbers(
    numbers: SearchStrategy[PhoneNumber] | None = None,
) -> SearchStrategy[SpecialNumber]:
    crews = _name(_ALNUM, _ALNUM + "._-", 64)
    return st.builds(SpecialNumber, _either(numbers, phone_numbers()), crews)


def channel_mappings(
    *,
    keys: SearchStrategy[ChannelKey] | None = None,
    owners: SearchStrategy[TenantArea] | None = None,
    numbers: SearchStrategy[PhoneNumber] | None = None,
    sequences: SearchStrategy[int] | None = None,
) -> SearchStrategy[ChannelMapping]:
    def mapping(key: ChannelKey, owner: TenantArea, **more: Any) -> ChannelMapping:
        return ChannelMapping(key, owner if key.holder is None else key.holder, **more)

    owners = _either(owners, tenant_domains())
    return st.builds(
        mapping,
        _either(keys, channel_keys(owners=owners)),
        owners,
        sequence=_either(sequences, st.integers(0, 2**31 - 1)),
        fallback=st.booleans(),
        numbers=st.lists(special_numbers(numbers), max_size=3).map(tuple),
        active=st.sampled_from([True, True, True, False]),
    )


@st.composite
def mapping_revisions(
    draw: DrawFn,
    *,
    mappings: SearchStrategy[ChannelMapping] | None = None,
    versions: SearchStrategy[int] | None = None,
) -> MappingRevision:
    created, updated = sorted([draw(instants()), draw(instants())])
    return MappingRevision(
        mapping=draw(_either(mappings, channel_mappings())),
        version=draw(_either(versions, st.integers(1, 10**6))),
        created_at=created,
        updated_at=updated,
        author=draw(authors()),
        event_at=draw(st.none() | instants()),
    )


def messages(
    *,
    accounts: SearchStrategy[ChatwootId] | None = None,
    inboxes: SearchStrategy[ChatwootId] | None = None,
    numbers: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[IncomingMessage]:
    return st.builds(
        IncomingMessage,
        _either(accounts, chatwoot_ids()),
        st.none() | _either(inboxes, chatwoot_ids()),
        _either(numbers, st.one_of(written_numbers(), not_numbers())),
    )


_FEW_OWNERS = st.builds(
    TenantArea,
    st.sampled_from([TenantId(name) for name in ("a", "b", "c")]),
    st.sampled_from([BusinessArea(), BusinessArea("sales")]),
)
_FEW_IDS = st.sampled_from([ChatwootId(str(number)) for number in (1, 2, 3)])
_FEW_CHANNELS = channel_keys(owners=_FEW_OWNERS, accounts=_FEW_IDS, inboxes=_FEW_IDS)


@st.composite
def routings(
    draw: DrawFn, *, min_mappings: int = 0
) -> tuple[list[ChannelMapping], list[IncomingMessage]]:
    """
    Mappings in the order of their writes, and messages that they concern.

    Everything comes from a handful of tenants, accounts, inboxes and numbers, so that keys
    repeat, channels move between tenants and numbers are claimed twice.
    """
    digits = draw(st.lists(number_digits(), min_size=1, max_size=3))
    mobile = draw(st.integers(60_000_000, 99_999_999))
    digits += [f"5511{mobile}", f"55119{mobile}"]
    # A landline, and the mobile number that looks like it.
    digits += [f"5511{mobile - 40_000_000}", f"55119{mobile - 40_000_000}"]
    numbers = st.sampled_from(digits)
    # Ids made of the same digits.
    hidden = st.sampled_from([f"{mobile}@lid", f"BR.5511{mobile}"])
    mappings = channel_mappings(
        keys=_FEW_CHANNELS,
        owners=_FEW_OWNERS,
        numbers=st.builds(PhoneNumber, numbers | hidden),
        sequences=st.integers(0, 3),
    )
    said = written_numbers(numbers) | hidden | not_numbers()
    spoken = messages(accounts=_FEW_IDS, inboxes=_FEW_IDS, numbers=said)
    return (
        draw(st.lists(mappings, min_size=min_mappings, max_size=14)),
        draw(st.lists(spoken, min_size=1, max_size=5)),
    )


@cache
def secret_texts() -> SearchStrategy[SecretText]:
    return st.builds(SecretText, st.text(st.characters(exclude_categories=["Cs"]), min_size=1))


@cache
def fingerprints() -> SearchStrategy[Fingerprint]:
    return st.builds(Fingerprint, st.binary(min_size=16, max_size=16).map(bytes.hex))


def seal_contexts(
    owners: SearchStrategy[TenantArea] | None = None,
) -> SearchStrategy[SealContext]:
    return st.builds(
        SealContext,
        _either(owners, tenant_domains()),
        credential_refs(),
        st.just("credential") | slugs(),
    )


@cache
def key_ids() -> SearchStrategy[str]:
    return _name(_ALNUM, _ALNUM + "_-", 32)


def tenant_keys(tenants: SearchStrategy[TenantId] | None = None) -> SearchStrategy[TenantKey]:
    return st.builds(
        TenantKey,
        tenant=_either(tenants, tenant_ids()),
        key_id=key_ids(),
        master_id=key_ids(),
        wrapped=st.binary(min_size=1, max_size=64),
        created_at=instants(),
    )


def sealed_secrets(
    *,
    contexts: SearchStrategy[SealContext] | None = None,
    keys: SearchStrategy[str] | None = None,
) -> SearchStrategy[SealedSecret]:
    return st.builds(
        SealedSecret,
        context=_either(contexts, seal_contexts()),
        fingerprint=fingerprints(),
        key_id=_either(keys, key_ids()),
        envelope=st.binary(min_size=1, max_size=64),
    )


@st.composite
def api_keys(draw: DrawFn) -> ApiKey:
    created = draw(instants())
    return ApiKey(
        id=draw(key_ids()),
        name=draw(printable()),
        digest=draw(st.binary(min_size=32, max_size=32)),
        scopes=draw(st.frozensets(st.sampled_from(Scope), min_size=1)),
        tenant=draw(st.none() | tenant_ids()),
        created_at=created,
        revoked_at=draw(st.none() | st.just(created + timedelta(days=1))),
        expires_at=draw(st.none() | st.just(created + timedelta(days=90))),
        used_at=draw(st.none() | st.just(created + timedelta(hours=1))),
    )


def odoo_fields() -> SearchStrategy[str]:
    return st.from_regex(r"[a-z_][a-z0-9_]{0,63}", fullmatch=True)


@st.composite
def feeds(draw: DrawFn, kinds: SearchStrategy[RecordKind] | None = None) -> Feed:
    kind = draw(kinds or st.sampled_from(RecordKind))
    names = odoo_fields() if kind not in FIELDS else st.sampled_from(sorted(FIELDS[kind]))
    return Feed(
        draw(tenant_domains()),
        kind,
        draw(collection_names()) if kind is RecordKind.COLLECTION else None,
        draw(st.none() | st.from_regex(r"[a-z_.]{1,128}", fullmatch=True)),
        draw(st.dictionaries(names, odoo_fields(), max_size=4)),
    )


@st.composite
def addresses(draw: DrawFn) -> Address:
    created = draw(instants())
    later = st.none() | st.just(created + timedelta(days=1))
    revoked = draw(later)
    return Address(
        id=draw(key_ids()),
        name=draw(printable().filter(bool)),
        digest=draw(st.binary(min_size=32, max_size=32)),
        feed=draw(feeds()),
        created_at=created,
        created_by=draw(key_ids()),
        used_at=draw(later),
        revoked_at=revoked,
        revoked_by=None if revoked is None else draw(key_ids()),
    )


def notices() -> SearchStrategy[Notice]:
    return st.builds(Notice, slugs(), printable())


def outcomes() -> SearchStrategy[Outcome]:
    return st.builds(
        Outcome,
        kind=st.sampled_from(WriteKind),
        owner=tenant_domains(),
        versions=st.dictionaries(slugs(), st.integers(1, 10**6), max_size=3),
        changed=st.booleans(),
        at=instants(),
        notices=st.lists(notices(), max_size=2).map(tuple),
        items=st.none() | item_counts(),
        digests=st.dictionaries(slugs(), slugs(), max_size=3),
    )


def item_counts() -> SearchStrategy[ItemCounts]:
    count = st.integers(0, 10**6)
    return st.builds(ItemCounts, count, count, count, count, count)


def collection_names() -> SearchStrategy[CollectionName]:
    return st.builds(CollectionName, _name(_LOWER, _LOWER + "_", 64))


def collection_keys() -> SearchStrategy[CollectionKey]:
    return st.builds(CollectionKey, tenant_ids(), collection_names())


def item_ids() -> SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
        lambda text: text.strip() == text
    )


def items(ids: SearchStrategy[str] | None = None) -> SearchStrategy[Item]:
    return st.builds(Item.of, _either(ids, item_ids()), json_objects())


def collection_syncs(ids: SearchStrategy[str] | None = None) -> SearchStrategy[CollectionSync]:
    return st.builds(
        CollectionSync,
        st.lists(items(ids), max_size=4, unique_by=lambda item: item.id).map(tuple),
        whole=st.booleans(),
    )


@st.composite
def first_changes(draw: DrawFn) -> CollectionChange:
    """
    The change that creates a collection.
    """
    sync = evolve(draw(collection_syncs()), whole=True)
    change, _ = change_after(None, {}, sync, key=draw(collection_keys()), at=draw(instants()))
    assert change is not None
    return change


@st.composite
def collection_heads(draw: DrawFn) -> CollectionHead:
    created = draw(instants())
    version = draw(st.integers(1, 10**6))
    return CollectionHead(
        draw(collection_keys()),
        version,
        draw(st.integers(0, 10**6)),
        created,
        created + timedelta(days=1),
        compaction_floor=draw(st.integers(0, version)),
        event_at=draw(st.none() | instants()),
        whole_at=draw(st.none() | instants()),
    )


def idempotency_keys() -> SearchStrategy[IdempotencyKey]:
    return st.builds(IdempotencyKey, printable(min_size=1), printable(min_size=1))


def claims() -> SearchStrategy[Claim]:
    return st.builds(Claim, idempotency_keys(), st.binary(min_size=32, max_size=32).map(bytes.hex))


@st.composite
def idempotency_records(draw: DrawFn) -> IdempotencyRecord:
    recorded = draw(instants())
    return IdempotencyRecord(
        draw(claims()), draw(outcomes()), recorded, recorded + timedelta(days=7)
    )


def audit_entries() -> SearchStrategy[AuditEntry]:
    return st.builds(
        AuditEntry,
        at=instants(),
        action=st.sampled_from(AuditAction),
        actor=authors(),
        tenant=st.none() | tenant_ids(),
        subject=printable(),
        request_id=st.none() | printable(min_size=1),
        reason=st.none() | printable(min_size=1),
    )


def message_ids() -> SearchStrategy[MessageId]:
    letters = _ALNUM + "_-"
    return st.builds(
        str.__add__, st.sampled_from(_ALNUM + "_"), st.text(letters, min_size=7, max_size=63)
    ).map(MessageId)


def origins() -> SearchStrategy[Origin]:
    ids = st.none() | chatwoot_ids()
    made = st.builds(
        Origin,
        event=st.just("message_created") | printable().map(lambda text: text.replace("/", "")),
        account=ids,
        inbox=ids,
        conversation=ids,
        message=ids,
        delivery=st.none() | printable(min_size=1).filter(lambda text: "/" not in text),
        proof=st.none() | printable(),
        request_id=st.none() | printable(min_size=1),
    )
    return made.filter(lambda origin: origin.delivery is not None or origin.proof is None)


def destinations() -> SearchStrategy[Destination]:
    versions = st.integers(0, 10**6)
    return st.builds(
        Destination,
        owner=tenant_domains(),
        crew=st.none() | _name(_ALNUM, _ALNUM + "._-", 64),
        matched_by=st.sampled_from(Rule),
        release=st.builds(Release, versions, versions),
    )


@st.composite
def inbox_messages(draw: DrawFn) -> InboxMessage:
    received, updated = sorted([draw(instants()), draw(instants())])
    stage = draw(st.sampled_from(Stage))
    counts = st.integers(0, 20)
    return InboxMessage(
        id=draw(message_ids()),
        origin=draw(origins()),
        stage=stage,
        received_at=received,
        updated_at=updated,
        due_at=draw(instants()) if stage in OPEN else None,
        revision=draw(st.integers(1, 10**6)),
        destination=draw(destinations() if stage in OPEN else st.none() | destinations()),
        attempts=draw(counts),
        reason=draw(st.none() | slugs()),
        body=draw(st.none() | fingerprints()),
        answer=draw(st.none() | fingerprints()),
        replays=draw(counts),
        claims=draw(counts),
        part_of=draw(st.none() | message_ids()),
        steps=draw(counts),
        withheld=draw(st.none() | printable(min_size=1)),
        resent=draw(counts),
        told_at=draw(st.none() | instants()),
        refused=tuple(draw(st.lists(printable(min_size=1), max_size=3))),
    )


@st.composite
def changesets(draw: DrawFn) -> Changeset:
    """
    A changeset that an empty store accepts.
    """
    first = st.just(1)
    key = draw(st.none() | tenant_keys())
    secrets: list[SealedSecret] = []
    if key is not None:
        owned = seal_contexts(tenant_domains(st.just(key.tenant)))
        secrets = draw(
            st.lists(
                sealed_secrets(contexts=owned, keys=st.just(key.key_id)),
                max_size=3,
                unique_by=lambda secret: (secret.context, secret.fingerprint.value),
            )
        )
    written = st.lists(revisions(versions=first), max_size=3, unique_by=lambda new: new.key)
    mapped = st.lists(
        mapping_revisions(versions=first), max_size=2, unique_by=lambda new: new.mapping.key
    )
    pushed = st.lists(first_changes(), max_size=2, unique_by=lambda new: new.head.key)
    named = st.lists(addresses(), max_size=2, unique_by=lambda address: address.id)
    callers = st.lists(api_keys(), max_size=2, unique_by=lambda caller: caller.id)
    return Changeset(
        revisions=tuple(draw(written)),
        mappings=tuple(draw(mapped)),
        secrets=tuple(secrets),
        new_tenant_key=key,
        sealed_under=key if secrets else None,
        collections=tuple(draw(pushed)),
        idempotency_record=draw(st.none() | idempotency_records()),
        audit=tuple(draw(st.lists(audit_entries(), max_size=2))),
        api_keys=tuple(draw(callers)),
        addresses=tuple(draw(named)),
    )


def contacts() -> SearchStrategy[Contact]:
    said = st.none() | printable()
    return st.builds(Contact, said, said, said, said, said, said)


def attachments() -> SearchStrategy[Attachment]:
    said, count = st.none() | printable(), st.none() | st.integers(0, 2**40)
    degrees = st.floats(-90, 90)
    cards = st.builds(ContactCard, said, st.lists(printable(), max_size=2).map(tuple))
    return st.builds(
        Attachment,
        printable(),
        said,
        said,
        said,
        count,
        count,
        count,
        said,
        st.none() | st.builds(Location, degrees, degrees),
        st.none() | cards,
    )


def conversations_at_message() -> SearchStrategy[ConversationAtMessage]:
    said = st.none() | printable()
    return st.builds(
        ConversationAtMessage,
        said,
        st.none() | st.builds(Assignee, said, said, st.booleans()),
        st.none() | st.builds(Team, said, said),
        st.lists(printable(), max_size=2).map(tuple),
        st.none() | st.booleans(),
        said,
        json_objects(),
    )


def customer_messages() -> SearchStrategy[CustomerMessage]:
    said = st.none() | printable()
    return st.builds(
        CustomerMessage,
        text=said,
        contact=contacts(),
        channel=said,
        inbox_name=said,
        attachments=st.lists(attachments(), max_size=2).map(tuple),
        sent_at=st.none() | instants(),
        content_type=said | st.just("voice_call"),
        in_reply_to=st.none() | st.builds(Reply, said, said),
        quoted=said,
        reaction=st.booleans(),
        unsupported=st.booleans(),
        edited=st.booleans(),
        previous_text=said,
        submitted_values=st.lists(json_objects(), max_size=2).map(tuple),
        submitted_email=said,
        conversation=conversations_at_message(),
    )


def words() -> SearchStrategy[str]:
    """
    Text that is not blank.
    """
    return printable(min_size=1).filter(str.strip)


def _storable_values() -> SearchStrategy[Json]:
    return json_values().filter(is_storable_value)


def outgoing_files() -> SearchStrategy[OutgoingFile]:
    names = slugs().map("{}.pdf".format)
    return st.builds(
        OutgoingFile, host_labels().map("https://files.example/{}".format), st.none() | names
    )


def templates() -> SearchStrategy[Template]:
    return st.builds(Template, words(), words(), st.none() | words(), _parameters())


def _parameters() -> SearchStrategy[JsonObject]:
    return st.dictionaries(words(), _storable_values(), max_size=2)


def _items(kind: str) -> SearchStrategy[tuple[JsonObject, ...]]:
    one: SearchStrategy[JsonObject]
    if kind == "input_select":
        named: dict[str, SearchStrategy[Json]] = {"title": words(), "value": words()}
        one = st.fixed_dictionaries(named)
    elif kind == "cards":
        actions: SearchStrategy[Json] = st.lists(
            st.fixed_dictionaries({"text": words()}), min_size=1, max_size=2
        )
        one = st.fixed_dictionaries({"title": words(), "actions": actions})
    else:
        one = st.dictionaries(st.sampled_from(sorted(CONTENT_TYPES[kind])), _storable_values())
    return st.lists(one, min_size=1, max_size=3).map(tuple)


@st.composite
def outgoing_messages(draw: DrawFn) -> OutgoingMessage:
    """
    Messages of every kind, with everything that goes with it.
    """
    private, text = draw(st.booleans()), draw(words())
    kind = draw(st.sampled_from(["text", "text", *CONTENT_TYPES]))
    if CONTENT_TYPES[kind]:
        wordless = not kind.startswith("input_") and draw(st.booleans())
        return OutgoingMessage(None if wordless else text, private, kind, draw(_items(kind)))
    if kind == "text" and draw(st.booleans()):
        files = tuple(draw(st.lists(outgoing_files(), min_size=1, max_size=3)))
        return OutgoingMessage(draw(st.none() | st.just(text)), private, attachments=files)
    if kind == "text" and draw(st.booleans()):
        return OutgoingMessage(draw(st.none() | st.just(text)), template=draw(templates()))
    return OutgoingMessage(text, private, kind)


def handovers() -> SearchStrategy[HandOver]:
    numbers = st.none() | st.integers(1, 10**18 - 1).map(str).map(ChatwootId)
    return st.builds(
        HandOver,
        st.sampled_from([Status.OPEN, Status.PENDING]),
        numbers,
        numbers,
        st.none() | st.sampled_from(Priority),
        st.none() | words(),
    )


@st.composite
def answers(draw: DrawFn) -> Answer:
    """
    Answers of every form that are not empty.
    """
    status = draw(st.sampled_from(["", "handover", "resolve", "snooze_until"]))
    labels = draw(st.lists(slugs(), max_size=4, unique=True))
    cut = draw(st.integers(0, len(labels)))
    attributes = draw(_parameters())
    of_status = {"handover": handovers(), "resolve": st.just(True), "snooze_until": instants()}
    given: dict[str, Any] = {status: draw(of_status[status])} if status else {}
    least = 0 if status or labels or attributes else 1
    return Answer(
        tuple(draw(st.lists(outgoing_messages(), min_size=least, max_size=3))),
        custom_attributes=attributes,
        labels_added=tuple(labels[:cut]),
        labels_removed=tuple(labels[cut:]),
        **given,
    )


def crews() -> SearchStrategy[Crew]:
    """
    HTTP crews, which can have all settings of a crew.
    """
    return st.builds(
        Crew,
        _name(_ALNUM, _ALNUM + "._-", 64),
        tenant_domains(),
        st.just(CrewKind.HTTP),
        url=host_labels().map("https://crew.example/{}".format),
        secret=st.none() | credential_refs(),
        timeout=st.timedeltas(SHORTEST_TIMEOUT, LONGEST_TIMEOUT),
        patience=st.timedeltas(SHORTEST_TIMEOUT, LONGEST_PATIENCE),
    )


@st.composite
def crews_bodies(draw: DrawFn) -> JsonObject:
    """
    The body of a valid ``crews`` document.
    """
    shortest = SHORTEST_TIMEOUT.total_seconds()
    times: SearchStrategy[Json] = st.floats(shortest, LONGEST_TIMEOUT.total_seconds())
    waits: SearchStrategy[Json] = st.integers(1, int(LONGEST_PATIENCE.total_seconds()))
    refs: SearchStrategy[Json] = credential_refs().map(str)
    own: dict[str, SearchStrategy[Json]] = {"timeout_seconds": times}
    own["answer_within_seconds"] = waits
    url: SearchStrategy[Json] = host_labels().map("https://crew.example/{}".format)
    described: SearchStrategy[Json] = st.one_of(
        st.just({"type": "echo"}),
        st.fixed_dictionaries({"type": st.just("in_process")}, optional=own),
        st.fixed_dictionaries(
            {"type": st.just("http"), "url": url}, optional={**own, "secret_ref": refs}
        ),
    )
    names = _name(_ALNUM, _ALNUM + "._-", 64)
    found: JsonObject = draw(st.dictionaries(names, described, max_size=3))
    body: JsonObject = {"crews": found}
    has_default: bool = draw(st.booleans())
    if found and has_default:
        body["default_crew"] = draw(st.sampled_from(sorted(found)))
    return body


def odoo_connections() -> SearchStrategy[OdooConnection]:
    said = st.none() | printable()
    address = st.none() | host_labels().map("https://{}.example:8069/odoo?a=1".format)
    return st.builds(OdooConnection, address, said, said)


@st.composite
def social_accounts(draw: DrawFn) -> SocialAccount:
    section, public, private = draw(
        st.sampled_from(
            [
                ("facebook", ["app_id", "page_id"], ["app_secret", "access_token"]),
                ("instagram", ["app_id", "account_id"], ["app_secret", "access_token"]),
                ("mercado_livre", ["client_id", "seller_id"], ["client_secret", "access_token"]),
            ]
        )
    )
    settings = st.dictionaries(st.sampled_from(public), printable(min_size=1))
    secrets = st.dictionaries(st.sampled_from(private), secret_texts())
    return SocialAccount(section, draw(settings), draw(secrets))


@st.composite
def credentials_syncs(
    draw: DrawFn, owners: SearchStrategy[TenantArea] | None = None
) -> CredentialsSync:
    said = st.none() | printable()
    sync = CredentialsSync(
        owner=draw(_either(owners, tenant_domains(_name(_ALNUM, _ALNUM, 40).map(TenantId)))),
        token=draw(credential_refs()),
        odoo=draw(odoo_connections()),
        password=draw(st.none() | secret_texts()),
        social=tuple(
            draw(st.lists(social_accounts(), max_size=3, unique_by=lambda own: own.section))
        ),
        enabled_collections=draw(st.none() | st.lists(printable(), max_size=3).map(tuple)),
        integrations=draw(st.none() | json_objects()),
    )
    return evolve(
        sync,
        name=draw(said),
        description=draw(said),
        domain_label=draw(said),
        qdrant_collection=draw(said),
        redis_prefix=draw(said),
    )


def company_metadata_syncs(
    owners: SearchStrategy[TenantArea] | None = None,
) -> SearchStrategy[CompanyMetadataSync]:
    return st.builds(
        CompanyMetadataSync,
        owner=_either(owners, tenant_domains()),
        body=json_objects(),
        domain_label=st.none() | printable(),
    )


def conversation_keys() -> SearchStrategy[ConversationKey]:
    return st.builds(ConversationKey, chatwoot_ids(), chatwoot_ids())


def pauses() -> SearchStrategy[Pause]:
    return st.builds(Pause, authors(), st.none() | instants())


def pauses_documents() -> SearchStrategy[Pauses]:
    channels = st.builds(ChannelKey, chatwoot_ids(), chatwoot_ids())
    return st.builds(Pauses, st.none() | pauses(), st.dictionaries(channels, pauses(), max_size=3))


def verdicts() -> SearchStrategy[Verdict]:
    return st.builds(Verdict, st.sampled_from(Silence), st.booleans(), st.none() | printable())


def sightings(keys: SearchStrategy[ConversationKey] | None = None) -> SearchStrategy[Sighting]:
    return st.builds(Sighting, _either(keys, conversation_keys()), seen(), instants())


def seen() -> SearchStrategy[Seen]:
    """
    What events of Chatwoot may say, and what the hub does in a conversation.
    """
    unsaid = st.just(UNSAID)
    return st.builds(
        Seen,
        at=st.none() | instants(),
        status=unsaid | st.sampled_from(Status),
        assignee=unsaid | st.none() | chatwoot_ids(),
        team=unsaid | st.none() | printable(min_size=1),
        labels=unsaid | st.lists(printable(min_size=1), max_size=5).map(tuple),
        can_reply=unsaid | st.booleans(),
        blocked=unsaid | st.booleans(),
        wrote=st.none() | st.sampled_from(Wrote),
        wrote_at=st.none() | instants(),
        mark=st.none() | printable(min_size=1),
        pause=st.none() | pauses(),
        resumes=st.booleans(),
        resolves=st.booleans(),
        handed_over=st.booleans(),
        told_closed=st.booleans(),
        told_people=st.booleans(),
        owner=st.none() | tenant_domains(),
        inbox=st.none() | chatwoot_ids(),
        crew=st.none() | printable(min_size=1),
    )
