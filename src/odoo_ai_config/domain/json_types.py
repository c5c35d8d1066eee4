"""
JSON values as types, which of them say nothing, and what every store can keep.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from html import unescape
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]
ReadOnlyJsonObject: TypeAlias = Mapping[str, Json]
# The path to a value: names of members and numbers of items.
Place: TypeAlias = "tuple[str | int, ...]"

# The integers that every store and every reader of JSON can represent.
INTEGERS: Final = range(-(2**63), 2**63)

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# Only a name of this form is repeated to readers. Anything else may be a value in a wrong place.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)

_INVISIBLE: Final = r"[\s\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
# Elements that show nothing without content. An unknown one may be a placeholder for a reader.
_FORM: Final = """
    p|div|section|span|br|wbr|b|i|u|s|a|q|font|strong|em|small|big|mark|del|ins|strike|sub|sup|tt|kbd
    |code|pre|h[1-6]|ul|ol|li|dl|dt|dd|blockquote|center|address|cite|abbr|label
    |table|caption|colgroup|col|thead|tbody|tfoot|tr|td|th
    |html|head|body|article|header|footer|main|aside|nav|figure|figcaption
"""
# Every part is possessive: whatever the text, it is read once.
_SHOWS_NOTHING: Final = re.compile(
    rf"""(?:{_INVISIBLE}|&\#?[0-9A-Za-z]{{1,32}};|<!--.*?-->
    |</?(?:{_FORM})(?:\s(?:[^<>"']|"[^"]*+"|'[^']*+')*+)?+/?>)*+""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ALL_INVISIBLE: Final = re.compile(f"{_INVISIBLE}*+")
_ENTITY: Final = re.compile(r"&#?[0-9A-Za-z]{1,32};", re.ASCII)
# An icon of Odoo's web pages is an empty element, and a style may show an image in one.
_PICTURE: Final = re.compile(
    r"""\bclass\s*=\s*["'][^"']*\b(?:fa|fab|fad|far|oi)\b|\burl\s*\(""", re.IGNORECASE
)
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def unique_members(pairs: list[tuple[str, Json]]) -> JsonObject:
    """
    Make an object of *pairs*; JSON parsers would keep the last member of a repeated name.

    Raises:
        ValueError: A name occurs twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def is_storable(text: str) -> bool:
    """
    Whether every store can keep *text*: it has no null character and no half surrogate pair.
    """
    return _NOT_STORABLE.search(text) is None


def is_storable_value(value: Json, *, levels: int = 32) -> bool:
    """
    Whether every store and every reader of JSON can keep *value*, nested at most *levels* deep.
    """
    if isinstance(value, str):
        return is_storable(value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return value in INTEGERS
    if value is None:
        return True
    if isinstance(value, dict):
        if not all(map(is_storable, value)):
            return False
        value = [*value.values()]
    return levels > 0 and all(is_storable_value(part, levels=levels - 1) for part in value)


def is_blank(value: Json) -> bool:
    """
    Whether *value* is a text that shows nothing: white space only, or HTML like ``<p><br></p>``.

    Elements of mere form show nothing, Odoo's `is_html_empty` knows some of them. Every other one
    does, for instance an image, a video or a line.
    """
    if not isinstance(value, str):
        return False
    if not value:
        return True
    # Nearly every text begins like this.
    if value[0].isalnum() or _SHOWS_NOTHING.fullmatch(value) is None or _PICTURE.search(value):
        return False
    entities = {*_ENTITY.findall(value)}
    return all(_ALL_INVISIBLE.fullmatch(unescape(entity)) for entity in entities)


def is_empty(value: Json) -> bool:
    """
    Whether *value* says nothing, as Odoo does with ``false`` and blank texts.
    """
    return value is None or value is False or is_blank(value)


def with_whole_numbers(text: str) -> str:
    """
    The JSON *text* of Python's encoder, with ``10`` for ``10.0``: equal numbers are equal text.

    Floats beyond 64 bits stay, for no integer that a store can keep equals them.
    """
    # Nearly every text has neither.
    if ".0" not in text and "e+" not in text:
        return text
    return _ENCODER.encode(json.loads(text, parse_float=_whole_number))


def _whole_number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and int(number) in INTEGERS else number


def storable(text: str) -> str:
    """
    *text* without null characters and halves of surrogate pairs.
    """
    # A printable text has neither.
    return text if text.isprintable() else _NOT_STORABLE.sub("", text)


def shown_name(name: str) -> str:
    """
    *name* for an answer, a log or a page; ``*`` if it does not have the form of a name.
    """
    return name if _NAME.fullmatch(name) else "*"


def unknown_names(given: Iterable[str], known: Collection[str]) -> list[str]:
    """
    The names in *given* that are not *known*, as `shown_name` shows them, in their order.
    """
    return sorted({shown_name(name) for name in given if name not in known})


def shown_place(place: Place) -> str:
    """
    *place* for an answer, a log or a page: ``items[2].name``.
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{shown_name(step)}" for step in place)
    return "".join(steps).removeprefix(".")
