from __future__ import annotations

import pytest

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.documents.syncs import (
    CompanyMetadataSync,
    CredentialsSync,
    OdooConnection,
    SocialAccount,
    social_ref,
)
from odoo_ai_config.domain.identifiers import (
    BusinessArea,
    CredentialRef,
    TenantArea,
    TenantId,
)

OWNER = TenantArea(TenantId("account_1"), BusinessArea("retail"))


@pytest.mark.parametrize(
    ("section", "secret", "ref"),
    [
        ("facebook", "app_secret", "fb_secret_account_1"),
        ("facebook", "access_token", "fb_token_account_1"),
        ("instagram", "client_secret", "ig_secret_account_1"),
        ("instagram", "access_token", "ig_token_account_1"),
        ("mercado_livre", "client_secret", "ml_secret_account_1"),
        ("mercado_livre", "access_token", "ml_token_account_1"),
    ],
)
def test_social_secrets_keep_the_references_of_the_replaced_service(
    section: str, secret: str, ref: str
) -> None:
    assert social_ref(OWNER, section, secret) == CredentialRef(ref)


def test_event_lists_its_secrets_under_the_references_of_the_config() -> None:
    sync = CredentialsSync(
        owner=OWNER,
        token=CredentialRef("token-1"),
        password=SecretText("p"),
        social=(SocialAccount("facebook", secrets={"access_token": SecretText("f")}),),
    )
    assert sync.secrets() == {
        CredentialRef("token-1"): SecretText("p"),
        CredentialRef("fb_token_account_1"): SecretText("f"),
    }


def test_event_without_password_has_no_secret_for_its_token() -> None:
    assert CredentialsSync(owner=OWNER, token=CredentialRef("token-1")).secrets() == {}


def test_text_that_shows_nothing_is_not_said() -> None:
    blank = "<p><br></p>"
    odoo = OdooConnection(blank, "", " ")
    sync = CredentialsSync(OWNER, CredentialRef("t"), name=blank, odoo=odoo)
    assert sync == CredentialsSync(OWNER, CredentialRef("t"))
    company = CompanyMetadataSync(OWNER, {"name": blank, "address": {"city": "", "zip": "1"}})
    assert company.body == {"address": {"zip": "1"}}
