from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from odoo_ai_config.adapters.instrumented import instrumented
from odoo_ai_config.application.ports.config_store import ConfigStore
from odoo_ai_config.application.ports.message_inbox import MessageInbox
from odoo_ai_config.application.ports.secret_vault import SecretVault
from odoo_ai_config.application.ports.token_source import TokenSource
from odoo_ai_config.domain.crews import Crew, CrewKind
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import read_settings
from tests.contract.crew_client_contract import task
from tests.contract.samples import owner

RENAMED = {"find": "message", "page": "messages", "prune": "prune_messages"}


class Observed:
    """
    Records the names of timed operations.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, operation: str) -> Callable[[float], None]:
        def note(seconds: float) -> None:
            assert seconds >= 0
            self.names.append(operation)

        return note


def container_of(folder: Path, observed: Observed) -> Container:
    settings = read_settings(folder=folder, environment={"ODOO_AI_CONFIG_STORE_URL": "memory://"})
    container = Container(
        settings=settings, observe_store=observed, observe_vault=observed, observe_crews=observed
    )
    container.init_resources()
    return container


@pytest.mark.parametrize(
    ("provider", "port", "untimed", "renamed"),
    [
        ("store", ConfigStore, {"current"}, {}),
        ("inbox", MessageInbox, {"receiving", "delivering"}, RENAMED),
        ("vault", SecretVault, {"adopt_ring", "ensure_ring", "fingerprint"}, {}),
    ],
)
async def test_every_method_of_a_port_is_timed_or_is_known_not_to_be(
    tmp_path: Path, provider: str, port: type, untimed: set[str], renamed: dict[str, str]
) -> None:
    observed = Observed()
    adapter = container_of(tmp_path, observed).providers[provider]()
    for name, _method in inspect.getmembers(port, inspect.isfunction):
        if name.startswith("_"):
            continue
        observed.names.clear()
        await called(getattr(adapter, name))
        assert observed.names == ([] if name in untimed else [renamed.get(name, name)])


async def called(method: Callable[..., Any]) -> None:
    # Most of them need arguments, but failures are timed, too.
    try:
        result = method()
        if inspect.isawaitable(result):
            await result
    except TypeError:
        pass


async def test_crews_are_timed_by_their_kind(tmp_path: Path) -> None:
    observed = Observed()
    line = container_of(tmp_path, observed).crew_client()
    await line.ask(Crew("crew", owner(), CrewKind.ECHO), task(), secret=None)
    assert observed.names == ["echo"]


class FiniteSource(TokenSource):
    """
    A source that has few random bytes.
    """

    def token(self, size: int) -> str:
        if size > 1:
            raise LookupError
        return "x"


def test_results_and_errors_are_those_of_the_adapter() -> None:
    observed = Observed()
    source: TokenSource = FiniteSource()
    timed = instrumented(TokenSource, source, observed, names={"token": "draw"})
    assert timed.token(1) == "x"
    with pytest.raises(LookupError):
        timed.token(size=2)
    assert observed.names == ["draw", "draw"]


def test_properties_are_those_of_the_adapter(tmp_path: Path) -> None:
    vault = container_of(tmp_path, Observed()).vault()
    assert list(vault.master_ids) == [vault.current_master_id]
