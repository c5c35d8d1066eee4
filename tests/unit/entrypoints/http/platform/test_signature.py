from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import Json
from odoo_ai_config.entrypoints.http.platform.errors import (
    InvalidJsonError,
    SignatureError,
    SignatureInvalidError,
    SignatureMissingError,
    SignatureTimestampError,
)
from odoo_ai_config.entrypoints.http.platform.json_body import parse_json
from odoo_ai_config.entrypoints.http.platform.refusals import REFUSALS
from odoo_ai_config.entrypoints.http.platform.signature import (
    SignaturePolicy,
    SignatureScheme,
    verify_signature,
)

VECTORS = json.loads(
    (Path(__file__).parents[4] / "fixtures" / "signatures.json").read_text("utf-8")
)

NOW = 1_790_000_000
BODY = b'{"event": "credentials_sync", "name": "Sa\xc3\xbade"}'
WHSEC = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_WHSEC = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()


def key(text: str) -> SigningKey:
    return SigningKey.from_text(SecretText(text))


def whsec(text: str) -> SigningKey:
    return SigningKey.from_standard_webhooks(SecretText(text))


STANDARD = SignaturePolicy(standard_webhooks=[whsec(WHSEC)], required=True)
CHATWOOT = SignaturePolicy(chatwoot=[key("chatwoot-secret")], required=True)
ODOO = SignaturePolicy(odoo_module=[key("odoo-secret")], required=True)
ALL = SignaturePolicy(
    standard_webhooks=STANDARD.standard_webhooks,
    chatwoot=CHATWOOT.chatwoot,
    odoo_module=ODOO.odoo_module,
)


