"""
What a tool is, how its arguments are read, and what it has at hand when it is called.

The arguments of a tool are the keyword parameters of its function: their annotations say how a
value is read and how clients see it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from inspect import Parameter, getdoc, signature
from typing import Annotated, Final, TypeAlias, TypeVar, get_type_hints

from attrs import NOTHING, asdict, evolve, field, frozen, make_class

from odoo_ai_config.domain.access import LONGEST_REASON, ApiKey, Scope
from odoo_ai_config.domain.json_types import Json, JsonObject
from odoo_ai_config.domain.outcomes import Outcome
from odoo_ai_config.entrypoints.http.platform.errors import FieldError, InvalidFieldsError
from odoo_ai_config.entrypoints.http.platform.fields import field_type, read, shape_of
from odoo_ai_config.entrypoints.http.platform.paths import named
from odoo_ai_config.entrypoints.http.platform.texts import Language, Text
from odoo_ai_config.entrypoints.http.platform.wire_types import (
    BrokenRuleError,
    WireType,
    identifier,
    verbatim,
)
from odoo_ai_config.entrypoints.wiring import Services

# A tool takes a `Call`, and its arguments by name.
Run: TypeAlias = Callable[..., Awaitable[object]]
R = TypeVar("R", bound=Run)

_REHEARSED: Final = Text(
    "Nada foi alterado: foi um ensaio. Para alterar, chame de novo com confirm: true.",
    "Nothing was changed: it was a rehearsal. To change it, call again with confirm: true.",
)
# More than any version, and still an integer in every store.
_MOST: Final = 10**15


@frozen(eq=False)
class Call:
    """
    Who calls a tool, and what the tool works with.

    Args:
        caller: Whose scopes and tenant decide what the tool may do.
        failed: Told of each refusal, and of errors that nobody foresaw.
        written: Told of each document that is written, and its kind.
        dry_run: Whether a tool that changes something only says what would happen.
    """

    services: Services
    caller: ApiKey
    language: Language = Language.PORTUGUESE
    failed: Callable[[Exception], None] = lambda _: None
    written: Callable[[Outcome, str], None] = lambda *_: None
    dry_run: bool = True

    def changing(self, *, confirm: bool, reason: str | None) -> Call:
        """
        The same call, of a tool that changes something; the audit trail has *reason*.
        """
        occasion = self.caller.occasion
        because = named(
            "reason",
            lambda text: self.caller.because(text, occasion.request_id),
            reason or occasion.reason or "mcp",
        )
        return evolve(self, caller=because, dry_run=not confirm)


def text_of(make: Callable[[str], object], about: str, **more: Json) -> WireType:
    """
    An argument that *make* reads from a text, or from a number as one.
    """
    schema: JsonObject = {"type": "string", "description": about, **more}
    return WireType(lambda value, _: make(identifier(value)), schema)


def number_of(about: str, *, least: int = 1, most: int = _MOST, **more: Json) -> WireType:
    """
    An argument that is an integer from *least* to *most*.
    """

    def read(value: Json, _: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BrokenRuleError("integer")
        if not least <= value <= most:
            raise BrokenRuleError("page_size" if least == 1 else "sequence", most)
        return value

    bounds: JsonObject = {"minimum": least, "maximum": most}
    return WireType(read, {"type": "integer", "description": about, **bounds, **more})


def long_text(about: str, **more: Json) -> WireType:
    """
    An argument that is a text as it is, of any length.
    """
    return WireType(verbatim, {"type": "string", "description": about, **more})


def flag(about: str) -> WireType:
    """
    An argument that is true or false, and false if it is absent.
    """

    def read(value: Json, _: object) -> bool:
        if not isinstance(value, bool):
            raise BrokenRuleError("boolean")
        return value

    return WireType(read, {"type": "boolean", "description": about, "default": False})


@frozen(kw_only=True)
class Change:
    """
    What every tool that changes something is told beside its own arguments.
    """

    confirm: Annotated[
        bool, flag("True changes it. False only rehearses: the answer says what would happen.")
    ] = False
    reason: Annotated[
        str | None,
        long_text("Why, for the audit trail; no secret.", maxLength=LONGEST_REASON),
    ] = None


@frozen(eq=False)
class Tool:
    """
    A tool of clients.

    Args:
        run: Its name is that of the tool, and its docstring the description.
        scope: The scope without which the tool is not listed. The use cases check it.
        changes: Whether it changes something, once it is confirmed.
    """

    run: Run
    scope: Scope
    title: str
    changes: bool

    @cached_property
    def arguments(self) -> type:
        """
        The class that the arguments are read into.
        """
        # Not made at each start: it takes as long as a call.
        types = get_type_hints(self.run, include_extras=True)
        _, *parameters = signature(self.run).parameters.values()
        return make_class(
            f"{self.run.__name__}_arguments",
            {
                one.name: field(
                    type=types[one.name],
                    default=NOTHING if one.default is Parameter.empty else one.default,
                )
                for one in parameters
            },
            bases=(Change,) if self.changes else (object,),
            frozen=True,
            kw_only=True,
        )

    async def __call__(self, call: Call, arguments: JsonObject) -> object:
        """
        The answer, which `json_bytes` can write.

        Raises:
            CodedError: The tool refuses the arguments or the caller.
        """
        known = shape_of(self.arguments).types
        if not arguments.keys() <= known.keys():
            # Its name is input, too.
            raise InvalidFieldsError(
                [FieldError("arguments", "unknown_argument", ", ".join(known))]
            )
        asked = asdict(read(self.arguments, {"": arguments}), recurse=False)
        if not self.changes:
            return await self.run(call, **asked)
        confirm, reason = asked.pop("confirm"), asked.pop("reason")
        result = await self.run(call.changing(confirm=confirm, reason=reason), **asked)
        note = {} if confirm else {"note": _REHEARSED.to(call.language)}
        return {"done": confirm, **note, "result": result}

    @cached_property
    def listed(self) -> JsonObject:
        """
        The tool in a list.
        """
        shape = shape_of(self.arguments)
        return {
            "name": self.run.__name__,
            "title": self.title,
            "description": " ".join((getdoc(self.run) or "").split()),
            "inputSchema": {
                "type": "object",
                "properties": {name: field_type(one).schema for name, one in shape.types.items()},
                "required": [*shape.required],
                "additionalProperties": False,
            },
            "annotations": {
                "readOnlyHint": not self.changes,
                "destructiveHint": self.changes,
                "idempotentHint": not self.changes,
                "openWorldHint": False,
            },
        }


def offering(
    tools: dict[str, Tool], scope: Scope, title: str, *, changes: bool = False
) -> Callable[[R], R]:
    """
    A decorator that makes a tool of a function, one of *tools*.
    """

    def offer(run: R) -> R:
        tools[run.__name__] = Tool(run, scope, title, changes)
        return run

    return offer
