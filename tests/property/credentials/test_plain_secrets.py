from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Final

import pytest
from attrs import define, field
from hypothesis import assume, given
from hypothesis import strategies as st

from odoo_ai_config.domain.credentials.old_values import require_all_opened
from odoo_ai_config.domain.credentials.plain_secrets import (
    MOST_SECRETS,
    TakenOut,
    taken_out,
)
from odoo_ai_config.domain.credentials.secret_names import (
    MOST_ASSIGNMENTS,
    is_name_of_secret_text,
    is_secret_name,
    is_secret_text,
)
from odoo_ai_config.domain.credentials.secrets import Fingerprint, SecretText
from odoo_ai_config.domain.documents.credentials import references_in
from odoo_ai_config.domain.errors import EncryptedValueError, InvalidValueError
from odoo_ai_config.domain.identifiers import CONFIG, CREWS, CredentialRef, DocumentKind
from odoo_ai_config.domain.json_types import Json, JsonObject, ReadOnlyJsonObject
from odoo_ai_config.domain.outcomes import MOST_NOTICES, Notice
from tests.property.credentials.test_old_values import fernet
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
    "pass_rate",
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
    "author",
    "authority",
    "auth_type",
    "auth_url",
    "use_auth",
    "pinned",
    "pin_color",
    "session_timeout",
    "cookie_policy",
    "has_cookies",
    "palabra_clave",
    "clave_producto",
    "seed",
]


def wide(text: str) -> str:
    """
    *text* in full-width letters.
    """
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


# Names that make a text a secret, but not an object.
NAMES_OF_TEXTS = [
    "credential",
    "Credentials",
    "auth",
    "basic_auth",
    "X-Auth",
    "cookie",
    "sessionCookies",
    "pin",
    "PIN",
    "clave",
    wide("auth"),
]
LONG: Final = "x" * 100_000
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
    A body, and the secrets in it.
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
def test_every_secret_is_replaced_by_the_reference_of_its_place(given: Planted) -> None:
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
def test_taking_out_twice_changes_nothing(given: Planted) -> None:
    found = taken_out(CONFIG, given.body)
    assert taken_out(CONFIG, found.body) == TakenOut(found.body)
    assert found.changed == (found.body != given.body)
    again = taken_out(CONFIG, {**found.body, **given.body})
    assert (again.body, again.plain) == (found.body, found.plain)


@given(planted(), st.sampled_from(["x", "note", "host"]))
def test_secret_is_a_secret_in_every_place(given: Planted, name: str) -> None:
    assume(given.canaries)
    secrets = [secret.reveal() for secret in taken_out(CONFIG, given.body).plain.values()]
    body: JsonObject = {"copies": [{name: secret} for secret in secrets], **given.body}
    found = taken_out(CONFIG, body)
    assert [canary for canary in given.canaries if canary in json.dumps(found.body)] == []
    assert len(found.plain) == 2 * len(secrets)
    assert taken_out(CONFIG, found.body) == TakenOut(found.body)
    assert taken_out(CONFIG, body).body == found.body


@pytest.mark.parametrize(
    ("kind", "member", "where"),
    [
        (CONFIG, {"note": "1234567"}, "note"),
        (CONFIG, {"username": "12345678"}, "username"),
        (CONFIG, {"list": ["1", "12345678"]}, "list[1]"),
        (CONFIG, {"other_ref": "12345678"}, "other_ref"),
        (CREWS, {"note": "12345678"}, "note"),
        (CREWS, {"a": {"url": "redis://u:p@h"}}, "a.url"),
    ],
)
def test_repeated_secret_that_may_be_a_setting_gives_a_notice(
    kind: DocumentKind, member: JsonObject, where: str
) -> None:
    body: JsonObject = {**member, "token": "12345678", "password": "1234567"}
    found = taken_out(kind, body)
    assert found.notices == (Notice("unsealed_secret", where),)
    assert len(found.plain) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "value"),
        ("key", "value"),
        ("header", "value"),
        ("Key", "Value"),
        ("nome", "valor"),
    ],
)
@pytest.mark.parametrize("said", ["X-Api-Key", "DB_PASSWORD", "cookie", "chave da minha API"])
def test_value_beside_the_name_of_a_secret_is_a_secret(name: str, value: str, said: str) -> None:
    pair: JsonObject = {name: said, value: "c4n4ry"}
    body: JsonObject = {"headers": [{name: "Accept", value: "json"}, pair], "one": pair}
    found = taken_out(CONFIG, body)
    assert [secret.reveal() for secret in found.plain.values()] == ["c4n4ry"] * 2
    assert CredentialRef(f"config:one.{value}") in found.plain
    listed = places(dict(found.body))["headers", 1, f"{value}_ref"]
    assert listed != f"config:headers.{value}"
    assert taken_out(CONFIG, found.body) == TakenOut(found.body)
    other = taken_out(CONFIG, {"headers": [{name: said, value: "another"}]})
    assert [str(ref) for ref in other.plain] == [listed]


