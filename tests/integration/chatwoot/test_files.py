from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import ip_network

import pytest
import structlog
from aiohttp import web
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.adapters.chatwoot.chatwoot_client import HttpChatwootClient
from odoo_ai_config.adapters.chatwoot.files import (
    FETCHING,
    MOST_BYTES,
    MOST_REDIRECTS,
    FileFetcher,
    plain_name,
)
from odoo_ai_config.adapters.outbound.sessions import HttpSessions
from odoo_ai_config.adapters.system.clock import SystemClock
from odoo_ai_config.application.errors import (
    AttachmentRefusedError,
    AttachmentUnavailableError,
    ChatwootUnavailableError,
)
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.outgoing import (
    LONGEST_NAME,
    MOST_FILES,
    OutgoingFile,
    OutgoingMessage,
)
from odoo_ai_config.entrypoints.settings.schema import SHORTEST_LEASE
from tests.stand_ins.chatwoot import BOT_TOKEN, TOKEN, ChatwootStandIn, Upload, answers_with
from tests.stand_ins.local_server import listening

HERE = ip_network("127.0.0.0/8")
PDF = b"%PDF-1.7 segunda via"
CANARY = "canary-3fd0"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@define
class FileServer:
    """
    Has one file, unless it is told to answer something else.
    """

    url: str = ""
    answer: Answer | None = None
    asked: list[str] = field(factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.answer is not None:
            return await self.answer(request)
        return web.Response(body=PDF, content_type="application/pdf")


@pytest.fixture
async def shelf() -> AsyncIterator[FileServer]:
    shelf = FileServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", shelf.handle)
    async with listening(app) as shelf.url:
        yield shelf


@pytest.fixture
async def server() -> AsyncIterator[ChatwootStandIn]:
    async with ChatwootStandIn().open() as server:
        server.conversation(301)
        yield server


@pytest.fixture
async def chatwoot() -> AsyncIterator[HttpChatwootClient]:
    sessions = HttpSessions([HERE])
    yield HttpChatwootClient(sessions, SystemClock())
    await sessions.close()


@pytest.fixture
def conversation(server: ChatwootStandIn) -> ConversationAccess:
    return ConversationAccess(server.url, SecretText(TOKEN), ChatwootId("1"), ChatwootId("301"))


def limited(chatwoot: HttpChatwootClient, most: int) -> HttpChatwootClient:
    return evolve(chatwoot, files=evolve(chatwoot.files, most_bytes=most))


def with_files(*urls: str, text: str | None = None) -> OutgoingMessage:
    return OutgoingMessage(text, attachments=tuple(OutgoingFile(url) for url in urls))


def answers(status: int = 200, body: bytes = PDF, headers: dict[str, str] | None = None) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return answer


async def test_files_are_uploaded_with_their_names_and_types(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
) -> None:
    bot = evolve(conversation, token=SecretText(BOT_TOKEN))
    files = (
        OutgoingFile(f"{shelf.url}/segunda-via.pdf?token={CANARY}"),
        OutgoingFile(f"{shelf.url}/1", name="Olá [1] é \U0001f600.pdf"),
    )
    caption = OutgoingMessage("Segue {{contact.name}}", attachments=files)
    await chatwoot.post(bot, caption, mark="message-1/2")

    place = server.conversation(301)
    assert place.uploads == [
        Upload("segunda-via.pdf", "application/pdf", PDF),
        Upload("Olá [1] é \U0001f600.pdf", "application/pdf", PDF),
    ]
    (message,) = place.messages
    assert message["content"] == "Segue {\u2060{contact.name}}"
    assert (message["private"], message["sender"]["type"]) == (False, "agent_bot")
    assert await chatwoot.has_mark(conversation, "message-1/2", private=False)


async def test_note_may_have_files_and_needs_no_text(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
) -> None:
    note = evolve(with_files(f"{shelf.url}/a.pdf"), private=True)
    await chatwoot.post(conversation, note, mark="message-1")

    place = server.conversation(301)
    assert [message["private"] for message in place.messages] == [True]
    assert (place.sent, len(place.uploads)) == ([], 1)
    assert await chatwoot.has_mark(conversation, "message-1", private=True)


async def test_as_many_files_as_a_message_may_have(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
) -> None:
    urls = [f"{shelf.url}/{number}.pdf" for number in range(MOST_FILES)]
    await chatwoot.post(conversation, with_files(*urls), mark="message-1")

    names = [upload.name for upload in server.conversation(301).uploads]
    assert names == [f"{number}.pdf" for number in range(MOST_FILES)]


@pytest.mark.parametrize(
    ("headers", "name", "content_type"),
    [
        ({"Content-Type": "image/png"}, "x", "image/png"),
        ({"Content-Type": "IMAGE/PNG; a=b"}, "x", "image/png"),
        ({"Content-Disposition": 'attachment; filename="foto.jpg"'}, "foto.jpg", "image/jpeg"),
        (
            {"Content-Disposition": "attachment; filename*=UTF-8''a%C3%A7%C3%A3o.mp3"},
            "ação.mp3",
            "audio/mpeg",
        ),
        ({"Content-Disposition": 'attachment; filename="../../etc/passwd"'}, "etc_passwd", None),
        ({"Content-Type": "nonsense"}, "x", None),
    ],
)
async def test_name_and_type_are_those_that_the_server_says(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
    headers: dict[str, str],
    name: str,
    content_type: str | None,
) -> None:
    shelf.answer = answers(headers=headers)

    await chatwoot.post(conversation, with_files(f"{shelf.url}/x"), mark="message-1")

    (upload,) = server.conversation(301).uploads
    assert (upload.name, upload.content_type) == (
        name,
        content_type or "application/octet-stream",
    )


async def test_file_without_any_name_gets_one(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
) -> None:
    await chatwoot.post(conversation, with_files(f"{shelf.url}/"), mark="message-1")

    (upload,) = server.conversation(301).uploads
    assert upload.name == "arquivo.pdf"


@given(st.text())
def test_any_name_becomes_one_that_fits_into_a_header(name: str) -> None:
    plain = plain_name(name)

    assert len(plain) <= LONGEST_NAME
    assert plain == plain_name(plain)
    assert not set(plain) & {*'"\\/\r\n\0'}


def test_limits_are_within_those_of_chatwoot_and_the_lease() -> None:
    client = HttpChatwootClient(HttpSessions(), SystemClock())

    assert client.files.most_bytes == MOST_BYTES == 40 * 1024 * 1024
    slowest = client.timeout + FETCHING + client.upload_timeout
    assert slowest < timedelta(seconds=SHORTEST_LEASE)


@pytest.mark.parametrize("chunked", [False, True])
async def test_files_together_have_a_largest_size(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
    *,
    chunked: bool,
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if not chunked:
            response.content_length = 300_000
        await response.prepare(request)
        for _ in range(3):
            await response.write(bytes(100_000))
        return response

    shelf.answer = answer
    message = with_files(f"{shelf.url}/1", f"{shelf.url}/2")

    await limited(chatwoot, 600_000).post(conversation, message, mark="message-1")
    with pytest.raises(AttachmentRefusedError):
        await limited(chatwoot, 599_999).post(conversation, message, mark="message-2")

    place = server.conversation(301)
    assert [len(upload.content) for upload in place.uploads] == [300_000, 300_000]
    assert len(place.messages) == 1


async def test_endless_file_is_given_up_at_the_limit(
    chatwoot: HttpChatwootClient, shelf: FileServer, conversation: ConversationAccess
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))

    shelf.answer = endless
    with pytest.raises(AttachmentRefusedError):
        await limited(chatwoot, 1_000_000).post(
            conversation, with_files(f"{shelf.url}/1"), mark="message-1"
        )


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        *((status, {}) for status in (304, 401, 403, 404, 410, 302)),
        (200, {"Content-Encoding": "br"}),
        (302, {"Location": "file:///etc/passwd"}),
        (302, {"Location": "http://[::1"}),
        (302, {"Location": "http://10.0.0.1/x"}),
        (302, {"Location": "http://user:word@127.0.0.1/x"}),
        (302, {"Location": "/again"}),
    ],
)
@pytest.mark.parametrize("body", [b"", PDF])
async def test_file_that_cannot_be_fetched_is_refused(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    shelf.answer = answers(status, body, headers)
    good = f"{shelf.url}/1"

    with pytest.raises(AttachmentRefusedError):
        await chatwoot.post(conversation, with_files(good, text="Segue"), mark="message-1")

    # Nothing is posted without its file.
    assert server.conversation(301).messages == []


@pytest.mark.parametrize("status", [200, 204])
async def test_empty_file_is_refused(
    chatwoot: HttpChatwootClient, shelf: FileServer, conversation: ConversationAccess, status: int
) -> None:
    shelf.answer = answers(status, b"")

    with pytest.raises(AttachmentRefusedError):
        await chatwoot.post(conversation, with_files(f"{shelf.url}/1"), mark="message-1")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_file_that_may_come_back_may_be_tried_again(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
    status: int,
) -> None:
    shelf.answer = answers(status, headers={"Retry-After": "17"})

    with pytest.raises(AttachmentUnavailableError) as failure:
        await chatwoot.post(conversation, with_files(f"{shelf.url}/1"), mark="message-1")

    assert failure.value.retry_after == 17
    assert server.calls == 0


async def test_file_that_breaks_off_may_be_tried_again(
    chatwoot: HttpChatwootClient, shelf: FileServer, conversation: ConversationAccess
) -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(PDF)
        assert request.transport is not None
        request.transport.abort()
        return response

    shelf.answer = breaks_off
    with pytest.raises(AttachmentUnavailableError):
        await chatwoot.post(conversation, with_files(f"{shelf.url}/1"), mark="message-1")


async def test_all_files_of_a_message_have_one_time(
    chatwoot: HttpChatwootClient, shelf: FileServer, conversation: ConversationAccess
) -> None:
    async def slow(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return web.Response(body=PDF)

    shelf.answer = slow
    # Enough for each.
    files = evolve(chatwoot.files, timeout=timedelta(seconds=0.5))
    with pytest.raises(AttachmentUnavailableError):
        await evolve(chatwoot, files=files).post(
            conversation, with_files(f"{shelf.url}/1", f"{shelf.url}/2"), mark="message-1"
        )
    assert shelf.asked == ["/1", "/2"]


@pytest.mark.parametrize("hops", [1, MOST_REDIRECTS])
async def test_redirects_are_followed(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
    hops: int,
) -> None:
    async def redirects(request: web.Request) -> web.StreamResponse:
        left = int(request.query["left"])
        if left:
            raise web.HTTPFound(f"/storage?left={left - 1}#page")
        return web.Response(body=PDF)

    shelf.answer = redirects
    await chatwoot.post(conversation, with_files(f"{shelf.url}/a?left={hops}"), mark="message-1")
    assert len(server.conversation(301).uploads) == 1
    url = f"{shelf.url}/a?left={MOST_REDIRECTS + 1}"
    with pytest.raises(AttachmentRefusedError):
        await chatwoot.post(conversation, with_files(url), mark="message-2")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://127.0.0.1:1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://[::1]/x",
        "http://1.1.1.1/x",
        "http://localhost:1/x",
        "https://localhost:1/x",
    ],
)
async def test_file_must_be_where_crews_may_be(conversation: ConversationAccess, url: str) -> None:
    async with AsyncExitStack() as stack:
        sessions = HttpSessions()
        stack.push_async_callback(sessions.close)
        fetcher = FileFetcher(sessions, SystemClock())
        with structlog.testing.capture_logs() as lines, pytest.raises(AttachmentRefusedError):
            async with fetcher.fetched([OutgoingFile(url)]):
                raise AssertionError

    assert [(line["event"], line["why"]) for line in lines] == [
        ("attachment_refused", "forbidden")
    ]


