"""
Where a tenant stands: served, suspended, erased or renamed; and the certificate of its erasure.
"""

from __future__ import annotations

import enum
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from attrs import asdict, evolve, field, fields, frozen

from odoo_ai_config.domain.access import NO_OCCASION, ApiKey, Occasion, Scope
from odoo_ai_config.domain.errors import DomainError, InvalidValueError
from odoo_ai_config.domain.identifiers import HUB, BusinessArea, TenantArea, TenantId
from odoo_ai_config.domain.json_types import JsonObject

ALGORITHM: Final = "Ed25519"
_FORMAT: Final = 1
# Begin the notes, and no id.
_ERASED: Final = "erased"
_RENAMED: Final = "renamed"


class Standing(enum.Enum):
    """
    Where a tenant stands. The values are public.
    """

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ERASING = "erasing"
    ERASED = "erased"
    RENAMING = "renaming"
    RENAMED = "renamed"


# Everything of a tenant that stands here is to be removed, or was.
ERASURE: Final = frozenset({Standing.ERASING, Standing.ERASED})
# Nothing new may be written for a tenant that stands here.
CLOSED: Final = frozenset(Standing) - {Standing.ACTIVE, Standing.SUSPENDED}


@frozen
class TenantSuspendedError(DomainError):
    """
    The tenant is suspended: nothing of it is served until its suspension ends.
    """

    tenant: TenantId


@frozen
class TenantErasedError(DomainError):
    """
    The tenant is being erased or was erased, and an operator has not reopened it.
    """

    tenant: TenantId


@frozen
class TenantRenamedError(DomainError):
    """
    The tenant has another id, and an operator has not reopened this one.

    Args:
        successor: Its id now.
    """

    tenant: TenantId
    successor: TenantId


class TenantInUseError(DomainError):
    """
    The hub has something of the tenant already, so that no other one can get its id.
    """


@frozen
class AreaMovedError(DomainError):
    """
    The business area has moved to another one of its tenant.

    Args:
        place: Where it is now.
    """

    place: TenantArea


class AreaInUseError(DomainError):
    """
    The business area has documents already, so that no other one can move there.
    """


@frozen
class MoveTooLargeError(DomainError):
    """
    There is more to move than one commit may hold.

    Args:
        limit: The most versions and credentials together.
    """

    limit: int


@frozen
class TenantContents:
    """
    How much the hub has of a tenant, by kind.

    Args:
        revisions: All versions of its documents.
        credentials: Sealed values of its documents; the texts of messages are counted with those.
        channels: Channels that it has, inactive ones included.
        requests: Records of requests with an idempotency key.
    """

    documents: int = 0
    revisions: int = 0
    credentials: int = 0
    channels: int = 0
    collections: int = 0
    items: int = 0
    messages: int = 0
    conversations: int = 0
    requests: int = 0
    api_keys: int = 0
    addresses: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """
        The numbers by their names.
        """
        return asdict(self)


@frozen
class TenantVersion:
    """
    What a decision about everything of a tenant relies on: others have changed nothing of it.

    Args:
        documents, channels: The versions of all of them together.
        collections: How many there are.
        api_keys, addresses: How many there are, and how many of them are revoked, together.
        data_keys: The ids of its data keys, sorted.
    """

    tenant: TenantId
    documents: int = 0
    channels: int = 0
    collections: int = 0
    api_keys: int = 0
    addresses: int = 0
    data_keys: tuple[str, ...] = ()


KINDS: Final = tuple(attribute.name for attribute in fields(TenantContents))


@frozen
class AreaMove:
    """
    That a business area has moved: *source* is empty and names *target*.
    """

    source: BusinessArea
    target: BusinessArea


@frozen
class EarlierId:
    """
    An id that a tenant had until it was renamed, and the data keys that it had under it.
    """

    tenant: TenantId
    until: datetime
    data_keys: tuple[str, ...]


@frozen
class TenantState:
    """
    Where a tenant stands, since when and by whom. A tenant without a state is active.

    Args:
        revision: Counts the states of the tenant, from 1.
        since: When it came to stand there.
        by: Id of the API key that asked for it, or the name of a program.
        data_keys: Of an erasure: the ids of the data keys that were destroyed.
        contents: Of an erasure: what there was to remove; None before it was counted.
        certificate: Of a finished erasure: its certificate, as `Certificate.text`.
        moves: The business areas that have moved, at most one for each source. No target of one
            is a source of another.
        successor: Of a renamed tenant: its id now.
        earlier: The ids that it had before, oldest first.
    """

    tenant: TenantId
    revision: int
    standing: Standing
    since: datetime
    by: str
    reason: str | None = None
    data_keys: tuple[str, ...] = ()
    contents: TenantContents | None = None
    certificate: str | None = None
    moves: tuple[AreaMove, ...] = ()
    successor: TenantId | None = None
    earlier: tuple[EarlierId, ...] = ()

    @property
    def is_closed(self) -> bool:
        """
        Whether nothing new may be written for the tenant.
        """
        return self.standing in CLOSED

    @property
    def held_at(self) -> datetime:
        """
        A moment at which whoever has the id now had it, and nobody else before.
        """
        return max((self.since, *(one.until for one in self.earlier)))

    @property
    def destroys_keys(self) -> bool:
        """
        Whether the data keys of the tenant are destroyed with its commit.
        """
        if self.standing is Standing.RENAMING:
            return bool(self.data_keys)
        return self.standing is Standing.ERASING and self.contents is None