def test_value_in_an_object_called_credential_is_a_secret() -> None:
    body: JsonObject = {"credentials": {"value": "c4n4ry", "host": "h"}}
    assert taken_out(CONFIG, body).body == {
        "credentials": {"value_ref": "config:credentials.value", "host": "h"}
    }


@pytest.mark.parametrize(
    "body",
    [
        {"name": "Accept", "value": "json"},
        {"name": "token_count", "value": "json"},
        {"name": "How do I reset my password", "value": "Ask"},
        {"name": 5, "value": "json"},
        {"title": "password", "value": "json"},
        {"name": "password", "text": "json"},
        {"x" * 200: "json", "name": "password"},
    ],
)
def test_other_pairs_stay(body: JsonObject) -> None:
    assert taken_out(CONFIG, {"list": [body]}) == TakenOut({"list": [body]})


@pytest.mark.parametrize("value", [5, [5]])
def test_value_of_a_pair_that_is_not_a_text_gives_a_notice(value: Json) -> None:
    found = taken_out(CONFIG, {"name": "password", "value": value})
    assert found.notices == (Notice("unsealed_secret", "value"),)


def test_sealed_form_in_another_place_is_not_a_secret() -> None:
    mask = Fingerprint("0" * 32).mask
    found = taken_out(CONFIG, {"password": mask, "note": mask})
    assert (found.body["note"], found.notices) == (mask, ())


@given(planted())
def test_items_of_a_list_keep_their_references_wherever_they_are(given: Planted) -> None:
    one, other = items_of(given.body)
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    one["host"], other["host"] = "a", "b"
    found = taken_out(CONFIG, given.body)
    turned = taken_out(CONFIG, {**given.body, "list": [other, one]})
    assert items_of(turned.body) == items_of(found.body)[::-1]
    assert turned.plain == found.plain


def items_of(body: ReadOnlyJsonObject) -> list[Json]:
    items = body["list"]
    assert isinstance(items, list)
    return items


@given(json_objects())
def test_a_body_without_secrets_is_left_as_it_is(body: JsonObject) -> None:
    names = {part for path in places(body) for part in path if isinstance(part, str)}
    assume(not any(is_name_of_secret_text(name) or name.endswith("_ref") for name in names))
    assert taken_out(CONFIG, body) == TakenOut(body)


@given(secret_names())
def test_case_of_a_name_does_not_matter(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *["db_pass", "dbPass", "pw", "pAsSwOrD", "chaveDaApi", "session_key", "hmacKey"],
        *["license-key", "otp_seed", "contraseña", "CONTRASEN\u0303A", "clave_maestra"],
        *["pássword", "otpSeed", "OTPSEED", wide("password"), wide("API_KEY")],
    ],
)
def test_name_of_a_secret_has_a_telling_word(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", NAMES_OF_TEXTS)
def test_some_names_make_a_text_a_secret_but_not_an_object(name: str) -> None:
    assert is_name_of_secret_text(name)
    assert not is_secret_name(name)
    assert SecretText("c4n4ry") in taken_out(CONFIG, {name: "c4n4ry"}).plain.values()
    settings: JsonObject = {name: {"host": "h", "timeout": "5s"}}
    assert taken_out(CONFIG, settings) == TakenOut(settings)
    for way in ("Basic", "hmac", "api_key"):
        assert taken_out(CONFIG, {name: way}) == TakenOut({name: way})
        assert taken_out(CONFIG, {"secrets": {name: way}}).plain


@pytest.mark.parametrize("name", [*OTHER_NAMES, "", "_", "2"])
def test_description_of_a_secret_is_not_a_secret(name: str) -> None:
    assert not is_secret_name(name)
    assert not is_name_of_secret_text(name)


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
        "AKIAIOSFODNN7EXAMPLE",
        "https://x/?auth=1",
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
def test_other_texts_are_not_secrets(text: str) -> None:
    assert not is_secret_text(text)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"a": {"password": f"ENC:{fernet()}"}}, "a.password"),
        ({"note": f"ENC:{fernet()}"}, "note"),
        ({"list": ["x", f"ENC:{fernet()}"]}, "list[1]"),
        ({"list": [{"pwd": f"ENC:{fernet()}"}]}, "list[0].pwd"),
        ({"list": [[["x", f"ENC:{fernet()}"]]]}, "list[0][0][1]"),
        ({LONG: {"c4n4ry é": f"ENC:{fernet()}"}}, "*.*"),
    ],
)
def test_a_value_of_the_replaced_server_is_refused_by_its_place_and_stays_where_it_was(
    body: JsonObject, where: str
) -> None:
    with pytest.raises(EncryptedValueError) as caught:
        require_all_opened(body)
    assert caught.value.field == where
    found = taken_out(CONFIG, body)
    assert (found.body, found.anything) == (body, False)
    assert found.notices == (Notice("unsealed_secret", where),)


