"""
Documents as the JSON objects that clients read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeAlias
from zlib import crc32

import msgspec
from aiohttp import web

from odoo_ai_config.application.documents.reading import yaml_of
from odoo_ai_config.application.off_loop import run_off_loop
from odoo_ai_config.application.ports.yaml_codec import YamlCodec
from odoo_ai_config.domain.channels.mapping import ChannelKey
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.json_types import JsonObject

# Plain texts: they are hashed once, and every read looks one up.
_Place: TypeAlias = tuple[bool, str, str, str, str, int]

# The answer is for this reader, now.
NO_STORE: Final = {"Cache-Control": "no-store"}
_ENCODER: Final = msgspec.json.Encoder()
_LARGEST_EXACT_INTEGER: Final = 2**53 - 1


def timestamp(at: datetime) -> str:
    """
    ISO 8601 in UTC, with milliseconds and ``Z``.
    """
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def json_bytes(value: object) -> bytes:
    """
    *value* as the bytes of a response.
    """
    return _ENCODER.encode(value)


def shown(answer: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """
    A response that is *answer* in JSON.
    """
    return web.Response(body=json_bytes(answer), content_type="application/json", headers=headers)


def entity_tag(revision: Revision) -> str:
    """
    The strong ETag of *revision*.

    The moment counts too: after a restore from a backup, the same number may come to stand
    for another content.
    """
    key = revision.key
    return _tag(
        key.tenant.value, key.domain.value, key.kind.value, revision.version, revision.updated_at
    )


@lru_cache(maxsize=16_384)
def _tag(tenant: str, domain: str, kind: str, version: int, at: datetime) -> str:
    # A checksum suffices: the version tells revisions apart, the rest only restored ones.
    checksum = crc32(f"{tenant}/{domain}/{kind}/{at.timestamp()}".encode())
    return f'"{version}-{checksum:08x}"'


def number_of(revision: Revision) -> int:
    """
    A positive integer that stays the same for a revision: old clients expect a row's id.
    """
    seed = f"{revision.key}\n{revision.version}".encode()
    return int.from_bytes(blake2b(seed, digest_size=8).digest()) % _LARGEST_EXACT_INTEGER + 1


def channel_shown(key: ChannelKey) -> dict[str, str | None]:
    """
    A channel, by the names that Odoo's events have for its parts.
    """
    return {
        "chatwoot_account_id": None if key.account is None else str(key.account),
        "chatwoot_inbox_id": None if key.inbox is None else str(key.inbox),
    }


def summary_of(revision: Revision) -> JsonObject:
    """
    A revision without its content, as lists show it.
    """
    key = revision.key
    summary: JsonObject = {
        "tenant_id": str(key.tenant),
        "domain": str(key.domain),
        "config_type": str(key.kind),
        "version": revision.version,
        "created_at": timestamp(revision.created_at),
        "updated_at": timestamp(revision.updated_at),
    }
    if revision.deleted:
        summary["deleted"] = True
    return summary


def summaries_of(revisions: Sequence[Revision]) -> bytes:
    """
    A list of revisions without their content.
    """
    return json_bytes([summary_of(revision) for revision in revisions])


class Representations:
    """
    Whole documents as JSON and as YAML, the most recently read ones kept ready.

    A revision hardly ever changes, so what was rendered once is good until it is forgotten.

    Args:
        max_bytes: What all kept representations together may weigh.
    """

    def __init__(self, yaml: YamlCodec, max_bytes: int) -> None:
        self._yaml = yaml
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Place, bytes] = OrderedDict()
        self._weight = 0

    def ready(self, revision: Revision, tag: str, *, as_yaml: bool = False) -> bytes | None:
        """
        What `of` or `yaml_of` would give, if it is kept.
        """
        place = _place(revision, tag, as_yaml=as_yaml)
        kept = self._kept.get(place)
        if kept is not None:
            self._kept.move_to_end(place)
        return kept

    async def of(self, revision: Revision, tag: str) -> bytes:
        """
        The document as a JSON object; *tag* is its entity tag.
        """
        kept = self.ready(revision, tag)
        if kept is not None:
            return kept
        text = await yaml_of(revision.document, self._yaml)
        whole = await run_off_loop(
            lambda: _whole(revision, text), cost=len(text) + len(revision.document.text)
        )
        return self._keep(_place(revision, tag, as_yaml=False), whole)

    async def yaml_of(self, revision: Revision, tag: str) -> bytes:
        """
        The document as YAML.
        """
        kept = self.ready(revision, tag, as_yaml=True)
        if kept is not None:
            return kept
        text = await yaml_of(revision.document, self._yaml)
        return self._keep(_place(revision, tag, as_yaml=True), text.encode())

    def _keep(self, place: _Place, rendered: bytes) -> bytes:
        # Two requests may have rendered the same one at the same time.
        if place not in self._kept:
            self._kept[place] = rendered
            self._weight += len(rendered)
        while self._weight > self._max_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._weight -= len(forgotten)
        return rendered


def _whole(revision: Revision, text: str) -> bytes:
    head = json_bytes({"id": number_of(revision), **summary_of(revision), "yaml_content": text})
    # The body is JSON text already, possibly a large one: it goes in as it is.
    return head[:-1] + b',"json_data":' + revision.document.text.encode() + b"}"


def _place(revision: Revision, tag: str, *, as_yaml: bool) -> _Place:
    key = revision.key
    # The content, too: `odoo-ai-config seal` takes secrets out of old versions.
    document = revision.document
    content = hash((document.text, document.authored and document.authored.text))
    return as_yaml, tag, key.tenant.value, key.domain.value, key.kind.value, content