@frozen
class NotedErasure:
    """
    An erasure as it is noted beside the store: an older copy of the store does not have it.

    Args:
        tenant: An id that the erased tenant had, the last one or an earlier one.
        at: Until when it had that.
        data_keys: Those that it had under that id.
        kept: Nothing is erased: this tenant has another id since, and the next one is.
    """

    tenant: TenantId
    at: datetime
    data_keys: tuple[str, ...]
    kept: bool = False

    @classmethod
    def all_of(cls, state: TenantState) -> Iterable[NotedErasure]:
        """
        The notes about the erasure that *state* is of: one for each id that the tenant had.
        """
        for one in state.earlier:
            yield cls(one.tenant, one.until, one.data_keys)
        yield cls(state.tenant, state.since, state.data_keys)

    @classmethod
    def kept_of(cls, state: TenantState) -> Iterable[NotedErasure]:
        """
        The notes about the ids that the tenant of *state* had, and somebody else may get.
        """
        for one in state.earlier:
            yield cls(one.tenant, one.until, one.data_keys, kept=True)

    @property
    def text(self) -> str:
        """
        The note as one word.
        """
        noted = _RENAMED if self.kept else _ERASED
        return "/".join((noted, str(self.tenant), self.at.isoformat(), *self.data_keys))

    @classmethod
    def from_text(cls, text: str) -> NotedErasure | None:
        """
        What `text` says; None if *text* is something else.
        """
        noted, *parts = text.split("/")
        try:
            tenant, at, *data_keys = parts
            kept = noted == _RENAMED
            known = cls(TenantId(tenant), datetime.fromisoformat(at), tuple(data_keys), kept)
        except (ValueError, InvalidValueError):
            return None
        return known if noted in {_ERASED, _RENAMED} else None

    def begin(self, notes: Iterable[NotedErasure]) -> datetime | None:
        """
        Until when somebody else had the id before, by all *notes*; None if nobody had.
        """
        ends = [one.at for one in notes if one.tenant == self.tenant and one.at < self.at]
        return max(ends, default=None)

    def is_undone(
        self,
        state: TenantState | None,
        data_keys: Iterable[str],
        *,
        restored: bool,
        begin: datetime | None = None,
    ) -> bool:
        """
        Whether a store that has this *state* and these *data_keys* is from before the erasure.

        The keys prove it. Where a tenant has none of them, the time tells it, but only of a
        *restored* store: another one may have a tenant of the same name. What is from before
        *begin* is somebody else's, and so is what is from behind the erasure.
        """
        if self.kept:
            return False
        if not set(data_keys).isdisjoint(self.data_keys):
            return True
        if state is None:
            # Whoever comes after somebody else has one.
            return restored and begin is None
        return restored and (begin is None or begin <= state.held_at) and state.held_at < self.at


@frozen
class Remembered:
    """
    What a process keeps in memory of a tenant that is not active, or whose areas have moved.
    """

    standing: Standing = Standing.ACTIVE
    moves: tuple[AreaMove, ...] = ()
    successor: TenantId | None = None


def refuse_closed(tenant: TenantId, known: TenantState | Remembered | None) -> None:
    """
    Refuse *tenant* if nothing new may be written for it.

    Raises:
        TenantErasedError, TenantRenamedError: It is erased or renamed.
    """
    if known is None or known.standing not in CLOSED:
        return
    if known.successor is not None:
        raise TenantRenamedError(tenant, known.successor)
    raise TenantErasedError(tenant)


def require_served(tenant: TenantId, known: Remembered) -> None:
    """
    Refuse to serve anything of *tenant* unless it is active.

    Raises:
        TenantSuspendedError, TenantErasedError, TenantRenamedError: It is not.
    """
    refuse_closed(tenant, known)
    if known.standing is not Standing.ACTIVE:
        raise TenantSuspendedError(tenant)


def standing_of(state: TenantState | None) -> Standing:
    """
    Where a tenant with *state* stands.
    """
    return Standing.ACTIVE if state is None else state.standing


