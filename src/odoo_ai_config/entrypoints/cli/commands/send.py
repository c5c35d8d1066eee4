"""
``send``: send events like Odoo's, to try a hub.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from cyclopts import App, Group, Parameter
from yarl import URL

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.cli.flags import AS_SET, OPTIONS, StoreFlags
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.sample_events import (
    CredentialsSample,
    EventSample,
    MappingSample,
    MetadataSample,
)
from odoo_ai_config.entrypoints.cli.terminal import say_json, tell
from odoo_ai_config.entrypoints.cli.webhook_client import PATH, HubReply, WebhookClient
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings

send: Final = App(
    name="send",
    help="Envia um evento de teste a um servidor, como faria o Odoo.",
    group_parameters=OPTIONS,
)

_DELIVERY: Final = Group("Envio")
_ID_BYTES: Final = 18


@Parameter(name="*", group=_DELIVERY)
@frozen
class SendFlags:
    """
    Where and how an event is sent.
    """

    url: Annotated[
        str | None, Parameter(help="Endereço do servidor; sem ele, http://localhost:SERVER_PORT.")
    ] = None
    api_key: Annotated[
        str | None,
        Parameter(
            help="Chave de API; sem ela, ODOO_AI_CONFIG_API_KEY ou o arquivo api-key da "
            "pasta de dados."
        ),
    ] = None
    file: Annotated[
        Path | None, Parameter(help="Envia este arquivo JSON em vez dos valores de exemplo.")
    ] = None
    secret: Annotated[
        str | None,
        Parameter(
            help="Segredo Standard Webhooks para assinar; sem ele, o primeiro de "
            "ODOO_AI_CONFIG_WEBHOOK_SECRETS, se houver."
        ),
    ] = None
    webhook_id: Annotated[
        str | None, Parameter(help="Identificador do envio; o mesmo de novo não grava duas vezes.")
    ] = None
    attempts: Annotated[int, Parameter(help="Tentativas enquanto o servidor não responde.")] = 4
    timeout: Annotated[float, Parameter(help="Segundos por tentativa.")] = 30.0


_BY_DEFAULT: Final = SendFlags()
_CREDENTIALS: Final = CredentialsSample()
_MAPPING: Final = MappingSample()
_METADATA: Final = MetadataSample()


@send.command
async def credentials(
    *,
    sample: CredentialsSample = _CREDENTIALS,
    delivery: SendFlags = _BY_DEFAULT,
    flags: StoreFlags = AS_SET,
) -> int:
    """
    Envia a configuração e as credenciais de um cliente (credentials_sync).
    """
    return await _deliver(sample, delivery, flags)


@send.command
async def mapping(
    *,
    sample: MappingSample = _MAPPING,
    delivery: SendFlags = _BY_DEFAULT,
    flags: StoreFlags = AS_SET,
) -> int:
    """
    Envia o mapeamento de um canal do Chatwoot (mapping_sync).
    """
    return await _deliver(sample, delivery, flags)


@send.command
async def metadata(
    *,
    sample: MetadataSample = _METADATA,
    delivery: SendFlags = _BY_DEFAULT,
    flags: StoreFlags = AS_SET,
) -> int:
    """
    Envia os dados da empresa (company_metadata_sync).
    """
    return await _deliver(sample, delivery, flags)


async def _deliver(sample: EventSample, delivery: SendFlags, flags: StoreFlags) -> int:
    settings = flags.settings()
    event = sample.sent() if delivery.file is None else _event_in(delivery.file)
    client = WebhookClient(
        _webhook_url(delivery.url, settings),
        _api_key(delivery.api_key, settings),
        _signing_key(delivery.secret, settings),
        attempts=max(1, delivery.attempts),
        timeout=delivery.timeout,
    )
    webhook_id = delivery.webhook_id or f"msg_{Container.tokens().token(_ID_BYTES)}"
    response = await client.send(event, webhook_id=webhook_id, at=Container.clock().now())
    return _report(response)


def _event_in(file: Path) -> JsonObject:
    try:
        event: Json = json.loads(file.read_bytes())
    except OSError as error:
        raise CommandError(f"Não foi possível ler {file}: {error.strerror}.") from error
    except ValueError:
        raise CommandError(f"{file} não é JSON em UTF-8.") from None
    if not isinstance(event, dict):
        raise CommandError(f"{file} deve conter um objeto JSON.")
    return event


def _webhook_url(url: str | None, settings: Settings) -> URL:
    try:
        target = URL(url or f"http://localhost:{settings.port}")
    except ValueError:
        target = URL()
    if target.scheme not in {"http", "https"} or not target.host:
        raise CommandError("O endereço em --url não é válido; ele começa com http:// ou https://.")
    path = target.path.rstrip("/")
    return target if path.endswith(PATH) else target.with_path(path + PATH)


def _api_key(given: str | None, settings: Settings) -> SecretText:
    if given:
        return SecretText(given)
    if settings.api_key is not None:
        return settings.api_key
    try:
        text = settings.api_key_path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"Nenhuma chave de API: não há {settings.api_key_path} legível. Inicie o servidor uma "
            "vez (`make run`), ou dê a chave em --api-key ou ODOO_AI_CONFIG_API_KEY; se ele usa "
            "outra pasta, indique-a com --data-dir."
        ) from error
    return SecretText(text)


def _signing_key(given: str | None, settings: Settings) -> SigningKey | None:
    secrets = (SecretText(given),) if given else settings.webhook_secrets[:1]
    try:
        return next(map(SigningKey.from_standard_webhooks, secrets), None)
    except ValueError:
        raise CommandError("O segredo de assinatura não é válido (whsec_ e base64).") from None


# By the code of the refusal.
_REMEDIES: Final[Mapping[str, str]] = {
    "invalid_api_key": "use a chave que a primeira execução guardou em <pasta de dados>/api-key, "
    "ou crie outra com: odoo-ai-config keys create",
    "scope_missing": "crie uma chave com o escopo que falta: odoo-ai-config keys create",
    "tenant_forbidden": "a chave é de outro cliente; use uma sem cliente ou a dele",
    "signature_missing": "o servidor exige assinatura: dê o segredo em --secret",
    "signature_invalid": "o segredo em --secret não é o do servidor",
    "signature_timestamp": "acerte o relógio desta máquina ou o do servidor",
    "store_unavailable": "o armazenamento do servidor não responde: odoo-ai-config doctor",
    "route_not_found": "o endereço em --url não é o de um odoo-ai-config",
}


def _report(response: HubReply) -> int:
    body = response.body
    if not isinstance(body, dict):
        raise CommandError(
            f"O servidor respondeu {response.status} sem JSON; o endereço em --url é mesmo o de "
            "um odoo-ai-config?"
        )
    say_json(body)
    if response.status == 200 and body.get("success") is True:  # noqa: PLR2004 - HTTP's OK
        tell(_done(response, body))
        return 0
    detail = body.get("detail")
    remedy = _REMEDIES.get(str(body.get("code")))
    advice = f" — {remedy}" if remedy else ""
    raise CommandError(f"Recusado ({response.status}): {detail or 'sem explicação'}{advice}.")


def _done(response: HubReply, body: JsonObject) -> str:
    versions = ", ".join(
        f"{name.removesuffix('_version')} v{value}"
        for name, value in body.items()
        if name.endswith("_version")
    )
    if response.replayed:
        news = "já recebido antes"
    elif body.get("changed") is False:
        news = "nada mudou"
    else:
        news = "gravado"
    place = f"{body.get('tenant_id')}/{body.get('domain')}"
    return f"OK: {body.get('message')} — {place}: {versions} ({news})"