async def test_log_and_error_show_neither_address_nor_name(
    chatwoot: HttpChatwootClient,
    server: ChatwootStandIn,
    shelf: FileServer,
    conversation: ConversationAccess,
) -> None:
    message = OutgoingMessage(
        attachments=(OutgoingFile(f"{shelf.url}/{CANARY}?token={CANARY}", name=CANARY),),
        text=None,
    )
    away = with_files(f"http://127.0.0.1:1/{CANARY}")
    server.failures.append(answers_with(503))
    with structlog.testing.capture_logs() as lines:
        with pytest.raises(ChatwootUnavailableError) as first:
            await chatwoot.post(conversation, message, mark="message-1")
        with pytest.raises(AttachmentUnavailableError) as second:
            await chatwoot.post(conversation, away, mark="message-1")
        shelf.answer = answers(404)
        with pytest.raises(AttachmentRefusedError) as third:
            await chatwoot.post(conversation, message, mark="message-1")

    assert [line["event"] for line in lines] == [
        "chatwoot_unavailable",
        "attachment_unreachable",
        "attachment_refused",
    ]
    told = [repr(one.value) + str(one.value.__cause__) for one in (first, second, third)]
    assert CANARY not in f"{lines}{told}{message}"


async def test_files_are_gone_afterwards(shelf: FileServer) -> None:
    sessions = HttpSessions([HERE])
    fetcher = FileFetcher(sessions, SystemClock())
    async with fetcher.fetched([OutgoingFile(f"{shelf.url}/1")]) as (file,):
        assert file.content.read() == PDF

    assert file.content.closed
    await sessions.close()
