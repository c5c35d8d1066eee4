"""
Compressed answers: who gets them, and that they say the same.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence

import pytest
from aiohttp import web as aiohttp_web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.client import open_hub
from odoo_ai_config.domain.access import Scope
from odoo_ai_config.entrypoints.http.platform.compression import (
    LARGEST_PLAIN,
    Compression,
    accepts_gzip,
)
from odoo_ai_config.entrypoints.http.platform.conditional import is_known, tag_of, tagged
from odoo_ai_config.entrypoints.http.routes import GROUPS
from tests.unit.entrypoints.http.web_hub import WebHub, fixture

DOCUMENT = "/configs/account_1/retail/config"
LARGE = "x" * (LARGEST_PLAIN + 1)
YAML = "".join(f"rule_{number}: atende no horário comercial\n" for number in range(200))
# Each kind of content.
READS = [
    DOCUMENT,
    f"{DOCUMENT}/yaml",
    f"{DOCUMENT}/history",
    "/mapping",
    "/mapping/",
    "/mapping/export",
    "/v1/route/table",
    "/v1/tenants/account_1/channels",
    "/v1/tenants?limit=500",
    "/openapi.json",
    "/docs/swagger-ui.css",
    "/metrics",
]


async def prepare(web: WebHub) -> None:
    mapping = fixture("mapping_odoo")
    for number in range(1, 8):
        one = mapping["mapping"] | {
            "chatwoot_inbox_id": number,
            "is_fallback": False,
            "special_whatsapp_numbers": [],
        }
        assert (await web.send(mapping | {"mapping": one})).status == 200
    assert (await web.post(DOCUMENT, {"yaml_content": YAML})).status == 200
    for number in range(6):
        added = {f"more_{number}": number}
        assert (await web.patch(DOCUMENT, added)).status == 200
    for number in range(12):
        path = f"/configs/client_{number}/retail/config"
        assert (await web.post(path, {"yaml_content": "a: 1"})).status == 200


async def read(handler_body: bytes, accept_encoding: str | None) -> aiohttp_web.Response:
    async def handler(_request: aiohttp_web.Request) -> aiohttp_web.Response:
        return tagged(handler_body, tag_of(handler_body))

    headers = {} if accept_encoding is None else {"Accept-Encoding": accept_encoding}
    answer = await Compression(10_000).of(handler)(make_mocked_request("GET", "/", headers))
    assert isinstance(answer, aiohttp_web.Response)
    return answer


def decoded(answer: aiohttp_web.Response) -> bytes:
    assert isinstance(answer.body, bytes)
    return gzip.decompress(answer.body) if is_encoded(answer) else answer.body


def is_encoded(answer: aiohttp_web.Response) -> bool:
    return answer.headers.get("Content-Encoding") == "gzip"


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("GZIP ; Q=0.5", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip, deflate, br, zstd", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip, identity", True),
        ("identity;q=0.5, gzip;q=1", True),
        ("identity;q=0, *", True),
        ("", False),
        ("identity", False),
        ("br, deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzipped", False),
        (", " * 200 + "gzip", False),
        *((f"gzip;q={weight}", False) for weight in ("", "x", "-1", "2", "nan", "1e1", "0.0001")),
    ],
)
def test_gzip_is_for_those_who_ask_for_it(accept_encoding: str, *, accepted: bool) -> None:
    assert accepts_gzip(accept_encoding) == accepted


codings = st.sampled_from(["gzip", "x-gzip", "deflate", "br", "identity", "*"])
weights = st.sampled_from(["", ";q=0", ";q=0.0", ";q=0.5", "; q=1", ";q=x"])
accept_encodings = (
    st.none()
    | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=30)
    | st.lists(st.tuples(codings, weights).map("".join), max_size=4).map(", ".join)
)


@given(body=st.binary(max_size=3000), known=accept_encodings, asked=accept_encodings)
def test_every_encoding_says_the_same(body: bytes, known: str | None, asked: str | None) -> None:
    body += LARGE.encode() * (len(body) % 2)
    first, second = asyncio.run(read(body, known)), asyncio.run(read(body, asked))
    assert decoded(first) == decoded(second) == body
    # One strong tag never stands for two different bodies, and each is known by the other.
    assert (first.headers["ETag"] == second.headers["ETag"]) == (first.body == second.body)
    for answer in (first, second):
        assert is_known(answer.headers["ETag"], tag_of(body))
        assert (answer.headers.get("Vary") == "Accept-Encoding") == (len(body) > LARGEST_PLAIN)


@pytest.mark.parametrize(("size", "encoded"), [(0, False), (1024, False), (1025, True)])
async def test_small_answers_are_plain(size: int, *, encoded: bool) -> None:
    assert is_encoded(await read(b"x" * size, "gzip")) == encoded


async def test_only_bodies_with_a_tag_are_kept() -> None:
    async def bodies(compression: Compression, answer: aiohttp_web.Response) -> Sequence[object]:
        async def handler(_request: aiohttp_web.Request) -> aiohttp_web.Response:
            headers = answer.headers.copy()
            return aiohttp_web.Response(body=LARGE.encode(), headers=headers)

        request = make_mocked_request("GET", "/", {"Accept-Encoding": "gzip"})
        found = [await compression.of(handler)(request) for _ in range(2)]
        return [one.body for one in found if isinstance(one, aiohttp_web.Response)]

    with_tag = aiohttp_web.Response(headers={"ETag": '"1"'})
    first, second = await bodies(Compression(10_000), with_tag)
    assert first is second
    for compression, answer in (
        (Compression(10_000), aiohttp_web.Response()),
        (Compression(1000), with_tag),
    ):
        first, second = await bodies(compression, answer)
        assert first == second
        assert first is not second


async def test_streams_are_left_alone() -> None:
    stream = aiohttp_web.StreamResponse()

    async def handler(_request: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        return stream

    request = make_mocked_request("GET", "/", {"Accept-Encoding": "gzip"})
    assert await Compression(10_000).of(handler)(request) is stream
    assert not stream.headers.keys() & {"Content-Encoding", "Vary"}


async def test_each_kind_of_content_is_compressed_and_known_by_either_tag(web: WebHub) -> None:
    await prepare(web)
    for path in READS:
        plain = await web.get(path, Accept_Encoding="identity")
        packed = await web.get(path, Accept_Encoding="gzip")
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip", path
        assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
        head = await web.ask("HEAD", path, headers={"Accept-Encoding": "gzip"})
        assert head.headers.get("ETag") == packed.headers.get("ETag")
        if path == "/metrics":
            continue
        # The client has decoded it.
        assert await packed.read() == await plain.read()
        if "Content-Length" in packed.headers:
            assert int(packed.headers["Content-Length"]) < len(await plain.read())
        for answer in (plain, packed) if "ETag" in plain.headers else ():
            tag = answer.headers["ETag"]
            for asked in ("identity", "gzip"):
                same = await web.get(path, Accept_Encoding=asked, If_None_Match=tag)
                assert (same.status, same.headers["ETag"]) == (304, tag), path
                assert same.headers["Vary"] == "Accept-Encoding"


async def test_write_may_be_conditional_on_a_compressed_read(web: WebHub) -> None:
    await prepare(web)
    tag = (await web.get(DOCUMENT, Accept_Encoding="gzip")).headers["ETag"]
    assert tag.endswith('-gzip"')
    unmet = await web.patch(DOCUMENT, {"new": 1}, If_None_Match=tag)
    assert unmet.status == 412
    assert (await web.patch(DOCUMENT, {"new": 1}, If_Match=tag)).status == 200
    assert (await web.patch(DOCUMENT, {"new": 2}, If_Match=tag)).status == 412


async def test_secrets_are_never_compressed(web: WebHub) -> None:
    secret = LARGE * 2
    payload = fixture("credentials_flat") | {"account_id": "acme", "domain": "retail"}
    payload["odoo_password"] = secret
    assert (await web.send(payload)).status == 200
    ref = "/v1/tenants/acme/retail/credentials/token_referencia"
    revealed = await web.get(ref, Accept_Encoding="gzip")
    assert (await revealed.json())["value"] == secret
    new = {"name": "n" * 100, "scopes": [scope.value for scope in Scope], "tenant_id": "acme"}
    created = await web.post("/v1/keys", new, Accept_Encoding="gzip")
    assert created.status == 200
    for answer in (revealed, created):
        assert not answer.headers.keys() & {"Content-Encoding", "Vary"}
    telling = {
        operation.path
        for group in GROUPS
        for operation, _ in group.served
        if operation.is_compressed
        and (
            operation.method != "GET" or operation.audited or operation.scope is Scope.SECRETS_READ
        )
    }
    assert not telling


async def test_client_of_the_house_reads_what_is_compressed(web: WebHub) -> None:
    await prepare(web)
    url = str(web.client.make_url(""))
    async with open_hub(url, api_key=web.key, refresh=0) as hub:
        first = await hub.config("account_1", "retail")
        assert await hub.config("account_1", "retail") == first
        assert len(first) > 200
