# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
The data that the add-on ai_credentials_manager left in a database.

This module only reads. It finds tables whether that add-on is still installed or not, and
accepts the columns that they have: there were several versions of it.
"""

import base64
import hashlib
from collections import namedtuple

from cryptography.fernet import Fernet, InvalidToken

from odoo.tools import SQL, sql

NAME = "ai_credentials_manager"
CLIENTS = "ai_system_credentials"
CHANNELS = "ai_channel_mapping"

# A table without these belongs to another module and has the same name by chance.
_ESSENTIAL = {
    CLIENTS: {"id", "account_id"},
    CHANNELS: {"id", "credential_id", "chatwoot_account_id"},
}
_SEALED = (
    "odoo_password",
    "odoo_api_key",
    "facebook_app_secret",
    "facebook_access_token",
    "instagram_client_secret",
    "instagram_access_token",
    "mercadolivre_client_secret",
    "mercadolivre_access_token",
)
_NUMBERS = tuple(f"special_whatsapp_number{place}" for place in (1, 2, 3))
_EXPECTED = {
    CLIENTS: {
        *_ESSENTIAL[CLIENTS],
        "name",
        "client_name",
        "token",
        "business_area",
        "business_area_other",
        "odoo_url",
        "odoo_db",
        "odoo_username",
        "qdrant_collection",
        "redis_prefix",
        "facebook_app_id",
        "instagram_client_id",
        "mercadolivre_app_id",
        "active",
        "config_service_url",
        "config_service_api_key",
        *(f"{name}_encrypted" for name in _SEALED),
    },
    CHANNELS: {
        *_ESSENTIAL[CHANNELS],
        "chatwoot_inbox_id",
        "business_area",
        "business_area_other",
        "is_fallback",
        "sequence",
        *_NUMBERS,
        "special_crew",
        "active",
    },
}
# No known version has it, but an operator with several companies may have added it.
_OPTIONAL = {"company_id"}

_SEALING_KEY = "ai_credentials.encryption_key"
# The old module read them in this order, and its settings wrote the second ones.
_CONNECTIONS = (
    ("config_service.url", "config_service.api_key"),
    ("config_service_url", "config_service_api_key"),
    (f"{NAME}.config_service_url", f"{NAME}.config_service_api_key"),
)
_SIGNING_SECRET = "webhook_secret_key"
_DEFAULT_KEY = "development-api-key"
# It is the default of the old module, so it is publicly known.
_SHIPPED_SECRET = "679dcffdaa536fd009f0553aa66d8854d83272b0d3a52bf96b507a118136831c"

# The module company_services, which served one account, had a switch for each collection.
_SWITCHES = {
    "enable_sales": "products_informations",
    "enable_scheduling": "scheduling_rules",
    "enable_delivery": "delivery_rules",
    "enable_support": "support_documents",
}

Connection = namedtuple("Connection", ("urls", "api_key", "signing_secret"))


class OldModule:
    """
    The records of the old module, as dictionaries, and its settings.

    `clients` and `channels` are None if there is no such table.
    """

    def __init__(self, env):
        self._cr = env.cr
        self._parameters = env["ir.config_parameter"].sudo()
        self.clients = self._rows(CLIENTS)
        self.channels = self._rows(CHANNELS)

    def __bool__(self):
        return self.clients is not None or self.channels is not None

    def _rows(self, table):
        columns = sql.table_columns(self._cr, table).keys()
        if not _ESSENTIAL[table] <= columns:
            return None
        wanted = sorted(columns & (_EXPECTED[table] | _OPTIONAL))
        self._cr.execute(
            SQL(
                "SELECT %s FROM %s ORDER BY id",
                SQL(", ").join(map(SQL.identifier, wanted)),
                SQL.identifier(table),
            )
        )
        return [
            {name: bytes(it) if isinstance(it, memoryview) else it for name, it in row.items()}
            for row in self._cr.dictfetchall()
        ]

    def missing_columns(self, table):
        """
        The columns of *table* in the last version of the old module that are missing here.
        """
        return sorted(_EXPECTED[table] - sql.table_columns(self._cr, table).keys())

    def secret(self, row, name):
        """
        The secret under *name*, or None if there is none.

        Raises ValueError if it cannot be decrypted.
        """
        sealed = row.get(f"{name}_encrypted")
        if not sealed:
            return None
        try:
            key = self._parameters.get_param(_SEALING_KEY, "")
            return Fernet(key).decrypt(base64.b64decode(sealed)).decode()
        except InvalidToken:
            raise ValueError("sealed with another key") from None

    def special_numbers(self, row):
        """
        The special numbers of a channel as typed, and the crew for all of them.
        """
        numbers = [row[name] for name in _NUMBERS if row.get(name)]
        return numbers, row.get("special_crew") or "analytics"

    def connection(self):
        """
        The address, key and secret that the old module used.

        Publicly known keys and secrets are left out.
        """
        pairs = [
            (row["config_service_url"], row.get("config_service_api_key"))
            for row in self.clients or ()
            if is_active(row) and row.get("config_service_url")
        ]
        if not pairs:
            values = [tuple(map(self._parameters.get_param, pair)) for pair in _CONNECTIONS]
            pairs = [(url, key) for url, key in values if url][:1]
        keys = [key for _url, key in pairs]
        keys += [self._parameters.get_param(name) for _url, name in _CONNECTIONS]
        api_key = next((key for key in keys if key and key != _DEFAULT_KEY), None)
        signing_secret = self._parameters.get_param(_SIGNING_SECRET) or None
        if signing_secret and _digest(signing_secret) == _SHIPPED_SECRET:
            signing_secret = None
        return Connection(sorted({url for url, _key in pairs}), api_key, signing_secret)

    def collections_of(self, account):
        """
        The collections that were enabled for *account*, or None if that is unknown.
        """
        if not account or self._parameters.get_param("company_services.account_id") != account:
            return None
        return [
            collection
            for switch, collection in _SWITCHES.items()
            if self._parameters.get_param(f"company_services.{switch}", "").lower() == "true"
        ]


def is_active(row):
    """
    Whether the old module used *row*; before it had such a column, all rows were in use.
    """
    return bool(row.get("active", True))


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