@frozen
class Wish:
    """
    Who wants another standing for a tenant, when, and on which occasion.
    """

    tenant: TenantId = field()
    by: str
    at: datetime
    occasion: Occasion = NO_OCCASION

    @classmethod
    def of(cls, tenant: TenantId, caller: ApiKey, at: datetime) -> Wish:
        """
        The wish of *caller*.

        Raises:
            ScopeMissingError, TenantForbiddenError: It is no administrator of the whole hub.
            InvalidValueError: *tenant* is the hub's own.
        """
        caller.require(Scope.ADMIN, tenant)
        caller.require_unbound()
        return cls(tenant, caller.id, at, caller.occasion)

    @tenant.validator
    def _check_tenant(self, _attribute: object, value: TenantId) -> None:
        if value == HUB:
            raise InvalidValueError("account_id", "account_id")

    def granted(self, current: TenantState | None, standing: Standing) -> TenantState:
        """
        The state that follows *current*.
        """
        revision = 1 if current is None else current.revision + 1
        reason = self.occasion.reason
        granted = TenantState(self.tenant, revision, standing, self.at, self.by, reason)
        # Somebody else may get the id of one that was closed.
        if current is None or current.is_closed:
            return granted
        moves = () if standing in CLOSED else current.moves
        return evolve(granted, moves=moves, earlier=current.earlier)


def place_in(moves: Iterable[AreaMove], area: BusinessArea) -> BusinessArea:
    """
    Where *area* is after *moves*.
    """
    return next((move.target for move in moves if move.source == area), area)


def relocated(current: TenantState | None, wish: Wish, move: AreaMove) -> TenantState:
    """
    The state of a tenant whose area has moved.

    Earlier moves to its source lead to its target now; one of the target itself is over.

    Raises:
        InvalidValueError: Source and target are the same.
        TenantErasedError, TenantRenamedError: The tenant is erased or renamed.
    """
    if move.source == move.target:
        raise InvalidValueError("to", "other_domain")
    refuse_closed(wish.tenant, current)
    standing = standing_of(current)
    before = () if current is None else current.moves
    moves = [
        AreaMove(one.source, place_in((move,), one.target))
        for one in before
        if one.source not in {move.source, move.target}
    ]
    granted = evolve(wish.granted(current, standing), moves=(*moves, move))
    # It stands where it stood; the trail has the reason of the move.
    if current is None:
        return evolve(granted, reason=None)
    return evolve(granted, since=current.since, by=current.by, reason=current.reason)


def suspended(current: TenantState | None, wish: Wish) -> TenantState | None:
    """
    The state of a suspended tenant; None if it is suspended already.

    Raises:
        TenantErasedError: It is erased.
    """
    return _moved(current, wish, Standing.SUSPENDED)


def resumed(current: TenantState | None, wish: Wish) -> TenantState | None:
    """
    The state of a tenant whose suspension ends; None if it is active.

    Raises:
        TenantErasedError: It is erased.
    """
    return _moved(current, wish, Standing.ACTIVE)


def _moved(current: TenantState | None, wish: Wish, standing: Standing) -> TenantState | None:
    refuse_closed(wish.tenant, current)
    before = standing_of(current)
    return None if before is standing else wish.granted(current, standing)


def erasing(
    current: TenantState | None, wish: Wish, data_keys: tuple[str, ...]
) -> TenantState | None:
    """
    The state with which the erasure begins; None if it has begun or is done.

    Raises:
        TenantRenamedError: It is renamed.
    """
    if current is not None and current.successor is not None:
        raise TenantRenamedError(wish.tenant, current.successor)
    if standing_of(current) in CLOSED:
        return None
    return evolve(wish.granted(current, Standing.ERASING), data_keys=data_keys)


def going_on(current: TenantState) -> TenantState:
    """
    The state of an erasure or a rename that has done a step.
    """
    return evolve(current, revision=current.revision + 1)


def counted(current: TenantState, contents: TenantContents) -> TenantState:
    """
    The state of an erasure that knows what there is to remove.
    """
    return evolve(going_on(current), contents=contents)


def erased(current: TenantState, certificate: Certificate) -> TenantState:
    """
    The state of a tenant of which nothing is left.
    """
    done = going_on(current)
    return evolve(done, standing=Standing.ERASED, certificate=certificate.text)


def reopened(current: TenantState | None, wish: Wish) -> TenantState | None:
    """
    The state of an erased or renamed tenant that may be written again; None if it is open.

    Raises:
        TenantErasedError, TenantRenamedError: That is not finished.
    """
    before = standing_of(current)
    if before in {Standing.ERASING, Standing.RENAMING}:
        refuse_closed(wish.tenant, current)
    if before not in CLOSED:
        return None
    return wish.granted(current, Standing.ACTIVE)