@pytest.mark.parametrize(
    "body",
    [
        {"a": {"password": f"ENC:{fernet()}"}},
        {"note": f" Enc: {fernet()}"},
        {"list": [{"pwd": f"enc:{fernet()}", "host": "x"}]},
    ],
)
def test_a_value_of_the_replaced_server_that_opens_is_sealed_at_its_place(
    body: JsonObject,
) -> None:
    require_all_opened(body, open_token=opens)
    found = taken_out(CONFIG, body, opens)
    assert list(found.plain.values()) == [SecretText("c4n4ry of old")]
    assert "enc:" not in json.dumps(found.body).lower()
    assert not found.notices
    assert taken_out(CONFIG, found.body, opens).changed is False


@pytest.mark.parametrize(
    "body", [{"list": [f"ENC:{fernet()}"]}, {"password_ref": f"ENC:{fernet()}"}]
)
def test_a_value_of_the_replaced_server_is_refused_where_no_reference_can_replace_it(
    body: JsonObject,
) -> None:
    with pytest.raises(EncryptedValueError):
        require_all_opened(body, open_token=opens)


def test_a_copy_of_an_opened_value_is_a_secret_too() -> None:
    body: JsonObject = {"password": f"ENC:{fernet()}", "other": "c4n4ry of old"}
    assert "c4n4ry" not in json.dumps(taken_out(CONFIG, body, opens).body)


def opens(_token: bytes) -> SecretText:
    return SecretText("c4n4ry of old")


@given(json_objects())
def test_value_that_nobody_encrypted_is_accepted(body: JsonObject) -> None:
    require_all_opened(body)


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
        ({"env": "DB_PASSWORD=hunter2"}, "env"),
        ({"env": ["A=1", "DB_PASSWORD='hunter2'"]}, "env[1]"),
        ({"run": "export TOKEN=hunter2 && go"}, "run"),
        ({"run": "--token hunter2"}, "run"),
        ({"args": ["-v", "--token", "hunter2"]}, "args[2]"),
        ({"args": ["--password=hunter2"]}, "args[0]"),
        ({"dsn": "Server=h;Database=d;Password=hunter2;"}, "dsn"),
        ({"dsn": "host=h password = hunter2"}, "dsn"),
        ({"dsn": "AccountName=a;AccountKey=aHVudGVyMg==;"}, "dsn"),
        ({"a": "x=1;" * (MOST_ASSIGNMENTS - 1) + "password=x"}, "a"),
        ({"redis://u:p@h": 1}, "*"),
        ({"a": {f"redis://u:p@{'h' * 200}": 1}}, "a.*"),
    ],
)
def test_secret_that_cannot_be_sealed_gives_a_notice(body: JsonObject, where: str) -> None:
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
        {"env": "DB_PASSWORD="},
        {"key_ref": "config:secrets.one=2"},
        {"env": "DB_PASSWORD=${PASSWORD}"},
        {"dsn": "Server=h;Password=;Database=d"},
        {"code": "if password == other: a = b"},
        {"link": "https://x/?a=b&page=2"},
        {"domain": "[('key', '=', 'password')]"},
        {"rule": "-- token"},
        {"rule": "--token"},
        {"args": ["--token"]},
        {"args": ["--token", "--verbose"]},
        {"args": ["--token", ""]},
        {"args": ["--token", 5, "x"]},
        {"args": ["--token-count", "5"]},
        {"args": ["--verbose=1", "5"]},
        {"a": "x=1;" * MOST_ASSIGNMENTS + "password=x"},
        {"redis://h:6379": 1},
        {"x" * 200: 1},
        {"opening_hours": [9, 12.5, None, True, "18:00"]},
    ],
)
def test_empty_values_and_descriptions_stay(body: JsonObject) -> None:
    assert taken_out(CONFIG, body) == TakenOut(body)


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


