"""
Answers about sealed credentials.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from odoo_ai_config.entrypoints.http.platform.schema import (
    BusinessAreaText,
    CredentialRefText,
    TenantIdText,
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
