"""
Chatwoot's own API, as far as the hub acts there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from attrs import evolve, field, frozen
from yarl import URL

from odoo_ai_config.adapters.chatwoot.files import FetchedFile, FileFetcher
from odoo_ai_config.adapters.outbound.answers import (
    CallFailedError,
    UnreadableError,
    json_in,
)
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.application.errors import ChatwootRefusedError, ChatwootUnavailableError
from odoo_ai_config.application.messages.conversation_states import MARK, mark_in, state_in
from odoo_ai_config.application.ports.chatwoot_client import (
    AccountAccess,
    ChatwootClient,
    ConversationAccess,
    ListedConversation,
    ListedMessage,
)
from odoo_ai_config.application.ports.clock import Clock
from odoo_ai_config.domain.conversations.labels import labels_after
from odoo_ai_config.domain.conversations.state import Seen, Status, Unsaid
from odoo_ai_config.domain.event_times import time_in
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.messages.answers import Priority
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage, Template
from odoo_ai_config.domain.messages.receiving import MESSAGE_CREATED

if TYPE_CHECKING:
    from aiohttp import ClientResponse, FormData

# Chatwoot takes the text of an outgoing message and the parameters of a template for Liquid
# templates, which could show a customer what agents noted about them. A word joiner, which nobody
# sees, makes text of it again. It does not evaluate items.
_LIQUID: Final = re.compile(r"\{(?=[{%])")
_SUCCESS: Final = range(200, 300)
# The token of an agent bot may not use every endpoint. One that may not write either is found out
# when it posts.
_MAY_NOT: Final = frozenset({401, 403})
_UNPROCESSABLE: Final = 422
# Chatwoot counts the messages of a conversation in a minute, 200 by default.
_TOO_MANY: Final = "too many messages"
_A_MINUTE: Final = 60.0
_NOTHING: Final[JsonObject] = {}
# What the list of conversations shows of their messages.
_LISTED_TEXTS: Final = frozenset({"messages", "last_non_activity_message"})

_log = structlog.get_logger(area="hub")


@frozen(eq=False)
class HttpChatwootClient(ChatwootClient):
    """
    Acts by Chatwoot's API, with the token of a bot or of an agent.

    Args:
        timeout: How long a call may take.
        upload_timeout: How long one with files may take.
    """

    sessions: HttpSessions
    clock: Clock
    timeout: timedelta = timedelta(seconds=20)
    upload_timeout: timedelta = timedelta(seconds=30)
    files: FileFetcher = field()

    @files.default
    def _fetcher(self) -> FileFetcher:
        return FileFetcher(self.sessions, self.clock)

    async def post(
        self,
        conversation: ConversationAccess,
        message: OutgoingMessage,
        *,
        mark: str,
        at_hand: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        if not message.attachments:
            if at_hand is not None:
                await at_hand()
            body = await self._done(
                conversation, "messages", json=described_message(message, mark)
            )
        else:
            async with self.files.fetched(message.attachments) as files:
                if at_hand is not None:
                    await at_hand()
                body = await self._done(
                    conversation,
                    "messages",
                    data=_form(message, mark, files),
                    timeout=self.upload_timeout,
                )
        # Something else than Chatwoot's API may say yes too, a front page for instance.
        _require("id" in _object(body), conversation)

    async def has_mark(
        self, conversation: ConversationAccess, mark: str, *, private: bool
    ) -> bool:
        # Without private notes and activities, the newest page goes further back.
        params = {} if private else {"filter_internal_messages": "true"}
        status, body = await self._call("GET", conversation, "messages", params=params)
        if status in _MAY_NOT:
            _log.warning("chatwoot_not_readable", account=str(conversation.account))
            return False
        messages = _object(body).get("payload")
        if status not in _SUCCESS or not isinstance(messages, list):
            raise _refusal(conversation, status)
        return any(mark_in(_object(one)) == mark for one in messages)

    async def live(self, conversation: ConversationAccess) -> Seen | None:
        shown = await self._shown(conversation)
        return None if shown is None else _seen(shown)

    async def conversations(
        self, account: AccountAccess, *, page: int
    ) -> Sequence[ListedConversation] | None:
        # The access to a conversation is one to its account, too.
        account = AccountAccess(account.base_url, account.token, account.account)
        # By default those with the newest messages come first.
        params = {"status": "all", "assignee_type": "all", "page": str(page)}
        status, body = await self._call("GET", account, "conversations", params=params)
        if status in _MAY_NOT:
            return None
        listed = _object(_object(body).get("data")).get("payload")
        if status not in _SUCCESS or not isinstance(listed, list):
            raise _refusal(account, status)
        return [*_listed_conversations(listed)]

    async def messages(
        self,
        account: AccountAccess,
        conversation: ListedConversation,
        *,
        before: ChatwootId | None = None,
    ) -> Sequence[ListedMessage]:
        place = ConversationAccess(
            account.base_url, account.token, account.account, conversation.id
        )
        params = {} if before is None else {"before": before.value}
        body = await self._done(place, "messages", method="GET", params=params)
        listed = _object(body).get("payload")
        if not isinstance(listed, list):
            raise _refusal(account, None)
        return [*_listed_messages(listed, place, conversation.state)]

    async def set_status(
        self,
        conversation: ConversationAccess,
        status: Status,
        *,
        snoozed_until: datetime | None = None,
    ) -> None:
        wanted: JsonObject = {"status": status.value}
        if snoozed_until is not None:
            wanted["snoozed_until"] = int(snoozed_until.timestamp())
        body = await self._done(conversation, "toggle_status", json=wanted)
        now = _object(_object(body).get("payload")).get("current_status")
        _require(now == status.value, conversation)

    async def assign(self, conversation: ConversationAccess, assignee: ChatwootId) -> None:
        await self._assign(conversation, "assignee_id", assignee)

    async def assign_team(self, conversation: ConversationAccess, team: ChatwootId) -> None:
        await self._assign(conversation, "team_id", team)

    async def set_labels(
        self,
        conversation: ConversationAccess,
        *,
        added: Iterable[str] = (),
        removed: Iterable[str] = (),
    ) -> None:
        added = tuple(added)
        there = _texts(await self._done(conversation, "labels", method="GET"))
        _require(there is not None, conversation)
        labels = labels_after(there or (), added=added, removed=removed)
        if set(labels) == set(there or ()):
            return
        kept = _texts(await self._done(conversation, "labels", json={"labels": [*labels]}))
        # Some versions leave out labels that the account does not have.
        known = {label.casefold() for label in kept or ()}
        _require(all(label.casefold() in known for label in added), conversation)

    async def set_custom_attributes(
        self, conversation: ConversationAccess, attributes: ReadOnlyJsonObject
    ) -> None:
        shown = await self._shown(conversation)
        there = None if shown is None else shown.get("custom_attributes")
        if not isinstance(there, dict):
            raise _refusal(conversation, None)
        wanted = {**there, **attributes}
        if wanted != there:
            wish: JsonObject = {"custom_attributes": wanted}
            body = await self._done(conversation, "custom_attributes", json=wish)
            _require("custom_attributes" in _object(body), conversation)

    async def set_priority(self, conversation: ConversationAccess, priority: Priority) -> None:
        await self._done(conversation, "toggle_priority", json={"priority": priority.value})

    async def typing(self, conversation: ConversationAccess, *, on: bool) -> None:
        wish: JsonObject = {"typing_status": "on" if on else "off"}
        with suppress(ChatwootRefusedError, ChatwootUnavailableError):
            # Before 2026 a bot may not. It is not worth a line in the log.
            await self._call("POST", conversation, "toggle_typing_status", json=wish)

    async def _shown(self, conversation: ConversationAccess) -> JsonObject | None:
        status, body = await self._call("GET", conversation)
        if status in _MAY_NOT:
            # Until June 2026 the token of a bot may not read, but it may update the conversation.
            # An update that changes nothing is told to nobody, and answers the same.
            status, body = await self._call("PATCH", conversation, json={})
        if status in _MAY_NOT:
            _log.warning("chatwoot_not_readable", account=str(conversation.account))
            return None
        shown = _object(body)
        if status not in _SUCCESS or "status" not in shown:
            raise _refusal(conversation, status)
        return shown

    async def _assign(self, conversation: ConversationAccess, what: str, whom: ChatwootId) -> None:
        body = await self._done(conversation, "assignments", json={what: whom.value})
        found = _id(_object(body).get("id"))
        _require(found == whom, conversation)

    async def _done(
        self,
        conversation: ConversationAccess,
        what: str,
        *,
        method: str = "POST",
        **request: Any,  # noqa: ANN401 - see `_call`
    ) -> Json:
        status, body = await self._call(method, conversation, what, **request)
        if status not in _SUCCESS:
            raise _refusal(conversation, status)
        return body

    async def _call(
        self,
        method: str,
        conversation: AccountAccess,
        what: str = "",
        *,
        timeout: timedelta | None = None,  # noqa: ASYNC109 - aiohttp's
        **request: Any,  # noqa: ANN401 - aiohttp knows them
    ) -> tuple[int, Json]:
        try:
            async with self.sessions.to_chatwoot(
                method,
                _address(conversation, what),
                headers={"api_access_token": conversation.token.reveal()},
                timeout=timeout or self.timeout,
                clock=self.clock,
                **request,
            ) as response:
                status, body = response.status, await _json_or_none(response, conversation)
        except ValueError:
            # The base URL or the token. Neither is to be shown.
            raise _refusal(conversation, None) from None
        except CallFailedError as failure:
            _log.warning(
                f"chatwoot_{failure.event}", account=str(conversation.account), **failure.told
            )
            raise ChatwootUnavailableError(failure.retry_after) from None
        if status == _UNPROCESSABLE and _says(body, _TOO_MANY):
            _log.warning("chatwoot_unavailable", account=str(conversation.account), status=status)
            raise ChatwootUnavailableError(_A_MINUTE)
        return status, body


def described_message(message: OutgoingMessage, mark: str) -> JsonObject:
    """
    The body that creates *message*, without files.
    """
    # Chatwoot keeps `content_attributes` as they are and shows them in lists and events. A
    # `source_id` would not do for a mark: a message that has one counts as coming from the channel
    # and is not sent to the customer. `echo_id` is not kept.
    attributes: JsonObject = {MARK: mark}
    if message.items:
        attributes["items"] = [*message.items]
    described: JsonObject = {
        "content": _text(message),
        "message_type": "outgoing",
        "private": message.private,
        "content_type": message.content_type,
        "content_attributes": attributes,
    }
    if message.template is not None:
        described["template_params"] = _params(message.template)
    return described


def _form(message: OutgoingMessage, mark: str, files: list[FetchedFile]) -> FormData:
    from aiohttp import FormData  # noqa: PLC0415 - see `sessions`

    # Rails reads names in brackets only if they are not escaped. A field that is not there is
    # false; "false" is true to some versions.
    form = FormData(quote_fields=False)
    form.add_field("message_type", "outgoing")
    form.add_field(f"content_attributes[{MARK}]", mark)
    text = _text(message)
    if text is not None:
        form.add_field("content", text)
    if message.private:
        form.add_field("private", "true")
    for file in files:
        form.add_field(
            "attachments[]", file.content, filename=file.name, content_type=file.content_type
        )
    return form


def _params(template: Template) -> JsonObject:
    # Outside its texts, JSON has no two braces of this kind beside each other.
    plain = _LIQUID.sub("{\u2060", json.dumps(template.parameters, ensure_ascii=False))
    params: JsonObject = {
        "name": template.name,
        "language": template.language,
        "processed_params": json.loads(plain),
    }
    return params if template.category is None else params | {"category": template.category}


def _text(message: OutgoingMessage) -> str | None:
    return None if message.text is None else _LIQUID.sub("{\u2060", message.text)


def _seen(shown: JsonObject) -> Seen:
    # The time of the last message, which stands in where old versions do not say when anything
    # changed, would make this state an old one.
    return evolve(state_in(_as_told(shown)), at=time_in(shown.get("updated_at")))


def _as_told(shown: JsonObject) -> JsonObject:
    """
    A conversation as events tell it, from how the API shows it.
    """
    # The API leaves out whom there is not, and has the channel elsewhere.
    meta = {"assignee": None, "team": None, **_object(shown.get("meta"))}
    told = {name: value for name, value in shown.items() if name not in _LISTED_TEXTS}
    return {"channel": meta.get("channel"), **told, "meta": meta}


def _listed_conversations(listed: list[Json]) -> Iterator[ListedConversation]:
    for shown in map(_object, listed):
        id_, seen = _id(shown.get("id")), _seen(shown)
        if id_ is not None:
            active_at = time_in(shown.get("last_activity_at")) or time_in(shown.get("timestamp"))
            status = None if isinstance(seen.status, Unsaid) else seen.status
            yield ListedConversation(id_, active_at, status, _as_told(shown))


def _listed_messages(
    listed: list[Json], place: ConversationAccess, state: JsonObject
) -> Iterator[ListedMessage]:
    for shown in map(_object, listed):
        id_ = _id(shown.get("id"))
        if id_ is not None:
            event: JsonObject = {
                **shown,
                "event": MESSAGE_CREATED,
                "account": {"id": place.account.value},
                "inbox": {"id": shown.get("inbox_id") or state.get("inbox_id")},
                "conversation": state,
            }
            deleted = _object(shown.get("content_attributes")).get("deleted") is True
            yield ListedMessage(id_, time_in(shown.get("created_at")), deleted, event)


def _id(value: Json) -> ChatwootId | None:
    return ChatwootId(str(value)) if type(value) is int and value > 0 else None


def _texts(body: Json) -> tuple[str, ...] | None:
    listed = _object(body).get("payload")
    if not isinstance(listed, list):
        return None
    return tuple(one for one in listed if isinstance(one, str))


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else _NOTHING


def _says(body: Json, words: str) -> bool:
    # The word before them is in the language of the account.
    said = (_object(body).get("error"), _object(body).get("message"))
    return any(isinstance(text, str) and words in text.lower() for text in said)


async def _json_or_none(response: ClientResponse, conversation: AccountAccess) -> Json:
    try:
        return await json_in(response)
    except UnreadableError:
        if response.status in _SUCCESS:
            raise _refusal(conversation, response.status) from None
        return None


def _address(access: AccountAccess, what: str) -> URL:
    base = URL(access.base_url.rstrip("/"))
    place = f"accounts/{access.account}"
    if isinstance(access, ConversationAccess):
        place = f"{place}/conversations/{access.id}"
    return base / "api/v1" / place / what if what else base / "api/v1" / place


def _require(holds: bool, conversation: ConversationAccess) -> None:  # noqa: FBT001 - its first argument
    if not holds:
        raise _refusal(conversation, None)


def _refusal(access: AccountAccess, status: int | None) -> ChatwootRefusedError:
    _log.warning("chatwoot_refused", account=str(access.account), status=status)
    return ChatwootRefusedError()
