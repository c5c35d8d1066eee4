"""
How the hub opens MongoDB: the driver, and the options of the URL.
"""

from __future__ import annotations

import subprocess
import sys
from typing import cast

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient, ReadPreference
from pymongo.client_options import ClientOptions

from odoo_ai_config.adapters.mongo.database import CALL_SECONDS, Driver
from odoo_ai_config.adapters.mongo.migration import prepare
from odoo_ai_config.adapters.mongo.transaction import rehearse
from tests.contract.mongo_stores import stores_over
from tests.contract.samples import everything, key
from tests.mongo_server import at_url

DRIVERS: list[Driver] = ["pymongo", "motor"]
HOSTS = "hub:p%40ss@a.example.com:27017,b.example.com:27017"


@pytest.mark.parametrize("driver", DRIVERS)
async def test_driver_is_the_one_that_is_chosen(driver: Driver) -> None:
    async with at_url("mongodb://127.0.0.1:1/hub", driver) as database:
        kind = AsyncMongoClient if driver == "pymongo" else AsyncIOMotorClient
        assert isinstance(database.client, kind)


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
@pytest.mark.parametrize("driver", DRIVERS)
async def test_options_of_the_url_come_before_those_of_the_hub(
    driver: Driver, scheme: str
) -> None:
    hosts = HOSTS if scheme == "mongodb" else "hub:p%40ss@cluster.example.com"
    url = (
        f"{scheme}://{hosts}/hub?ServerSelectionTimeoutMS=700&socketTimeoutMS=1500"
        "&connectTimeoutMS=900&waitQueueTimeoutMS=800&retryWrites=false&retryReads=false"
        "&appName=other&maxPoolSize=7&tls=true&tlsAllowInvalidHostnames=true"
    )
    async with at_url(url, driver) as database:
        options = cast("ClientOptions", database.client.options)
        pool = options.pool_options
        assert options.server_selection_timeout == 0.7
        assert (pool.socket_timeout, pool.connect_timeout) == (1.5, 0.9)
        assert (pool.wait_queue_timeout, pool.max_pool_size) == (0.8, 7)
        assert (options.retry_writes, options.retry_reads) == (False, False)
        assert pool.appname == "other"
        assert pool._ssl_context is not None
        assert database.call_seconds == 1.5


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ("", CALL_SECONDS),
        ("?serverSelectionTimeoutMS=10000", 10.0),
        ("?socketTimeoutMS=20000", 20.0),
        ("?socketTimeoutMS=100", 2.5),
        ("?timeoutMS=5000", 5.0),
        ("?timeoutMS=0", None),
        ("?socketTimeoutMS=0", None),
    ],
)
async def test_calls_may_take_what_the_url_allows(options: str, seconds: float | None) -> None:
    async with at_url(f"mongodb://127.0.0.1:1/hub{options}") as database:
        assert database.call_seconds == seconds


@pytest.mark.parametrize("driver", DRIVERS)
async def test_no_option_of_the_url_makes_writes_less_durable(
    mongo_uri: str, driver: Driver
) -> None:
    loose = "w=1&journal=false&readConcernLevel=local&readPreference=secondaryPreferred"
    async with at_url(f"{mongo_uri.rstrip('/')}/test_opening?{loose}", driver) as database:
        await prepare(database)
        await rehearse(database)
        collection = database["documents"]
        assert collection.write_concern.document["w"] == "majority"
        assert collection.write_concern.document["j"] is True
        assert collection.read_concern.level == "majority"
        assert collection.read_preference == ReadPreference.PRIMARY
        stores = stores_over(database)
        await stores.config.commit(everything())
        assert key() in await stores.config.current([key()])
        await database.client.drop_database(database.name)


def test_motor_has_the_threads_of_the_setting() -> None:
    program = (
        "import asyncio\n"
        "from odoo_ai_config.adapters.mongo.database import open_database\n"
        "async def main():\n"
        "    database = open_database('mongodb://127.0.0.1:1/hub', 'motor', threads=37)\n"
        "    from motor.frameworks.asyncio import max_workers\n"
        "    print(max_workers)\n"
        "    await database.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.strip() == "37"
