"""
What the operator can set, and where it is read from.

Flags win over the environment, the environment over ``.env``, and that over the YAML file.
This is the only module that looks at the process's environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

import environ
from attrs import Attribute, AttrsInstance, fields, frozen
from dotenv import dotenv_values

from odoo_ai_config.domain.credentials import SecretText
from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.domain.versioning import RetentionPolicy

PREFIX: Final = "ODOO_AI_CONFIG"
MIN_API_KEY: Final = 20
_TRUE: Final = frozenset({"1", "true", "yes", "on", "sim"})
_FALSE: Final = frozenset({"0", "false", "no", "off", "não", "nao", ""})
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_LOG_FORMATS: Final = ("console", "json")
_MAX_PORT: Final = 65535


class SettingsError(Exception):
    """
    A setting cannot be used. The text is for the operator and names the setting, never its value.
    """


def _secret(text: str) -> SecretText | None:
    return SecretText(text) if text else None


def _secrets(text: str) -> tuple[SecretText, ...]:
    return tuple(SecretText(part.strip()) for part in text.split(",") if part.strip())


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
        default="var", converter=Path, help="Folder for the database, key ring and first API key"
    )
    store_url: SecretText | None = environ.var(
        default="",
        converter=_secret,
        help="sqlite:///file, mongodb://host/db?replicaSet=rs0 or memory://; "
        "odoo-ai-config.db in the data folder if empty",
    )
    keyring: SecretText | None = environ.var(
        default="",
        converter=_secret,
        help="Path of the key ring file, or its keys (base64, current first, separated by "
        "commas); keyring.json in the data folder if empty",
    )
    api_key: SecretText | None = environ.var(
        default="",
        converter=_api_key,
        help="A key of at least 20 characters that has every scope; if empty, the first start "
        "makes one and keeps it in the data folder's file api-key",
    )
    log_dir: Path | None = environ.var(
        default="logs",
        converter=lambda text: Path(text) if text else None,
        help="Folder for config_service.log (rotating); empty for no log file",
    )
    log_level: str = environ.var(
        default="info", converter=_one_of(_LOG_LEVELS), help="debug, info, warning or error"
    )
    log_format: str = environ.var(
        default="console", converter=_one_of(_LOG_FORMATS), help="console or json, on stderr"
    )
    host: str = environ.var(
        default="127.0.0.1", name="SERVER_HOST", help="Address to listen on; 0.0.0.0 for all"
    )
    port: int = environ.var(
        default="8000",
        name="SERVER_PORT",
        converter=_count(0, _MAX_PORT),
        help="Port to listen on; 0 for any free one",
    )
    workers: int = environ.var(
        default="1", converter=_count(1, 64), help="Processes that serve the same port"
    )
    shutdown_seconds: int = environ.var(
        default="20",
        converter=_count(1, 3600),
        help="How long a stop waits for requests that were accepted",
    )
    webhook_secrets: tuple[SecretText, ...] = environ.var(
        default="",
        converter=_secrets,
        help="Secrets of Standard Webhooks signatures (whsec_...), separated by commas",
    )
    legacy_odoo_secrets: tuple[SecretText, ...] = environ.var(
        default="",
        converter=_secrets,
        help="Secrets of the old Odoo module's X-Webhook-Signature, separated by commas; "
        "empty switches that scheme off",
    )
    require_signature: bool = environ.var(
        default="0", converter=_switch, help="Refuse webhooks that are not signed"
    )
    max_body_bytes: int = environ.var(
        default=str(1024 * 1024), converter=_count(1024), help="Largest request body"
    )
    max_json_depth: int = environ.var(
        default="32", converter=_count(8, 256), help="Deepest nesting of a request body"
    )
    rate_limit: int = environ.var(
        default="20000",
        converter=_count(0),
        help="Requests a second for one API key, and refused ones for one address; 0: no limit",
    )
    keep_versions: int = environ.var(
        default="1000", converter=_count(0), help="Newest versions kept of a document; 0 for all"
    )
    keep_days: int = environ.var(
        default="0", converter=_count(0), help="Days that old versions are kept; 0 for ever"
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


def setting_names() -> dict[str, str]:
    """
    The environment variable of each setting, by the setting's name.
    """
    own_names = {"host": "SERVER_HOST", "port": "SERVER_PORT"}
    return {
        setting.name: own_names.get(setting.name, f"{PREFIX}_{setting.name.upper()}")
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

    Args:
        flags: Values by setting name, for instance ``{"port": "8100"}``.
        file: The YAML file, whose keys are setting names.
        parse_yaml: Reads its text.
        folder: Where ``.env`` is looked for; the working folder by default.
        environment: Stands in for the process's environment, for tests.

    Raises:
        SettingsError: A value cannot be used, or the file has an unknown setting.
    """
    names = setting_names()
    process = os.environ if environment is None else environment
    dotenv = dotenv_values((folder or Path.cwd()) / ".env", interpolate=False)
    values: dict[str, str] = {}
    if file is not None and parse_yaml is not None:
        values |= _from_file(file, parse_yaml, names)
    values |= {name: value for name, value in dotenv.items() if value is not None}
    values |= process
    values |= {names[name]: value for name, value in (flags or {}).items()}
    for setting in _settings():
        _try_one(setting, names[setting.name], values)
    return environ.to_config(Settings, values)


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
        rule = f" (pelo menos {MIN_API_KEY} caracteres)" if setting.name == "api_key" else ""
        # The cause would show the value.
        raise SettingsError(f"Valor inválido em {variable}{rule}") from None
