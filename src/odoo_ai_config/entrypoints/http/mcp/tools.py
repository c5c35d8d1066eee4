"""
The tools: what AI clients may read of the hub, and change once it is confirmed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Raw

from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.application.documents.writing import DocumentWrite, WrittenDocument
from odoo_ai_config.application.off_loop import cost_of, run_off_loop
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.domain.channels.history import moment_of
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.collections import CollectionKey, CollectionName
from odoo_ai_config.domain.conversations.state import ConversationKey
from odoo_ai_config.domain.documents.diffing import changes_between
from odoo_ai_config.domain.documents.document import Document
from odoo_ai_config.domain.documents.revisions import content_of
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.identifiers import (
    CONFIG,
    BusinessArea,
    ChatwootId,
    DocumentKey,
    DocumentKind,
    TenantId,
)
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.domain.messages.inbox import STUCK, MessageId
from odoo_ai_config.domain.tenants import TenantSuspendedError
from odoo_ai_config.entrypoints.http.channels.routing import explained_route
from odoo_ai_config.entrypoints.http.collections.handlers import items_shown, summary_shown
from odoo_ai_config.entrypoints.http.conversations.handlers import conversation_shown
from odoo_ai_config.entrypoints.http.documents.handlers import (
    changes_shown,
    comparison_shown,
    present_document,
    receipt_shown,
    version_shown,
)
from odoo_ai_config.entrypoints.http.documents.representations import of_revision
from odoo_ai_config.entrypoints.http.mcp.calls import (
    Call,
    Tool,
    flag,
    long_text,
    number_of,
    offering,
    text_of,
)
from odoo_ai_config.entrypoints.http.messages.handlers import summary_of, tell_of
from odoo_ai_config.entrypoints.http.odoo_events.simulation import simulated_event
from odoo_ai_config.entrypoints.http.platform.notices import shown_notices
from odoo_ai_config.entrypoints.http.platform.operations import paged
from odoo_ai_config.entrypoints.http.platform.wire_types import WireType
from odoo_ai_config.entrypoints.http.tenants.handlers import tenant_shown

TOOLS: Final[dict[str, Tool]] = {}
_tool = partial(offering, TOOLS)
_PAGE: Final = 20
_AREA: Final = BusinessArea()

Tenant: TypeAlias = Annotated[TenantId, text_of(TenantId, "The client (account_id in Odoo).")]
Domain: TypeAlias = Annotated[
    BusinessArea, text_of(BusinessArea.from_text, "The business area.", default=_AREA.value)
]
Kind: TypeAlias = Annotated[
    DocumentKind,
    text_of(
        DocumentKind,
        "config, credentials, metadata, crews, pauses, retention or another slug.",
        default=CONFIG.value,
    ),
]
Limit: TypeAlias = Annotated[int, number_of("How many.", most=200, default=_PAGE)]
Version: TypeAlias = Annotated[int, number_of("A version of the document.")]
Before: TypeAlias = Annotated[int | None, number_of("Only versions before this one.")]
Expected: TypeAlias = Annotated[
    int | None,
    number_of("The version that you have read, 0 for none; refused if it has moved on.", least=0),
]
Account: TypeAlias = Annotated[ChatwootId, text_of(ChatwootId, "The account in Chatwoot.")]
Inbox: TypeAlias = Annotated[ChatwootId | None, text_of(ChatwootId, "The inbox in Chatwoot.")]
Conversation: TypeAlias = Annotated[ChatwootId, text_of(ChatwootId, "The id in Chatwoot.")]
Message: TypeAlias = Annotated[MessageId, text_of(MessageId, "The message, as the hub names it.")]
Moment: TypeAlias = Annotated[
    datetime | None,
    text_of(moment_of, "ISO 8601 with a time zone; absent for no end.", format="date-time"),
]
# As they come: the reader of the event reads them.
Given: TypeAlias = Annotated[
    Json,
    WireType(
        lambda value, _: value,
        {
            "type": "object",
            "description": "As in Odoo's event: chatwoot_account_id, chatwoot_inbox_id, "
            "internal_account_id (the client), domain, is_fallback, sequence, active, "
            "special_whatsapp_numbers (number and crew).",
        },
    ),
]
Questions: TypeAlias = Annotated[
    Json,
    WireType(
        lambda value, _: value,
        {
            "type": "array",
            "items": {"type": "object"},
            "description": "Messages to try: account_id, inbox_id, number.",
        },
    ),
]


@_tool(Scope.CONFIG_READ, "List clients")
async def list_tenants(
    call: Call,
    *,
    after: Annotated[TenantId | None, text_of(TenantId, "The `next` of the last answer.")] = None,
    limit: Limit = _PAGE,
) -> object:
    """
    List the clients (tenants) that the key may see, with their documents and versions.
    """
    read = partial(call.services.list_tenants, caller=call.caller, after=after)
    page, following = await paged(read, limit, lambda overview: overview.tenant)
    return {"tenants": [*map(tenant_shown, page)], "next": following}


@_tool(Scope.CONFIG_READ, "Read a client's config")
async def read_document(
    call: Call,
    *,
    tenant: Tenant,
    domain: Domain = _AREA,
    kind: Kind = CONFIG,
    version: Version | None = None,
    as_yaml: Annotated[
        bool, flag("The text with its comments, as publish_document takes it, not JSON.")
    ] = False,
) -> object:
    """
    Read a document of a client: by default its config, and the newest version.

    Documents name secrets and never contain them.
    """
    key = DocumentKey(tenant, domain, kind)
    revision = await call.services.read_document(key, caller=call.caller, version=version)
    document = revision.document
    if as_yaml:
        text = await yaml_of(document, call.services.ports.yaml)
        return of_revision(dict, revision, author=revision.author, yaml_content=text)
    content = Raw(document.text.encode())
    return of_revision(dict, revision, author=revision.author, json_data=content)


@_tool(Scope.CONFIG_READ, "List versions of a document")
async def document_history(
    call: Call,
    *,
    tenant: Tenant,
    domain: Domain = _AREA,
    kind: Kind = CONFIG,
    before: Before = None,
    limit: Limit = _PAGE,
) -> object:
    """
    List the versions of a document, newest first: when each was written, and by which key.
    """
    key = DocumentKey(tenant, domain, kind)
    history = call.services.list_documents.history
    found = await history(key, caller=call.caller, before=before, limit=limit)
    return {"versions": [*map(version_shown, found)]}


@_tool(Scope.CONFIG_READ, "Compare versions of a document")
async def compare_versions(
    call: Call,
    *,
    tenant: Tenant,
    domain: Domain = _AREA,
    kind: Kind = CONFIG,
    before: Version | None = None,
    after: Version | None = None,
) -> object:
    """
    Show what differs between two versions of a document, by default the last two.
    """
    key, compare = DocumentKey(tenant, domain, kind), call.services.compare_revisions
    return comparison_shown(await compare(key, caller=call.caller, before=before, after=after))


@_tool(Scope.CONFIG_READ, "List collections")
async def list_collections(call: Call, *, tenant: Tenant) -> object:
    """
    List the collections of a client (products, rules...), and whether AI services may read them.
    """
    found = await call.services.read_collection.all_of(tenant, caller=call.caller)
    return {"collections": [*map(summary_shown, found)]}


@_tool(Scope.CONFIG_READ, "Search or read a collection")
async def search_collection(
    call: Call,
    *,
    tenant: Tenant,
    collection: Annotated[CollectionName, text_of(CollectionName.from_text, "Its name.")],
    text: Annotated[
        str, text_of(str, "Words that an item must all have; absent for all items.")
    ] = "",
    since: Annotated[str | None, text_of(str, "The `cursor` of the last answer.")] = None,
    limit: Limit = _PAGE,
) -> object:
    """
    Find items of a collection by words in them, without case and accents, or read all items.

    Go on with `cursor` while there is `more`, also if nothing is found yet.
    """
    key, search = CollectionKey(tenant, collection), call.services.read_collection.search
    found = await search(key, text, caller=call.caller, since=since, limit=limit)
    items = items_shown(found.states)
    return {"items": [*items], "cursor": found.cursor, "more": not found.complete}


@_tool(Scope.CONFIG_READ, "Explain a route")
async def explain_route(
    call: Call,
    *,
    account: Account,
    inbox: Inbox = None,
    number: Annotated[str | None, text_of(str, "The sender's number in any form.")] = None,
    conversation: Conversation | None = None,
) -> object:
    """
    Tell where a Chatwoot message goes, and which rules decide that.

    With `conversation` also whether the AI would answer in it now; that needs `messages:read`.
    """
    return await explained_route(
        call.services,
        IncomingMessage(account, inbox, call.services.numbers.asked(number)),
        None if conversation is None else ConversationKey(account, conversation),
        caller=call.caller,
        language=call.language,
    )


@_tool(Scope.CONFIG_READ, "Simulate a mapping")
async def simulate_route(
    call: Call,
    *,
    mapping: Given,
    event_type: Annotated[
        str, text_of(str, "The event.", enum=["mapping_sync", "mapping_delete"])
    ] = "mapping_sync",
    messages: Questions = None,
) -> object:
    """
    Show which messages would go elsewhere if a channel were mapped so. Nothing is written.
    """
    return await simulated_event(
        call.services,
        {"event_type": event_type, "mapping": mapping, "messages": messages},
        caller=call.caller,
        event_at=time_in,
        language=call.language,
    )


@_tool(Scope.MESSAGES_READ, "List stuck messages")
async def list_stuck_messages(
    call: Call,
    *,
    tenant: Tenant | None = None,
    after: Message | None = None,
    limit: Limit = _PAGE,
) -> object:
    """
    List customers' messages that a person has to look at, newest first, and why.

    `after` is the `next` of the last answer.
    """
    read = partial(
        call.services.list_messages, caller=call.caller, stages=STUCK, tenant=tenant, after=after
    )
    page, following = await paged(read, limit, lambda message: message.id)
    return {"messages": [summary_of(one, call.language) for one in page], "next": following}


@_tool(Scope.MESSAGES_READ, "Show a message")
async def show_message(call: Call, *, message_id: Message) -> object:
    """
    Show the state of a message and the reason for it, without what the customer wrote.
    """
    return summary_of(
        await call.services.read_message(message_id, caller=call.caller), call.language
    )


@_tool(Scope.CONFIG_WRITE, "Publish a document", changes=True)
async def publish_document(
    call: Call,
    *,
    tenant: Tenant,
    domain: Domain = _AREA,
    kind: Kind = CONFIG,
    yaml: Annotated[
        str,
        long_text(
            "The whole document. Begin with what read_document gives with as_yaml, so that "
            "comments survive."
        ),
    ],
    expected_version: Expected = None,
) -> object:
    """
    Replace a document of a client with YAML, as a new version. Secrets in it are sealed.
    """
    publish = partial(call.services.publish_document, text=yaml)
    return await _written(call, DocumentKey(tenant, domain, kind), expected_version, publish)


@_tool(Scope.CONFIG_WRITE, "Roll a document back", changes=True)
async def roll_back_document(
    call: Call,
    *,
    tenant: Tenant,
    domain: Domain = _AREA,
    kind: Kind = CONFIG,
    version: Version,
    expected_version: Expected = None,
) -> object:
    """
    Restore an earlier version of a document, as a new version.
    """
    roll_back = partial(call.services.roll_back_document, version=version)
    return await _written(call, DocumentKey(tenant, domain, kind), expected_version, roll_back)


async def _written(
    call: Call,
    key: DocumentKey,
    expected: int | None,
    write: Callable[[DocumentWrite], Awaitable[WrittenDocument]],
) -> dict[str, Any]:
    # Who may write but not read does not learn what is there.
    shows, before = call.dry_run and call.caller.may(Scope.CONFIG_READ), None
    if shows:
        try:
            before = await present_document(call.services, key, call.caller)
        except TenantSuspendedError:
            # It may be written to, and nothing of it is shown.
            shows = False
    written = await write(DocumentWrite(key, call.caller, expected, dry_run=call.dry_run))
    outcome = written.outcome
    if not call.dry_run:
        call.written(outcome, str(key.kind))
    warnings = shown_notices(outcome.notices, call.language)
    receipt = receipt_shown(dict[str, Any], key, outcome, warnings=warnings)
    if shows:
        nothing = Document.of({})
        was, will_be = (content_of(one) or nothing for one in (before, written.revision))
        changes = await run_off_loop(
            lambda: changes_between(was.body, will_be.body), cost=2 * cost_of(was, will_be)
        )
        receipt |= {"changes": changes_shown(changes), "truncated": changes.truncated}
    return receipt


@_tool(Scope.MESSAGES_WRITE, "Replay a stuck message", changes=True)
async def replay_message(call: Call, *, message_id: Message) -> object:
    """
    Route a stuck message by the mapping as it is now, and deliver it again.

    It stays where it is if no mapping claims it. An answer of a crew is only posted again.
    """
    replay = call.services.replay_messages
    message = await replay(message_id, caller=call.caller, dry_run=call.dry_run)
    if not call.dry_run:
        tell_of("message_replayed", message, call.caller.occasion.request_id)
    destination = message.destination
    return {
        "message_id": message.id.value,
        "stage": message.stage.value,
        "reason": message.reason,
        "tenant_id": None if destination is None else str(destination.owner.tenant),
        "domain": None if destination is None else str(destination.owner.domain),
        "crew": None if destination is None else destination.crew,
    }


@_tool(Scope.MESSAGES_WRITE, "Pause the AI in a conversation", changes=True)
async def pause_conversation(
    call: Call, *, account: Account, conversation: Conversation, until: Moment = None
) -> object:
    """
    Pause the AI in a conversation, so that only people answer.
    """
    key, pause = ConversationKey(account, conversation), call.services.pause_conversation
    return conversation_shown(
        await pause(key, caller=call.caller, until=until, dry_run=call.dry_run)
    )


@_tool(Scope.MESSAGES_WRITE, "Give a conversation back to the AI", changes=True)
async def resume_conversation(
    call: Call, *, account: Account, conversation: Conversation
) -> object:
    """
    End the pause of a conversation, and the silence after a person wrote or the AI handed over.
    """
    key, end = ConversationKey(account, conversation), call.services.pause_conversation.end
    return conversation_shown(await end(key, caller=call.caller, dry_run=call.dry_run))
