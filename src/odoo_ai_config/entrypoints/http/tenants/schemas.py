"""
Answers about tenants.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta

from odoo_ai_config.domain.retention import (
    CREDENTIAL_DAYS,
    MESSAGE_DAYS,
    MOST_DAYS,
    MOST_VERSIONS,
    VERSION_DAYS,
    VERSIONS,
)
from odoo_ai_config.domain.tenants import Standing
from odoo_ai_config.entrypoints.http.platform.schema import (
    AuthorText,
    Body,
    BusinessAreaText,
    ChatwootIdText,
    CrewText,
    Digest,
    DocumentTypeText,
    Moment,
    NextPage,
    PhoneNumberText,
    TenantIdText,
    Version,
    answer,
)

Count = Annotated[int, Meta(ge=0)]


@answer
class TenantDocument:
    """
    A document and its version.
    """

    config_type: DocumentTypeText
    version: Version
    updated_at: Moment


@answer
class AreaDocuments:
    """
    The documents of one business area.
    """

    domain: BusinessAreaText
    documents: list[TenantDocument]


@answer
class Tenant:
    """
    A tenant, with the versions of its documents.
    """

    tenant_id: TenantIdText
    standing: Standing
    domains: list[AreaDocuments]


@answer
class TenantPage:
    """
    One page of tenants.
    """

    tenants: list[Tenant]
    next: NextPage


@answer
class SpecialNumber:
    """
    A number whose messages go to their own crew.
    """

    number: PhoneNumberText
    crew: CrewText


@answer
class Channel:
    """
    A Chatwoot channel and its owner.
    """

    chatwoot_account_id: ChatwootIdText | None
    chatwoot_inbox_id: ChatwootIdText | None
    domain: BusinessAreaText
    active: Annotated[bool, Meta(description="False if it is switched off.")]
    is_fallback: Annotated[
        bool,
        Meta(
            description="Whether the client takes messages that no other rule claims, in "
            "accounts where it has a channel or nobody has one."
        ),
    ]
    sequence: int
    special_whatsapp_numbers: list[SpecialNumber]
    version: Version
    digest: Digest
    created_at: Moment
    updated_at: Moment
    author: AuthorText


@answer
class Channels:
    """
    The channels of a tenant, inactive ones included.
    """

    channels: list[Channel]


Versions: TypeAlias = Annotated[
    int,
    Meta(
        ge=0,
        le=MOST_VERSIONS,
        description="The newest versions of each document and channel that are kept; 0 for all.",
    ),
]
Days: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_DAYS, description="0 for ever.")]
DaysAfterDeletion: TypeAlias = Annotated[
    int,
    Meta(
        ge=0,
        le=MOST_DAYS,
        description="How long a rollback can bring back the value of a deleted credential; "
        "0: it is gone at once.",
    ),
]


@answer
class TenantRetention:
    """
    How many days and versions the hub keeps what it stores of a tenant.
    """

    versions: Versions
    version_days: Days
    message_days: Days
    deleted_credential_days: DaysAfterDeletion
    own: Annotated[
        list[str],
        Meta(description="Which of them the tenant has of its own; the others are the hub's."),
    ]


def _schema(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, "maximum": most}


RETENTION: Final = Body(
    name="NewRetention",
    description="What a tenant keeps otherwise than the settings of the hub say.",
    members={
        VERSIONS: _schema(MOST_VERSIONS),
        VERSION_DAYS: _schema(MOST_DAYS),
        MESSAGE_DAYS: _schema(MOST_DAYS),
        CREDENTIAL_DAYS: _schema(MOST_DAYS),
    },
    more={"additionalProperties": False},
    example={MESSAGE_DAYS: 90, VERSIONS: 50},
)


@answer
class AreaMoved:
    """
    What the move of a business area changed or, in a dry run, would change.
    """

    tenant_id: TenantIdText
    from_domain: BusinessAreaText
    to_domain: BusinessAreaText
    dry_run: bool
    documents: Annotated[
        list[TenantDocument], Meta(description="With their versions at the new place.")
    ]
    revisions: Count
    credentials: Annotated[Count, Meta(description="How many values were sealed again.")]
    channels: Count
    addresses: Count


@answer
class TenantStanding:
    """
    Where a tenant stands: whether it is served, suspended or erased.
    """

    tenant_id: TenantIdText
    standing: Standing
    since: Annotated[Moment | None, Meta(description="Null if it was always active.")]
    by: AuthorText | None
    reason: Annotated[str | None, Meta(description="As it was given.")]
    renamed_to: Annotated[
        TenantIdText | None, Meta(description="The id that it has now, if it is another one.")
    ]


@answer
class RemovedContents:
    """
    How much there was of a tenant, by kind.
    """

    documents: Count
    revisions: Count
    credentials: Count
    channels: Count
    collections: Count
    items: Count
    messages: Count
    conversations: Count
    requests: Annotated[Count, Meta(description="Records of requests with an idempotency key.")]
    api_keys: Count
    addresses: Count


@answer
class TenantRenamed:
    """
    What gets another id with its tenant or, in a dry run, would get it.
    """

    tenant_id: TenantIdText
    renamed_to: TenantIdText
    dry_run: bool
    finished: Annotated[
        bool,
        Meta(
            description="False while messages are left to move: the hub goes on by itself, and "
            "so does the same request once more."
        ),
    ]
    moved: RemovedContents


@answer
class Erasure:
    """
    What an erasure removed or, in a dry run, would remove.
    """

    tenant_id: TenantIdText
    dry_run: bool
    erased: bool
    removed: RemovedContents


@answer
class ErasureStatement:
    """
    What was erased, when, by whom and why.
    """

    format: Annotated[int, Meta(description="Of this statement.")]
    kind: Literal["tenant_erasure"]
    tenant: TenantIdText
    begun_at: Moment
    erased_at: Moment
    by: AuthorText
    reason: str | None
    destroyed_data_keys: Annotated[
        list[str],
        Meta(description="The ids of the data keys. What they sealed opens nowhere any more."),
    ]
    removed: RemovedContents
    scrubbed: Annotated[
        bool,
        Meta(description="Whether the files of the store have no trace of it, either."),
    ]


@answer
class ErasureSignature:
    """
    The signature of a certificate.
    """

    algorithm: Literal["Ed25519"]
    key_id: Annotated[str, Meta(description="The fingerprint of the public key.")]
    public_key: Annotated[str, Meta(description="32 bytes in Base64.")]
    value: Annotated[str, Meta(description="64 bytes in Base64.")]


@answer
class Certificate:
    """
    The signed certificate of an erasure.
    """

    certificate: ErasureStatement
    signature: ErasureSignature


@answer
class CertificateKey:
    """
    A public key that checks certificates.
    """

    algorithm: Literal["Ed25519"]
    key_id: Annotated[str, Meta(description="Its fingerprint.")]
    public_key: Annotated[str, Meta(description="32 bytes in Base64.")]


@answer
class CertificateKeys:
    """
    The public keys of the key ring.
    """

    keys: list[CertificateKey]
