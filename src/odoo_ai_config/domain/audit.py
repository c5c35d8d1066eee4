"""
The audit trail as a chain: the hash of each entry covers the entry and the hash before it.

An entry is *pending* from its commit until it is linked, at most some seconds. After that nobody
can change, remove or insert one without changing every later hash.
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from attrs import field, frozen

from odoo_ai_config.domain.changes import AuditEntry
from odoo_ai_config.domain.channels.history import moment_text
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.identifiers import matches

AUDIT_ID: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_END: Final = re.compile(rf"(0|{AUDIT_ID.pattern}):({_HASH.pattern})", re.ASCII)


@frozen
class TrailEnd:
    """
    How far the trail reaches. Whoever keeps one can prove later that nothing before it changed.

    Args:
        number: Of the last linked entry; 0 if there is none.
        hash: Of that entry.
    """

    number: int = 0
    hash: str = field(default="0" * 64, validator=matches("hash", _HASH))

    @classmethod
    def from_text(cls, text: str) -> TrailEnd:
        """
        Read what `str` wrote.

        Raises:
            InvalidValueError: *text* is no end of a trail.
        """
        found = _END.fullmatch(text)
        if found is None:
            raise InvalidValueError("end", "trail_end")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@frozen
class Voucher:
    """
    The key ring's proof of a text: a digest that only a holder of the master key can make.
    """

    master_id: str
    digest: str


@frozen
class LinkedEntry:
    """
    An entry in its place in the chain.

    Args:
        number: Counted from 1 without gaps, in the order of linking.
    """

    number: int
    entry: AuditEntry
    hash: str

    @property
    def end(self) -> TrailEnd:
        """
        The end of the trail while this entry is the last one.
        """
        return TrailEnd(self.number, self.hash)


def linked(end: TrailEnd, entries: Iterable[AuditEntry]) -> Iterator[LinkedEntry]:
    """
    Link *entries* behind *end*.
    """
    before = end.hash
    for number, entry in enumerate(entries, start=end.number + 1):
        before = _hash(before, number, entry)
        yield LinkedEntry(number, entry, before)


def _hash(before: str, number: int, entry: AuditEntry) -> str:
    # The values of an exported line in their order, so that a short program can check an export.
    values = [
        before,
        str(number),
        moment_text(entry.at),
        entry.action.value,
        entry.actor,
        None if entry.tenant is None else entry.tenant.value,
        entry.subject,
        entry.request_id,
        entry.reason,
    ]
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class TrailFault(enum.Enum):
    """
    What is wrong with a trail.

    An entry was changed, is missing, or is outside the chain; the key ring does not prove its end;
    or the entries up to a known end were replaced as a whole.
    """

    CHANGED = "changed"
    MISSING = "missing"
    INSERTED = "inserted"
    UNPROVED = "unproved"
    FORKED = "forked"


@frozen
class TrailReport:
    """
    The result of checking a trail.

    Args:
        end: Of what was checked.
        checked: How many entries.
        fault: None if everything is as it was linked.
        at: The number of the entry with the fault.
    """

    end: TrailEnd
    checked: int
    fault: TrailFault | None = None
    at: int = 0


def followed(
    end: TrailEnd, entries: Iterable[LinkedEntry], known: TrailEnd | None = None
) -> tuple[TrailEnd, TrailFault | None]:
    """
    Check that *entries* follow *end*; return the last good end, and what is wrong after it.

    If the entry of *known* is among them, it must be the same.
    """
    for found in entries:
        if found.number <= end.number:
            return end, TrailFault.INSERTED
        if found.number != end.number + 1:
            return end, TrailFault.MISSING
        [expected] = linked(end, [found.entry])
        if found.hash != expected.hash:
            return end, TrailFault.CHANGED
        if known is not None and found.number == known.number and found.end != known:
            return end, TrailFault.FORKED
        end = found.end
    return end, None