def test_item_that_is_a_list_keeps_its_reference_if_a_secret_in_it_changes() -> None:
    def taken(token: str) -> TakenOut:
        inner: list[Json] = [f"Bearer {token * 16}", "smtp", 7, {"password": "correct horse"}]
        return taken_out(CONFIG, {"servers": [inner]})

    assert [*taken("a").plain] == [*taken("b").plain] != []


def test_a_url_that_lost_its_password_loses_its_reference() -> None:
    sealed = taken_out(CONFIG, {"cache": {"url": "redis://u:p@h", "ttl": 1}}).body
    assert sealed == {"cache": {"url_ref": "config:cache.url", "ttl": 1}}
    cache: JsonObject = {"url_ref": "config:cache.url", "ttl": 1, "url": "redis://h"}
    assert taken_out(CONFIG, {"cache": cache}).body == {"cache": {"ttl": 1, "url": "redis://h"}}
    others: JsonObject = {"cache": {**cache, "url_ref": "mine"}}
    assert taken_out(CONFIG, others).body == others


def test_sealed_form_keeps_the_value_that_was_sealed_at_that_place() -> None:
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


def test_secrets_are_limited_in_number() -> None:
    names = [f"area{number}" for number in range(MOST_SECRETS + 1)]
    body: JsonObject = {name: {"password": "x"} for name in names[1:]}
    assert len(taken_out(CONFIG, body).plain) == MOST_SECRETS
    with pytest.raises(InvalidValueError) as caught:
        taken_out(CONFIG, body | {names[0]: {"password": "x"}})
    assert caught.value.rule == "too_many_to_seal"


def many(member: Callable[[int], JsonObject]) -> JsonObject:
    return {name: value for number in range(2000) for name, value in member(number).items()}


@pytest.mark.parametrize(
    "body",
    [
        {f"{LONG}_token": many(lambda number: {f"a{number}": 5})},
        {LONG: {**many(lambda number: {f"p{number}_ref": f"config:{number}"}), "password": "x"}},
        {LONG: many(lambda number: {f"p{number}": "a", f"p{number}_ref": "config:~b"})},
        {LONG: many(lambda number: {f"p{number}": {"password": 5}})},
        {LONG: [{"password": 5, "n": number} for number in range(2000)]},
        {f"{LONG}{number}": {"password": "x"} for number in range(20)},
        {"integrations": {LONG: many(lambda number: {f"p{number}_ref": "b"})}},
    ],
    ids=["unsealed", "referring", "left behind", "places", "items", "long names", "missing"],
)
def test_memory_grows_linearly_with_the_body(body: JsonObject) -> None:
    tracemalloc.start()
    try:
        found = taken_out(CONFIG, body)
        references = references_in(body)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max(kept, peak) < 20 * len(json.dumps(body))
    assert len(found.notices) <= MOST_NOTICES
    assert all(reference.path.startswith("integrations.*.p") for reference in references)


def test_names_stay_in_no_cache() -> None:
    tracemalloc.start()
    try:
        for number in range(20):
            taken_out(CONFIG, {f"{number}{LONG}": 1})
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < len(LONG)


@pytest.mark.parametrize("name", ["api-key-" * 16, f"{'key_' * 100_000}", f"password{'s' * 200}"])
def test_a_long_name_is_judged_by_its_ends(name: str) -> None:
    assert is_secret_name(name) == is_secret_name(f"{name[:64]} {name[-64:]}")


def test_notices_are_limited_in_number() -> None:
    body: JsonObject = {f"a{number}": {"password": 5} for number in range(MOST_NOTICES + 1)}
    places = [notice.field for notice in taken_out(CONFIG, body).notices]
    assert places == [f"a{number}.password" for number in range(MOST_NOTICES)]
