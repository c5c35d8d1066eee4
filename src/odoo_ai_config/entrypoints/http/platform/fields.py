"""
Reads the fields of a JSON object as Odoo fills them, collecting what is wrong with them.

Odoo sends ``false`` for an empty field of almost any type, so ``false``, ``""`` and ``null``
all mean that a field is absent; only where a boolean is expected is ``false`` a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NoReturn, TypeVar

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.entrypoints.http.platform.errors import (
    FieldError,
    IncompleteDataError,
    InvalidFieldsError,
)

T = TypeVar("T")

MAX_TEXT: Final = 16 * 1024
MAX_ITEMS: Final = 200
MOST_ERRORS: Final = 200
_LONGEST_HOUR: Final = 24
_MOST_DIGITS: Final = 18


def is_absent(value: Json) -> bool:
    """
    Whether *value* is what Odoo sends for an empty field.
    """
    return value is None or value is False or (isinstance(value, str) and not value.strip())


class FieldReader:
    """
    The fields of one object, or of several of which the first that has a field wins.

    Args:
        layers: Objects by the path that leads to them, ``""`` for the body itself.
        errors: Where to collect; a reader of an inner object shares its parent's list.
    """

    def __init__(
        self, layers: Mapping[str, JsonObject], errors: list[FieldError] | None = None
    ) -> None:
        self._layers = layers
        self._prefix = next(iter(layers))
        # Odoo names more fields than it fills in, and many are asked for that it never sends.
        self._said = {
            name: (prefix + name, value)
            for prefix, layer in reversed(list(layers.items()))
            for name, value in layer.items()
            if not is_absent(value)
        }
        self.errors: list[FieldError] = [] if errors is None else errors

    def has(self, name: str) -> bool:
        """
        Whether any layer says anything of *name*.
        """
        return self._find(name)[1] not in (None, {})

    def text(self, name: str, *, limit: int = MAX_TEXT) -> str | None:
        """
        Text without the space around it.
        """
        text = self.verbatim(name, limit=limit)
        return None if text is None else text.strip()

    def verbatim(self, name: str, *, limit: int | None = None) -> str | None:
        """
        Text exactly as it came.
        """
        found = self._said.get(name)
        return None if found is None else self._text(*found, limit)

    def secret(self, name: str) -> SecretText | None:
        """
        Text exactly as it came, which nobody is to see.
        """
        text = self.verbatim(name, limit=MAX_TEXT)
        return None if text is None else SecretText(text)

    def named(self, name: str, make: Callable[[str], T]) -> T | None:
        """
        What *make* makes of an identifier, which may have come as an integer.
        """
        path, value = self._find(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | str):
            self.reject(path, "identifier")
            return None
        return self.made_at(path, make, str(value).strip())

    def made(self, name: str, make: Callable[[str], T], text: str) -> T | None:
        """
        What *make* makes of *text*; its refusal is an error of the field *name*.
        """
        return self.made_at(self._find(name)[0], make, text)

    def made_at(self, path: str, make: Callable[[str], T], text: str) -> T | None:
        """
        What *make* makes of *text*; its refusal is an error at *path*.
        """
        try:
            return make(text)
        except InvalidValueError as error:
            self.reject(path, error.rule)
            return None

    def flag(self, name: str) -> bool | None:
        """
        A boolean, for which ``false`` is a value.
        """
        path, value = self._find(name, false_counts=True)
        if value is None or isinstance(value, bool):
            return value
        self.reject(path, "boolean")
        return None

    def integer(self, name: str) -> int | None:
        """
        An integer, which may have come as its digits.
        """
        path, value = self._find(name)
        number = _whole(value)
        if value is not None and number is None:
            self.reject(path, "integer")
            return None
        return number

    def sequence(self) -> int | None:
        """
        A place among the fallbacks.
        """
        sequence = self.integer("sequence")
        if sequence is not None and sequence < 0:
            self.reject(self._find("sequence")[0], "sequence")
        return sequence

    def hour(self, name: str) -> float | None:
        """
        A time of day as Odoo keeps it: hours with a fraction.
        """
        path, value = self._find(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.reject(path, "number")
            return None
        if not 0 <= value <= _LONGEST_HOUR:
            self.reject(path, "hour")
            return None
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """
        A list of texts; an empty one is not an absent one. Empty elements fall out.
        """
        found = self._list(name)
        if found is None:
            return None
        path, items = found
        texts = [self._text(f"{path}.{place}", item, MAX_TEXT) for place, item in items]
        return tuple(text.strip() for text in texts if text is not None)

    def section(self, name: str) -> FieldReader | None:
        """
        An object within this one.
        """
        found = self.mapping(name)
        if found is None:
            return None
        path, value = found
        return FieldReader({f"{path}.": value}, self.errors)

    def mapping(self, name: str) -> tuple[str, JsonObject] | None:
        """
        An object within this one, as it is, and its path. An empty one is an absent one.
        """
        path, value = self._find(name)
        if value is None or value == {}:
            return None
        if not isinstance(value, dict):
            self.reject(path, "object")
            return None
        return path, value

    def sections(self, name: str, *, limit: int = MAX_ITEMS) -> Iterator[FieldReader]:
        """
        The objects of a list; empty ones fall out.
        """
        path, items = self._list(name, limit) or ("", [])
        for place, item in items:
            if item == {}:
                continue
            if isinstance(item, dict):
                yield FieldReader({f"{path}.{place}.": item}, self.errors)
            else:
                self.reject(f"{path}.{place}", "object")

    def require(self, *names: str) -> None:
        """
        Note each of *names* of which nothing is said.
        """
        for name in names:
            if not self.has(name):
                self.reject(self._prefix + name, "required")

    def refuse(self, *required: str) -> NoReturn:
        """
        Refuse the whole object for what was collected, or because of the *required* fields.

        Raises:
            IncompleteDataError: One of *required* is missing.
            InvalidFieldsError: Something else is wrong.
        """
        lacking = [name for name in required if not self.has(name)]
        if lacking:
            missing = [FieldError(self._prefix + name, "required") for name in lacking]
            raise IncompleteDataError(required, [*missing, *self.errors])
        raise InvalidFieldsError(self.errors)

    def _find(self, name: str, *, false_counts: bool = False) -> tuple[str, Json]:
        if false_counts:
            for prefix, layer in self._layers.items():
                if layer.get(name) is False:
                    return prefix + name, False
                if name in layer and not is_absent(layer[name]):
                    break
        return self._said.get(name, (name, None))

    def _text(self, path: str, value: Json, limit: int | None) -> str | None:
        if not isinstance(value, str):
            self.reject(path, "text")
            return None
        if limit is not None and len(value) > limit:
            self.reject(path, "too_long", limit)
            return None
        return value

    def _list(
        self, name: str, limit: int = MAX_ITEMS
    ) -> tuple[str, Sequence[tuple[int, Json]]] | None:
        path, value = self._find(name)
        if value is None:
            return None
        if not isinstance(value, list):
            self.reject(path, "list")
            return None
        if len(value) > limit:
            self.reject(path, "too_many", limit)
            return None
        return path, [(place, item) for place, item in enumerate(value) if not is_absent(item)]

    def reject(self, path: str, rule: str, limit: int | None = None) -> None:
        """
        Note that what is at *path* breaks *rule*.

        Raises:
            InvalidFieldsError: That is more than anybody mends at a time.
        """
        error = FieldError(path, rule, limit)
        # A field may be looked at twice.
        if error not in self.errors:
            self.errors.append(error)
            if len(self.errors) == MOST_ERRORS:
                self.refuse()


def _whole(value: Json) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        digits = value.strip()
        # int() would also take "1_000", "+5" and full-width digits.
        if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS:
            return int(digits)
    return None
