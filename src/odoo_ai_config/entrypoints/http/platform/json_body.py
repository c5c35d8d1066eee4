"""
Reads request bodies as JSON, refusing what two readers could understand differently.

``json.loads`` alone takes duplicate keys, ``NaN``, endless integers and lone
surrogates, and dies of deep nesting. Each of these costs something to look for,
so the raw bytes are asked first whether a body could hold it at all; the bodies
of an Odoo hardly ever do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn

import orjson

from odoo_ai_config.domain.json_types import (
    INTEGERS,
    Json,
    JsonObject,
    Place,
    shown_place,
    unique_members,
)
from odoo_ai_config.entrypoints.http.platform.errors import (
    DepthLimitError,
    FieldError,
    InvalidFieldsError,
    InvalidJsonError,
)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Of a null character and of half a surrogate pair (and of some letters of Korean).
_NULL_ESCAPE = rb"\u0000"
_SUSPECT_ESCAPES = (_NULL_ESCAPE, rb"\ud", rb"\uD")

_NULL = "\x00"
_HALF_PAIR = re.compile("[\ud800-\udfff]")

_LONGEST_INTEGER = len(str(INTEGERS[0]))


def parse_json(raw: bytes, *, max_depth: int = 32, lenient: bool = False) -> Json:
    """
    Read *raw* as one JSON value whose every part can be stored and given back.

    Args:
        raw: The body.
        max_depth: How deep arrays and objects may be nested.
        lenient: Whether to let pass a name that is twice in an object and a number beyond 64
            bits, where *raw* is kept as it is and nobody but the hub reads it. To look for
            names costs four times as much. Such a number is read as a float. Texts that cannot
            be kept pass as well: whoever takes one out mends it.

    Raises:
        InvalidJsonError: *raw* is not UTF-8, not JSON, holds a duplicate key, a
            number beyond 64 bits or half a surrogate pair.
        InvalidFieldsError: There is a null character in a text or a name, which JSON has and
            no store does.
        DepthLimitError: Arrays and objects are nested more than *max_depth* deep.
    """
    try:
        value = (_read_leniently if lenient else _read)(raw.removeprefix(_BYTE_ORDER_MARK))
    except RecursionError:
        raise DepthLimitError from None
    except ValueError:
        raise InvalidJsonError from None
    # Counted by what is left without them: `count` takes three to five times as long.
    may_be_deep = len(raw) - len(raw.replace(b"[", b"").replace(b"{", b"")) > max_depth
    may_hold_bad_text = (
        not lenient and b"\\" in raw and any(escape in raw for escape in _SUSPECT_ESCAPES)
    )
    if may_be_deep or may_hold_bad_text:
        _walk(value, max_depth, texts=may_hold_bad_text)
    if may_hold_bad_text and _NULL_ESCAPE in raw:
        _refuse_null(value)
    return value


def parse_json_object(raw: bytes, *, max_depth: int = 32, lenient: bool = False) -> JsonObject:
    """
    Read *raw* as `parse_json` does, refusing everything but an object.
    """
    value = parse_json(raw, max_depth=max_depth, lenient=lenient)
    if not isinstance(value, dict):
        raise InvalidJsonError
    return value


def _read(text: bytes) -> Json:
    value: Json = _DECODER.decode(text.decode())
    return value


def _read_leniently(text: bytes) -> Json:
    # Much quicker than Python's own reader, and stricter: that one judges what it refuses.
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _LENIENT_DECODER.decode(text.decode())
    return value


def _walk(value: Json, max_depth: int, *, texts: bool) -> None:
    # Level by level instead of by recursion: the depth is the sender's choice.
    level = [value]
    depth = 0
    while level:
        below: list[Json] = []
        nested = False
        for part in level:
            if isinstance(part, str):
                if texts and _HALF_PAIR.search(part) is not None:
                    raise InvalidJsonError
            elif isinstance(part, list):
                nested = True
                below.extend(part)
            elif isinstance(part, dict):
                nested = True
                below.extend(part.keys())
                below.extend(part.values())
        depth += nested
        if depth > max_depth:
            raise DepthLimitError
        level = below


def _refuse_null(value: Json) -> None:
    place = _place_of_null(value)
    if place is not None:
        field = shown_place(place) or "body"
        raise InvalidFieldsError([FieldError(field, "null_character")])


def _place_of_null(value: Json) -> Place | None:
    # By recursion: how deep *value* is was counted before.
    if isinstance(value, str):
        return () if _NULL in value else None
    parts: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, list):
        parts = enumerate(value)
    elif isinstance(value, dict):
        parts = value.items()
    for step, part in parts:
        below = () if isinstance(step, str) and _NULL in step else _place_of_null(part)
        if below is not None:
            return (step, *below)
    return None


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJsonError


def _bounded_int(digits: str) -> int:
    # The length first: Python refuses very long integers in its own words.
    if len(digits) > _LONGEST_INTEGER:
        raise InvalidJsonError
    number = int(digits)
    if number not in INTEGERS:
        raise InvalidJsonError
    return number


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidJsonError
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_members,
    parse_constant=_refuse_constant,
    parse_int=_bounded_int,
    parse_float=_finite_float,
)
_LENIENT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
