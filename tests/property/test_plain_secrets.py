from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.credentials import Fingerprint, SecretText
from odoo_ai_config.domain.errors import EncryptedValueError, InvalidValueError
from odoo_ai_config.domain.identifiers import CONFIG, CredentialRef
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.plain_secrets import (
    MOST_SECRETS,
    is_encrypted,
    is_secret_name,
    is_secret_text,
    taken_out,
)
from tests.strategies import json_objects

SECRET_NAMES = [
    "password",
    "passwd",
    "senha",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "access_token",
    "client_secret",
    "private_key",
    "passphrase",
    "authorization",
]
PREFIXES = ["", "smtp_", "odoo-", "my ", "Redis.", "x-", "api v2 "]
SUFFIXES = ["", "_2", "-prod", " do banco", ".live", "_facebook"]
OTHER_NAMES = [
    "token_count",
    "max_tokens",
    "maxTokens",
    "password_policy",
    "secret_name",
    "credential_ref",
    "api_key_id",
    "host",
    "secretaria",
    "resenha",
    "tokenizer",
    "bypass",
    "chave_pix",
    "public_key",
    "sort_key",
    "key",
    "monkey",
    "has_password",
    "token_url",
    "access",
    "account_id",
    "url",
    "prefix",
    "collection",
]
CASINGS: list[Callable[[str], str]] = [str, str.upper, str.title, str.swapcase]


def camel(name: str) -> str:
    first, *others = name.replace("-", "_").replace(" ", "_").replace(".", "_").split("_")
    return first + "".join(part.capitalize() for part in others)


@st.composite
def secret_names(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(PREFIXES)) + draw(st.sampled_from(SECRET_NAMES))
    name += draw(st.sampled_from(SUFFIXES))
    return draw(st.sampled_from([*CASINGS, camel]))(name)


@define
class Planted:
    """
    A body with secrets in it, and which they are.
    """

    body: JsonObject
    canaries: list[str] = field(factory=list)


@st.composite
def planted(draw: st.DrawFn) -> Planted:
    canaries: list[str] = []

    def canary(form: str = "{}") -> str:
        canaries.append(f"c4n4ry-{len(canaries)}-x")
        return form.format(canaries[-1])

    def value(depth: int) -> Json:
        kinds = ["text", "number", "object", "list"] if depth else ["text", "number"]
        kind = draw(st.sampled_from(kinds))
        if kind == "object":
            return members(depth - 1)
        if kind == "list":
            return [value(depth - 1) for _ in range(draw(st.integers(0, 3)))]
        return draw(st.sampled_from(["plain", "odoo://there", "a: b"])) if kind == "text" else 7

    def members(depth: int) -> JsonObject:
        found: JsonObject = {}
        for name in draw(st.lists(secret_names(), max_size=2, unique=True)):
            found[name] = canary()
        for name in draw(st.lists(st.sampled_from(OTHER_NAMES), max_size=3, unique=True)):
            found[name] = value(depth)
        for name in draw(st.lists(st.sampled_from(["link", "broker"]), max_size=1)):
            form = draw(st.sampled_from(["redis://u:{}@h:1/0", "https://a.b/?x=1&api_key={}"]))
            found[name] = canary(form)
        if draw(st.booleans()):
            found["secrets"] = {"one": canary(), "type": "x"}
        return found

    return Planted({"top": members(3), "list": [members(2), members(2)]}, canaries)


def places(value: Json, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], Json]:
    if isinstance(value, dict):
        return {k: v for n, inner in value.items() for k, v in places(inner, (*path, n)).items()}
    if isinstance(value, list):
        return {k: v for n, i in enumerate(value) for k, v in places(i, (*path, n)).items()}
    return {path: value}


@given(planted())
def test_no_secret_stays_and_each_is_under_the_reference_at_its_place(given: Planted) -> None:
    found = taken_out(CONFIG, given.body)
    text = json.dumps(found.body)
    assert [canary for canary in given.canaries if canary in text] == []
    shown = places(dict(found.body))
    for path, value in places(given.body).items():
        if isinstance(value, str) and "c4n4ry" in value:
            ref = shown[*path[:-1], f"{path[-1]}_ref"]
            assert found.plain[CredentialRef(str(ref))] == SecretText(value)
        else:
            assert shown[path] == value
    assert len(found.plain) == len(given.canaries)
    assert found.notices == ()


