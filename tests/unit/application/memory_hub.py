"""
All use cases over memory stores, a clock that stands still and a vault without encryption.
"""

from __future__ import annotations

from datetime import timedelta

from attrs import asdict, frozen

from odoo_ai_config.adapters.crews.crew_client import EchoCrewClient, InProcessCrewClient
from odoo_ai_config.adapters.memory.certificate_signer import MemoryCertificateSigner
from odoo_ai_config.adapters.memory.chatwoot_client import MemoryChatwootClient
from odoo_ai_config.adapters.memory.old_cipher import MemoryOldCipher
from odoo_ai_config.adapters.memory.revoked_keys import MemoryRevokedKeys
from odoo_ai_config.adapters.memory.secret_vault import MemorySecretVault
from odoo_ai_config.adapters.memory.state import MemoryState
from odoo_ai_config.adapters.memory.webhook_client import MemoryWebhookClient
from odoo_ai_config.application.documents.writing import DocumentWrite
from odoo_ai_config.application.ports.api_key_store import ApiKeyStore
from odoo_ai_config.application.ports.crew_client import CrewClient
from odoo_ai_config.application.ports.message_spool import MessageSpool
from odoo_ai_config.application.ports.old_cipher import OldCipher
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.application.standings import Standings
from odoo_ai_config.domain.access import ALL_SCOPES, ApiKey, Scope
from odoo_ai_config.domain.changes import Claim, IdempotencyKey
from odoo_ai_config.domain.chatwoot import ChatwootAccess
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import DocumentKey, TenantId
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.retention import Retention
from odoo_ai_config.entrypoints.wiring import Policies, Ports, Services, build_services
from tests.contract.memory_stores import stores_over
from tests.contract.samples import AT
from tests.contract.stores import Stores
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.token_source import CountingTokenSource
from tests.stand_ins.yaml_codec import JsonYamlCodec

ANYBODY = ApiKey("anybody", "anybody", b"", ALL_SCOPES, None, AT)
STRANGER = ApiKey("stranger", "stranger", b"", frozenset(), None, AT)


def bound_to(tenant: str, *scopes: Scope) -> ApiKey:
    return ApiKey("bound", "bound", b"", frozenset(scopes) or ALL_SCOPES, TenantId(tenant), AT)


def claim(key: str = "delivery-1", digest: str = "digest-1") -> Claim:
    return Claim(IdempotencyKey("caller", key), digest)


def write(
    key: DocumentKey, *, expected: int | None = None, caller: ApiKey = ANYBODY
) -> DocumentWrite:
    return DocumentWrite(key, caller, expected)


def standings_of(services: Services) -> Standings:
    """
    Where tenants stand, by the stores of *services*.
    """
    return Standings(services.ports.tenants, services.ports.channels)


@frozen(init=False)
class MemoryHub(Services):
    """
    The use cases of `build_services`, and the memory that they work on, or other *stores*.
    """

    state: MemoryState
    clock: ManualClock
    vault: MemorySecretVault
    revoked_keys: MemoryRevokedKeys
    chatwoot: MemoryChatwootClient
    webhooks: MemoryWebhookClient
    policies: Policies

    def __init__(
        self,
        state: MemoryState | None = None,
        *,
        stores: Stores | None = None,
        api_keys: ApiKeyStore | None = None,
        tokens: TokenSource | None = None,
        yaml: YamlCodec | None = None,
        old_cipher: OldCipher | None = None,
        crew_client: CrewClient | None = None,
        chatwoot_fallback: ChatwootAccess | None = None,
        spool: MessageSpool | None = None,
        retention: Retention | None = None,
    ) -> None:
        state = state or MemoryState()
        stores = stores or stores_over(state)
        clock, vault = ManualClock(AT), MemorySecretVault()
        revoked_keys, chatwoot = MemoryRevokedKeys(), MemoryChatwootClient()
        webhooks = MemoryWebhookClient()
        ports = Ports(
            store=stores.config,
            channels=stores.channels,
            secrets=stores.secrets,
            collections=stores.collections,
            inbox=stores.inbox,
            conversations=stores.conversations,
            addresses=stores.addresses,
            api_keys=api_keys or stores.api_keys,
            audit=stores.audit,
            tenants=stores.tenants,
            certificates=MemoryCertificateSigner(),
            revoked_keys=revoked_keys,
            vault=vault,
            old_cipher=old_cipher or MemoryOldCipher(),
            clock=clock,
            tokens=tokens or CountingTokenSource(),
            yaml=yaml or JsonYamlCodec(),
            crews=InProcessCrewClient(),
            crew_client=crew_client or EchoCrewClient(),
            webhooks=webhooks,
            chatwoot=chatwoot,
            spool=spool,
        )
        policies = Policies(
            chatwoot=chatwoot_fallback or ChatwootAccess(),
            lease=timedelta(minutes=2),
            retention=retention or Retention(RetentionPolicy(), timedelta(days=30)),
        )
        services = asdict(build_services(ports, policies), recurse=False)
        self.__attrs_init__(
            **services,
            state=state,
            clock=clock,
            vault=vault,
            revoked_keys=revoked_keys,
            chatwoot=chatwoot,
            webhooks=webhooks,
            policies=policies,
        )

    async def body(self, key: DocumentKey) -> JsonObject:
        return (await self.read_document(key, caller=ANYBODY)).document.body
