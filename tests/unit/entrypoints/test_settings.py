from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from ipaddress import ip_network
from pathlib import Path

import pytest

from odoo_ai_config.domain.credentials.secrets import SecretText
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.apps import App, names_of
from odoo_ai_config.entrypoints.settings import (
    SCHEMA,
    Settings,
    SettingsError,
    Source,
    read_settings,
    read_sources,
)

TOKEN, OTHER_TOKEN = "x7Kq2-wP9_zR4vT8mB1n", "hJ3s-Lc6_Yd0Fg5uNe8a"
SECRET = "um-segredo-que-nao-pode-aparecer"


def as_set(folder: Path, **environment: str) -> Settings:
    return read_settings(folder=folder, environment=environment)


def json_yaml(text: str) -> JsonObject:
    body: JsonObject = json.loads(text)
    return body


def test_defaults_suit_a_hub_on_one_machine(tmp_path: Path) -> None:
    settings = as_set(tmp_path)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.store.technology == "sqlite"
    assert settings.store.path == Path("var/odoo-ai-config.db")
    assert settings.keyring_path == Path("var/keyring.json")
    assert settings.api_key_path == Path("var/api-key")
    assert settings.log_dir == Path("logs")
    assert settings.api_key is None
    assert not settings.require_signature


def test_flags_win_over_environment_over_dotenv_over_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "SERVER_PORT=3\nODOO_AI_CONFIG_WORKERS=3\nSERVER_HOST=3.3.3.3\n"
    )
    file = tmp_path / "hub.yaml"
    file.write_text('{"port": 4, "workers": 4, "host": "4.4.4.4", "data_dir": "4"}')
    settings = read_sources(
        flags={"port": "1"},
        environment={"SERVER_PORT": "2", "ODOO_AI_CONFIG_WORKERS": "2"},
        folder=tmp_path,
        file=file,
        parse_yaml=json_yaml,
    ).settings()
    assert settings.port == 1
    assert settings.workers == 2
    assert settings.host == "3.3.3.3"
    assert settings.data_dir == Path("4")


@pytest.mark.parametrize(
    ("url", "technology", "path"),
    [
        ("sqlite:///relative.db", "sqlite", "relative.db"),
        ("sqlite:////srv/hub/absolute.db", "sqlite", "/srv/hub/absolute.db"),
        ("memory://", "memory", "."),
        ("mongodb://localhost/hub?replicaSet=rs0", "mongodb", "."),
        ("mongodb+srv://cluster.example.com/hub", "mongodb", "."),
    ],
)
def test_store_is_chosen_by_its_url(url: str, technology: str, path: str, tmp_path: Path) -> None:
    location = as_set(tmp_path, ODOO_AI_CONFIG_STORE_URL=url).store
    assert location.technology == technology
    assert location.path == Path(path)


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "sqlite://x.db", "hub.db"])
def test_store_of_another_kind_is_refused_without_its_url(url: str, tmp_path: Path) -> None:
    settings = as_set(tmp_path, ODOO_AI_CONFIG_STORE_URL=url)
    with pytest.raises(SettingsError, match="ODOO_AI_CONFIG_STORE_URL") as refusal:
        settings.store  # noqa: B018  # reading it is what refuses
    assert url not in str(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SERVER_PORT", "oitenta"),
        ("SERVER_PORT", "65536"),
        ("SERVER_PORT", "-1"),
        ("ODOO_AI_CONFIG_APPS", "config,webhook"),
        ("ODOO_AI_CONFIG_WORKERS", "0"),
        ("ODOO_AI_CONFIG_WORKERS", "65"),
        ("ODOO_AI_CONFIG_LOG_LEVEL", "loud"),
        ("ODOO_AI_CONFIG_LOG_FORMAT", "xml"),
        ("ODOO_AI_CONFIG_REQUIRE_SIGNATURE", "talvez"),
        ("ODOO_AI_CONFIG_API_KEY", "dezenove-caracteres"),
        ("ODOO_AI_CONFIG_API_KEY", " " * 20),
        ("ODOO_AI_CONFIG_API_KEY", "12345678901234567890"),
        ("ODOO_AI_CONFIG_API_KEY", "vinte-caracteres-ja! "),
        ("ODOO_AI_CONFIG_CHATWOOT_TOKENS", "12345678901234567890"),
        ("ODOO_AI_CONFIG_MAX_BODY_BYTES", "12"),
        ("ODOO_AI_CONFIG_KEEP_VERSIONS", "1.5"),
        ("ODOO_AI_CONFIG_DEFAULT_COUNTRY", "Brasil"),
        ("ODOO_AI_CONFIG_DEFAULT_COUNTRY", "XX"),
    ],
)
def test_unusable_value_is_refused_by_the_name_of_its_variable(
    variable: str, value: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=variable) as refusal:
        as_set(tmp_path, **{variable: value})
    assert value not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("text", ["", "config,", "chatwood"])