@given(planted())
def test_what_was_taken_out_stays_out_and_comes_to_the_same_place_again(given: Planted) -> None:
    found = taken_out(CONFIG, given.body)
    assert taken_out(CONFIG, found.body) == type(found)(found.body)
    again = taken_out(CONFIG, {**found.body, **given.body})
    assert (again.body, again.plain) == (found.body, found.plain)


@given(planted(), st.randoms())
def test_items_of_a_list_keep_their_references_wherever_they_are(
    given: Planted, random: object
) -> None:
    found = taken_out(CONFIG, given.body)
    items = given.body["list"]
    assert isinstance(items, list)
    turned = taken_out(CONFIG, {**given.body, "list": items[::-1]})
    if json.dumps(items[0]) != json.dumps(items[1]):
        assert set(turned.plain) == set(found.plain)


@given(json_objects())
def test_a_body_without_secrets_is_left_as_it_is(body: JsonObject) -> None:
    names = {part for path in places(body) for part in path if isinstance(part, str)}
    if not any(is_secret_name(name) or name.endswith("_ref") for name in names):
        found = taken_out(CONFIG, body)
        assert found.body is body or found.body == body


@given(secret_names())
def test_a_name_says_secret_in_any_casing(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_what_only_tells_about_a_secret_is_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "redis://u:p@h",
        "redis://:p@h:1/0",
        "mongodb+srv://u:p/w#x@h/db",
        "https://a:b@c",
        "postgresql://u:p@h,u:p@k/db",
        "https://x/?api_key=1",
        "see amqp://u:p@h now",
        "-----BEGIN RSA PRIVATE KEY-----\nx",
        "sk-proj-abcdefghijklmnopqrs",
        "Bearer abcdefghijklmnopqrst",
    ],
)
def test_a_secret_is_known_by_its_form(text: str) -> None:
    assert is_secret_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "redis://h:6379/0",
        "https://h:80/a@b:c",
        "https://h:80/a:c@b",
        "https://x/?token_count=1",
        "http://[::1]:80/",
        "https://user@h/",
        "redis://u:@h",
        "sk-",
        "",
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert not is_secret_text(text)


def fernet(blocks: int = 1, version: int = 0x80, more: int = 0) -> str:
    raw = bytes([version]) + bytes(8 + 16 + 16 * blocks + 32 + more)
    return urlsafe_b64encode(raw).decode()


@given(st.integers(1, 20))
def test_a_fernet_token_after_the_old_mark_is_encrypted(blocks: int) -> None:
    assert is_encrypted(f"ENC:{fernet(blocks)}")


