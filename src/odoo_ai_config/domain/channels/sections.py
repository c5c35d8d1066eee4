"""
The whole mapping as one object, as clients of the replaced service use it.

In the four sections of that service an inbox has no account, and fallbacks and special numbers
belong to an owner and not to a channel. A fifth section, the channels, says everything. This
module translates between the object and the mappings of channels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from attrs import evolve, frozen

from odoo_ai_config.domain.channels.mapping import ChannelKey, ChannelMapping, SpecialNumber
from odoo_ai_config.domain.errors import AmbiguousMappingError
from odoo_ai_config.domain.identifiers import NO_ID, ChatwootId, TenantArea

K = TypeVar("K")
V = TypeVar("V")


@frozen
class MappingSections:
    """
    The sections of the mapping; None for a section that a writer left out.

    Args:
        accounts: The owner that each account is mapped to, or else the one owner of all of its
            channels.
        inboxes: The owner of each inbox; only inboxes that have the same owner in every account.
        fallbacks: The lowest sequence of each owner that is a fallback.
        special_numbers: The numbers of all channels of each owner.
        channels: The mapping of each channel, inactive ones included.
    """

    accounts: Mapping[ChatwootId, TenantArea] | None = None
    inboxes: Mapping[ChatwootId, TenantArea] | None = None
    fallbacks: Mapping[TenantArea, int] | None = None
    special_numbers: Mapping[TenantArea, frozenset[SpecialNumber]] | None = None
    channels: tuple[ChannelMapping, ...] | None = None

    @property
    def size(self) -> int:
        """
        The number of entries in all sections.
        """
        numbers = (self.special_numbers or {}).values()
        named = len(self.accounts or {}) + len(self.inboxes or {}) + len(self.fallbacks or {})
        return named + sum(map(len, numbers)) + len(self.channels or ())


def sections_of(
    mappings: Iterable[ChannelMapping], *, shared: Collection[ChatwootId | None] = ()
) -> MappingSections:
    """
    *mappings* as one object.

    Args:
        mappings: All mappings of the hub, or those of one tenant.
        shared: Accounts in which others have channels that are not among *mappings*.
    """
    channels = tuple(sorted(mappings, key=lambda mapping: str(mapping.key)))
    return evolve(_shown(channels, shared), channels=channels)


def _shown(
    mappings: Iterable[ChannelMapping], shared: Collection[ChatwootId | None] = ()
) -> MappingSections:
    # The four sections of the replaced service.
    whole: dict[ChatwootId, set[TenantArea]] = {}
    present: dict[ChatwootId, set[TenantArea]] = {}
    named: dict[ChatwootId, set[TenantArea]] = {}
    fallbacks: dict[TenantArea, int] = {}
    numbers: dict[TenantArea, frozenset[SpecialNumber]] = {}
    for mapping in mappings:
        if not mapping.active:
            continue
        key, owner = mapping.key, mapping.owner
        if key.account is not None:
            present.setdefault(key.account, set()).add(owner)
        if key.inbox is not None:
            named.setdefault(key.inbox, set()).add(owner)
        elif key.account is not None:
            whole[key.account] = {owner}
        if mapping.fallback:
            fallbacks[owner] = min(mapping.sequence, fallbacks.get(owner, mapping.sequence))
        if mapping.numbers:
            numbers[owner] = numbers.get(owner, frozenset()) | frozenset(mapping.numbers)
    derived = {account: owners for account, owners in present.items() if account not in shared}
    accounts = dict(_sayable(derived | whole))
    return MappingSections(accounts, dict(_sayable(named)), fallbacks, numbers)


def _sayable(
    owners: Mapping[ChatwootId, Collection[TenantArea]],
) -> Iterator[tuple[ChatwootId, TenantArea]]:
    for id_, found in owners.items():
        # Old files may have such an id, which those sections do not take.
        if len(found) == 1 and id_.value not in NO_ID:
            (owner,) = found
            yield id_, owner


def rewritten(
    mappings: Iterable[ChannelMapping], sections: MappingSections, *, replace: bool
) -> tuple[ChannelMapping, ...]:
    """
    The mappings that change when *sections* are written over *mappings*.

    The `channels`, if given, come first: with *replace* they are the whole mapping, otherwise
    those that they name. The other sections are compared with what the result shows, and only
    the entries that differ are the writer's edits:

    - An entry stands for every channel behind it, and its edit changes all of them.
    - An entry beside `channels` that is as *mappings* show it is a stale copy: the channels have
      been edited and it has not.
    - Accounts and inboxes that are left out stay, but with *replace* they are switched off.
      Fallbacks and special numbers that are left out of their section go.
    - With *replace* and without `channels`, a section that is left out switches nothing off:
      `accounts` or `inboxes` may be missing only if nothing is mapped that way, and only both of
      them together can say that there is no channel. The other two are then empty.

    Afterwards the mapping shows all entries of `accounts` and `inboxes` but the stale ones.

    Args:
        mappings: What is stored.
        sections: What the writer says.
        replace: Whether it is the whole mapping.

    Raises:
        AmbiguousMappingError: A section does not say which channel is meant. Nothing is guessed.
    """
    writing = _Writing(mappings, sections, replace=replace)
    writing.assign_inboxes()
    writing.assign_accounts()
    writing.assign_fallbacks()
    writing.assign_numbers()
    return writing.changed()


class _Writing:
    """
    The mappings while sections are written over them.
    """

    def __init__(
        self, mappings: Iterable[ChannelMapping], sections: MappingSections, *, replace: bool
    ) -> None:
        self._stored = {mapping.key: mapping for mapping in mappings}
        self._now = dict(self._stored)
        self._replace = replace
        self._before = _shown(self._stored.values())
        if sections.channels is None:
            self._base = self._before
            if replace:
                sections = self._completed(sections)
        else:
            if replace:
                self._switch_off(self._active())
            self._now |= {mapping.key: mapping for mapping in sections.channels}
            self._base = _shown(self._now.values())
        self._sections = sections

    def _completed(self, sections: MappingSections) -> MappingSections:
        # The whole mapping without `channels`. Nobody switches off what they do not speak of.
        accounts, inboxes = sections.accounts, sections.inboxes
        if not accounts and not inboxes and (accounts is None or inboxes is None):
            raise AmbiguousMappingError("channels")
        if inboxes is None and self._inboxes():
            raise AmbiguousMappingError("inboxes")
        if accounts is None and any(m.key.account and not m.key.inbox for m in self._active()):
            raise AmbiguousMappingError("accounts")
        # Who takes the last entry away wants no channel; but there may be channels of which the
        # old sections never showed an entry.
        shown = {**(self._base.accounts or {}), **(self._base.inboxes or {})}
        if shown and not accounts and not inboxes:
            self._switch_off(mapping for mapping in self._active() if not mapping.key.holder)
        elif not self._inboxes().keys() <= (self._base.inboxes or {}).keys():
            raise AmbiguousMappingError("inboxes")
        return evolve(
            sections,
            fallbacks=sections.fallbacks or {},
            special_numbers=sections.special_numbers or {},
        )

    def changed(self) -> tuple[ChannelMapping, ...]:
        return tuple(
            mapping for key, mapping in self._now.items() if self._stored.get(key) != mapping
        )

    def assign_inboxes(self) -> None:
        inboxes = self._inboxes()
        wanted = self._wanted(
            "inboxes",
            self._sections.inboxes,
            self._base.inboxes,
            self._before.inboxes,
            whole=self._replace,
        )
        for inbox, owner in wanted:
            present = inboxes.get(inbox, [])
            owners = {mapping.owner for mapping in present}
            if owner is None:
                self._switch_off(present)
            elif len(owners) > 1:
                raise AmbiguousMappingError("inboxes")
            elif owners != {owner}:
                # Nobody knows the account of an inbox that is new.
                for key in [mapping.key for mapping in present] or [ChannelKey(inbox=inbox)]:
                    self._put(ChannelMapping(key, owner))

    def assign_accounts(self) -> None:
        wanted = self._wanted(
            "accounts",
            self._sections.accounts,
            self._base.accounts,
            self._before.accounts,
            whole=self._replace,
        )
        entries = dict(wanted)
        whole = [mapping for mapping in self._active() if mapping.key.inbox is None]
        self._switch_off(
            m for m in whole if m.key.account in entries and not entries[m.key.account]
        )
        shown = _shown(self._now.values()).accounts or {}
        for account, owner in entries.items():
            if owner is not None and shown.get(account) != owner:
                self._put(ChannelMapping(ChannelKey(account), owner))

    def assign_fallbacks(self) -> None:
        wanted = self._wanted(
            "fallbacks", self._sections.fallbacks, self._base.fallbacks, self._before.fallbacks
        )
        owned = self._owned()
        for owner, sequence in wanted:
            present = [mapping for mapping in owned.get(owner, ()) if mapping.fallback]
            sequences = {mapping.sequence for mapping in present}
            if sequence is None:
                for mapping in present:
                    self._put(evolve(mapping, fallback=False))
            elif sequence == min(sequences, default=None):
                continue
            elif len(sequences) == 1:
                for mapping in present:
                    self._put(evolve(mapping, sequence=sequence))
            elif sequence > min(sequences, default=sequence):
                # They differ, so it is not known which of them are meant to come later.
                raise AmbiguousMappingError("fallbacks")
            else:
                self._put(evolve(self._holder(owner), fallback=True, sequence=sequence))

    def assign_numbers(self) -> None:
        wanted = self._wanted(
            "special_numbers",
            _pairs(self._sections.special_numbers),
            _pairs(self._base.special_numbers) or {},
            _pairs(self._before.special_numbers) or {},
        )
        present = _pairs(_shown(self._now.values()).special_numbers) or {}
        gone: dict[TenantArea, set[SpecialNumber]] = {}
        new: dict[TenantArea, list[SpecialNumber]] = {}
        for (owner, special), listed in wanted:
            if listed and (owner, special) not in present:
                new.setdefault(owner, []).append(special)
            elif not listed and (owner, special) in present:
                gone.setdefault(owner, set()).add(special)
        owned = self._owned()
        for owner in {**gone, **new}:
            self._change_numbers(
                owner, owned.get(owner, ()), gone.get(owner, set()), new.get(owner, [])
            )

    def _change_numbers(
        self,
        owner: TenantArea,
        mappings: Iterable[ChannelMapping],
        gone: Collection[SpecialNumber],
        new: list[SpecialNumber],
    ) -> None:
        new = sorted(new, key=lambda special: (special.number.digits, special.crew))
        # A number that gets another crew stays in the channels that list it.
        instead = {
            special: next((one for one in new if one.number == special.number), None)
            for special in gone
        }
        for mapping in mappings:
            if not instead.keys().isdisjoint(mapping.numbers):
                kept = (instead.get(special, special) for special in mapping.numbers)
                numbers = dict.fromkeys(special for special in kept if special is not None)
                self._put(evolve(mapping, numbers=tuple(numbers)))
        added = [special for special in new if special not in instead.values()]
        if added:
            holder = self._holder(owner)
            self._put(evolve(holder, numbers=(*holder.numbers, *added)))

    def _wanted(
        self,
        section: str,
        given: Mapping[K, V] | None,
        base: Mapping[K, V] | None,
        before: Mapping[K, V] | None,
        *,
        whole: bool = True,
    ) -> list[tuple[K, V | None]]:
        """
        The entries that the writer wants, None for one that goes; without stale copies.
        """
        if given is None:
            return []
        base, before = base or {}, before or {}
        wanted: list[tuple[K, V | None]] = []
        for key in {**given, **(base if whole else {})}:
            value, shown, stored = given.get(key), base.get(key), before.get(key)
            if shown in (value, stored):
                wanted.append((key, value))
            elif value != stored:
                raise AmbiguousMappingError(section)
        return wanted

    def _inboxes(self) -> dict[ChatwootId, list[ChannelMapping]]:
        inboxes: dict[ChatwootId, list[ChannelMapping]] = {}
        for mapping in self._active():
            if mapping.key.inbox is not None:
                inboxes.setdefault(mapping.key.inbox, []).append(mapping)
        return inboxes

    def _owned(self) -> dict[TenantArea, list[ChannelMapping]]:
        owned: dict[TenantArea, list[ChannelMapping]] = {}
        for mapping in self._active():
            owned.setdefault(mapping.owner, []).append(mapping)
        return owned

    def _active(self) -> list[ChannelMapping]:
        return [mapping for mapping in self._now.values() if mapping.active]

    def _switch_off(self, mappings: Iterable[ChannelMapping]) -> None:
        for mapping in mappings:
            self._put(evolve(mapping, active=False))

    def _put(self, mapping: ChannelMapping) -> None:
        self._now[mapping.key] = mapping

    def _holder(self, owner: TenantArea) -> ChannelMapping:
        key = ChannelKey(holder=owner)
        present = self._now.get(key)
        if present is None or not present.active:
            return ChannelMapping(key, owner)
        return present


def _pairs(
    numbers: Mapping[TenantArea, frozenset[SpecialNumber]] | None,
) -> dict[tuple[TenantArea, SpecialNumber], bool] | None:
    if numbers is None:
        return None
    return {(owner, special): True for owner, specials in numbers.items() for special in specials}
