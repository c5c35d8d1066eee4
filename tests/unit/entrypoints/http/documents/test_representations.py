from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import CONFIG, BusinessArea, DocumentKey, TenantId
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.documents.representations import (
    Representations,
    entity_tag,
    number_of,
)
from odoo_ai_config.entrypoints.http.platform.representations import json_bytes, timestamp
from tests.stand_ins.yaml_codec import JsonYamlCodec

AT = datetime(2026, 4, 23, 19, 14, 20, 512999, tzinfo=UTC)
KEY = DocumentKey(TenantId("acme"), BusinessArea("retail"), CONFIG)


class CountingCodec(JsonYamlCodec):
    def __init__(self) -> None:
        super().__init__()
        self.rendered = 0

    def render(self, body: JsonObject) -> str:
        self.rendered += 1
        return super().render(body)


def revision(version: int = 1, **body: int) -> Revision:
    return Revision(KEY, version, Document.of({**body}), AT, AT, "tests")


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    )
)
def test_every_value_comes_back_from_its_bytes(value: Json) -> None:
    assert json.loads(json_bytes(value)) == value


def test_moments_are_utc_with_milliseconds() -> None:
    assert timestamp(AT) == "2026-04-23T19:14:20.512Z"
    local = AT.astimezone(timezone(timedelta(hours=-3)))
    assert timestamp(local) == "2026-04-23T19:14:20.512Z"
    assert timestamp(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


@given(version=st.integers(1, 2**31))
def test_number_of_a_revision_is_positive_exact_and_its_own(version: int) -> None:
    number = number_of(revision(version))
    assert 0 < number < 2**53
    assert number == number_of(revision(version, other=1))
    assert number != number_of(revision(version + 1))


def test_tag_is_strong_and_starts_with_the_version() -> None:
    tag = entity_tag(revision(7))
    assert tag.startswith('"7-')
    assert len(tag) == len('"7-') + 8 + 1


def test_tag_differs_by_document_version_and_moment() -> None:
    one = revision()
    others = [
        revision(2),
        evolve(one, updated_at=AT + timedelta(microseconds=1)),
        evolve(one, key=DocumentKey(TenantId("other"), BusinessArea("retail"), CONFIG)),
    ]
    assert len({entity_tag(r) for r in [one, *others]}) == 4


async def test_revision_is_rendered_once() -> None:
    codec = CountingCodec()
    kept = Representations(codec, max_bytes=100_000)
    one = revision(a=1)
    first = await kept.of(one, entity_tag(one))
    assert await kept.of(one, entity_tag(one)) is first
    assert codec.rendered == 1
    assert json.loads(first)["json_data"] == {"a": 1}


async def test_memory_is_bounded_and_the_longest_unread_goes_first() -> None:
    codec = CountingCodec()
    one, two, three = (revision(version) for version in (1, 2, 3))
    size = len(await Representations(codec, 0).of(one, entity_tag(one)))
    kept = Representations(codec, max_bytes=2 * size + 10)
    codec.rendered = 0
    for wanted in (one, two, one, three, one):
        await kept.of(wanted, entity_tag(wanted))
    assert codec.rendered == 3
    await kept.of(two, entity_tag(two))
    assert codec.rendered == 4


async def test_representation_larger_than_the_memory_is_given_and_not_kept() -> None:
    codec = CountingCodec()
    kept = Representations(codec, max_bytes=10)
    one = revision()
    for _ in range(2):
        assert json.loads(await kept.of(one, entity_tag(one)))["version"] == 1
    assert codec.rendered == 2


async def test_a_version_that_was_rewritten_is_shown_as_it_is_now() -> None:
    kept = Representations(JsonYamlCodec(), 10_000)
    before, after = revision(password=123456), revision(pass_count=1234)
    assert len(before.document.text) == len(after.document.text)
    authored = evolve(after, document=Document.of({"a": 1}, AuthoredYaml("a: 1 # c4n4ry")))
    cleaned = evolve(after, document=Document.of({"a": 1}, AuthoredYaml("a: 1")))
    for shown, rewritten in ((before, after), (authored, cleaned)):
        tag = entity_tag(shown)
        await kept.of(shown, tag)
        await kept.of(shown, tag, as_yaml=True)
        assert await kept.of(rewritten, tag) == await Representations(JsonYamlCodec(), 0).of(
            rewritten, tag
        )
        assert await kept.of(rewritten, tag, as_yaml=True) == (
            await Representations(JsonYamlCodec(), 0).of(rewritten, tag, as_yaml=True)
        )