@pytest.mark.parametrize(
    "text",
    [
        fernet(),
        f"enc:{fernet()}",
        "ENC:",
        "ENC:hunter2",
        "ENC:ação",
        f"ENC:{fernet(0)}",
        f"ENC:{fernet(version=0x81)}",
        f"ENC:{fernet(more=1)}",
        f"ENC:{fernet()[:-1]}",
    ],
)
def test_a_password_that_begins_like_one_is_not(text: str) -> None:
    assert not is_encrypted(text)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"a": {"password": f"ENC:{fernet()}"}}, "a.password"),
        ({"note": f"ENC:{fernet()}"}, "note"),
        ({"list": ["x", f"ENC:{fernet()}"]}, "list[1]"),
        ({"list": [{"pwd": f"ENC:{fernet()}"}]}, "list[0].pwd"),
    ],
)
def test_a_value_of_the_replaced_server_is_refused_by_its_place(
    body: JsonObject, where: str
) -> None:
    with pytest.raises(EncryptedValueError) as caught:
        taken_out(CONFIG, body)
    assert caught.value.field == where


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"password": 12}, "password"),
        ({"tokens": ["x"]}, "tokens"),
        ({"secrets": {"a": {"b": [3]}}}, "secrets.a.b"),
        ({"secrets": {"pin": 4}}, "secrets.pin"),
        ({"about": "see redis://u:p@h there"}, "about"),
        ({"urls": ["redis://u:p@h"]}, "urls[0]"),
        ({"secret_ref": "whsec_abcdefghijklmnopqrst"}, "secret_ref"),
    ],
)
def test_what_cannot_be_sealed_is_a_notice(body: JsonObject, where: str) -> None:
    found = taken_out(CONFIG, body)
    assert found.body == body
    assert [(notice.code, notice.field) for notice in found.notices] == [
        ("unsealed_secret", where)
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"password": ""},
        {"password": None},
        {"password": False},
        {"password": True},
        {"tokens": 4096},
        {"tokens": []},
        {"tokens": [""]},
        {"token": {"type": "bearer"}},
        {"token": [[], [None]]},
        {"secret_ref": "mine", "secret": ""},
    ],
)
def test_what_says_nothing_or_only_tells_is_left_alone(body: JsonObject) -> None:
    assert taken_out(CONFIG, body) == type(taken_out(CONFIG, {}))(body)


def test_a_reference_of_somebody_else_is_not_taken_over() -> None:
    taken = "config:a.password"
    bodies: list[JsonObject] = [
        {"a": {"password": "new"}, "b": {"key_ref": taken}},
        {"b": {"key_ref": taken}, "a": {"password": "new", "password_ref": taken}},
        {"a": {"password": "new", "password_ref": taken}, "b": {"key_ref": taken}},
    ]
    for body in bodies:
        found = taken_out(CONFIG, body)
        assert places(dict(found.body))["a", "password_ref"] == f"{taken}=2"
        assert places(dict(found.body))["b", "key_ref"] == taken


def test_equal_items_with_different_secrets_have_different_references() -> None:
    body: JsonObject = {"list": [{"password": "1"}, {"password": "2"}, [{"password": "3"}]]}
    assert sorted(secret.reveal() for secret in taken_out(CONFIG, body).plain.values()) == [
        "1",
        "2",
        "3",
    ]


def test_a_url_that_lost_its_password_loses_its_reference() -> None:
    sealed = taken_out(CONFIG, {"cache": {"url": "redis://u:p@h", "ttl": 1}}).body
    assert sealed == {"cache": {"url_ref": "config:cache.url", "ttl": 1}}
    cache: JsonObject = {"url_ref": "config:cache.url", "ttl": 1, "url": "redis://h"}
    assert taken_out(CONFIG, {"cache": cache}).body == {"cache": {"ttl": 1, "url": "redis://h"}}
    others: JsonObject = {"cache": {**cache, "url_ref": "mine"}}
    assert taken_out(CONFIG, others).body == others


def test_a_sealed_form_names_what_was_sealed_there_before() -> None:
    mark = Fingerprint("0" * 32)
    found = taken_out(CONFIG, {"smtp": {"password": mark.mask}})
    assert found.sealed == {CredentialRef("config:smtp.password"): mark}
    assert (found.plain, found.anything) == ({}, True)


def test_names_of_any_letters_and_length_make_references() -> None:
    body: JsonObject = {
        "ação.": {"senha": "1"},
        "x" * 300: {"senha": "2"},
        "p" * 200 + "Senha": "3",
    }
    found = taken_out(CONFIG, body)
    assert len(found.plain) == 3
    assert CredentialRef("config:a~c3~a7~c3~a3o~2e.senha") in found.plain


def test_there_may_be_so_many_secrets_and_no_more() -> None:
    names = [f"area{number}" for number in range(MOST_SECRETS + 1)]
    body: JsonObject = {name: {"password": "x"} for name in names[1:]}
    assert len(taken_out(CONFIG, body).plain) == MOST_SECRETS
    with pytest.raises(InvalidValueError) as caught:
        taken_out(CONFIG, body | {names[0]: {"password": "x"}})
    assert caught.value.rule == "too_many_to_seal"
