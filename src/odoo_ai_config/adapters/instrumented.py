"""
Ports whose methods are timed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from inspect import iscoroutinefunction
from operator import attrgetter
from time import perf_counter
from typing import Any, TypeAlias, TypeVar

_Port = TypeVar("_Port")

Observe: TypeAlias = Callable[[str], Callable[[float], None]]
"""
Takes the name of an operation. Returns a function that takes the seconds of each call.
"""


def instrumented(
    port: Callable[..., _Port],
    adapter: _Port,
    observe: Observe,
    *,
    names: Mapping[str, str] | None = None,
    untimed: Collection[str] = (),
) -> _Port:
    """
    *adapter* as a *port* that times each call of a method, also one that fails.

    Properties are not timed. What is not timed costs nothing.

    Args:
        port: The port.
        adapter: The adapter whose methods are timed.
        observe: Gets the name of each operation and the seconds of its calls.
        names: Names of operations, where they differ from the method's.
        untimed: Methods that are not timed.
    """
    # To a type checker no abstract class is a `type[_Port]`.
    abstract: Any = port
    members: dict[str, object] = {"_adapter": adapter}
    for name in abstract.__abstractmethods__:
        declared = getattr(abstract, name)
        if isinstance(declared, property):
            members[name] = property(attrgetter(f"_adapter.{name}"))
        elif name in untimed:
            members[name] = staticmethod(getattr(adapter, name))
        else:
            timed = _timed_coroutine if iscoroutinefunction(declared) else _timed
            operation = (names or {}).get(name, name)
            members[name] = staticmethod(timed(getattr(adapter, name), operation, observe))
    made: _Port = type(f"Instrumented{abstract.__name__}", (abstract,), members)()
    return made


def _timed(method: Callable[..., Any], operation: str, observe: Observe) -> Callable[..., Any]:
    def timed(*args: object, **kwargs: object) -> object:
        start = perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            observe(operation)(perf_counter() - start)

    return timed


def _timed_coroutine(
    method: Callable[..., Any], operation: str, observe: Observe
) -> Callable[..., Any]:
    async def timed(*args: object, **kwargs: object) -> object:
        start = perf_counter()
        try:
            return await method(*args, **kwargs)
        finally:
            observe(operation)(perf_counter() - start)

    return timed
