"""
Which of several values of a setting counts, and which cannot be used.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Final, Protocol, cast

import environ
from attrs import Attribute, field, frozen

from odoo_ai_config.entrypoints.settings.errors import SettingsError
from odoo_ai_config.entrypoints.settings.schema import (
    RULES,
    SECRET,
    Settings,
    declared_settings,
    setting_names,
)

_MASK: Final = "***"
# The key under which environ-config keeps what `environ.var` was told.
_ENTRY: Final = "environ_config"


class _Entry(Protocol):
    """
    What `environ.var` was told.
    """

    default: object
    help: str | None


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
        for setting in declared_settings():
            _try_one(setting, names[setting.name], merged)
        return environ.to_config(Settings, merged)

    def states(self) -> tuple[SettingState, ...]:
        """
        Every setting with its value and where that comes from, usable or not.
        """
        return tuple(self._state(setting) for setting in declared_settings())

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
        if value and setting.name in SECRET:
            value = _MASK
        return SettingState(variable, default, value, origin, str(entry.help))


def _try_one(setting: Attribute[object], variable: str, values: Mapping[str, str]) -> None:
    converter = setting.converter
    if variable not in values or not callable(converter):
        return
    try:
        converter(values[variable])
    except ValueError:
        # The cause would show the value.
        raise SettingsError(f"Valor inválido em {variable}{RULES.get(setting.name, '')}") from None
