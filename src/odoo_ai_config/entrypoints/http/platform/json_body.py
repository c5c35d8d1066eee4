"""
Parses request bodies as JSON, and refuses JSON that two parsers could read differently.

``json.loads`` accepts duplicate keys, ``NaN``, integers of any length and lone surrogates, and
fails on deep nesting. Each check costs time, so a quick look at the raw bytes comes first: bodies
of Odoo hardly ever need the full check.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
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

# Escapes of a null character and of half a surrogate pair (and of some Korean letters).
_NULL_ESCAPE = rb"\u0000"
_SUSPECT_ESCAPES = (_NULL_ESCAPE, rb"\ud", rb"\uD")

_NULL = "\x00"
_HALF_PAIR = re.compile("[\ud800-\udfff]")

_LONGEST_INTEGER = len(str(INTEGERS[0]))


def parse_json(raw: bytes, *, max_depth: int = 32, lenient: bool = False) -> Json:
    """
    Parse *raw* as one JSON value whose every part can be stored.

    Args:
        raw: The body.
        max_depth: How deep arrays and objects may be nested.
        lenient: Whether to accept duplicate names, numbers beyond 64 bits, which become floats,
            and texts that cannot be stored. It is for bodies that the hub keeps as they are and
            alone reads: the check of names takes four times as long. Who uses such a text
            repairs it.

    Raises:
        InvalidJsonError: *raw* is not UTF-8, not JSON, or has a duplicate key or half a surrogate
            pair.
        InvalidFieldsError: A text or a name has a null character, or a number is beyond 64 bits.
            No store can keep them.
        DepthLimitError: Arrays and objects are nested more than *max_depth* deep.
    """
    text = raw.removeprefix(_BYTE_ORDER_MARK)
    value: Json = None
    has_large_number = False
    try:
        value = _parsed(_read_leniently if lenient else _read, text)
    except _LargeNumberError:
        # Read again outside the handler: a refusal must not chain to an error about the body.
        has_large_number = True
    if has_large_number:
        value = _parsed(_read_with_infinity, text)
        _walk(value, max_depth, texts=False)
        _refuse_part(value, _is_infinite, "number_range")
    # Counted by the length without them: `count` takes three to five times as long.
    may_be_deep = len(raw) - len(raw.replace(b"[", b"").replace(b"{", b"")) > max_depth
    may_hold_bad_text = (
        not lenient and b"\\" in raw and any(escape in raw for escape in _SUSPECT_ESCAPES)
    )
    if may_be_deep or may_hold_bad_text:
        _walk(value, max_depth, texts=may_hold_bad_text)
    if may_hold_bad_text and _NULL_ESCAPE in raw:
        _refuse_part(value, _has_null, "null_character")
    return value


def parse_json_object(raw: bytes, *, max_depth: int = 32, lenient: bool = False) -> JsonObject:
    """
    Parse *raw* as `parse_json` does, and refuse everything but an object.
    """
    value = parse_json(raw, max_depth=max_depth, lenient=lenient)
    if not isinstance(value, dict):
        raise InvalidJsonError
    return value


def _parsed(read: Callable[[bytes], Json], text: bytes) -> Json:
    try:
        return read(text)
    except RecursionError:
        raise DepthLimitError from None
    except ValueError:
        raise InvalidJsonError from None


def _read(text: bytes) -> Json:
    value: Json = _DECODER.decode(text.decode())
    return value


def _read_with_infinity(text: bytes) -> Json:
    """
    Read *text* with infinity in place of each number beyond 64 bits.
    """
    value: Json = _MARKING_DECODER.decode(text.decode())
    return value


def _read_leniently(text: bytes) -> Json:
    # Much faster than Python's parser, and stricter: what it refuses, Python's parser decides.
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _LENIENT_DECODER.decode(text.decode())
    return value


def _walk(value: Json, max_depth: int, *, texts: bool) -> None:
    # Level by level, not recursive: the sender chooses the depth.
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


def _refuse_part(value: Json, is_bad: Callable[[Json], bool], rule: str) -> None:
    place = _place_of(value, is_bad)
    if place is not None:
        raise InvalidFieldsError([FieldError(shown_place(place) or "body", rule)])


def _has_null(value: Json) -> bool:
    return isinstance(value, str) and _NULL in value


def _is_infinite(value: Json) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _place_of(value: Json, is_bad: Callable[[Json], bool]) -> Place | None:
    # Recursive: the depth of *value* is already checked.
    if is_bad(value):
        return ()
    parts: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, list):
        parts = enumerate(value)
    elif isinstance(value, dict):
        parts = value.items()
    for step, part in parts:
        below = () if is_bad(step) else _place_of(part, is_bad)
        if below is not None:
            return (step, *below)
    return None


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJsonError


class _LargeNumberError(Exception):
    """
    A number is beyond 64 bits.
    """


def _bounded_int(digits: str) -> int:
    # The length first: Python refuses very long integers with another error.
    if len(digits) > _LONGEST_INTEGER:
        raise _LargeNumberError
    number = int(digits)
    if number not in INTEGERS:
        raise _LargeNumberError
    return number


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _LargeNumberError
    return number


def _int_or_infinity(digits: str) -> float:
    try:
        return _bounded_int(digits)
    except _LargeNumberError:
        return math.inf


_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_members,
    parse_constant=_refuse_constant,
    parse_int=_bounded_int,
    parse_float=_finite_float,
)
_MARKING_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_members,
    parse_constant=_refuse_constant,
    parse_int=_int_or_infinity,
)
_LENIENT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
