"""
What Odoo is answered.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from odoo_ai_config.entrypoints.http.platform.notices import Notice
from odoo_ai_config.entrypoints.http.platform.schema import (
    Always,
    BusinessAreaText,
    Changed,
    Digest,
    Moment,
    TenantIdText,
    Version,
    answer,
)


@answer
class EventAccepted:
    """
    The event is stored for good, or was so already.
    """

    success: Always
    message: Annotated[str, Meta(description="For people, in their language.")]
    tenant_id: TenantIdText
    domain: BusinessAreaText
    config_version: Version | UnsetType = UNSET
    credentials_version: Version | UnsetType = UNSET
    metadata_version: Version | UnsetType = UNSET
    mapping_version: Version | UnsetType = UNSET
    config_digest: Digest | UnsetType = UNSET
    credentials_digest: Digest | UnsetType = UNSET
    metadata_digest: Digest | UnsetType = UNSET
    mapping_digest: Digest | UnsetType = UNSET
    # The replaced service's name for it.
    version: Annotated[Version, Meta(description="The same as `mapping_version`.")] | UnsetType = (
        UNSET
    )
    timestamp: Moment
    changed: Changed
    warnings: list[Notice]