def renamed(current: TenantState | None, wish: Wish, successor: TenantId) -> TenantState:
    """
    The state of a tenant whose messages are still to follow to *successor*.

    Raises:
        InvalidValueError: That is its own id.
        TenantErasedError, TenantRenamedError: It is erased or renamed.
    """
    if successor == wish.tenant:
        raise InvalidValueError("to", "other_tenant")
    refuse_closed(wish.tenant, current)
    return evolve(wish.granted(current, Standing.RENAMING), successor=successor, earlier=())


def succeeding(
    current: TenantState | None, wish: Wish, before: TenantState | None, until: EarlierId
) -> TenantState:
    """
    The state of the tenant that gets everything of another, and stands as that one did.

    Args:
        current: Its own state.
        wish: Names it.
        before: How the other stood.
        until: The id of the other.

    Raises:
        TenantErasedError, TenantRenamedError: It is erased or renamed.
    """
    refuse_closed(wish.tenant, current)
    granted = wish.granted(current, standing_of(before))
    if before is None:
        return evolve(granted, earlier=(until,))
    return evolve(
        granted,
        since=before.since,
        by=before.by,
        reason=before.reason,
        moves=before.moves,
        earlier=(*before.earlier, until),
    )


def forgetting(current: TenantState, data_keys: tuple[str, ...]) -> TenantState:
    """
    The state of a renamed tenant of which nothing is sealed any more: its *data_keys* go.
    """
    return evolve(going_on(current), data_keys=data_keys)


def settled(current: TenantState) -> TenantState:
    """
    The state of a renamed tenant of which nothing is left.
    """
    return evolve(going_on(current), standing=Standing.RENAMED)


def require_confirmed(tenant: TenantId, confirmation: str | None) -> None:
    """
    Refuse an erasure that does not repeat the id of its tenant.

    Raises:
        InvalidValueError: *confirmation* is something else.
    """
    if confirmation != tenant.value:
        raise InvalidValueError("confirm", "confirmation")


@frozen
class Signature:
    """
    An Ed25519 signature.

    Args:
        key_id: The name of the public key: its fingerprint.
        public_key: The 32 bytes that check it.
    """

    key_id: str
    public_key: bytes
    value: bytes


class CertificateInvalidError(DomainError):
    """
    The certificate was changed, or another key signed it.
    """


class CertificateNotFoundError(DomainError):
    """
    The tenant has no certificate: it was not erased, or its erasure goes on.
    """


@frozen
class Certificate:
    """
    What was erased, when, by whom and why; signed by the key ring of the hub.
    """

    statement: JsonObject
    signature: Signature

    @property
    def text(self) -> str:
        """
        The certificate as it is stored and handed out.
        """
        signature = self.signature
        document = {
            "certificate": self.statement,
            "signature": {
                "algorithm": ALGORITHM,
                "key_id": signature.key_id,
                "public_key": b64encode(signature.public_key).decode(),
                "value": b64encode(signature.value).decode(),
            },
        }
        return json.dumps(document, ensure_ascii=False, indent=2)

    @classmethod
    def from_text(cls, text: str) -> Certificate:
        """
        Read what `text` says.

        Raises:
            InvalidValueError: It is no certificate.
        """
        try:
            document = json.loads(text)
            statement, signed = document["certificate"], document["signature"]
            if not isinstance(statement, dict) or signed["algorithm"] != ALGORITHM:
                raise InvalidValueError("certificate", "certificate")
            # Half of a character cannot have been signed.
            signed_bytes(statement)
            signature = Signature(
                str(signed["key_id"]),
                b64decode(signed["public_key"], validate=True),
                b64decode(signed["value"], validate=True),
            )
        except (ValueError, TypeError, KeyError, NotBase64, RecursionError):
            raise InvalidValueError("certificate", "certificate") from None
        return cls(statement, signature)


def signed_bytes(statement: JsonObject) -> bytes:
    """
    What is signed of a certificate: JSON with sorted names and no spaces, in UTF-8.
    """
    return json.dumps(
        statement, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


def statement_of(state: TenantState, *, at: datetime, scrubbed: bool) -> JsonObject:
    """
    What the certificate of an erasure says that ends at *at*.

    *scrubbed*: whether the files of the store have no trace of what was removed, either.
    """
    contents = TenantContents() if state.contents is None else state.contents
    return {
        "format": _FORMAT,
        "kind": "tenant_erasure",
        "tenant": state.tenant.value,
        "begun_at": state.since.isoformat(),
        "erased_at": at.isoformat(),
        "by": state.by,
        "reason": state.reason,
        "destroyed_data_keys": [
            *(key for one in state.earlier for key in one.data_keys),
            *state.data_keys,
        ],
        "removed": {**contents.counts},
        "scrubbed": scrubbed,
    }
