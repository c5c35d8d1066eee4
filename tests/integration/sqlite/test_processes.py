from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.application.ports.message_inbox import ClaimLimits
from odoo_ai_config.domain.changes import Changeset, IdempotencyKey
from odoo_ai_config.domain.channels.history import MappingChange
from odoo_ai_config.domain.channels.routing import IncomingMessage
from odoo_ai_config.domain.identifiers import CREDENTIALS, ChatwootId, TenantId
from tests.contract.samples import AT, DAY, api_key, key, mapping, owner, revision
from tests.contract.snapshot import snapshot_of
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores
from tests.integration.sqlite.sqlite_process import TENANTS, event, succeed
from tests.source_tree import ROOT

EVERYTHING = ClaimLimits(total=100, per_tenant=100, in_hand={})
MESSAGE = IncomingMessage(ChatwootId("1"), ChatwootId("1"))


@contextmanager
def process(path: Path, task: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.integration.sqlite.sqlite_process", str(path), task]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def finished(path: Path, task: str) -> list[str]:
    with process(path, task) as child:
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return said.splitlines()


async def test_killed_process_leaves_whole_changesets_and_all_it_acknowledged(
    path: Path,
) -> None:
    acknowledged = dict.fromkeys(TENANTS, 0)
    for _ in range(5):
        with process(path, "write_forever") as child:
            assert child.stdout is not None
            # Killed after a random number of acknowledgements, so at a random moment of a commit.
            for _ in range(random.randint(1, 200)):
                tenant, version = child.stdout.readline().split()
                acknowledged[tenant] = int(version)
            child.kill()
            for line in child.stdout:
                if line.endswith("\n"):
                    tenant, version = line.split()
                    acknowledged[tenant] = int(version)
        with open_sqlite(path) as database:
            await assert_whole(stores_over(database), acknowledged)
    with open_sqlite(path) as database:
        heads = await stores_over(database).inbox.claim(EVERYTHING, now=AT, until=AT + DAY)
    written = {tenant for tenant, versions in acknowledged.items() if versions}
    assert {str(head.id) for head in heads} >= {f"message-{tenant}-1" for tenant in written}
    assert len(heads) <= len(TENANTS)


async def assert_whole(stores: Stores, acknowledged: dict[str, int]) -> None:
    for tenant in TENANTS:
        history = await stores.config.history(key(tenant), limit=10_000)
        assert len(history) >= acknowledged[tenant]
        written = [event(tenant, version) for version in range(1, len(history) + 1)]
        snapshot = await snapshot_of(stores, *written)
        sealed = [revision for changes in written for revision in changes.revisions]
        assert len(snapshot.history) == len(sealed)
        assert set(snapshot.history) == set(sealed)
        assert snapshot.idempotency_records == [changes.idempotency_record for changes in written]
        assert snapshot.secrets == [changes.secrets[0] for changes in written]
        for (received,) in (changes.messages for changes in written):
            assert await stores.inbox.find(received.id) == received
        mapped = [one for one in snapshot.mappings if one.mapping.owner == owner(tenant)]
        assert mapped == ([written[-1].mappings[0]] if written else [])
        revisions = [changes.mappings[0] for changes in written]
        steps = map(MappingChange.of, revisions, [None, *revisions])
        own = [one for one in snapshot.mapping_history if one.change.concerns(TenantId(tenant))]
        assert own == [*steps][::-1]
        # No part of the interrupted event, not even its first write.
        (unwritten,) = event(tenant, len(history) + 1).messages
        assert await stores.inbox.find(unwritten.id) is None
        following = IdempotencyKey("caller", f"{tenant}-{len(history) + 1}")
        assert await stores.config.idempotency_record(following) is None
        assert (
            await stores.config.revision(key(tenant, kind=CREDENTIALS), len(history) + 1) is None
        )


async def test_writers_in_two_processes_make_contiguous_versions(
    path: Path, stores: Stores
) -> None:
    with process(path, "succeed") as child:
        await succeed(stores, 25, "this process")
        said, _ = await asyncio.to_thread(child.communicate, timeout=60)
    assert len(said.splitlines()) == 25
    history = await stores.config.history(key())
    assert [one.version for one in history] == list(range(50, 0, -1))
    assert sum(one.author == "this process" for one in history) == 25


async def test_key_revoked_by_another_process_is_refused_at_once(
    path: Path, stores: Stores
) -> None:
    await stores.config.commit(Changeset(api_keys=(api_key(),)))
    assert await stores.api_keys.api_key("a1") == api_key()
    finished(path, "revoke")
    assert await stores.api_keys.api_key("a1") == api_key().revoked(AT)


async def test_channel_moved_by_another_process_routes_anew_at_once(
    path: Path, stores: Stores
) -> None:
    await stores.config.commit(Changeset(mappings=(mapping(),)))
    before = await stores.channels.table_for(MESSAGE)
    assert before.resolve(MESSAGE).owner == owner()
    finished(path, "remap")
    after = await stores.channels.table_for(MESSAGE)
    assert after.resolve(MESSAGE).owner == owner("other")
    current = await stores.channels.current([mapping().mapping.key])
    assert current == {mapping().mapping.key: mapping(version=2, tenant="other")}


async def test_commits_of_both_sides_are_seen_by_both_sides_in_turn(
    path: Path, stores: Stores
) -> None:
    with open_sqlite(path) as other:
        sides = [stores, stores_over(other)]
        channel = mapping().mapping.key
        for version in range(1, 40):
            writer = sides[version % 3 % 2]
            moved = mapping(version=version, tenant=f"t{version}")
            written = revision(version=version)
            await writer.config.commit(Changeset(revisions=(written,), mappings=(moved,)))
            for side in sides:
                assert await side.config.current([key()]) == {key(): written}
                assert await side.channels.current([channel]) == {channel: moved}
                table = await side.channels.table_for(MESSAGE)
                assert table.resolve(MESSAGE).owner == owner(f"t{version}")


async def test_both_sides_agree_after_both_wrote_at_once(path: Path, stores: Stores) -> None:
    def remap(account: int, version: int, side: str) -> Changeset:
        return Changeset(mappings=(mapping(f"{side}{account}", "1", version, tenant=side),))

    async def write(stores: Stores, side: str) -> None:
        await stores.channels.table_for(MESSAGE)
        for version in range(1, 6):
            await asyncio.gather(
                *(stores.config.commit(remap(n, version, side)) for n in range(10)),
                *(stores.channels.table_for(MESSAGE) for _ in range(3)),
            )

    with open_sqlite(path) as other:
        sides = {"x": stores, "y": stores_over(other)}
        await asyncio.gather(*(write(stores, side) for side, stores in sides.items()))
        expected = {one.mapping.key: one for one in await stores.channels.mappings()}
        assert len(expected) == 20
        for side in sides.values():
            table = await side.channels.table_for(MESSAGE)
            assert {one.key: one for one in table} == {
                where: one.mapping for where, one in expected.items()
            }
            assert await side.channels.current(list(expected)) == expected
