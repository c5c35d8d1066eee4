from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import attrs
import pytest
from dependency_injector import providers

from odoo_ai_config.application.errors import ChatwootRefusedError, StoreUnusableError
from odoo_ai_config.application.ports.chatwoot_client import ConversationAccess
from odoo_ai_config.domain.access import ALL_SCOPES
from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.crews import Crew, CrewKind, CrewTask
from odoo_ai_config.domain.documents.revisions import RetentionPolicy
from odoo_ai_config.domain.identifiers import ChatwootId
from odoo_ai_config.domain.messages.answers import Answer
from odoo_ai_config.domain.messages.outgoing import OutgoingMessage
from odoo_ai_config.entrypoints.container import Container
from odoo_ai_config.entrypoints.settings import Settings, read_settings
from odoo_ai_config.entrypoints.startup import opened
from odoo_ai_config.entrypoints.wiring import Ports, Services
from tests.contract.crew_client_contract import QUESTION, task
from tests.contract.samples import owner
from tests.source_tree import PACKAGE
from tests.stand_ins.crew import CrewStandIn


def settings_of(folder: Path, **environment: str) -> Settings:
    return read_settings(
        folder=folder, environment={"ODOO_AI_CONFIG_DATA_DIR": str(folder), **environment}
    )


def is_a(value: object, port_or_class: object) -> bool:
    # Adapters subclass their ports, which are not runtime protocols.
    return port_or_class in type(value).__mro__


@pytest.fixture(params=["", "memory://", "mongodb://127.0.0.1:1/hub"])
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Container]:
    made = Container(settings=settings_of(tmp_path, ODOO_AI_CONFIG_STORE_URL=request.param))
    made.init_resources()
    yield made
    made.shutdown_resources()


def test_every_provider_provides(container: Container) -> None:
    for name, provider in container.providers.items():
        provided = provider()
        if isinstance(provider, providers.Singleton) and isinstance(provider.provides, type):
            assert isinstance(provided, provider.provides), name


@pytest.mark.parametrize("bundle", [Services, Ports])
def test_fields_hold_what_they_are_said_to_hold(
    container: Container, bundle: type[Services | Ports]
) -> None:
    services = container.services()
    bundled = services if bundle is Services else services.ports
    for field in attrs.fields(attrs.resolve_types(bundle)):
        value, kinds = getattr(bundled, field.name), get_args(field.type) or [field.type]
        assert any(is_a(value, kind) for kind in kinds), field.name
    # What may be missing is there if the store is elsewhere.
    assert (services.ports.spool is None) == (container.settings().store.url is None)


def test_use_cases_are_made_by_the_wiring_only() -> None:
    types = [field.type for field in attrs.fields(attrs.resolve_types(Services))]
    named = {kind.__name__ for type_ in types for kind in get_args(type_) or [type_] if kind}
    use_cases = named - {"WorkSignal", "NumberReader", "NoneType"}
    for module in (PACKAGE / "entrypoints").rglob("*.py"):
        if module.name != "wiring.py":
            nodes = ast.walk(ast.parse(module.read_text("utf-8")))
            called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
            assert not called & use_cases, module


def test_use_cases_hold_what_their_fields_say(container: Container) -> None:
    services = container.services()
    for name in attrs.asdict(services, recurse=False):
        use_case = getattr(services, name)
        if not type(use_case).__module__.startswith("odoo_ai_config.application"):
            continue
        for field in attrs.fields(attrs.resolve_types(type(use_case))):
            if isinstance(field.type, type):
                assert is_a(getattr(use_case, field.name), field.type), (name, field.name)


def test_configured_key_has_every_scope_and_is_not_kept(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, ODOO_AI_CONFIG_API_KEY="a-key-of-more-than-20-characters")
    container = Container(settings=settings)
    container.init_resources()

    configured = container.services().authenticate.configured

    assert configured is not None
    assert configured.scopes == ALL_SCOPES
    assert "20-characters" not in repr(container.settings())
    container.shutdown_resources()


def test_retention_follows_versions_and_days(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, ODOO_AI_CONFIG_KEEP_VERSIONS="0", ODOO_AI_CONFIG_KEEP_DAYS="30"
    )
    policy = Container(settings=settings).policies().retention
    assert policy.history == RetentionPolicy(max_age=timedelta(days=30))
    assert policy.messages == timedelta(days=30)


def test_memory_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    container = Container(settings=settings_of(tmp_path, ODOO_AI_CONFIG_STORE_URL="memory://"))
    container.init_resources()

    first = container.vault().current_master_id

    assert container.vault().current_master_id == first
    assert list(tmp_path.iterdir()) == []
    container.shutdown_resources()


def test_address_that_is_none_is_refused_without_repeating_it(tmp_path: Path) -> None:
    url = "mongodb://user:canary@host:port:0/x"
    container = Container(settings=settings_of(tmp_path, ODOO_AI_CONFIG_STORE_URL=url))

    with pytest.raises(StoreUnusableError) as refusal:
        container.init_resources()

    assert "canary" not in str(refusal.value)


async def test_connections_are_closed_with_the_hub(tmp_path: Path) -> None:
    container = Container(settings=settings_of(tmp_path, ODOO_AI_CONFIG_STORE_URL="memory://"))

    async with opened(container), CrewStandIn().open() as server:
        place = ConversationAccess(server.url, SecretText("t"), ChatwootId("1"), ChatwootId("1"))
        with pytest.raises(ChatwootRefusedError):
            await container.chatwoot().post(place, OutgoingMessage("x"), mark="message-1")
        (session,) = container.http_sessions()._sessions.values()
        assert not session.closed

    assert session.closed


async def test_crews_of_every_kind_have_a_line(tmp_path: Path) -> None:
    container = Container(
        settings=settings_of(
            tmp_path,
            ODOO_AI_CONFIG_STORE_URL="memory://",
            ODOO_AI_CONFIG_PRIVATE_TARGETS="127.0.0.0/8",
            ODOO_AI_CONFIG_PUBLIC_URL="https://hub.example",
        )
    )
    async with opened(container), CrewStandIn().open() as crew:
        for kind in CrewKind:
            container.in_process_crews().register("crew", echo)
            url = crew.url if kind is CrewKind.HTTP else None
            answer = await container.crew_client().ask(
                Crew("crew", owner(), kind, url=url), task(), secret=None
            )
            assert answer == Answer.of_text(QUESTION)
    (asked,) = crew.asked
    assert asked.task["callback_url"] == "https://hub.example/v1/messages/message-1/answer"


async def echo(task: CrewTask) -> str | None:
    return task.message.text
