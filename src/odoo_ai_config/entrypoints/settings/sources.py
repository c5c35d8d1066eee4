"""
The sources of settings: flags, the environment, ``.env`` and a YAML file, and which one wins.

No other module reads the environment of the process.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import environ
from attrs import field, frozen
from dotenv import dotenv_values

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.settings.schema import (
    PREFIX,
    RING_FILE,
    SCHEMA,
    Setting,
    Settings,
    SettingsError,
)

_MASK: Final = "***"
_SQLITE: Final = "sqlite:///"
_ALSO_NAMED: Final = {
    "NGROK_AUTH_TOKEN": "NGROK_AUTHTOKEN",
    "CREDENTIAL_ENCRYPTION_KEY": f"{PREFIX}_LEGACY_FERNET_KEY",
    "CHATWOOT_BASE_URL": f"{PREFIX}_CHATWOOT_URL",
    "CHATWOOT_API_KEY": f"{PREFIX}_CHATWOOT_API_TOKEN",
}
_VARIABLES: Final = {setting.name: setting.variable for setting in SCHEMA}


class Source(enum.Enum):
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
    One setting as an operator may see it; the *value* of a secret is ``***``.
    """

    variable: str
    default: str
    value: str
    source: Source
    help: str


@frozen
class SettingSources:
    """
    The values of each source, by variable.
    """

    values: Mapping[Source, Mapping[str, str]] = field(repr=False)

    def settings(self) -> Settings:
        """
        The resulting settings.

        Raises:
            SettingsError: A value cannot be used.
        """
        merged = self._merged()
        for setting in SCHEMA:
            if setting.variable in merged:
                _try(setting, merged[setting.variable])
        return environ.to_config(Settings, merged)

    def states(self) -> tuple[SettingState, ...]:
        """
        Every setting with its value and source, valid or not.
        """
        return tuple(map(self._state, SCHEMA))

    def with_folder_of_store(self) -> SettingSources:
        """
        The sources, with the folder of a SQLite file for data folder if it has the key ring.

        So whoever names the file of a server also has its key ring. A data folder that is set,
        or that has a key ring, stays.
        """
        values = self._merged()
        url = values.get(_VARIABLES["store_url"], "")
        if not url.startswith(_SQLITE) or values.get(_VARIABLES["data_dir"]):
            return self
        folder = Path(url.removeprefix(_SQLITE)).parent
        usual = Path(next(one.default for one in SCHEMA if one.name == "data_dir"))
        if (usual / RING_FILE).exists() or not (folder / RING_FILE).exists():
            return self
        return SettingSources(
            {**self.values, Source.DEFAULT: {_VARIABLES["data_dir"]: str(folder)}}
        )

    def present(self, variables: Collection[str]) -> tuple[str, ...]:
        """
        Those of *variables* that have a value, whether or not they are settings.
        """
        merged = self._merged()
        return tuple(variable for variable in variables if merged.get(variable))

    def _merged(self) -> dict[str, str]:
        merged: dict[str, str] = {}
        for source in Source:
            merged |= self.values.get(source, {})
        return merged

    def _state(self, setting: Setting) -> SettingState:
        source, value = Source.DEFAULT, setting.default
        for stronger in Source:
            if setting.variable in self.values.get(stronger, {}):
                source, value = stronger, self.values[stronger][setting.variable]
        if value and setting.secret:
            value = _MASK
        return SettingState(setting.variable, setting.default, value, source, setting.help)


def _try(setting: Setting, text: str) -> None:
    try:
        setting.convert(text)
    except ValueError:
        # The cause would show the value.
        raise SettingsError(f"Valor inválido em {setting.variable}{setting.rule}") from None


def read_settings(
    *,
    flags: Mapping[str, str] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """
    Read the settings as `read_sources` does, without a YAML file.

    Raises:
        SettingsError: A value cannot be used.
    """
    return read_sources(flags=flags, folder=folder, environment=environment).settings()


def read_sources(
    *,
    flags: Mapping[str, str] | None = None,
    file: Path | None = None,
    parse_yaml: Callable[[str], JsonObject] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> SettingSources:
    """
    Read all sources.

    Args:
        flags: Values by setting name, for instance ``{"port": "8100"}``.
        file: The YAML file, whose keys are setting names.
        parse_yaml: Parses its text.
        folder: Where ``.env`` is; the working folder by default.
        environment: Replaces the environment of the process, for tests.

    Raises:
        SettingsError: A file cannot be read or has an unknown setting.
    """
    from_file = {} if file is None or parse_yaml is None else _from_file(file, parse_yaml)
    sources = SettingSources(
        {
            Source.FILE: from_file,
            Source.DOTENV: _renamed(_from_dotenv((folder or Path.cwd()) / ".env")),
            Source.ENVIRONMENT: _renamed(os.environ if environment is None else environment),
            Source.FLAG: {_VARIABLES[name]: value for name, value in (flags or {}).items()},
        }
    )
    return sources.with_folder_of_store()


def _renamed(values: Mapping[str, str]) -> Mapping[str, str]:
    found = {name: values[other] for other, name in _ALSO_NAMED.items() if other in values}
    return {**found, **values}


def _from_dotenv(file: Path) -> dict[str, str]:
    try:
        found = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Não foi possível ler o arquivo {file}") from error
    return {name: text for name, text in found.items() if text is not None}


def _from_file(file: Path, parse_yaml: Callable[[str], JsonObject]) -> dict[str, str]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Não foi possível ler o arquivo de configuração {file}") from error
    values: dict[str, str] = {}
    for name, value in parse_yaml(text).items():
        if name not in _VARIABLES:
            raise SettingsError(f"Configuração desconhecida no arquivo: {name}")
        items = value if isinstance(value, list) else [value]
        values[_VARIABLES[name]] = ",".join("" if item is None else str(item) for item in items)
    return values
