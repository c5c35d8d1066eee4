"""
No byte of an erased tenant is left in the file, in its log, or in what was free before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from odoo_ai_config.adapters.sqlite import examining
from odoo_ai_config.adapters.sqlite.database import open_sqlite
from odoo_ai_config.domain.changes import Changeset
from odoo_ai_config.domain.collections import CollectionSync, Item, change_after
from odoo_ai_config.domain.documents.document import AuthoredYaml, Document
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.tenants import Standing, TenantState
from tests.contract.samples import (
    AT,
    answer_to,
    collection_key,
    everything,
    full,
    message,
    revision,
    secret,
    sighting,
    text_of,
)
from tests.contract.sqlite_stores import stores_over
from tests.contract.stores import Stores

CANARY = "canary-of-acme"
ACME = TenantId("acme")
KEY = "key-of-acme"
BEGUN = TenantState(ACME, 1, Standing.ERASING, AT, "operator", data_keys=(KEY,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


def traces(path: Path) -> list[str]:
    """
    The files beside *path* that have the canary.
    """
    return [file.name for file in path.parent.iterdir() if CANARY.encode() in file.read_bytes()]


async def fill(stores: Stores) -> None:
    """
    Write the canary wherever something of a tenant may be, and remove some of it again.
    """
    first = everything()
    await stores.config.commit(first)
    under = first.new_tenant_key
    for version in range(2, 30):
        # Longer than a page, and written by hand.
        body = {"note": f"{CANARY} {version} " * 400}
        document = Document.of(body, AuthoredYaml(f"# {CANARY}\nnote: x\n"))
        await stores.config.commit(
            Changeset(revisions=(evolve(revision(version=version), document=document),))
        )
    # What retention removes leaves its bytes in free pages.
    await stores.config.prune(RetentionPolicy(keep=5), now=AT)
    items = tuple(Item.of(str(number), {"name": CANARY}) for number in range(2500))
    key = collection_key(name="rules")
    push, _ = change_after(None, {}, CollectionSync(items, whole=True), key=key, at=AT)
    assert push is not None
    await stores.config.commit(Changeset(collections=(push,)))
    received = message("message-1")
    await stores.config.commit(
        Changeset(
            messages=(received,),
            secrets=(
                evolve(text_of(received, key_id=KEY), envelope=CANARY.encode()),
                evolve(answer_to(received, key_id=KEY), envelope=CANARY.encode()),
                evolve(secret(number=9, key_id=KEY), envelope=CANARY.encode() * 1000),
            ),
            sealed_under=under,
            sightings=(sighting("9", evolve(full(), team=CANARY, labels=(CANARY,))),),
        )
    )


async def erase(stores: Stores) -> None:
    await stores.config.commit(Changeset(tenant_states=(BEGUN,)))
    while await stores.tenants.remove_some(ACME):
        pass


async def test_nothing_is_left_in_any_file(path: Path) -> None:
    with open_sqlite(path) as database:
        stores = stores_over(database)
        await fill(stores)
        assert traces(path)
        await erase(stores)
        assert await stores.tenants.scrub(large=False)
        # While the server goes on.
        assert traces(path) == []
        await stores.config.commit(everything("other", "d2", "2"))
    assert traces(path) == []


async def test_another_process_may_have_the_file_open(path: Path) -> None:
    with open_sqlite(path) as database, open_sqlite(path) as other:
        stores = stores_over(database)
        await fill(stores)
        assert await stores_over(other).config.documents(ACME)
        await erase(stores)
        assert await stores.tenants.scrub(large=False)
        assert traces(path) == []
        assert (await stores_over(other).tenants.remembered(ACME)).standing is Standing.ERASING
        await stores_over(other).config.commit(everything("other", "d2", "2"))


async def test_large_file_is_cleaned_if_asked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "_SMALL", 1)
    with open_sqlite(path) as database:
        stores = stores_over(database)
        await fill(stores)
        await erase(stores)
        assert not await stores.tenants.scrub(large=False)
        assert await stores.tenants.scrub(large=True)
        assert traces(path) == []


async def test_busy_file_is_still_to_clean(
    path: Path, busy: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examining, "_PATIENCE", 0.01)
    monkeypatch.setattr(examining, "_PAUSE", 0.0)
    with open_sqlite(path) as database:
        stores = stores_over(database)
        await fill(stores)
        busy()
        assert not await stores.tenants.scrub(large=False)


@pytest.fixture(params=["reader", "writer"])
def busy(path: Path, request: pytest.FixtureRequest) -> Callable[[], None]:
    """
    Another program in the middle of a transaction.
    """

    def begin() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        request.addfinalizer(connection.close)
        connection.execute("BEGIN" if request.param == "reader" else "BEGIN IMMEDIATE")
        connection.execute("SELECT count(*) FROM documents").fetchone()

    return begin
