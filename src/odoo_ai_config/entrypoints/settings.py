"""
What the operator can set, and where it is read from.

Flags win over the environment, the environment over ``.env``, and that over the YAML file.
This is the only module that looks at the process's environment.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast

import environ
from attrs import Attribute, AttrsInstance, field, fields, frozen
from dotenv import dotenv_values

from odoo_ai_config.domain.chatwoot import ChatwootChange
from odoo_ai_config.domain.credentials import SecretText
from odoo_ai_config.domain.errors import InvalidValueError
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.retrying import RetryPolicy
from odoo_ai_config.domain.versioning import RetentionPolicy
from odoo_ai_config.entrypoints.apps import ALL_APPS, App, apps_named, names_of

# The name of a host, or a network.
Target: TypeAlias = IPv4Network | IPv6Network | str

PREFIX: Final = "ODOO_AI_CONFIG"
MIN_API_KEY: Final = 20
# Longer than asking a crew takes, and longer than posting its answer.
SHORTEST_LEASE: Final = 75
_TRUE: Final = frozenset({"1", "true", "yes", "on", "sim"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "não", "nao", ""})
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_LOG_FORMATS: Final = ("auto", "console", "json")
_MAX_PORT: Final = 65535
_SECRET: Final = (
    "store_url",
    "keyring",
    "api_key",
    "webhook_secrets",
    "legacy_odoo_secrets",
    "chatwoot_api_token",
    "chatwoot_secrets",
    "chatwoot_tokens",
    "ngrok_authtoken",
)
# Variables that others have named.
_OWN_NAMES: Final = {
    "host": "SERVER_HOST",
    "port": "SERVER_PORT",
    "ngrok_authtoken": "NGROK_AUTHTOKEN",
}
_ALSO_NAMED: Final = {
    "NGROK_AUTH_TOKEN": "NGROK_AUTHTOKEN",
    "CHATWOOT_BASE_URL": f"{PREFIX}_CHATWOOT_URL",
    "CHATWOOT_API_KEY": f"{PREFIX}_CHATWOOT_API_TOKEN",
}
_ADDRESS: Final = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
# A name, not a number: its last label has a letter.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*[A-Za-z][A-Za-z0-9_-]*\.?")
# What a value has to be, where its variable's name does not say it.
_RULES: Final = {
    "api_key": f" (pelo menos {MIN_API_KEY} caracteres)",
    "public_url": " (https://servidor ou http://servidor)",
    "private_targets": " (nomes de hosts e redes como 10.0.0.0/8, separados por vírgula)",
    "lease_seconds": f" (pelo menos {SHORTEST_LEASE})",
    "apps": f" (use {', '.join(names_of(ALL_APPS))}, separados por vírgula)",
}
_MASK: Final = "***"
# The key under which environ-config keeps what `environ.var` was told.
_ENTRY: Final = "environ_config"


class _Entry(Protocol):
    """
    What `environ.var` was told.
    """

    default: object
    help: str | None


class SettingsError(Exception):
    """
    A setting cannot be used. The text is for the operator and names the setting, never its value.
    """


def _secret(text: str) -> SecretText | None:
    return SecretText(text) if text else None


def _secrets(text: str) -> tuple[SecretText, ...]:
    return tuple(SecretText(part.strip()) for part in text.split(",") if part.strip())


def _webhook_tokens(text: str) -> tuple[SecretText, ...]:
    tokens = _secrets(text)
    try:
        ChatwootChange(webhook_tokens=tokens)
    except InvalidValueError:
        raise ValueError from None
    return tokens


def _switch(text: str) -> bool:
    if text.strip().lower() in _TRUE:
        return True
    if text.strip().lower() in _FALSE:
        return False
    raise ValueError


def _count(minimum: int, maximum: int = 2**31) -> Callable[[str], int]:
    def convert(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return convert


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError
        return text.lower()

    return convert


def _address(text: str) -> str | None:
    if text and _ADDRESS.fullmatch(text) is None:
        raise ValueError
    return text.rstrip("/") or None


def _targets(text: str) -> tuple[Target, ...]:
    return tuple(_target(part.strip()) for part in text.split(",") if part.strip())


def _target(text: str) -> Target:
    if _HOST.fullmatch(text) is not None:
        return text
    return ip_network(text)


def _api_key(text: str) -> SecretText | None:
    if text and len(text) < MIN_API_KEY:
        raise ValueError
    return _secret(text)


@environ.config(prefix=PREFIX, frozen=True)
class Settings:
    """
    Everything that can be set. `environ-config` documents it by ``help``.
    """

    data_dir: Path = environ.var(
        default="var",
        converter=Path,
        help="Pasta do banco de dados, do chaveiro e da primeira chave de API",
    )
    store_url: SecretText | None = environ.var(
        default="",
        converter=_secret,
        help="sqlite:///arquivo, mongodb://servidor/banco?replicaSet=rs0 ou memory://; "
        "se vazio, odoo-ai-config.db na pasta de dados",
    )
    keyring: SecretText | None = environ.var(
        default="",
        converter=_secret,
        help="Caminho do arquivo do chaveiro, ou as próprias chaves (base64, a atual primeiro, "
        "separadas por vírgula); se vazio, keyring.json na pasta de dados",
    )
    api_key: SecretText | None = environ.var(
        default="",
        converter=_api_key,
        help="Chave de pelo menos 20 caracteres, com todos os escopos; se vazia, a primeira "
        "execução cria uma e a guarda no arquivo api-key da pasta de dados",
    )
    log_dir: Path | None = environ.var(
        default="logs",
        converter=lambda text: Path(text) if text else None,
        help="Pasta de AAAAMMDD_unified_server.log, webhook.log, hub.log e config_service.log; "
        "vazio para não gravar arquivos",
    )
    log_level: str = environ.var(
        default="info", converter=_one_of(_LOG_LEVELS), help="debug, info, warning ou error"
    )
    log_format: str = environ.var(
        default="auto",
        converter=_one_of(_LOG_FORMATS),
        help="Saída de erros: console, json ou auto (console num terminal, json fora dele)",
    )
    host: str = environ.var(
        default="127.0.0.1",
        name="SERVER_HOST",
        help="Endereço em que o servidor escuta; 0.0.0.0 para todos",
    )
    port: int = environ.var(
        default="8000",
        name="SERVER_PORT",
        converter=_count(0, _MAX_PORT),
        help="Porta em que o servidor escuta; 0 para qualquer uma livre",
    )
    apps: frozenset[App] = environ.var(
        default=",".join(names_of(ALL_APPS)),
        converter=apps_named,
        help="O que este processo atende: config, chatwoot, odoo-api, separados por vírgula",
    )
    workers: int = environ.var(
        default="1", converter=_count(1, 64), help="Processos que atendem a mesma porta"
    )
    shutdown_seconds: int = environ.var(
        default="20",
        converter=_count(1, 3600),
        help="Segundos que uma parada espera pelas requisições já aceitas",
    )
    public_url: str | None = environ.var(
        default="",
        converter=_address,
        help="Endereço público deste servidor (https://...), dado às equipes para respostas "
        "posteriores; sem ele, só respondem na hora",
    )
    private_targets: tuple[Target, ...] = environ.var(
        default="",
        converter=_targets,
        help="Hosts e redes privados, ou sem TLS, em que equipes podem estar, separados por "
        "vírgula: crew.local, 127.0.0.0/8",
    )
    webhook_secrets: tuple[SecretText, ...] = environ.var(
        default="",
        converter=_secrets,
        help="Segredos das assinaturas Standard Webhooks (whsec_...), separados por vírgula",
    )
    legacy_odoo_secrets: tuple[SecretText, ...] = environ.var(
        default="",
        converter=_secrets,
        help="Segredos do X-Webhook-Signature do módulo Odoo antigo, separados por vírgula; "
        "vazio desliga esse esquema",
    )
    require_signature: bool = environ.var(
        default="0", converter=_switch, help="Recusa webhooks sem assinatura (1 ou 0)"
    )
    chatwoot_url: str | None = environ.var(
        default="",
        converter=_address,
        help="Endereço do Chatwoot (https://...), para contas sem endereço próprio; "
        "CHATWOOT_BASE_URL também vale",
    )
    chatwoot_api_token: SecretText | None = environ.var(
        default="",
        converter=_secret,
        help="api_access_token do Chatwoot, para contas sem token próprio; CHATWOOT_API_KEY "
        "também vale",
    )
    chatwoot_secrets: tuple[SecretText, ...] = environ.var(
        default="",
        converter=_secrets,
        help="Segredos com que o Chatwoot assina, de qualquer conta, separados por vírgula",
    )
    chatwoot_tokens: tuple[SecretText, ...] = environ.var(
        default="",
        converter=_webhook_tokens,
        help="Finais secretos do endereço /webhook/<token>, para Chatwoot que não assina, "
        "separados por vírgula",
    )
    deliveries: int = environ.var(
        default="64",
        converter=_count(1, 10_000),
        help="Mensagens que cada processo entrega ao mesmo tempo",
    )
    deliveries_per_tenant: int = environ.var(
        default="16",
        converter=_count(1, 10_000),
        help="Dessas, as de um mesmo cliente",
    )
    delivery_attempts: int = environ.var(
        default="12",
        converter=_count(1, 100),
        help="Tentativas de entregar uma mensagem antes de desistir dela",
    )
    lease_seconds: int = environ.var(
        default="90",
        converter=_count(SHORTEST_LEASE, 3600),
        help="Segundos até que outro processo retome a mensagem de um que parou de repente",
    )
    max_body_bytes: int = environ.var(
        default=str(1024 * 1024),
        converter=_count(1024),
        help="Maior corpo de requisição, em bytes",
    )
    max_collection_bytes: int = environ.var(
        default=str(32 * 1024 * 1024),
        converter=_count(1024),
        help="Maior corpo de uma coleção inteira (/api/v1), em bytes",
    )
    max_json_depth: int = environ.var(
        default="32", converter=_count(8, 256), help="Maior aninhamento do corpo de uma requisição"
    )
    rate_limit: int = environ.var(
        default="20000",
        converter=_count(0),
        help="Requisições por segundo de uma chave, e recusadas de um endereço; 0: sem limite",
    )
    ngrok_authtoken: SecretText | None = environ.var(
        default="",
        name="NGROK_AUTHTOKEN",
        converter=_secret,
        help="Token do ngrok, para odoo-ai-config tunnel; NGROK_AUTH_TOKEN também vale",
    )
    keep_versions: int = environ.var(
        default="1000",
        converter=_count(0),
        help="Versões mais novas guardadas de um documento; 0 para todas",
    )
    keep_days: int = environ.var(
        default="0",
        converter=_count(0),
        help="Dias que versões antigas são guardadas; 0 para sempre",
    )
    keep_messages_days: int = environ.var(
        default="30",
        converter=_count(0, 36_500),
        help="Dias que mensagens já tratadas são guardadas; 0 para sempre",
    )

    @property
    def retention(self) -> RetentionPolicy:
        """
        Which old versions may go.
        """
        return RetentionPolicy(
            keep=self.keep_versions or None,
            max_age=timedelta(days=self.keep_days) if self.keep_days else None,
        )

    @property
    def retries(self) -> RetryPolicy:
        """
        When a delivery that failed is tried again.
        """
        return RetryPolicy(attempts=self.delivery_attempts)

    @property
    def lease(self) -> timedelta:
        """
        How long a message that is being delivered is nobody else's.
        """
        return timedelta(seconds=self.lease_seconds)

    @property
    def messages_kept(self) -> timedelta | None:
        """
        How long finished messages are kept; None for ever.
        """
        return timedelta(days=self.keep_messages_days) if self.keep_messages_days else None

    @property
    def store(self) -> StoreLocation:
        """
        Where the data is.

        Raises:
            SettingsError: The store's URL has another scheme.
        """
        if self.store_url is None:
            return StoreLocation("sqlite", path=self.data_dir / "odoo-ai-config.db")
        url = self.store_url.reveal()
        scheme, separator, rest = url.partition("://")
        if scheme == "sqlite" and rest.startswith("/"):
            return StoreLocation(scheme, path=Path(rest[1:]))
        if scheme == "memory" and separator:
            return StoreLocation(scheme)
        if scheme in {"mongodb", "mongodb+srv"}:
            return StoreLocation("mongodb", url=self.store_url)
        raise SettingsError(
            f"{PREFIX}_STORE_URL deve começar com sqlite:///, mongodb:// ou memory://"
        )

    @property
    def keyring_path(self) -> Path:
        """
        The key ring's file, unless the keys themselves are set.
        """
        return self.data_dir / "keyring.json"

    @property
    def webhook_token_path(self) -> Path:
        """
        Where the first start leaves the end of the webhook's address that it makes.
        """
        return self.data_dir / "chatwoot-token"

    @property
    def api_key_path(self) -> Path:
        """
        Where the first start leaves the key that it makes.
        """
        return self.data_dir / "api-key"


@frozen
class StoreLocation:
    """
    A store's technology, and its file or its URL.
    """

    technology: str
    path: Path = Path()
    url: SecretText | None = None


class Origin(enum.Enum):
    """
    Where the value of a setting comes from, the strongest last.
    """

    DEFAULT = "padrão"
    FILE = "arquivo YAML"
    DOTENV = ".env"
    ENVIRONMENT = "ambiente"
    FLAG = "opção"


@frozen
class SettingState:
    """
    One setting, as an operator may see it.

    Args:
        value: What it is set to; ``***`` for secrets.
    """

    variable: str
    default: str
    value: str
    origin: Origin
    help: str


@frozen
class SettingLayers:
    """
    What flags, environment, ``.env`` and YAML file say, by variable.
    """

    values: Mapping[Origin, Mapping[str, str]] = field(repr=False)

    def settings(self) -> Settings:
        """
        The settings that the layers make.

        Raises:
            SettingsError: A value cannot be used.
        """
        merged = self._merged()
        names = setting_names()
        for setting in _settings():
            _try_one(setting, names[setting.name], merged)
        return environ.to_config(Settings, merged)

    def states(self) -> tuple[SettingState, ...]:
        """
        Every setting with its value and where that comes from, usable or not.
        """
        return tuple(self._state(setting) for setting in _settings())

    def present(self, variables: Collection[str]) -> tuple[str, ...]:
        """
        Those of *variables* that are set to anything, whether or not they are settings.
        """
        merged = self._merged()
        return tuple(variable for variable in variables if merged.get(variable))

    def _merged(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for origin in Origin:
            merged |= self.values.get(origin, {})
        return merged

    def _state(self, setting: Attribute[object]) -> SettingState:
        variable = setting_names()[setting.name]
        entry = cast("_Entry", setting.metadata[_ENTRY])
        origin = Origin.DEFAULT
        value = default = str(entry.default)
        for layer in Origin:
            if variable in self.values.get(layer, {}):
                origin, value = layer, self.values[layer][variable]
        if value and setting.name in _SECRET:
            value = _MASK
        return SettingState(variable, default, value, origin, str(entry.help))


def setting_names() -> dict[str, str]:
    """
    The environment variable of each setting, by the setting's name.
    """
    return {
        setting.name: _OWN_NAMES.get(setting.name, f"{PREFIX}_{setting.name.upper()}")
        for setting in _settings()
    }


def _settings() -> tuple[Attribute[object], ...]:
    # environ-config's decorator hides from mypy that it makes an attrs class.
    return tuple(fields(cast("type[AttrsInstance]", Settings)))


def read_settings(
    *,
    flags: Mapping[str, str] | None = None,
    file: Path | None = None,
    parse_yaml: Callable[[str], JsonObject] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """
    Read the settings from flags, environment, ``.env`` in *folder* and the YAML *file*.

    Raises:
        SettingsError: A value cannot be used, or the file has an unknown setting.
    """
    return read_layers(
        flags=flags, file=file, parse_yaml=parse_yaml, folder=folder, environment=environment
    ).settings()


def read_layers(
    *,
    flags: Mapping[str, str] | None = None,
    file: Path | None = None,
    parse_yaml: Callable[[str], JsonObject] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> SettingLayers:
    """
    Gather what is set where.

    Args:
        flags: Values by setting name, for instance ``{"port": "8100"}``.
        file: The YAML file, whose keys are setting names.
        parse_yaml: Reads its text.
        folder: Where ``.env`` is looked for; the working folder by default.
        environment: Stands in for the process's environment, for tests.

    Raises:
        SettingsError: The file cannot be read or has an unknown setting.
    """
    names = setting_names()
    dotenv = _from_dotenv((folder or Path.cwd()) / ".env")
    from_file = {} if file is None or parse_yaml is None else _from_file(file, parse_yaml, names)
    return SettingLayers(
        {
            Origin.FILE: from_file,
            Origin.DOTENV: _renamed(dotenv),
            Origin.ENVIRONMENT: _renamed(os.environ if environment is None else environment),
            Origin.FLAG: {names[name]: value for name, value in (flags or {}).items()},
        }
    )


def _renamed(values: Mapping[str, str]) -> Mapping[str, str]:
    found = {name: values[other] for other, name in _ALSO_NAMED.items() if other in values}
    return {**found, **values}


def _from_dotenv(file: Path) -> dict[str, str]:
    try:
        found = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Não foi possível ler o arquivo {file}") from error
    return {name: text for name, text in found.items() if text is not None}


def _from_file(
    file: Path, parse_yaml: Callable[[str], JsonObject], names: Mapping[str, str]
) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Não foi possível ler o arquivo de configuração {file}") from error
    values: dict[str, str] = {}
    for name, value in parse_yaml(text).items():
        if name not in names:
            raise SettingsError(f"Configuração desconhecida no arquivo: {name}")
        items = value if isinstance(value, list) else [value]
        values[names[name]] = ",".join("" if item is None else str(item) for item in items)
    return values


def _try_one(setting: Attribute[object], variable: str, values: Mapping[str, str]) -> None:
    converter = setting.converter
    if variable not in values or not callable(converter):
        return
    try:
        converter(values[variable])
    except ValueError:
        # The cause would show the value.
        raise SettingsError(
            f"Valor inválido em {variable}{_RULES.get(setting.name, '')}"
        ) from None
