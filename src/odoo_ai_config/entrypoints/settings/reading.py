"""
Reads the process's environment, which no other module looks at, ``.env`` and the YAML file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from odoo_ai_config.domain.json_types import JsonObject
from odoo_ai_config.entrypoints.settings.errors import SettingsError
from odoo_ai_config.entrypoints.settings.schema import PREFIX, Settings, setting_names
from odoo_ai_config.entrypoints.settings.sources import Origin, SettingLayers

_ALSO_NAMED: Final = {
    "NGROK_AUTH_TOKEN": "NGROK_AUTHTOKEN",
    "CHATWOOT_BASE_URL": f"{PREFIX}_CHATWOOT_URL",
    "CHATWOOT_API_KEY": f"{PREFIX}_CHATWOOT_API_TOKEN",
}


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
