"""
Whole stores, opened to be copied, backed up and restored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from attrs import frozen

from odoo_ai_config.application.copies import (
    BackUpStore,
    CopyStore,
    Digests,
    Report,
    RestoreStore,
)
from odoo_ai_config.application.errors import MasterKeyMissingError
from odoo_ai_config.application.keys import NotedRevocations
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings
from odoo_ai_config.entrypoints.startup import opened, opened_stores, settle_revocations


def _unreported(_what: str, _done: int) -> None:
    pass


def _untold(_differences: int) -> None:
    pass


@frozen
class Restoration:
    """
    What a restore did.

    Args:
        made_at: The moment that the backup shows, or shortly before.
        revocations: The list of revoked keys beside the store; None if nothing is known of it.
        erased: The tenants that were erased after the backup, and again now.
    """

    made_at: datetime
    digests: Digests
    revocations: NotedRevocations | None
    erased: Sequence[TenantId]


async def copy_store(
    source: Settings,
    target: Settings,
    *,
    on_progress: Report = _unreported,
    on_pass: Callable[[int], None] = _untold,
) -> Digests:
    """
    Copy the store of *source*, which may be in use, to that of *target*, which is new.

    An interrupted copy goes on when it is repeated. *on_pass* takes the number of differences
    that each pass found. The digests are those of what both have.

    Raises:
        StoreUnusableError: One of them cannot be used, the target has other data, or the source
            does not stop changing.
    """
    old = Container(settings=source, read_only=True)
    async with opened(old), opened_stores(_unfinished(target)) as new:
        await new.ensure_ready()
        copy = CopyStore(old.stores().records, new.records, old.encode())
        digests = await copy(on_progress, on_pass)
        await new.records.finish()
    return digests


async def back_up(
    settings: Settings,
    file: Path,
    *,
    passphrase: SecretText | None = None,
    on_progress: Report = _unreported,
) -> tuple[Digests, Sequence[str]]:
    """
    Write a backup of the store as it is at one moment; it may be in use.

    Returns:
        Its digests, and the fingerprints of the master keys that its sealed values need.

    Raises:
        OSError: *file* cannot be written, or there is one.
        StoreUnusableError: The store cannot be used.
    """
    container = Container(settings=settings, read_only=True)
    made_at = container.clock().now()
    async with opened_stores(container) as stores:
        await stores.ensure_ready()
        master_ids = await stores.secrets.master_ids()
        writing = container.writing_backup()(
            file, made_at=made_at, master_ids=master_ids, passphrase=passphrase
        )
        with writing as writer:
            back_up_store = BackUpStore(stores.records, container.encode())
            digests = await back_up_store(writer.write, on_progress)
    return digests, sorted(master_ids)


async def restore(
    settings: Settings,
    file: Path,
    *,
    passphrase: SecretText | None = None,
    on_progress: Report = _unreported,
) -> Restoration:
    """
    Fill the store of *settings*, which is new, with the backup in *file*.

    Messages on their way are held, and what is noted as revoked or erased is so again. An
    interrupted restore begins again when it is repeated.

    Raises:
        OSError: *file* cannot be read.
        MasterKeyMissingError: The key ring does not fit the backup.
        StoreUnusableError: The file is damaged, *passphrase* is another, or the store has data.
    """
    container = _unfinished(settings)
    with container.reading_backup()(file) as reader:
        head, ring = reader.head, container.key_ring()
        found = ring.found()
        missing = set(head.master_ids).difference(() if found is None else found.ids)
        if missing:
            raise MasterKeyMissingError(*sorted(missing)).sought_in(ring.place)
        records = reader.records(passphrase)
        # Another passphrase is found out before there is a store.
        first = list(islice(records, 1))
        async with opened_stores(container) as stores:
            await stores.ensure_ready()
            restore_store = RestoreStore(stores.records, container.encode(), container.decode())
            digests = await restore_store(chain(first, records), on_progress)
            services = container.services()
            await services.check_key_ring(make=False)
            revocations = await settle_revocations(services, restored=True)
            erased = await services.erase_tenant.go_on()
            await services.link_audit_trail()
            await stores.records.finish()
    tenants = [state.tenant for state in erased]
    return Restoration(head.made_at, digests, revocations, tenants)


def _unfinished(settings: Settings) -> Container:
    return Container(settings=settings, make=False, unfinished=True)
