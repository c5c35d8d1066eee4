"""
Answers about sealed credentials.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    BusinessAreaText,
    CredentialRefText,
    TenantIdText,
    Version,
    answer,
)


@answer
class Credential:
    """
    An opened credential.
    """

    tenant_id: TenantIdText
    domain: BusinessAreaText
    ref: CredentialRefText
    value: Annotated[str, Meta(description="The opened secret.")]


@answer
class DeletedCredential:
    """
    What is left of a deleted credential: its name.
    """

    tenant_id: TenantIdText
    domain: BusinessAreaText
    ref: CredentialRefText
    version: Annotated[Version, Meta(description="Of the `credentials` document without it.")]
    warnings: Annotated[
        list[Notice], Meta(description="The places of the settings that still name it.")
    ]
