"""
Another process on the same file. Its command line says what to do.

It prints a line for each thing that it has done.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.documents.revisions import version_of
from odoo_ai_config.domain.errors import RevisionConflictError
from odoo_ai_config.domain.identifiers import DocumentKind
from tests.contract.samples import (
    AT,
    api_key,
    fingerprint,
    key,
    mapping,
    message,
    request_record,
    revision,
    secret,
    tenant_key,
)
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores

TENANTS = ("a", "b", "c", "d")
PADDING = "x" * 2000


def event(tenant: str, version: int) -> Changeset:
    """
    The changeset of a credentials event; *version* identifies each of its parts.
    """
    first = version == 1
    return Changeset(
        revisions=(
            revision(key(tenant), version, padding=PADDING, number=version),
            revision(
                key(tenant, kind=DocumentKind("credentials")),
                version,
                credentials={"odoo": fingerprint(version).mask},
            ),
        ),
        mappings=(mapping(tenant, "1", version, tenant=tenant, sequence=version),),
        secrets=(secret(tenant, "odoo", version),),
        messages=(message(f"message-{tenant}-{version}", tenant, tenant=tenant),),
        new_tenant_key=tenant_key(tenant) if first else None,
        sealed_under=None if first else tenant_key(tenant),
        idempotency_record=request_record(f"{tenant}-{version}"),
    )


def say(who: str, version: int) -> None:
    sys.stdout.write(f"{who} {version}\n")
    sys.stdout.flush()


async def write_forever(stores: Stores) -> None:
    async def write(tenant: str) -> None:
        where = key(tenant)
        written = version_of((await stores.config.current([where])).get(where))
        for version in count(written + 1):
            await stores.config.commit(event(tenant, version))
            say(tenant, version)

    await asyncio.gather(*map(write, TENANTS))


async def succeed(stores: Stores, times: int, author: str) -> None:
    """
    Write the next version of one document, *times* times.
    """
    for _ in range(times):
        while True:
            current = (await stores.config.current([key()])).get(key())
            following = revision(version=version_of(current) + 1, author=author)
            try:
                await stores.config.commit(Changeset(revisions=(following,)))
            except RevisionConflictError:
                continue
            say(author, following.version)
            break


async def revoke(stores: Stores) -> None:
    await stores.config.commit(Changeset(api_keys=(api_key().revoked(AT),)))


async def remap(stores: Stores) -> None:
    await stores.config.commit(Changeset(mappings=(mapping(version=2, tenant="other"),)))


async def main(path: Path, task: str) -> None:
    with open_sqlite(path) as database:
        stores = stores_over(database)
        if task == "write_forever":
            await write_forever(stores)
        elif task == "succeed":
            await succeed(stores, 25, "other process")
        elif task == "revoke":
            await revoke(stores)
        elif task == "remap":
            await remap(stores)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
