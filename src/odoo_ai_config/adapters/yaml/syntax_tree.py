"""
Reads YAML text into nodes that know their place in it, within limits.

The nodes are built from ruamel.yaml's events. Its constructors mix the rules of YAML 1.1 and 1.2
for scalars, expand alias bombs, and recurse as deep as the text does.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from attrs import Factory, define, field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from odoo_ai_config.application.ports.yaml_codec import MAX_DEPTH
from odoo_ai_config.domain.errors import InvalidYamlError
from odoo_ai_config.domain.json_types import INTEGERS, Json, JsonObject

JsonScalar: TypeAlias = bool | int | float | str | None
# ruamel.yaml has no types for the attributes that are used here.
_Event: TypeAlias = Any

# From the end of a key to where its value may start.
COLON = re.compile(r"[ \t]*:")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n|[\n\r]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@frozen
class Numbers:
    """
    Which unquoted scalars are numbers; *integers* are by their base.
    """

    integers: dict[int, re.Pattern[str]]
    floats: re.Pattern[str]


# The core schema of YAML 1.2, which includes the numbers of JSON.
_CORE = Numbers(
    {
        10: re.compile(r"([-+]?[0-9]+)"),
        8: re.compile(r"0o([0-7]+)"),
        16: re.compile(r"0x([0-9a-fA-F]+)"),
    },
    re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
)
# Those of them that PyYAML calls numbers, too. It writes the others, such as 12E5, 0o17 and 089,
# unquoted if they are texts: https://github.com/yaml/pyyaml/blob/6.0.2/lib/yaml/resolver.py
_COMMON = Numbers(
    {
        10: re.compile(r"([-+]?(?:[1-9][0-9]*|0[0-7]*))"),
        16: _CORE.integers[16],
    },
    re.compile(r"(?:[-+]?[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?"),
)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)"
    r"([0-9]{1,2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]*)?)"
    r"(?:[ \t]*(Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?"
)

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {
    f"{_TAG}null": type(None),
    f"{_TAG}bool": bool,
    f"{_TAG}int": int,
    f"{_TAG}float": float,
}
_TEXT_TAGS = frozenset({"!", f"{_TAG}str", f"{_TAG}timestamp"})


@define(eq=False)
class Node:
    """
    A part of a text, from *start* to before *end*, including properties such as an anchor.

    Args:
        weight: The length of the part with its aliases expanded.
        height: How deep collections are nested in it.
        has_alias: Whether its value depends on an anchor.
    """

    start: int
    end: int
    line: int
    column: int
    anchor: str | None = None
    weight: int = 1
    height: int = 0
    has_alias: bool = False

    @property
    def parts(self) -> list[Node]:
        """
        The nodes directly in this one, in the order of the text.
        """
        return []


@define(eq=False)
class Scalar(Node):
    """
    A value without parts; *style* is its quote or block indicator, None for a plain one.
    """

    value: JsonScalar = None
    style: str | None = None


@define(eq=False)
class Alias(Node):
    """
    A reference to an anchored node before it.
    """

    target: Node = field(kw_only=True)


@define(eq=False)
class Entry:
    """
    One key of a mapping with its value; *key* is its text in JSON.
    """

    key: str
    key_node: Node
    value: Node


@define(eq=False)
class Collection(Node):
    """
    A mapping or a sequence; *content* is where it starts without its properties.
    """

    flow: bool = False
    content: int = 0


@define(eq=False)
class Mapping(Collection):
    """
    Keys with their values as *written*, including the *merge* entry (``<<``).
    """

    written: list[Entry] = Factory(list)
    merge: Entry | None = None

    @property
    def entries(self) -> list[Entry]:
        """
        The entries other than the merge entry.
        """
        return [entry for entry in self.written if entry is not self.merge]

    @property
    def parts(self) -> list[Node]:
        return [node for entry in self.written for node in (entry.key_node, entry.value)]


@define(eq=False)
class Sequence(Collection):
    """
    Items in their order.
    """

    items: list[Node] = Factory(list)

    @property
    def parts(self) -> list[Node]:
        return self.items


def read(text: str, max_length: int) -> Node | None:
    """
    The one document of *text*; None if it is empty.

    Raises:
        InvalidYamlError: The text is not YAML, or beyond the limits.
    """
    if len(text) > max_length:
        raise InvalidYamlError
    if found := _UNPRINTABLE.search(text):
        breaks = list(_LINE_BREAK.finditer(text, 0, found.start()))
        line_start = breaks[-1].end() if breaks else 0
        raise InvalidYamlError(len(breaks) + 1, found.start() - line_start + 1)
    return _Reader(text, max_length).document()


def to_json(node: Node) -> Json:
    """
    The value of *node*, sharing no part with any other.
    """
    if isinstance(node, Alias):
        return to_json(node.target)
    if isinstance(node, Sequence):
        return [to_json(item) for item in node.items]
    if isinstance(node, Mapping):
        merged: JsonObject = {}
        for source in merge_sources(node):
            value = to_json(source)
            if isinstance(value, dict):
                merged = value | merged
        return merged | {entry.key: to_json(entry.value) for entry in node.entries}
    return node.value if isinstance(node, Scalar) else None


def merge_sources(node: Mapping) -> list[Node]:
    """
    The mappings that *node* merges, in the order of precedence.
    """
    if node.merge is None:
        return []
    value = resolved(node.merge.value)
    return value.items if isinstance(value, Sequence) else [node.merge.value]


def resolved(node: Node) -> Node:
    """
    The target of *node* if it is an alias, else *node*.
    """
    return node.target if isinstance(node, Alias) else node


def resolve_plain(text: str, numbers: Numbers = _COMMON) -> JsonScalar:
    """
    The value of an unquoted scalar.

    It is a number if YAML 1.1 and 1.2 call it one, and has the value that it has in 1.2.

    Raises:
        ValueError: It is a number that JSON or 64 bits cannot hold.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = _number(text, numbers)
    return _iso(text) if number is None else number


