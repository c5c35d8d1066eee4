"""
Reading by one command what several calls of a task are about to ask for.

What they ask for is known from the last time. Where it is something else, they read it themselves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from attrs import define, field

from odoo_ai_config.adapters.mongo.database import IS_TEXT, MongoDatabase, Record
from odoo_ai_config.adapters.mongo.driver_errors import translated
from odoo_ai_config.adapters.mongo.records import (
    from_record,
    tenant_keys_from,
    texts_from,
    to_instant,
    to_record,
)
from odoo_ai_config.domain.credentials.secrets import (
    Fingerprint,
    SealContext,
    SealedSecret,
    TenantKey,
)
from odoo_ai_config.domain.documents.revisions import Revision
from odoo_ai_config.domain.identifiers import TenantId
from odoo_ai_config.domain.messages.inbox import InboxMessage, Stage

Places: TypeAlias = dict[str, tuple[str, Sequence[Record]]]

# Whatever callers ask for, no more is read ahead.
_MOST_NAMES: Final = 16
_MOST_HABITS: Final = 4096
# In all parsed documents: one may have two million.
_MOST_CHARACTERS: Final = 2**24
# What a document takes besides its text.
_BESIDES: Final = 1024
# The time between the beginning of a reading and a question about it.
_SLACK: Final = timedelta(seconds=1)


@define(eq=False)
class Habit:
    """
    What was asked for in tasks of one kind.

    Args:
        documents, secrets: Their ids; what was asked for last comes last.
        parts: Names of other parts of a reading.
        told: The most messages of a conversation.
        answers: The most answers that were counted.
        window: From how long ago.
    """

    documents: dict[str, None] = field(factory=dict)
    secrets: dict[str, None] = field(factory=dict)
    parts: set[str] = field(factory=set)
    told: int = 0
    answers: int = 0
    window: timedelta = timedelta(0)


def _note(names: dict[str, None], name: str) -> None:
    names.pop(name, None)
    names[name] = None
    if len(names) > _MOST_NAMES:
        del names[next(iter(names))]


@define(eq=False)
class Reading:
    """
    What was read ahead at *now*, by the server's clock.

    Each method returns what a call asks for, or None where the call has to read it itself.

    Args:
        habit: Learns what is asked for.
        conversation: The only one whose parts were read.
        mappings_wanted: Which mappings were.
        found: The records, by part.
        known: The documents; None for one that does not exist.
        told: The most messages of the conversation that are.
        answers_after: The instant after which answers are counted, at most *answers*.
        over: Nothing of it counts any more.
    """

    database: MongoDatabase
    now: datetime
    habit: Habit
    conversation: str | None
    mappings_wanted: Record | None
    found: dict[str, Sequence[Record]] = field(factory=dict)
    known: dict[str, Revision | None] = field(factory=dict)
    told: int = 0
    answers_after: int = 0
    answers: int = 0
    over: bool = False

    def documents(self, names: Collection[str]) -> Mapping[str, Revision | None]:
        """
        Those of the documents that are known; None for one that does not exist.
        """
        for name in names:
            _note(self.habit.documents, name)
        return {name: self.known[name] for name in names if name in self.known}

    def mappings(self, wanted: Record) -> Sequence[Record] | None:
        """
        The *wanted* mappings.
        """
        return self.found["mappings"] if wanted == self.mappings_wanted else None

    def states(self, conversation: str) -> Sequence[Record] | None:
        """
        The state of a conversation; none if it has none.
        """
        self.habit.parts.add("states")
        return self.found.get("states") if conversation == self.conversation else None

    def messages(self, conversation: str, limit: int) -> Sequence[Record] | None:
        """
        The newest messages of a conversation that have a text.
        """
        self.habit.told = max(self.habit.told, limit)
        found = self.found.get("told", ())
        if conversation != self.conversation or len(found) == self.told < limit:
            return None
        return found[:limit]

    def answers_since(self, conversation: str, since: datetime, limit: int) -> int | None:
        """
        How many answers in a conversation are later than *since*, by the server's clock.
        """
        self.habit.answers = max(self.habit.answers, limit)
        self.habit.window = max(self.habit.window, self.now - since)
        found, instant = self.found.get("answers", ()), to_instant(since)
        if conversation != self.conversation or instant < self.answers_after:
            return None
        if len(found) == self.answers:
            # Perhaps these are not all.
            return None
        later = [record for record in found if record["updated_at"] > instant]
        return min(limit, len(later))

    def secret(self, id_: str) -> SealedSecret | None:
        """
        A sealed credential.
        """
        _note(self.habit.secrets, id_)
        found = (record for record in self.found.get("secrets", ()) if record["_id"] == id_)
        record = next(found, None)
        return None if record is None else from_record(record, SealedSecret)

    def text(self, context: SealContext, fingerprint: Fingerprint) -> SealedSecret | None:
        """
        A sealed text of a message.
        """
        self.habit.parts.add("texts")
        for part in ("texts", "told"):
            for record in self.found.get(part, ()):
                text = record.get("sealed", {}).get(context.purpose, {})
                if (
                    record["_id"] == context.ref.value
                    and text.get("fingerprint") == fingerprint.value
                    and record["holder"] == to_record(context.owner)
                ):
                    return texts_from(record | {"sealed": {context.purpose: text}})[0]
        return None

    def tenant_key(self, tenant: TenantId, key_id: str) -> TenantKey | None:
        """
        A data key.

        Without it, nothing that it seals counts any more: that was sealed again.
        """
        self.habit.parts.add("keys")
        for record in self.found.get("keys", ()):
            if record["_id"] == tenant.value:
                for key in tenant_keys_from(record):
                    if key.key_id == key_id:
                        return key
        for part in ("secrets", "texts", "told"):
            self.found.pop(part, None)
        self.told = 0
        return None


_READING: Final[ContextVar[Reading | None]] = ContextVar("reading", default=None)


def reading_in(database: MongoDatabase) -> Reading | None:
    """
    What was read ahead from *database* for this task.
    """
    reading = _READING.get()
    if reading is None or reading.over or reading.database is not database:
        return None
    return reading


def end_reading(database: MongoDatabase) -> None:
    """
    Forget what was read ahead for this task: it has written.
    """
    reading = reading_in(database)
    if reading is not None:
        reading.over = True


class ReadAhead:
    """
    Reads ahead, and learns what to read.

    A version of a document never changes. So the content of those that were read before is not
    read again; the command finds out whether they are still the newest.
    """

    def __init__(self, database: MongoDatabase) -> None:
        self._database = database
        self._habits: dict[tuple[str, ...], Habit] = {}
        self._parsed: dict[str, Revision] = {}
        self._characters = 0

    def habit(self, *topic: str) -> Habit:
        """
        What was asked for in tasks about *topic*.
        """
        habit = self._habits.pop(topic, None) or Habit()
        if len(self._habits) >= _MOST_HABITS:
            del self._habits[next(iter(self._habits))]
        self._habits[topic] = habit
        return habit

    @asynccontextmanager
    async def reading(
        self,
        habit: Habit,
        now: datetime,
        *,
        conversation: str | None,
        message: InboxMessage | None = None,
        places: Places | None = None,
        mappings_wanted: Record | None = None,
    ) -> AsyncIterator[Reading]:
        """
        Read *places* and what the *habit* says; calls of this task find it within.

        *conversation* and *message* are those that the task is about; a *message* is stored
        already. *mappings_wanted* says which mappings are in *places*. It is *now*.
        """
        reading = Reading(self._database, now, habit, conversation, mappings_wanted)
        await self._read(reading, {**(places or {}), **_of_message(habit, message)})
        token = _READING.set(reading)
        try:
            yield reading
        finally:
            # Tasks that it started may still have it.
            reading.over = True
            _READING.reset(token)

    @translated
    async def _read(self, reading: Reading, places: Places) -> None:
        habit = reading.habit
        reading.now += await self._database.clock.ahead()
        if reading.conversation is not None:
            places |= _of_conversation(reading, reading.conversation)
        names = [*habit.documents]
        parsed = {name: self._parsed[name] for name in names if name in self._parsed}
        places |= _of_documents(names, parsed)
        if not places:
            return
        found, states = reading.found, self._database.states
        read_at = states.now()
        found |= await self._database.gathered(places)
        if reading.conversation is not None and "states" in found:
            states.remember(reading.conversation, found["states"], read_at=read_at)
        newest = {record["_id"]: self._parse(record) for record in found.get("documents", ())}
        same = {record["_id"] for record in found.get("same", ())}
        for name in names:
            if name in newest or name not in parsed:
                reading.known[name] = newest.get(name)
            elif name in same:
                reading.known[name] = parsed[name]
            # What changed between the two parts is in neither.

    def _parse(self, record: Record) -> Revision:
        name = record["_id"]
        self._characters -= _size(self._parsed.pop(name, None))
        revision = self._parsed[name] = from_record(record, Revision)
        self._characters += _size(revision)
        while self._characters > _MOST_CHARACTERS:
            self._characters -= _size(self._parsed.pop(next(iter(self._parsed))))
        return revision


def told_in(conversation: str) -> Record:
    """
    The messages of a conversation that have a text or an answer.
    """
    return {"conversation": conversation, "$or": [{"body": IS_TEXT}, {"answer": IS_TEXT}]}


def answers_in(conversation: str, since: int) -> Record:
    """
    The messages of a conversation that were answered after *since*.
    """
    return {
        "conversation": conversation,
        "stage": Stage.DONE.value,
        "answer": IS_TEXT,
        "updated_at": {"$gt": since},
    }


def _of_conversation(reading: Reading, name: str) -> Places:
    habit = reading.habit
    places: Places = {}
    if "states" in habit.parts:
        places["states"] = ("conversation_states", [{"$match": {"_id": name}}])
    if habit.told:
        reading.told = habit.told
        newest: list[Record] = [{"$sort": {"arrival": -1}}, {"$limit": habit.told}]
        places["told"] = ("messages", [{"$match": told_in(name)}, *newest])
    if habit.answers:
        reading.answers_after = to_instant(reading.now - habit.window - _SLACK)
        # One more tells whether these are all.
        reading.answers = habit.answers + 1
        some: list[Record] = [{"$limit": reading.answers}, {"$project": {"updated_at": 1}}]
        wanted = answers_in(name, reading.answers_after)
        places["answers"] = ("messages", [{"$match": wanted}, *some])
    return places


def _of_documents(names: Sequence[str], parsed: Mapping[str, Revision]) -> Places:
    same: list[Record] = []
    others: list[Record] = []
    for name in names:
        if name not in parsed:
            others.append({"_id": name})
            continue
        at = to_instant(parsed[name].updated_at)
        version: Record = {"version": parsed[name].version, "updated_at": at}
        same.append({"_id": name, **version})
        others.append({"_id": name, "$nor": [version]})
    places: Places = {}
    if same:
        places["same"] = ("documents", [{"$match": {"$or": same}}, {"$project": {"_id": 1}}])
    if others:
        places["documents"] = ("documents", [{"$match": {"$or": others}}])
    return places


def _of_message(habit: Habit, message: InboxMessage | None) -> Places:
    places: Places = {}
    if habit.secrets:
        places["secrets"] = ("secrets", [{"$match": {"_id": {"$in": [*habit.secrets]}}}])
    if message is None:
        return places
    if "keys" in habit.parts:
        places["keys"] = ("tenant_keys", [{"$match": {"_id": message.holder.tenant.value}}])
    # The conversation's messages include it mostly.
    if "texts" in habit.parts and not habit.told:
        fields = {"holder": 1, "sealed": 1}
        places["texts"] = (
            "messages",
            [{"$match": {"_id": message.id.value}}, {"$project": fields}],
        )
    return places


def _size(revision: Revision | None) -> int:
    if revision is None:
        return 0
    document = revision.document
    authored = 0 if document.authored is None else len(document.authored.text)
    return _BESIDES + len(document.text) + authored
