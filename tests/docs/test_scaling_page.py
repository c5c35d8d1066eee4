"""
The page about scaling has every collection, and the shard key that the program has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from odoo_ai_config.adapters.mongo.schema import COLLECTIONS, SHARD_KEYS
from tests.source_tree import ROOT

PAGE: Final = (ROOT / "docs" / "scaling.md").read_text("utf-8")


def shown(key: Mapping[str, int | str]) -> str:
    parts = (
        f'{name}: "{kind}"' if kind == "hashed" else f"{name}: 1" for name, kind in key.items()
    )
    return f"{{{', '.join(parts)}}}"


def test_every_shard_key_is_that_of_the_program() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\{.*?\})` \|", PAGE, re.MULTILINE))
    assert rows == {name: shown(key) for name, key in SHARD_KEYS.items()}


def test_every_other_collection_is_named() -> None:
    [others] = re.findall(
        r"^The others are small\. (.*?)\. A route", PAGE, re.DOTALL | re.MULTILINE
    )
    assert set(re.findall(r"`(\w+)`", others)) == COLLECTIONS.keys() - SHARD_KEYS.keys()


def test_every_command_shards_by_that_key() -> None:
    commands = re.findall(
        r'^sh\.shardCollection\("odoo_ai_config\.(\w+)", (\{.*\})\)$', PAGE, re.MULTILINE
    )
    assert commands
    for name, key in commands:
        assert key == shown(SHARD_KEYS[name])
