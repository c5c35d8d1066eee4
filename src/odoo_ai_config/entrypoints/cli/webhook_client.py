"""
A sender of events that retries, with one id for all attempts so that the hub acts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import aiohttp
import stamina
from attrs import field, frozen
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks
from yarl import URL

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.cli.refusals import CommandError
from odoo_ai_config.entrypoints.cli.terminal import tell

PATH: Final = "/odoo-webhook"
_PASSING: Final = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE: Final = 30.0


@frozen
class HubReply:
    """
    A response of the hub; *replayed* if it received the same event before.
    """

    status: int
    body: Json
    replayed: bool


class PassingFailureError(Exception):
    """
    The hub cannot answer now, and may say for how long.
    """

    def __init__(self, response: HubReply, pause: float | None) -> None:
        super().__init__(response.status)
        self.response = response
        self.pause = pause


@frozen
class WebhookClient:
    """
    Posts events to one hub.

    Args:
        url: The address of the webhook.
        signing_key: The key for Standard Webhooks, if events are signed.
        attempts: The maximum number of attempts.
        timeout: The seconds that one attempt may take.
    """

    url: URL
    api_key: SecretText
    signing_key: SigningKey | None = None
    attempts: int = 4
    timeout: float = 30.0
    wait: float = field(default=0.5)

    async def send(self, event: JsonObject, *, webhook_id: str, at: datetime) -> HubReply:
        """
        Post *event*.

        Raises:
            CommandError: The hub cannot be reached.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "X-API-Key": self.api_key.reveal(),
            "webhook-id": webhook_id,
            **self._signature(webhook_id, body, at),
        }
        timeout = aiohttp.ClientTimeout(total=self.timeout)
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            try:
                with _pauses_told():
                    return await self._attempt(session, body)
            except PassingFailureError as failure:
                return failure.response
            except (aiohttp.ClientError, TimeoutError) as error:
                raise CommandError(_unreachable(self.url, error)) from error

    async def _attempt(self, session: aiohttp.ClientSession, body: bytes) -> HubReply:
        async for attempt in stamina.retry_context(
            on=_pause_after,
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.wait,
            wait_jitter=self.wait / 2,
        ):
            with attempt:
                async with session.post(self.url, data=body, allow_redirects=False) as response:
                    answered = HubReply(
                        response.status,
                        _parsed(await response.text(errors="replace")),
                        response.headers.get("Idempotent-Replayed") == "true",
                    )
                    if response.status in _PASSING:
                        pause = _seconds(response.headers.get("Retry-After"))
                        raise PassingFailureError(answered, pause)
                    return answered
        raise AssertionError("a retry context returns or raises")

    def _signature(self, webhook_id: str, body: bytes, at: datetime) -> dict[str, str]:
        if self.signing_key is None:
            return {}
        return self.signing_key.standard_webhook_headers(webhook_id, body, at=at)


def _pause_after(error: Exception) -> bool | float:
    if isinstance(error, PassingFailureError):
        return True if error.pause is None else min(error.pause, _LONGEST_PAUSE)
    # A truncated body or a malformed URL stays as it is.
    return isinstance(error, aiohttp.ClientConnectionError | TimeoutError)


@contextmanager
def _pauses_told() -> Iterator[None]:
    def hook(details: RetryDetails) -> None:
        tell(f"Servidor indisponível; nova tentativa em {details.wait_for:.1f} s...")

    before = get_on_retry_hooks()
    set_on_retry_hooks([hook])
    try:
        yield
    finally:
        set_on_retry_hooks(before)


def _seconds(retry_after: str | None) -> float | None:
    # If the header has a date instead, the usual pauses apply.
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None


def _parsed(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except ValueError:
        return text
    return value


def _unreachable(url: URL, error: Exception) -> str:
    place = url.with_user(None).with_path("/").human_repr().rstrip("/")
    if isinstance(error, TimeoutError):
        return f"O servidor em {place} não respondeu a tempo; veja o log dele e tente de novo."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return f"O certificado de {place} não é confiável; confira o endereço em --url."
    return (
        f"Não foi possível falar com o servidor em {place}. Ele está no ar? Inicie-o em outro "
        "terminal com `make run`, ou indique o endereço certo com --url ou SERVER_PORT."
    )