@given(st.binary(min_size=1, max_size=200), st.integers(0, 6000) | st.integers(65_000, 66_000))
def test_digest_is_that_of_the_standard_library_however_long_the_message(
    secret: bytes, size: int
) -> None:
    message = bytes(range(256)) * (size // 256) + bytes(size % 256)
    digest = SigningKey(secret).digest(message)
    assert digest == hmac.digest(secret, message, "sha256")
    assert SigningKey(secret).digest(message) == digest


def verify(
    headers: Mapping[str, str],
    policy: SignaturePolicy,
    body: bytes = BODY,
    now: float = NOW,
    parsed_body: Callable[[], Json] | None = None,
) -> SignatureScheme | None:
    return verify_signature(
        CIMultiDict(headers),
        body,
        parsed_body=parsed_body or (lambda: parse_json(body)),
        now=now,
        policy=policy,
    )


def standard_headers(
    secret: str = WHSEC, message_id: str = "msg_1", timestamp: int = NOW, body: bytes = BODY
) -> dict[str, str]:
    """
    The headers of the reference implementation.
    """
    moment = dt.datetime.fromtimestamp(timestamp, tz=dt.UTC)
    signature = standardwebhooks.Webhook(secret).sign(message_id, moment, body.decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


def chatwoot_headers(
    secret: str = "chatwoot-secret", timestamp: str = str(NOW), body: bytes = BODY
) -> dict[str, str]:
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return {
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Signature": f"sha256={mac.hexdigest()}",
    }


def odoo_headers(secret: str = "odoo-secret", body: bytes = BODY) -> dict[str, str]:
    canonical = json.dumps(json.loads(body), sort_keys=True).encode()
    mac = hmac.new(secret.encode(), canonical, hashlib.sha256)
    return {"X-Webhook-Signature": mac.hexdigest()}


SIGNERS = [
    pytest.param(standard_headers, STANDARD, SignatureScheme.STANDARD_WEBHOOKS, id="standard"),
    pytest.param(chatwoot_headers, CHATWOOT, SignatureScheme.CHATWOOT, id="chatwoot"),
    pytest.param(odoo_headers, ODOO, SignatureScheme.ODOO_MODULE, id="odoo"),
]
TIMED = SIGNERS[:2]


def test_chatwoots_published_vector_verifies() -> None:
    vector = VECTORS["chatwoot"]
    headers = {
        "X-Chatwoot-Timestamp": vector["timestamp"],
        "X-Chatwoot-Signature": vector["signature"],
    }
    policy = SignaturePolicy(chatwoot=[key(vector["secret"])])
    now = float(vector["timestamp"])

    assert verify(headers, policy, vector["body"].encode(), now) is SignatureScheme.CHATWOOT


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_the_odoo_modules_vector_verifies_however_the_body_was_written(
    indent: int | None, ensure_ascii: bool
) -> None:
    vector = VECTORS["odoo_legacy"]
    body = json.dumps(vector["parsed_body"], indent=indent, ensure_ascii=ensure_ascii).encode()
    policy = SignaturePolicy(odoo_module=[key(vector["secret"])])

    scheme = verify({"X-Webhook-Signature": vector["signature"]}, policy, body)

    assert scheme is SignatureScheme.ODOO_MODULE


@pytest.mark.parametrize(("sign", "policy", "scheme"), SIGNERS)
def test_a_signed_request_verifies_whatever_the_case_of_its_headers(
    sign: Callable[[], dict[str, str]], policy: SignaturePolicy, scheme: SignatureScheme
) -> None:
    headers = sign()

    assert verify(headers, policy) is scheme
    assert verify({name.upper(): value for name, value in headers.items()}, policy) is scheme


@pytest.mark.parametrize(("sign", "policy", "scheme"), SIGNERS)
def test_another_body_or_secret_is_refused(
    sign: Callable[..., dict[str, str]], policy: SignaturePolicy, scheme: SignatureScheme
) -> None:
    other_secret = OLD_WHSEC if scheme is SignatureScheme.STANDARD_WEBHOOKS else "another"

    with pytest.raises(SignatureInvalidError) as refusal:
        verify(sign(), policy, BODY.replace(b"credentials", b"mapping"))
    with pytest.raises(SignatureInvalidError):
        verify(sign(secret=other_secret), policy)

    assert (REFUSALS[refusal.type].status, refusal.value.code) == (401, "signature_invalid")


@pytest.mark.parametrize(("sign", "policy", "scheme"), TIMED)
@pytest.mark.parametrize("drift", [-300, -299.5, 0, 300])
def test_the_replay_window_includes_its_edges(
    sign: Callable[..., dict[str, str]],
    policy: SignaturePolicy,
    scheme: SignatureScheme,
    drift: float,
) -> None:
    assert verify(sign(), policy, now=NOW + drift) is scheme


@pytest.mark.parametrize(("sign", "policy", "_scheme"), TIMED)
@pytest.mark.parametrize("drift", [-301, -300.1, 300.1, 86_400])
def test_a_moment_outside_the_replay_window_is_refused(
    sign: Callable[..., dict[str, str]],
    policy: SignaturePolicy,
    _scheme: SignatureScheme,
    drift: float,
) -> None:
    with pytest.raises(SignatureTimestampError) as refusal:
        verify(sign(), policy, now=NOW + drift)

    assert (REFUSALS[refusal.type].status, refusal.value.code) == (401, "signature_timestamp")


MALFORMED_TIMESTAMPS = [
    "",
    " ",
    "now",
    f"{NOW}.9",
    f"{NOW}e0",
    f"+{NOW}",
    f"-{NOW}",
    f" {NOW}",
    f"{NOW} ",
    f"{NOW}\n",
    "1_790_000_000",
    "".join(chr(ord(digit) + 0xFEE0) for digit in str(NOW)),
    "0x6AB13B80",
    "0" * 12,
    "9" * 5000,
    "nan",
    "inf",
    "\udcff",
    "²",
]


@pytest.mark.parametrize("timestamp", MALFORMED_TIMESTAMPS)
def test_timestamps_in_any_other_spelling_are_refused_though_rightly_signed(
    timestamp: str,
) -> None:
    signed_text = timestamp.encode("utf-8", "surrogateescape")
    standard = hmac.digest(bytes(range(32)), b"msg_1." + signed_text + b"." + BODY, "sha256")
    chatwoot = hmac.digest(b"chatwoot-secret", signed_text + b"." + BODY, "sha256")

    with pytest.raises(SignatureTimestampError):
        verify(
            {
                "webhook-id": "msg_1",
                "webhook-timestamp": timestamp,
                "webhook-signature": "v1," + base64.b64encode(standard).decode(),
            },
            STANDARD,
        )
    with pytest.raises(SignatureTimestampError):
        verify(
            {
                "X-Chatwoot-Timestamp": timestamp,
                "X-Chatwoot-Signature": f"sha256={chatwoot.hex()}",
            },
            CHATWOOT,
        )


@pytest.mark.parametrize(("sign", "policy", "_scheme"), TIMED)
def test_a_signature_without_its_timestamp_is_refused(
    sign: Callable[..., dict[str, str]], policy: SignaturePolicy, _scheme: SignatureScheme
) -> None:
    headers = {name: value for name, value in sign().items() if "imestamp" not in name}

    with pytest.raises(SignatureTimestampError):
        verify(headers, policy)


MALFORMED_SIGNATURES = [
    "",
    " ",
    ",",
    "v1",
    "v1,",
    "v1,a,b",
    "v1,!!!not-base64!!!",
    "v1,AAA",
    "v1,é",
    "v1,\udcff",
    "  v1,AAAA   v1,BBBB  ",
    "v2,AAAA v1a,BBBB",
    "sha256=",
    "sha256=zz",
    "sha256=é",
    "sha1=00",
    "\x00",
    "\u202e",
    "🙂",
    "v1," + "A" * 100_000,
    "v1,AAAA " * 10_000,
]


@pytest.mark.parametrize("signature", MALFORMED_SIGNATURES)
def test_malformed_signatures_are_refused(signature: str) -> None:
    for headers, name, policy in (
        (standard_headers(), "webhook-signature", STANDARD),
        (chatwoot_headers(), "X-Chatwoot-Signature", CHATWOOT),
        (odoo_headers(), "X-Webhook-Signature", ODOO),
    ):
        with pytest.raises(SignatureInvalidError):
            verify({**headers, name: signature}, policy)


def test_a_signature_in_another_spelling_is_not_the_signature() -> None:
    standard = standard_headers()["webhook-signature"]
    chatwoot = chatwoot_headers()["X-Chatwoot-Signature"]
    odoo = odoo_headers()["X-Webhook-Signature"]

    for headers, policy in (
        ({**standard_headers(), "webhook-signature": standard.removeprefix("v1,")}, STANDARD),
        ({**standard_headers(), "webhook-signature": standard.replace("v1,", "v2,")}, STANDARD),
        (
            {**standard_headers(), "webhook-signature": standard.replace("v1,", "v1a,")},
            STANDARD,
        ),
        ({**chatwoot_headers(), "X-Chatwoot-Signature": chatwoot[7:]}, CHATWOOT),
        ({**chatwoot_headers(), "X-Chatwoot-Signature": chatwoot[:-1]}, CHATWOOT),
        ({"X-Webhook-Signature": f"sha256={odoo}"}, ODOO),
    ):
        with pytest.raises(SignatureInvalidError):
            verify(headers, policy)


def test_chatwoot_is_not_believed_when_it_signs_the_body_alone() -> None:
    body_only = hmac.new(b"chatwoot-secret", BODY, hashlib.sha256).hexdigest()

    with pytest.raises(SignatureInvalidError):
        verify({**chatwoot_headers(), "X-Chatwoot-Signature": f"sha256={body_only}"}, CHATWOOT)


def test_the_odoo_module_is_not_believed_when_it_signs_the_raw_body() -> None:
    raw = hmac.new(b"odoo-secret", BODY, hashlib.sha256).hexdigest()

    assert raw != odoo_headers()["X-Webhook-Signature"]
    with pytest.raises(SignatureInvalidError):
        verify({"X-Webhook-Signature": raw}, ODOO)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\tb", "é", "\udcff", "x" * 257])
def test_message_ids_that_cannot_be_signed_unambiguously_are_refused(message_id: str) -> None:
    signed_text = message_id.encode("utf-8", "surrogateescape") + f".{NOW}.".encode() + BODY
    mac = hmac.digest(bytes(range(32)), signed_text, "sha256")
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(NOW),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }

    with pytest.raises(SignatureInvalidError):
        verify(headers, STANDARD)


@pytest.mark.parametrize("message_id", ["x", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "~" * 256])
def test_ordinary_message_ids_are_taken(message_id: str) -> None:
    headers = standard_headers(message_id=message_id)

    assert verify(headers, STANDARD) is SignatureScheme.STANDARD_WEBHOOKS


def test_a_body_that_is_not_text_can_be_signed() -> None:
    body = b"\xff\xfe\x00"

    assert verify(chatwoot_headers(body=body), CHATWOOT, body) is SignatureScheme.CHATWOOT


@pytest.mark.parametrize("position", [0, 1, 2])
def test_any_of_several_signatures_may_be_the_right_one(position: int) -> None:
    headers = standard_headers()
    signatures = ["v1," + base64.b64encode(bytes(32)).decode(), "v1a,AAAA"]
    signatures.insert(position, headers["webhook-signature"])
    headers["webhook-signature"] = "  ".join(signatures)

    assert verify(headers, STANDARD) is SignatureScheme.STANDARD_WEBHOOKS


def test_sixteen_signatures_are_looked_at_and_no_more() -> None:
    headers = standard_headers()
    right, wrong = headers["webhook-signature"], "v1," + base64.b64encode(bytes(32)).decode()
    headers["webhook-signature"] = " ".join([*[wrong] * 15, right])
    assert verify(headers, STANDARD) is SignatureScheme.STANDARD_WEBHOOKS
    headers["webhook-signature"] = " ".join([*[wrong] * 16, right])
    with pytest.raises(SignatureInvalidError):
        verify(headers, STANDARD)


@pytest.mark.parametrize("order", [1, -1])
def test_a_secret_is_rotated_without_a_gap(order: int) -> None:
    policies = (
        (
            SignaturePolicy(standard_webhooks=[whsec(WHSEC), whsec(OLD_WHSEC)][::order]),
            [standard_headers(WHSEC), standard_headers(OLD_WHSEC)],
        ),
        (
            SignaturePolicy(chatwoot=[key("new"), key("old")][::order]),
            [chatwoot_headers("new"), chatwoot_headers("old")],
        ),
        (
            SignaturePolicy(odoo_module=[key("new"), key("old")][::order]),
            [odoo_headers("new"), odoo_headers("old")],
        ),
    )

    for policy, requests in policies:
        for headers in requests:
            assert verify(headers, policy) is not None
    with pytest.raises(SignatureInvalidError):
        verify(standard_headers(OLD_WHSEC), STANDARD)


def test_an_unsigned_request_passes_only_where_no_signature_is_required() -> None:
    assert verify({}, ALL) is None
    assert verify({"webhook-id": "msg_1", "webhook-timestamp": str(NOW)}, ALL) is None
    for policy in (STANDARD, CHATWOOT, ODOO):
        with pytest.raises(SignatureMissingError) as refusal:
            verify({}, policy)
        assert (REFUSALS[refusal.type].status, refusal.value.code) == (401, "signature_missing")


def test_a_scheme_without_secrets_is_ignored_unless_a_signature_is_required() -> None:
    assert verify({"X-Webhook-Signature": "wrong"}, SignaturePolicy()) is None
    assert verify(standard_headers(), SignaturePolicy()) is None
    with pytest.raises(SignatureMissingError):
        verify(odoo_headers(), STANDARD)
    with pytest.raises(SignatureMissingError):
        verify(odoo_headers(), SignaturePolicy(required=True))


def test_a_wrong_signature_is_refused_even_where_none_is_required() -> None:
    with pytest.raises(SignatureInvalidError):
        verify({"X-Webhook-Signature": "wrong"}, ALL)


def test_a_right_signature_does_not_excuse_a_wrong_one() -> None:
    both = {**standard_headers(), **odoo_headers()}

    assert verify(both, ALL) is SignatureScheme.STANDARD_WEBHOOKS
    with pytest.raises(SignatureInvalidError):
        verify({**both, "X-Webhook-Signature": "0" * 64}, ALL)


def test_the_body_is_parsed_only_for_the_scheme_that_needs_it() -> None:
    def unexpected() -> Json:
        raise AssertionError

    assert verify(standard_headers(), ALL, parsed_body=unexpected)
    assert verify(chatwoot_headers(), ALL, parsed_body=unexpected)
    assert verify({}, ALL, parsed_body=unexpected) is None


def test_a_body_that_is_not_json_stays_that_refusal() -> None:
    with pytest.raises(InvalidJsonError):
        verify(odoo_headers(), ODOO, b"{")


header_texts = st.text(max_size=40) | st.text("v1,sha256=0aA=. +_9\udcff", max_size=60)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "X-Chatwoot-Timestamp",
                "X-Chatwoot-Signature",
                "X-Webhook-Signature",
            ]
        ),
        header_texts | st.just(str(NOW)) | st.just("msg_1"),
    )
)
def test_no_headers_of_a_stranger_verify_or_break_anything(headers: dict[str, str]) -> None:
    try:
        scheme = verify(headers, ALL)
    except SignatureError:
        return

    assert scheme is None
    assert not any(name.lower().endswith("signature") for name in headers)


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=40), st.binary(min_size=1))
def test_exactly_the_right_secret_verifies(body: bytes, right: bytes, wrong: bytes) -> None:
    mac = hmac.new(right, f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Chatwoot-Timestamp": str(NOW), "X-Chatwoot-Signature": f"sha256={mac}"}

    assert verify(headers, SignaturePolicy(chatwoot=[SigningKey(right)]), body)
    # HMAC pads short keys with null bytes, so these are the same key.
    if wrong.rstrip(b"\0") != right.rstrip(b"\0"):
        with pytest.raises(SignatureInvalidError):
            verify(headers, SignaturePolicy(chatwoot=[SigningKey(wrong)]), body)


@pytest.mark.parametrize("padding", [WHSEC, WHSEC.rstrip("=")])
def test_secrets_are_read_with_and_without_base64_padding(padding: str) -> None:
    policy = SignaturePolicy(standard_webhooks=[whsec(padding)])

    assert verify(standard_headers(), policy) is SignatureScheme.STANDARD_WEBHOOKS


def test_a_plain_secret_of_standard_webhooks_is_its_own_bytes() -> None:
    encoded = "whsec_" + base64.b64encode(b"a plain shared secret").decode()
    policy = SignaturePolicy(standard_webhooks=[whsec("a plain shared secret")])

    assert verify(standard_headers(encoded), policy) is SignatureScheme.STANDARD_WEBHOOKS


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_a",
        "whsec_canary!",
        "whsec_é",
        "whsec_=",
        # Of the right length: a lenient decoder drops invalid characters and reads the rest.
        WHSEC.replace("A", "!", 1),
        WHSEC.replace("A", "-", 1),
        WHSEC[:20] + "\n" + WHSEC[21:],
        WHSEC[:20] + "====" + WHSEC[24:],
    ],
)
def test_unusable_secrets_are_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="a signing secret") as refusal:
        whsec(secret)

    assert "canary" not in str(refusal.value)


def test_keys_show_themselves_to_nobody() -> None:
    canary = key("canary-secret")
    policy = SignaturePolicy(chatwoot=[canary], odoo_module=[canary])

    assert "canary" not in f"{canary} {canary!r} {policy} {policy!r}"
    with pytest.raises(TypeError):
        pickle.dumps(canary)
