"""
Values that earlier versions sealed; `tests/fixtures/released` tells how they were made.

The second half reads the same bytes with the cipher alone, as docs/security.md describes: a form
that changes on both sides at once would only pass the first half.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from odoo_ai_config.adapters.crypto.key_ring import KeyRing, MasterKey
from odoo_ai_config.adapters.crypto.key_ring_file import KeyRingSetting
from odoo_ai_config.adapters.crypto.secret_vault import AesGcmSecretVault
from odoo_ai_config.application.keys import TokenPrefix, TokenText
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    SecretText,
    TenantKey,
    digest_of,
)
from odoo_ai_config.domain.identifiers import BusinessArea, CredentialRef, TenantArea, TenantId

RELEASED = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "released" / "sealing.json").read_text()
)
MASTER = bytes.fromhex(RELEASED["master_key"]["material"])
TENANT = RELEASED["tenant"]
TENANT_KEYS = {key["id"]: key for key in RELEASED["tenant_keys"]}

each_value = pytest.mark.parametrize(
    "value", RELEASED["values"], ids=range(len(RELEASED["values"]))
)


@pytest.fixture
def vault() -> AesGcmSecretVault:
    return AesGcmSecretVault(KeyRingSetting(KeyRing.of(MasterKey(MASTER))))


def tenant_key(key_id: str) -> TenantKey:
    wrapped = bytes.fromhex(TENANT_KEYS[key_id]["wrapped"])
    master_id = RELEASED["master_key"]["id"]
    return TenantKey(
        TenantId(TENANT), key_id, master_id, wrapped, datetime(2026, 11, 28, tzinfo=UTC)
    )


def context(value: dict[str, str]) -> SealContext:
    owner = TenantArea(TenantId(TENANT), BusinessArea(value["domain"]))
    return SealContext(owner, CredentialRef(value["reference"]), value["purpose"])


@each_value
def test_sealed_value_opens(vault: AesGcmSecretVault, value: dict[str, str]) -> None:
    sealed = SealedSecret(
        context(value),
        Fingerprint(value["fingerprint"]),
        value["key_id"],
        bytes.fromhex(value["envelope"]),
    )
    assert vault.unseal(tenant_key(value["key_id"]), sealed).reveal() == value["text"]


@each_value
def test_value_is_recognised_by_its_fingerprint(
    vault: AesGcmSecretVault, value: dict[str, str]
) -> None:
    for key_id in TENANT_KEYS:
        mark = vault.fingerprint(tenant_key(key_id), context(value), SecretText(value["text"]))
        assert mark.value == value["fingerprint"]


def test_api_key_has_the_digest_that_was_kept() -> None:
    text = TokenText.parse(TokenPrefix.API_KEY, RELEASED["api_key"]["text"])
    assert text is not None
    assert digest_of(text.secret).hex() == RELEASED["api_key"]["digest"]


def test_master_key_id_is_a_digest_with_its_label() -> None:
    digest = sha256(b"odoo-ai-config/master-key-id\0" + MASTER).hexdigest()
    assert digest[:16] == RELEASED["master_key"]["id"] == MasterKey(MASTER).id


@pytest.mark.parametrize("key", RELEASED["tenant_keys"], ids=["first", "successor"])
def test_wrapped_key_has_the_described_form(key: dict[str, Any]) -> None:
    wrapped = bytes.fromhex(key["wrapped"])
    associated = b"odoo-ai-config/tenant-key\0\x01" + f"{TENANT}\0{key['id']}".encode()
    assert wrapped[0] == 1
    keys = AESGCM(MASTER).decrypt(wrapped[1:13], wrapped[13:], associated)
    assert keys.hex() == key["data_key"] + key["fingerprint_key"]


@each_value
def test_envelope_and_fingerprint_have_the_described_form(value: dict[str, str]) -> None:
    key = TENANT_KEYS[value["key_id"]]
    names = (TENANT, value["domain"], value["reference"], value["purpose"])
    place = "".join(f"{name}\0" for name in names).encode()
    envelope = bytes.fromhex(value["envelope"])
    header = b"\x01" + bytes.fromhex(value["key_id"])
    assert envelope[:9] == header
    associated = b"odoo-ai-config/secret\0" + place + header + value["fingerprint"].encode()
    cipher = AESGCM(bytes.fromhex(key["data_key"]))
    text = value["text"].encode()
    assert cipher.decrypt(envelope[9:21], envelope[21:], associated) == text
    mark = blake2b(
        b"odoo-ai-config/fingerprint\0" + place + text,
        key=bytes.fromhex(key["fingerprint_key"]),
        digest_size=16,
    )
    assert mark.hexdigest() == value["fingerprint"]
