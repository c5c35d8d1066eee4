from __future__ import annotations

import re
from base64 import urlsafe_b64encode

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from odoo_ai_config.domain.credentials.old_values import (
    is_encrypted,
    opened,
    require_all_opened,
    require_opened,
)
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import EncryptedValueError

FERNET = Fernet(urlsafe_b64encode(bytes(32)))
marks = st.sampled_from(
    [
        "",
        " ",
        "ENC:",
        "enc:",
        "Enc: ",
        " ENC:",
        "\tENC:\n",
        "\u00a0ENC:",
        "ENC:ENC:",
        "ENC: enc:ENC: ",
    ]
)


quotes = st.sampled_from([("", ""), ("b'", "'"), ('b"', '"'), ("'", "'"), ('"', '"')])


def fernet(blocks: int = 1, version: int = 0x80, more: int = 0) -> str:
    raw = bytes([version]) + bytes(8 + 16 + 16 * blocks + 32 + more)
    return urlsafe_b64encode(raw).decode()


def by_fernet(token: bytes) -> SecretText:
    return SecretText(FERNET.decrypt(token).decode())


@given(
    plain=st.text(min_size=1).filter(lambda text: not is_encrypted(text)),
    mark=marks,
    padded=st.booleans(),
    layers=st.integers(0, 3),
    inner=quotes,
    outer=quotes,
    broken=st.booleans(),
)
def test_a_fernet_token_is_encrypted_and_opens(
    plain: str,
    mark: str,
    layers: int,
    inner: tuple[str, str],
    outer: tuple[str, str],
    *,
    padded: bool,
    broken: bool,
) -> None:
    token = FERNET.encrypt(plain.encode()).decode()
    if not padded:
        token = token.rstrip("=")
    token = token.join(inner)
    # The programs of the replaced server wrote Fernet's tokens in one layer.
    for _ in range(layers):
        token = urlsafe_b64encode(token.encode()).decode()
        if not padded:
            token = token.rstrip("=")
    if broken:
        token = "\n  ".join(re.findall(".{1,60}", token))
    text = f"{mark}{token.join(outer)} "

    assert is_encrypted(text)
    assert opened(text, by_fernet) == SecretText(plain)
    with pytest.raises(EncryptedValueError) as refused:
        require_opened(text, "a.place")
    assert refused.value.field == "a.place"
    assert text not in str(refused.value)


@given(plain=st.binary(max_size=40), cut=st.integers(6, 99), twice=st.booleans())
def test_a_damaged_token_is_encrypted_and_does_not_open(
    plain: bytes, cut: int, *, twice: bool
) -> None:
    token = FERNET.encrypt(plain)
    whole = urlsafe_b64encode(token) if twice else token
    text = "ENC:" + whole[:cut].decode()

    assert is_encrypted(text)
    if len(whole) > cut:
        assert opened(text, lambda _token: None) is None


@given(st.text())
def test_any_other_text_is_itself(text: str) -> None:
    if not is_encrypted(text):
        assert require_opened(text, "a", by_fernet) == SecretText(text)


@pytest.mark.parametrize(
    "text",
    [
        fernet(version=0x81),
        fernet(0),
        f"b'{fernet(0)}'",
        f"{fernet()}!",
        f"{fernet()} e mais",
        f"senha {fernet()}",
        "b'",
        "'",
        "Z0FBQU",
        "ENC:",
        "enc",
        " e",
        "Encanto: doce",
        "gA" + "x" * 120,
        "EN" * 60,
        "ENC:hunter2",
        "ENC:ENC:hunter2",
        "ENC:ação",
        f"ENC:{fernet(version=0x81)}",
    ],
)
def test_what_may_be_a_password_is_not_encrypted(text: str) -> None:
    assert not is_encrypted(text)
    assert opened(text, by_fernet) == SecretText(text)


@pytest.mark.parametrize(
    "damaged", [fernet(0), fernet(more=1), fernet()[:-4], "gAAAA", "Z0FBQUFB"]
)
def test_what_looks_like_a_token_is_never_a_password(damaged: str) -> None:
    assert is_encrypted(f"ENC:{damaged}")


@pytest.mark.parametrize(
    "damaged",
    [
        fernet(more=1),
        fernet(9)[:-7],
        fernet(9)[:99],
        f"b'{fernet(2)[:-4]}'",
        urlsafe_b64encode(fernet()[:-4].encode()).decode(),
        "gAAAA" * 20,
    ],
)
def test_what_is_as_long_as_a_token_and_begins_like_one_is_never_a_password(damaged: str) -> None:
    assert is_encrypted(damaged)
    assert opened(damaged, by_fernet) is None


@pytest.mark.parametrize("text", [fernet(), f"ENC:{fernet()}", f"b'{fernet()}'"])
def test_token_as_a_name_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(EncryptedValueError) as refused:
        require_all_opened({"smtp": [{text: 1}]}, ("integrations",), open_token=by_fernet)
    assert refused.value.field == "integrations.smtp[0].*"


@pytest.mark.parametrize("inside", ["", f"ENC:{fernet()}"])
def test_nothing_and_more_ciphertext_inside_do_not_count_as_opened(inside: str) -> None:
    assert opened(f"ENC:{fernet()}", lambda _token: SecretText(inside)) is None
