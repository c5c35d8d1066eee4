"""
The HTTP server of one process.

Starting it raises `ApplicationError` if the store or the key ring cannot be used, and `OSError` if
a first secret cannot be written to its file.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Final

import structlog
from aiohttp import web

from odoo_ai_config.application.errors import ApplicationError
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.credentials.signing import SigningKey
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.apps import App
from odoo_ai_config.entrypoints.background import beside, in_background
from odoo_ai_config.entrypoints.bringing_in import BringingIn
from odoo_ai_config.entrypoints.catching_up import catch_up_at_start
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.delivery_worker import DeliveryWorker, capacity_of, delivering
from odoo_ai_config.entrypoints.http.app import build_app
from odoo_ai_config.entrypoints.http.platform.app_keys import STORE_WATCH
from odoo_ai_config.entrypoints.http.platform.metrics import Metrics
from odoo_ai_config.entrypoints.http.platform.options import HttpOptions
from odoo_ai_config.entrypoints.http.platform.signature import SignaturePolicy
from odoo_ai_config.entrypoints.server import collect_garbage_seldom, serve
from odoo_ai_config.entrypoints.settings import PREFIX, Settings, SettingsError
from odoo_ai_config.entrypoints.startup import FirstSecrets, opened, set_up, trusted
from odoo_ai_config.entrypoints.wiring import Services

_log = structlog.get_logger(area="config")

_PRUNE_SECONDS: Final = 3600.0
# After this time every process has noticed a step of a rotation.
_RING_SECONDS: Final = 5.0
_STORE_SECONDS: Final = 1.0
_AUDIT_SECONDS: Final = 2.0
_USES_SECONDS: Final = 60.0
_SPOOL_SECONDS: Final = 0.25
_ANNOUNCE_SECONDS: Final = 1.0
_REMOVAL_SECONDS: Final = 10.0
_CATCHING_UP: Final = trusted("catch-up")


def http_options(settings: Settings) -> HttpOptions:
    """
    The limits and secrets of the HTTP boundary.

    Raises:
        SettingsError: A signing secret is malformed, or required and missing.
    """
    policy = SignaturePolicy(
        standard_webhooks=_signing_keys(
            "WEBHOOK_SECRETS", settings.webhook_secrets, SigningKey.from_standard_webhooks
        ),
        odoo_module=_signing_keys(
            "LEGACY_ODOO_SECRETS", settings.legacy_odoo_secrets, SigningKey.from_text
        ),
        required=settings.require_signature,
    )
    if policy.required and not (policy.standard_webhooks or policy.odoo_module):
        raise SettingsError(
            f"{PREFIX}_REQUIRE_SIGNATURE exige assinaturas, mas não há segredo para conferi-las; "
            f"defina {PREFIX}_WEBHOOK_SECRETS"
        )
    return HttpOptions(
        version=version("odoo-ai-config"),
        apps=settings.apps,
        signatures=policy,
        max_body_bytes=settings.max_body_bytes,
        max_collection_bytes=settings.max_collection_bytes,
        max_json_depth=settings.max_json_depth,
        requests_per_second=settings.rate_limit,
        failed_authentications_per_second=settings.failure_limit,
        ignore_stale=settings.ignore_stale,
        cors_origins=settings.cors_origins,
        connections_per_address=settings.connections_per_address,
        header_seconds=settings.header_seconds,
    )


def _signing_keys(
    name: str, secrets: Iterable[SecretText], make: Callable[[SecretText], SigningKey]
) -> tuple[SigningKey, ...]:
    try:
        return tuple(map(make, secrets))
    except ValueError:
        # The cause would show the value.
        raise SettingsError(f"Valor inválido em {PREFIX}_{name}") from None


async def prepare(settings: Settings, *, restored: bool = False) -> FirstSecrets:
    """
    Prepare once for all processes of a server: tables, key ring and first API key.
    """
    async with opened(Container(settings=settings)) as services:
        return await set_up(services, settings, restored=restored)


async def run_server(
    settings: Settings,
    options: HttpOptions,
    listener: socket.socket,
    *,
    ready: Callable[[FirstSecrets], None],
    upkeep: bool = True,
    restored: bool = False,
) -> None:
    """
    Serve the hub on *listener* until the process is told to stop.

    Args:
        settings: The settings of the hub.
        options: Limits of the HTTP boundary, from `http_options`.
        listener: The socket of incoming connections.
        ready: Called with the first secrets of this start once a request can be answered.
        upkeep: Whether this process prunes.
        restored: Whether the store is a restored backup; only for the first process.
    """
    collect_garbage_seldom()
    metrics = Metrics()
    container = Container(
        settings=settings,
        observe_store=metrics.store,
        observe_vault=metrics.vault,
        observe_crews=metrics.crew,
    )
    async with opened(container) as services:
        first = await set_up(services, settings, restored=restored)
        app = build_app(services, options, metrics)
        async with contextlib.AsyncExitStack() as background:
            jobs: list[tuple[str, Callable[[], Awaitable[None]], float]] = [
                ("key_ring", partial(look_at_key_ring, services), _RING_SECONDS),
                ("store", app[STORE_WATCH].look, _STORE_SECONDS),
                ("audit", partial(later, services.link_audit_trail), _AUDIT_SECONDS),
                ("key_uses", partial(later, services.note_key_uses), _USES_SECONDS),
            ]
            if upkeep:
                # Apart, so that what keeps one of them from its work does not keep the other.
                jobs.append(("pruning", partial(prune, services), _PRUNE_SECONDS))
                jobs.append(("messages", partial(prune_messages, services), _PRUNE_SECONDS))
                await background.enter_async_context(
                    beside(
                        partial(name_persons, services),
                        name="name_persons",
                        failed=metrics.failure,
                    )
                )
                jobs.append(("removals", partial(finish_removals, services), _REMOVAL_SECONDS))
                announce = partial(later, services.announce_changes)
                jobs.append(("subscriptions", announce, _ANNOUNCE_SECONDS))
            if services.bring_in_arrivals is not None:
                bringing_in = BringingIn(app, services.bring_in_arrivals)
                await bringing_in.count()
                jobs.append(("spool", bringing_in.look, _SPOOL_SECONDS))
            for name, work, every in jobs:
                await background.enter_async_context(
                    in_background(work, name=name, every=every, failed=metrics.failure)
                )
            if App.CHATWOOT in settings.apps:
                worker = await background.enter_async_context(
                    delivering(
                        services,
                        capacity_of(settings),
                        count=metrics.delivery,
                        count_told=metrics.people_told,
                        failed=metrics.failure,
                    )
                )
                app.on_shutdown.append(_retiring(worker))
                if upkeep and settings.catch_up_minutes:
                    reach = timedelta(minutes=settings.catch_up_minutes)
                    catching_up = partial(
                        catch_up_at_start,
                        services,
                        reach=reach,
                        caller=_CATCHING_UP,
                        failed=metrics.failure,
                    )
                    await background.enter_async_context(
                        beside(catching_up, name="catching_up", failed=metrics.failure)
                    )
            await serve(app, listener, grace=settings.shutdown_seconds, ready=lambda: ready(first))


def _retiring(worker: DeliveryWorker) -> Callable[[web.Application], Awaitable[None]]:
    # Requests and deliveries share one grace period.
    async def retire(_app: web.Application) -> None:
        worker.retire()

    return retire


async def look_at_key_ring(services: Services) -> None:
    """
    Read the key ring, even if no request needs it.

    So this process notices each step of a rotation, and a lost ring is soon in the log.
    """
    await later(services.check_key_ring.while_running)


async def later(work: Callable[[], Awaitable[object]]) -> None:
    """
    Do *work*. If the store or the key ring is unavailable, the next call does it.
    """
    with contextlib.suppress(ApplicationError):
        await work()


async def name_persons(services: Services) -> None:
    """
    Make the messages of earlier versions findable by person. If it fails, the next start does it.
    """
    try:
        named = await services.name_persons()
    except ApplicationError as error:
        _log.warning("naming_persons_failed", code=error.code)
    else:
        if named:
            _log.info("persons_named", messages=named)


async def finish_removals(services: Services) -> None:
    """
    Go on with erasures and renames that are not finished. If that fails, the next call does it.

    What goes wrong with one is logged and does not concern the others.

    Raises:
        BaseExceptionGroup: Of errors that nobody foresaw.
    """
    unforeseen: list[BaseException] = []
    for work, go_on in (
        ("erasure", services.erase_tenant.go_on),
        ("rename", services.rename_tenant.go_on),
    ):
        try:
            done = await go_on(partial(_note_removal, work, unforeseen))
        except ApplicationError as error:
            _log.warning(f"{work}_failed", code=error.code)
        else:
            for state in done:
                _log.info(f"tenant_{state.standing.value}", tenant=state.tenant.value)
    if unforeseen:
        raise BaseExceptionGroup("erasures and renames", unforeseen)


def _note_removal(
    work: str, unforeseen: list[BaseException], tenant: TenantId, error: BaseException
) -> None:
    if isinstance(error, ApplicationError):
        _log.warning(f"{work}_failed", tenant=tenant.value, code=error.code)
    else:
        _log.warning(f"{work}_failed", tenant=tenant.value, code="unexpected_error")
        unforeseen.append(error)


async def prune(services: Services) -> None:
    """
    Remove old records. If the store is unavailable, the next call does it.
    """
    try:
        report = await services.prune_history()
    except ApplicationError as error:
        _log.warning("pruning_failed", code=error.code)
    else:
        _log.info(
            "pruned",
            revisions=report.revisions,
            mapping_revisions=report.mapping_revisions,
            idempotency_records=report.idempotency_records,
            sealed_values=report.secrets,
        )


async def prune_messages(services: Services) -> None:
    """
    Remove old messages and conversations. If the store is unavailable, the next call does it.
    """
    try:
        messages = await services.prune_messages()
    except ApplicationError as error:
        _log.warning("pruning_messages_failed", code=error.code)
    else:
        _log.info("messages_pruned", messages=messages)