def test_unknown_app_is_refused_with_the_names_that_exist(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        as_set(tmp_path, ODOO_AI_CONFIG_APPS=text)
    assert str(refusal.value) == (
        "Valor inválido em ODOO_AI_CONFIG_APPS "
        "(use config, chatwoot, odoo-api, mcp, separados por vírgula)"
    )


def test_apps_are_named_in_any_order_and_form(tmp_path: Path) -> None:
    assert as_set(tmp_path).apps == set(App)
    some = as_set(tmp_path, ODOO_AI_CONFIG_APPS=" Odoo-API, config,config").apps
    assert some == {App.CONFIG, App.ODOO_API}
    assert names_of(some) == ("config", "odoo-api")


def test_key_of_twenty_characters_is_long_enough(tmp_path: Path) -> None:
    settings = as_set(tmp_path, ODOO_AI_CONFIG_API_KEY="vinte-caracteres-ja!")
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "vinte-caracteres-ja!"


def test_secrets_are_split_at_commas(tmp_path: Path) -> None:
    settings = as_set(tmp_path, ODOO_AI_CONFIG_WEBHOOK_SECRETS=" whsec_a , whsec_b,,")
    assert [secret.reveal() for secret in settings.webhook_secrets] == ["whsec_a", "whsec_b"]


@pytest.mark.parametrize(
    ("text", "value"), [("sim", True), ("1", True), ("NÃO", False), ("", False)]
)
def test_switches_take_words(text: str, value: bool, tmp_path: Path) -> None:
    settings = as_set(tmp_path, ODOO_AI_CONFIG_REQUIRE_SIGNATURE=text)
    assert settings.require_signature is value


def test_list_in_the_file_is_joined(tmp_path: Path) -> None:
    file = tmp_path / "hub.yaml"
    file.write_text(
        '{"webhook_secrets": ["whsec_a", "whsec_b"], "apps": ["config", "chatwoot"],'
        ' "store_url": null}'
    )
    settings = read_sources(
        file=file, parse_yaml=json_yaml, folder=tmp_path, environment={}
    ).settings()
    assert len(settings.webhook_secrets) == 2
    assert settings.apps == {App.CONFIG, App.CHATWOOT}
    assert settings.store_url is None


def test_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hub.yaml"
    file.write_text('{"prot": 8000}')
    with pytest.raises(SettingsError, match="prot"):
        read_sources(file=file, parse_yaml=json_yaml, folder=tmp_path, environment={}).settings()


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_file_that_cannot_be_read_is_refused_by_its_name(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "hub.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"hub\.yaml"):
        read_sources(file=file, parse_yaml=json_yaml, folder=tmp_path, environment={}).settings()


def test_dotenv_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SERVER_PORT=\xff")
    with pytest.raises(SettingsError, match=r"\.env"):
        as_set(tmp_path)


def test_origin_of_each_value_is_known_and_secrets_are_masked(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ODOO_AI_CONFIG_API_KEY={SECRET}\n")
    sources = read_sources(
        flags={"data_dir": "dados"}, folder=tmp_path, environment={"SERVER_PORT": "8100"}
    )
    states = {state.variable: state for state in sources.states()}
    assert states["ODOO_AI_CONFIG_DATA_DIR"].source is Source.FLAG
    assert (states["SERVER_PORT"].value, states["SERVER_PORT"].source) == (
        "8100",
        Source.ENVIRONMENT,
    )
    assert states["ODOO_AI_CONFIG_API_KEY"].source is Source.DOTENV
    assert states["SERVER_HOST"].source is Source.DEFAULT
    assert set(states) == {setting.variable for setting in SCHEMA}
    assert SECRET not in repr(states) + repr(sources) + repr(sources.settings())


@pytest.mark.parametrize("name", ["NGROK_AUTHTOKEN", "NGROK_AUTH_TOKEN"])
def test_token_of_the_tunnel_goes_by_two_names(name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{name}={SECRET}\n")
    sources = read_sources(folder=tmp_path, environment={})
    token = sources.settings().ngrok_authtoken
    assert token is not None
    assert token.reveal() == SECRET
    (state,) = [state for state in sources.states() if state.variable == "NGROK_AUTHTOKEN"]
    assert (state.value, state.source) == ("***", Source.DOTENV)


def test_first_name_of_the_token_wins_where_both_are_set(tmp_path: Path) -> None:
    token = as_set(tmp_path, NGROK_AUTH_TOKEN="a", NGROK_AUTHTOKEN="b").ngrok_authtoken
    assert token is not None
    assert token.reveal() == "b"


def test_variables_of_others_are_found_wherever_they_are_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=x\nEMPTY=\n")
    sources = read_sources(folder=tmp_path, environment={"API_KEY": "y"})
    assert sources.present(["API_KEY", "DATABASE_URL", "EMPTY", "ABSENT"]) == (
        "API_KEY",
        "DATABASE_URL",
    )


def test_places_where_crews_may_be_are_hosts_and_networks(tmp_path: Path) -> None:
    written = "crew.local, 127.0.0.0/8,10.1.2.3 ,fd00::/8,,Crew_2,localhost."
    settings = as_set(tmp_path, ODOO_AI_CONFIG_PRIVATE_TARGETS=written)

    assert settings.private_targets == (
        "crew.local",
        ip_network("127.0.0.0/8"),
        ip_network("10.1.2.3/32"),
        ip_network("fd00::/8"),
        "Crew_2",
        "localhost.",
    )
    assert as_set(tmp_path).private_targets == ()


@pytest.mark.parametrize(
    "target",
    ["10.0.0.5/8", "10.0.0.0/40", "127.1", "2130706433x/8", "https://crew.local", "crew local"],
)
def test_place_that_is_neither_host_nor_network_is_refused(target: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ODOO_AI_CONFIG_PRIVATE_TARGETS"):
        as_set(tmp_path, ODOO_AI_CONFIG_PRIVATE_TARGETS=target)


def test_keys_of_the_replaced_server_are_several_and_go_by_its_name_too(tmp_path: Path) -> None:
    first, second = (urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    ours = as_set(tmp_path, ODOO_AI_CONFIG_LEGACY_FERNET_KEY=f"{first}, {second}")
    theirs = as_set(tmp_path, CREDENTIAL_ENCRYPTION_KEY=first)

    assert ours.legacy_fernet_key == (SecretText(first), SecretText(second))
    assert theirs.legacy_fernet_key == (SecretText(first),)
    assert as_set(tmp_path).legacy_fernet_key == ()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_key_of_the_replaced_server_has_32_bytes_and_is_not_repeated(
    length: int, tmp_path: Path
) -> None:
    key = "c4n4" + urlsafe_b64encode(bytes(length)).decode()
    with pytest.raises(SettingsError, match="ODOO_AI_CONFIG_LEGACY_FERNET_KEY") as refused:
        as_set(tmp_path, ODOO_AI_CONFIG_LEGACY_FERNET_KEY=key)
    assert "c4n4" not in str(refused.value)


def test_origins_are_as_browsers_name_them(tmp_path: Path) -> None:
    written = "https://App.example.com, http://localhost:3000,https://a.b:443,http://[::1]:80,"
    settings = as_set(tmp_path, ODOO_AI_CONFIG_CORS_ORIGINS=written)
    assert settings.cors_origins == {
        "https://app.example.com",
        "http://localhost:3000",
        "https://a.b",
        "http://[::1]",
    }
    assert as_set(tmp_path).cors_origins == frozenset()


@pytest.mark.parametrize(
    "written",
    [
        *("*", "null", "app.example.com", "https://*.example.com", "https://app.example.com/"),
        *("ftp://app.example.com", "https://u@app.example.com", "https://a:0", "https://a:65536"),
        *("https://app.example.com/path", "https://a https://b", "https://ção.example"),
    ],
)
def test_what_is_no_origin_is_refused(written: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ODOO_AI_CONFIG_CORS_ORIGINS"):
        as_set(tmp_path, ODOO_AI_CONFIG_CORS_ORIGINS=f"https://good.example,{written}")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", None),
        ("https://hub.example", "https://hub.example"),
        ("https://hub.example/", "https://hub.example"),
        ("http://hub.local:8000/base/", "http://hub.local:8000/base"),
    ],
)
def test_public_address_of_the_hub(written: str, read: str | None, tmp_path: Path) -> None:
    assert as_set(tmp_path, ODOO_AI_CONFIG_PUBLIC_URL=written).public_url == read


@pytest.mark.parametrize(
    "written",
    ["hub.example", "ftp://hub.example", "https://u@hub", "https://", "https://h?x", "/"],
)
def test_public_address_that_is_none_is_refused(written: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ODOO_AI_CONFIG_PUBLIC_URL"):
        as_set(tmp_path, ODOO_AI_CONFIG_PUBLIC_URL=written)


def test_chatwoot_is_set_by_the_replaced_services_names_too(tmp_path: Path) -> None:
    old = as_set(tmp_path, CHATWOOT_BASE_URL="https://chatwoot.example/cw/", CHATWOOT_API_KEY="a")
    assert old.chatwoot_url == "https://chatwoot.example/cw"
    assert old.chatwoot_api_token is not None
    assert old.chatwoot_api_token.reveal() == "a"
    assert as_set(tmp_path).chatwoot_url is None


def test_secrets_and_tokens_of_chatwoot_are_several(tmp_path: Path) -> None:
    settings = as_set(
        tmp_path,
        ODOO_AI_CONFIG_CHATWOOT_SECRETS="a, b",
        ODOO_AI_CONFIG_CHATWOOT_TOKENS=f"{TOKEN},{OTHER_TOKEN}",
    )
    assert [secret.reveal() for secret in settings.chatwoot_secrets] == ["a", "b"]
    assert [token.reveal() for token in settings.chatwoot_tokens] == [TOKEN, OTHER_TOKEN]


@pytest.mark.parametrize(
    ("value", "country"), [("BR", "BR"), (" pt ", "PT"), ("", None)], ids=repr
)
def test_default_country_of_numbers(value: str, country: str | None, tmp_path: Path) -> None:
    assert as_set(tmp_path, ODOO_AI_CONFIG_DEFAULT_COUNTRY=value).default_country == country
    assert as_set(tmp_path).default_country == "BR"


@pytest.mark.parametrize(
    ("name", "value"),
    [("URL", "chatwoot.example"), ("URL", "https://u:p@chatwoot.example"), ("TOKENS", "short")],
    ids=["no address", "with a password", "a token that can be guessed"],
)
def test_unusable_setting_of_chatwoot_is_refused(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        as_set(tmp_path, **{f"ODOO_AI_CONFIG_CHATWOOT_{name}": value})
    assert f"ODOO_AI_CONFIG_CHATWOOT_{name}" in str(refusal.value)
    assert value not in str(refusal.value)
