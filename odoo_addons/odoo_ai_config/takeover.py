# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
Makes records of this add-on from those of the old one.
"""

from urllib.parse import urlsplit

from odoo.exceptions import UserError

from . import phone
from .models.hub_credentials import is_url
from .old_module import OldModule, is_active

# Fields that are copied unchanged; some had other names.
_KEPT = (
    "token",
    "odoo_db",
    "odoo_username",
    "qdrant_collection",
    "redis_prefix",
    "facebook_app_id",
    "instagram_client_id",
    "mercado_livre_app_id",
)
# Of a Brazilian number with its country code; others are written with a +.
_FEWEST_DIGITS = 12


class Takeover:
    """
    One pass over the data of the old module, which creates everything possible from it.

    `lines` has the result for each old record, without secrets. Records that the models refuse are
    left out, with the reason. A dry run is a pass that is rolled back.
    """

    def __init__(self, wizard):
        self.env = wizard.env
        self.lines = []
        self._wizard = wizard
        self._old = OldModule(wizard.env)
        self._credentials = self.env["ai.hub.credentials"].with_context(active_test=False)
        self._channels = self.env["ai.hub.channel"].with_context(active_test=False)
        self._clients = {}
        self._claimed = set()

    @property
    def source(self):
        """
        Everything that the pass depends on and that users may have changed since the last one.
        """
        return self._old.clients, self._old.channels, self._old.connection()

    def run(self):
        connection = self._old.connection()
        if self._wizard.with_connection and connection.urls:
            name = ", ".join(map(address, connection.urls))
            self._take("connection", 0, name, self._connection, connection)
        for row in _in_use_first(self._old.clients):
            name = self._credentials.new(self._identity(row)).display_name
            self._clients[row["id"]] = self._take("client", row["id"], name, self._client, row)
        for row in _in_use_first(self._old.channels):
            name = self._channels.new(self._place(row)).display_name
            self._take("channel", row["id"], name, self._channel, row)

    def _take(self, kind, old_id, name, take, old):
        remarks = []
        claimed = set(self._claimed)
        try:
            with self.env.cr.savepoint():
                record, outcome = take(old, remarks)
        except UserError as error:
            record, outcome, remarks = None, "left", [str(error)]
            self._claimed = claimed
        self.lines.append(
            {
                "kind": kind,
                "old_id": old_id,
                "name": name,
                "outcome": outcome,
                "detail": "\n".join(remarks),
            }
        )
        return record

    def _claim(self, *place):
        if place in self._claimed:
            raise UserError(
                self.env._(
                    "Another old record is for the same client or channel, and is migrated "
                    "instead."
                )
            )
        self._claimed.add(place)

    def _check_in_use(self, row):
        if not is_active(row) and not self._wizard.with_archived:
            raise UserError(
                self.env._("It is archived. Tick “Archived records too” to migrate it.")
            )

    # ------------------------------------------------------------------ connection

    def _connection(self, old, remarks):
        if len(old.urls) > 1:
            raise UserError(
                self.env._("The old clients send to different addresses. Enter one in Settings.")
            )
        connection = self.env["ai.hub.connection"].search(
            [("company_id", "=", self._wizard.company_id.id)]
        )
        if connection.url or self.env["ai.hub.secret"].sudo()._of(connection):
            return connection, "known"
        if connection._is_neutralized():
            raise UserError(
                self.env._(
                    "This database is a neutralized copy: the old address, key and secret are "
                    "left out."
                )
            )
        if not old.api_key:
            remarks.append(
                self.env._("There is no API key other than the default one. Enter another.")
            )
        if not old.signing_secret:
            remarks.append(self.env._("There is no signing secret other than the default one."))
        values = {
            "url": old.urls[0],
            "api_key": old.api_key,
            "signing_secret": old.signing_secret,
        }
        if connection:
            connection.write(values)
        else:
            connection = connection.create({"company_id": self._wizard.company_id.id, **values})
        remarks.append(
            self.env._(
                "Test the connection in Settings: the hub may require another key or secret."
            )
        )
        return connection, "new"

    # ------------------------------------------------------------------ clients

    def _client(self, row, remarks):
        self._check_in_use(row)
        company = self._company_of(row)
        identity = self._identity(row)
        draft = self._credentials.new(identity)
        self._claim(company, draft.account_id, draft.domain)
        known = self._credentials.search(
            [
                ("account_id", "=", draft.account_id),
                ("domain", "=", draft.domain),
                ("company_id", "=", company.id),
            ]
        )
        if known:
            return known, "known"
        if not row.get("business_area"):
            remarks.append(self.env._("It has no business area: it gets the general one."))
        values = {name: row.get(_old_name(name)) or False for name in _KEPT}
        values.update(
            identity,
            company_id=company.id,
            active=is_active(row),
            odoo_url=self._odoo_url(row, remarks),
            **self._secrets(row, remarks),
            collection_ids=self._collections(row, remarks).ids,
        )
        return self._credentials.create(values), "new"

    def _company_of(self, row):
        company = self.env["res.company"].browse(
            row.get("company_id") or self._wizard.company_id.id
        )
        if company not in self.env.companies:
            raise UserError(
                self.env._(
                    "It belongs to a company that is not selected. Select it at the top right, "
                    "and start again."
                )
            )
        return company

    def _identity(self, row):
        account = row["account_id"] or ""
        return {
            "name": row.get("client_name") or row.get("name") or account or "?",
            "account_id": account,
            **self._area(row),
        }

    def _area(self, row):
        area = row.get("business_area") or "default"
        if area == "other":
            return {"business_area": area, "business_area_other": row.get("business_area_other")}
        if area not in dict(self._credentials._fields["business_area"].selection):
            # An operator had added one, and its name was sent to the hub.
            return {"business_area": "other", "business_area_other": area}
        return {"business_area": area}

    def _odoo_url(self, row, remarks):
        url = row.get("odoo_url")
        if url and not is_url(url):
            remarks.append(self.env._("The entry for Odoo's URL is not a URL: it is left out."))
            return False
        return url

    def _secrets(self, row, remarks):
        secrets, lost = {}, []
        for name in self._credentials._hub_secret_fields:
            try:
                secrets[name] = self._old.secret(row, _old_name(name))
                if name == "odoo_password" and not secrets[name]:
                    secrets[name] = self._old.secret(row, "odoo_api_key")
                    if secrets[name]:
                        remarks.append(self.env._("Its Odoo API key replaces the password."))
            except ValueError:
                lost.append(name)
        if lost:
            labels = self._credentials.fields_get(lost, ["string"])
            remarks.append(
                self.env._(
                    "These could not be decrypted, and must be entered again: %(names)s.",
                    names=", ".join(labels[name]["string"] for name in lost),
                )
            )
        return secrets

    def _collections(self, row, remarks):
        collections = self._wizard.collection_ids
        names = self._old.collections_of(row["account_id"])
        if names is not None:
            every = collections.with_context(active_test=False)
            collections = every.search([("technical_name", "in", names)])
            missing = sorted(set(names) - set(collections.mapped("technical_name")))
            collections |= every.create(
                [{"name": name, "technical_name": name} for name in missing]
            )
        if collections:
            remarks.append(
                self.env._("Collections: %(names)s.", names=", ".join(collections.mapped("name")))
            )
        return collections

    # ------------------------------------------------------------------ channels

    def _channel(self, row, remarks):
        self._check_in_use(row)
        if row["credential_id"] not in self._clients:
            raise UserError(self.env._("It has no client: the old credentials are gone."))
        client = self._clients[row["credential_id"]]
        if not client:
            raise UserError(self.env._("Its client is not migrated."))
        place = self._place(row)
        self._claim(client.company_id, *place.values())
        known = self._channels.search(
            [
                ("credentials_id", "=", client.id),
                *((name, "=", value) for name, value in place.items()),
            ],
            limit=1,
        )
        if known:
            return known, "known"
        remarks.append(self.env._("Goes to %(client)s.", client=client.display_name))
        if row.get("business_area"):
            domain = self._credentials.new(self._area(row)).domain
            if domain != client.domain:
                remarks.append(
                    self.env._(
                        "The old line has another business area, %(area)s: the client's applies.",
                        area=domain or row["business_area"],
                    )
                )
        values = {
            **place,
            "credentials_id": client.id,
            "active": is_active(row),
            "is_fallback": bool(row.get("is_fallback")),
            "special_number_ids": [(0, 0, number) for number in self._numbers(row, remarks)],
        }
        if row.get("sequence") is not None:
            # The old module allowed negative values.
            values["sequence"] = max(0, row["sequence"])
        return self._channels.create(values), "new"

    def _place(self, row):
        return {
            "chatwoot_account_id": row["chatwoot_account_id"] or 0,
            "chatwoot_inbox_id": row.get("chatwoot_inbox_id") or 0,
        }

    def _numbers(self, row, remarks):
        texts, crew = self._old.special_numbers(row)
        numbers = {}
        for text in texts:
            digits = phone.digits_of(text)
            if digits is None:
                remarks.append(
                    self.env._("%(number)s is not a WhatsApp number: it is left out.", number=text)
                )
            elif phone.comparable(digits) in numbers:
                remarks.append(
                    self.env._("%(number)s appears twice: it is migrated once.", number=text)
                )
            else:
                # No country code begins with 0, so a single one is that of a number without it.
                whole = text.strip().startswith(("+", "00")) or (
                    len(digits) >= _FEWEST_DIGITS and not digits.startswith("0")
                )
                # The hub knows the customs of its country, so it gets the number as it is.
                number = f"+{digits}" if whole else text.strip()
                numbers[phone.comparable(digits)] = {"number": number, "crew": crew}
                if not whole:
                    remarks.append(
                        self.env._(
                            "%(number)s seems to have no country code. Check it.", number=text
                        )
                    )
        return numbers.values()


def address(url):
    """
    The server in *url*, which might contain a password.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "?"
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _in_use_first(rows):
    """
    Prefer the record in use if two have the same values.
    """
    return sorted(rows or (), key=lambda row: not is_active(row))


def _old_name(name):
    return name.replace("mercado_livre", "mercadolivre")
