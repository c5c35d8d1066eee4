"""
``/v1/persons``: what the hub has of a person, to answer a request of that person.

A person is named in the body: addresses of requests are written to logs.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Final, TypeVar

from aiohttp import web
from attrs import frozen
from msgspec import Meta

from odoo_ai_config.application.messages.persons import NumberPlace, PersonPage, Presence
from odoo_ai_config.domain.access import ApiKey, Scope
from odoo_ai_config.domain.errors import CodedError, InvalidValueError, TenantForbiddenError
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import MessageId
from odoo_ai_config.domain.messages.persons import Person
from odoo_ai_config.domain.tenants import TenantErasedError, TenantRenamedError
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.http.conversations.handlers import conversation_shown
from odoo_ai_config.entrypoints.http.conversations.schemas import Conversation, ConversationText
from odoo_ai_config.entrypoints.http.messages.handlers import state_of
from odoo_ai_config.entrypoints.http.messages.schemas import MessageState
from odoo_ai_config.entrypoints.http.platform.app_keys import SERVICES
from odoo_ai_config.entrypoints.http.platform.bodies import said_in
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)
from odoo_ai_config.entrypoints.http.platform.fields import read_exactly
from odoo_ai_config.entrypoints.http.platform.operations import (
    COMMIT,
    VAULT,
    Operation,
    RouteGroup,
)
from odoo_ai_config.entrypoints.http.platform.representations import (
    NO_STORE,
    channel_shown,
    shown,
    timestamp,
)
from odoo_ai_config.entrypoints.http.platform.schema import (
    Body,
    BodySchema,
    ChatwootIdText,
    Count,
    CrewText,
    MessageIdText,
    Moment,
    TenantIdText,
    answer,
)
from odoo_ai_config.entrypoints.http.platform.texts import Language, language_of

N = TypeVar("N", bound="NamedPerson")
ROUTES: Final = RouteGroup("persons", App.CHATWOOT, "hub")


@frozen
class NamedPerson:
    """
    A person, by exactly one of `number`, `contact` and `identifier`.
    """

    number: str | None = None
    contact: str | None = None
    identifier: str | None = None
    tenant_id: TenantId | None = None


@frozen
class ExportedPerson(NamedPerson):
    """
    A person, by exactly one of `number`, `contact` and `identifier`.
    """

    after: str | None = None


@frozen
class ErasedPerson(NamedPerson):
    """
    A person, by exactly one of `number`, `contact` and `identifier`.
    """

    special_numbers: bool = False
    dry_run: bool = False


def _body(cls: type) -> Body:
    return Body(
        parts=(cls,),
        more={"additionalProperties": False},
        example={"number": "+55 11 98765-4321", "tenant_id": "123456"},
    )


@answer
class PersonNumber:
    """
    A channel that gives the person's number a crew of its own.
    """

    chatwoot_account_id: ChatwootIdText | None
    chatwoot_inbox_id: ChatwootIdText | None
    crew: CrewText


@answer
class PersonPresence:
    """
    What the hub has of a person among the things of one client.
    """

    tenant_id: Annotated[
        TenantIdText,
        Meta(description="`odoo-ai-config` for messages that no client has."),
    ]
    messages: Annotated[Count, Meta(description="Messages with a text.")]
    waiting: Annotated[Count, Meta(description="Those that wait for something.")]
    first: Moment | None
    last: Moment | None
    conversations: list[ConversationText]
    special_numbers: list[PersonNumber]


@answer
class FoundPerson:
    """
    Which clients have something of a person.
    """

    found: list[PersonPresence]
    complete: Annotated[
        bool,
        Meta(description="False while messages of an earlier version cannot be found yet."),
    ]


@answer
class PersonExport:
    """
    A part of what the hub has of a person.
    """

    tenant_id: TenantIdText
    messages: list[MessageState]
    conversations: Annotated[
        list[Conversation], Meta(description="What is known of those of these messages.")
    ]
    special_numbers: list[PersonNumber]
    next: Annotated[
        MessageIdText | None, Meta(description="The `after` of the next part; null in the last.")
    ]
    complete: bool


@answer
class PersonErasure:
    """
    What the hub had of a person.
    """

    erased: PersonPresence
    dry_run: bool
    complete: bool


def _operation(
    path: str, scope: Scope, body: BodySchema, answers: object, *refusals: type[CodedError]
) -> Operation:
    return Operation(
        ROUTES,
        "POST",
        f"/v1/persons/{path}",
        scope=scope,
        body=body,
        answer=answers,
        answer_headers=("Cache-Control",),
        refusals=(
            *refusals,
            IncompleteDataError,
            InvalidFieldsError,
            InvalidValueError,
            TenantForbiddenError,
        ),
    )


@_operation(
    "find",
    Scope.MESSAGES_READ,
    _body(NamedPerson),
    FoundPerson,
    TenantErasedError,
    TenantRenamedError,
    *VAULT,
)
async def find_person(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Find which clients have something of a person.
    """
    asked, person = await _asked(request, caller, Scope.MESSAGES_READ, NamedPerson)
    services = request.app[SERVICES]
    found = await services.find_person(person, caller=caller, tenant=asked.tenant_id)
    complete = await services.find_person.search.complete()
    told = FoundPerson(found=[presence_shown(one) for one in found], complete=complete)
    return shown(told, NO_STORE)