def _number(text: str, numbers: Numbers) -> int | float | None:
    for base, pattern in numbers.integers.items():
        if match := pattern.fullmatch(text):
            integer = int(match[1], base)
            if integer not in INTEGERS:
                raise ValueError("integer beyond 64 bits")
            return integer
    if numbers.floats.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError("float overflow")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("not a JSON number")
    return None


def _iso(text: str) -> str:
    """
    A timestamp of YAML 1.1 in the form of ISO 8601; any other text unchanged.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return text
    year, month, day, hour, minute, second, zone = match.groups(default="")
    if zone not in {"", "Z"}:
        hours, _, minutes = zone[1:].partition(":")
        zone = f"{zone[0]}{hours:0>2}:{minutes or '00'}"
    return f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second.rstrip('.')}{zone}"


def _sound_text(text: str) -> str:
    r"""
    Join surrogate pairs, which JSON writes as two escapes (``\ud83d\ude00``).
    """
    if "\x00" in text:
        raise ValueError("null character")
    if _SURROGATE.search(text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return text


def _refusal(event: _Event) -> InvalidYamlError:
    mark = event.start_mark
    return InvalidYamlError(mark.line + 1, mark.column + 1)


class _Reader:
    """
    Builds the nodes of one text from the events of ruamel.yaml.
    """

    def __init__(self, text: str, max_length: int) -> None:
        self._text = text
        self._events = _events(text)
        self._numbers = _CORE if _is_json(text) else _COMMON
        self._anchors: dict[str, Node | None] = {}
        # Aliases may add the length of the longest text.
        self._weight_left = max_length

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _refusal(event)
            elif isinstance(event, NodeEvent):
                root = self._node(event, 0)
        return root

    def _node(self, event: _Event, depth: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        anchor = event.anchor
        if anchor is not None:
            # Known, but incomplete: a node that contains itself is refused.
            self._anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            node: Node = _scalar(event, self._numbers)
        elif depth == MAX_DEPTH:
            raise _refusal(event)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(event, depth + 1)
        else:
            node = self._sequence(event, depth + 1)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: _Event, depth: int) -> Alias:
        target = self._anchors.get(event.anchor)
        if target is None or depth + target.height > MAX_DEPTH:
            raise _refusal(event)
        self._weight_left -= target.weight
        if self._weight_left < 0:
            raise _refusal(event)
        return Alias(
            *_place(event),
            weight=target.weight,
            height=target.height,
            has_alias=True,
            target=target,
        )

    def _sequence(self, event: _Event, depth: int) -> Sequence:
        if str(event.tag or "!") not in {"!", f"{_TAG}seq"}:
            raise _refusal(event)
        node = Sequence(*_place(event), flow=event.flow_style)
        while not isinstance(item_event := next(self._events), SequenceEndEvent):
            node.items.append(self._node(item_event, depth))
        _close(node, item_event)
        return node

    def _mapping(self, event: _Event, depth: int) -> Mapping:
        if str(event.tag or "!") not in {"!", f"{_TAG}map"}:
            raise _refusal(event)
        node = Mapping(*_place(event), flow=event.flow_style)
        keys: set[str] = set()
        while not isinstance(key_event := next(self._events), MappingEndEvent):
            key_node = self._node(key_event, depth)
            value = self._node(next(self._events), depth)
            if value.start == value.end:
                self._place_after_colon(value, key_node)
            entry = Entry(_key_text(key_node, key_event), key_node, value)
            if _is_merge(key_event):
                if node.merge is not None or not _can_merge(value):
                    raise _refusal(key_event)
                node.merge = entry
            elif entry.key in keys:
                raise _refusal(key_event)
            else:
                keys.add(entry.key)
            node.written.append(entry)
        _close(node, key_event)
        return node

    def _place_after_colon(self, value: Node, key_node: Node) -> None:
        # The event of an omitted value is at the start of what follows.
        colon = COLON.match(self._text, key_node.end)
        value.start = value.end = colon.end() if colon else key_node.end


def _is_json(text: str) -> bool:
    # Programs write numbers such as 1e+20 there.
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _place(event: _Event) -> tuple[int, int, int, int, str | None]:
    start = event.start_mark
    anchor = None if isinstance(event, AliasEvent) else event.anchor
    return start.index, event.end_mark.index, start.line, start.column, anchor


def _close(node: Collection, end_event: _Event) -> None:
    parts = node.parts
    node.weight += sum(part.weight for part in parts)
    node.height = 1 + max((part.height for part in parts), default=0)
    node.has_alias = any(part.has_alias for part in parts)
    if node.flow:
        # The start event ends after the opening bracket.
        node.content = node.end - 1
        node.end = end_event.end_mark.index
    else:
        # A block ends with its last part; the event is at the start of what follows.
        node.content = node.end
        node.end = parts[-1].end


def _scalar(event: _Event, numbers: Numbers) -> Scalar:
    tag = None if event.tag is None else str(event.tag)
    try:
        text = _sound_text(event.value)
        value: JsonScalar
        if tag is None:
            value = resolve_plain(text, numbers) if event.style is None else text
        elif tag in _TEXT_TAGS:
            value = _iso(text) if tag.endswith("timestamp") else text
        else:
            value = _tagged(text, _SCALAR_TAGS.get(tag))
    except ValueError:
        raise _refusal(event) from None
    return Scalar(*_place(event), weight=len(text) + 1, value=value, style=event.style)


def _tagged(text: str, expected: type | None) -> JsonScalar:
    value = resolve_plain(text, _CORE)
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        raise ValueError("no such value under this tag")
    return value


def _key_text(node: Node, event: _Event) -> str:
    node = resolved(node)
    if not isinstance(node, Scalar):
        raise _refusal(event)
    return node.value if isinstance(node.value, str) else json.dumps(node.value)


def _is_merge(event: _Event) -> bool:
    return (
        isinstance(event, ScalarEvent)
        and event.value == "<<"
        and event.style is None
        and event.tag is None
    )


def _can_merge(node: Node) -> bool:
    node = resolved(node)
    parts = node.items if isinstance(node, Sequence) else [node]
    return all(isinstance(resolved(part), Mapping) for part in parts)


def _events(text: str) -> Iterator[_Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            raise InvalidYamlError from None
        raise InvalidYamlError(mark.line + 1, mark.column + 1) from None
    except (YAMLError, AssertionError, OverflowError, ValueError):
        # ruamel.yaml passes escapes beyond Unicode to chr(), and asserts that the version is 1.1
        # or 1.2.
        raise InvalidYamlError from None