@_operation("export", Scope.SECRETS_READ, _body(ExportedPerson), PersonExport, *COMMIT, *VAULT)
async def export_person(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Export what the hub has of a person: messages with their texts, 50 at a time, oldest first.

    It needs `messages:read`, too. Each part is audited.
    """
    asked, person = await _asked(request, caller, Scope.SECRETS_READ, ExportedPerson)
    services = request.app[SERVICES]
    page = await services.export_person(
        person,
        _tenant_of(asked, caller),
        caller=caller,
        after=None if asked.after is None else MessageId(asked.after),
    )
    complete = await services.find_person.search.complete()
    told = export_shown(page, language_of(request), complete=complete)
    return shown(told, NO_STORE)


@_operation("erase", Scope.ADMIN, _body(ErasedPerson), PersonErasure, *COMMIT, *VAULT)
async def erase_person(request: web.Request, caller: ApiKey) -> web.Response:
    """
    Erase what the hub has of a person.

    Texts, answers and what finds the person go; ids and outcomes of messages stay. What waits for
    an answer ends. Special numbers of the mapping go only with `special_numbers`.
    """
    asked, person = await _asked(request, caller, Scope.ADMIN, ErasedPerson)
    services = request.app[SERVICES]
    found = await services.erase_person(
        person,
        _tenant_of(asked, caller),
        caller=caller,
        numbers=asked.special_numbers,
        dry_run=asked.dry_run,
    )
    told = PersonErasure(
        erased=presence_shown(found),
        dry_run=asked.dry_run,
        complete=await services.find_person.search.complete(),
    )
    return shown(told, NO_STORE)


def presence_shown(found: Presence) -> PersonPresence:
    """
    What there is of a person as the API shows it.
    """
    return PersonPresence(
        tenant_id=str(found.tenant),
        messages=found.messages,
        waiting=found.waiting,
        first=None if found.first is None else timestamp(found.first),
        last=None if found.last is None else timestamp(found.last),
        conversations=[str(key) for key in found.conversations],
        special_numbers=numbers_shown(found.numbers),
    )


def export_shown(page: PersonPage, language: Language, *, complete: bool) -> PersonExport:
    """
    A part of what there is of a person as the API shows it.
    """
    return PersonExport(
        tenant_id=str(page.tenant),
        messages=[state_of(one, language) for one in page.messages],
        conversations=[conversation_shown(one) for one in page.conversations],
        special_numbers=numbers_shown(page.numbers),
        next=None if page.next is None else str(page.next),
        complete=complete,
    )


def numbers_shown(places: Iterable[NumberPlace]) -> list[PersonNumber]:
    """
    Special numbers of the mapping as the API shows them.
    """
    return [PersonNumber(**channel_shown(one.channel), crew=one.crew) for one in places]


async def _asked(
    request: web.Request, caller: ApiKey, scope: Scope, cls: type[N]
) -> tuple[N, Person]:
    # Before the answer can tell anything about the body.
    caller.require(scope)
    asked = await said_in(request, partial(read_exactly, cls))
    services = request.app[SERVICES]
    return asked, services.numbers.person(asked.number, asked.contact, asked.identifier)


def _tenant_of(asked: NamedPerson, caller: ApiKey) -> TenantId:
    tenant = asked.tenant_id or caller.tenant
    if tenant is None:
        raise IncompleteDataError(("tenant_id",), [FieldError("tenant_id", "required")])
    return tenant
