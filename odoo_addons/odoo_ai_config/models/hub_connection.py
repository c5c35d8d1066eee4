# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import uuid
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import hub_client
from ..uniqueness import keep_unique
from .hub_secrets_mixin import MASK

_SECRETS = ("api_key", "signing_secret")
# So many clients and their channels fit into one request.
_CLIENTS_AT_A_TIME = 200


class HubConnection(models.Model):
    """
    The connection of companies to their hub. Only system administrators can see it.
    """

    _name = "ai.hub.connection"
    _inherit = "ai.hub.secrets.mixin"
    _description = "Connection to the AI Hub"
    _rec_name = "company_id"

    _hub_secret_fields = _SECRETS

    company_id = fields.Many2one("res.company", required=True, ondelete="cascade", index=True)
    url = fields.Char(string="Hub URL")
    api_key = fields.Char(string="API Key", compute="_compute_hub_secrets", readonly=False)
    signing_secret = fields.Char(compute="_compute_hub_secrets", readonly=False)
    database = fields.Char(
        readonly=True,
        copy=False,
        help="The database in which the key was entered. Nothing is sent from another one.",
    )
    reconciled_at = fields.Datetime(readonly=True)
    reconciliation = fields.Char(readonly=True)

    def init(self):
        keep_unique(self.env.cr, self._table, ("company_id",))

    @api.depends("company_id")
    def _compute_hub_secrets(self):
        return super()._compute_hub_secrets()

    @api.constrains("company_id")
    def _check_company(self):
        for connection in self:
            if self.search_count([("company_id", "=", connection.company_id.id)]) > 1:
                raise ValidationError(self.env._("A company has one connection to the hub."))

    @api.constrains("url")
    def _check_url(self):
        for connection in self.filtered("url"):
            try:
                parts = urlsplit(connection.url)
                well_formed = parts.port is None or parts.port > 0
            except ValueError:
                well_formed = False
            if not well_formed or parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValidationError(
                    self.env._("The hub's URL must look like https://hub.example.com:8000.")
                )
            if parts.username or parts.query or parts.fragment:
                raise ValidationError(
                    self.env._(
                        "The hub's URL must not contain a user, a password, a ? or a #. "
                        "The key has a field of its own."
                    )
                )

    @api.model
    def _hub_check_secrets(self, secrets):
        # Other characters are not allowed in an HTTP header.
        for name, value in secrets.items():
            if value and not (value.isascii() and value.isprintable() and " " not in value):
                raise ValidationError(
                    self.env._("The API key has no spaces and no accents.")
                    if name == "api_key"
                    else self.env._("The signing secret has no spaces and no accents.")
                )
        if secrets.get("signing_secret"):
            try:
                hub_client.signing_key(secrets["signing_secret"])
            except ValueError:
                raise ValidationError(
                    self.env._("A signing secret that begins with whsec_ continues in base64.")
                ) from None

    @api.model
    def _tidied(self, vals):
        vals = dict(vals)
        for name in _SECRETS:
            if vals.get(name):
                vals[name] = vals[name].strip()
        if vals.get("api_key") and vals["api_key"] != MASK:
            # Entering a key means that it is for this database.
            vals["database"] = self._this_database()
        if vals.get("url"):
            # The old module asked for the address of the webhook itself.
            url = vals["url"].strip().rstrip("/")
            vals["url"] = url.removesuffix("/odoo-webhook").rstrip("/")
        return vals

    @api.model_create_multi
    def create(self, vals_list):
        connections = super().create([self._tidied(vals) for vals in vals_list])
        connections._wake_outbox()
        return connections

    def write(self, vals):
        result = super().write(self._tidied(vals))
        if {"url", *_SECRETS} & set(vals):
            self._wake_outbox()
        return result

    def _wake_outbox(self):
        """
        Try waiting lines again, which this change may have unblocked.
        """
        self.env["ai.hub.outbox"].sudo()._wake(self.company_id)

    @api.model
    def _of(self, company):
        return self.sudo().search([("company_id", "=", company.id)], limit=1)

    @api.model
    def _same_hub(self, companies):
        """
        The companies that send to the hubs of *companies*, including these.
        """
        connections = self.sudo()
        urls = connections.search([("company_id", "in", companies.ids)]).mapped("url")
        found = connections.search([("url", "in", [url for url in urls if url])])
        return found.company_id | companies

    @api.model
    def _is_neutralized(self):
        """
        Whether this database is neutralized, as copies for tests are.
        """
        parameters = self.env["ir.config_parameter"].sudo()
        return bool(parameters.get_param("database.is_neutralized"))

    @api.model
    def _this_database(self):
        """
        A name for this database; a neutralized copy has another one.
        """
        name = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        return f"{name}/neutralized" if self._is_neutralized() else name

    def _client(self, *, patient=True):
        """
        The client of the hub. Raises UserError if nothing may be sent from this database.
        """
        self.ensure_one()
        missing = self._missing()
        if missing:
            raise UserError(missing)
        secrets = self.sudo()._hub_secrets()
        return hub_client.HubClient(
            self.url,
            secrets.get("api_key"),
            secrets.get("signing_secret"),
            self.env.lang,
            patient=patient,
        )

    def _missing(self):
        """
        What is missing before anything can be sent, as a text; empty if nothing is.
        """
        elsewhere = self.database != self._this_database()
        if elsewhere and self._is_neutralized():
            return self.env._(
                "This database is a neutralized copy: nothing is sent to the hub from it. For "
                "a hub of its own, an administrator enters its URL and its key in Settings."
            )
        if not self.url:
            return self.env._(
                "The hub's URL is not set yet. An administrator enters it in Settings."
            )
        if "api_key" not in self.env["ai.hub.secret"].sudo()._of(self):
            return self.env._(
                "The hub's API key is not set yet. An administrator enters it in Settings."
            )
        if elsewhere:
            return self.env._(
                "The hub's API key was entered in another database, of which this one is a "
                "copy: nothing is sent. If this one is to send, an administrator enters a key "
                "again in Settings."
            )
        return ""

    def _check(self):
        """
        Test the connection. Returns whether it works, and an explanation.

        This stores nothing at the hub. An unknown event is refused only after the key, the
        signature and the clock were checked, and an empty comparison needs the same scope as
        sending.
        """
        missing = self._missing()
        if missing:
            return False, missing
        client = self._client()
        outcome = client.ready()
        if not outcome.accepted:
            return False, self._explain(outcome)
        outcome = client.send({"event_type": "connection_test"}, f"test-{uuid.uuid4()}")
        if outcome.code != "unknown_event":
            return False, self._explain(outcome)
        outcome = client.reconcile([])
        # Older hubs do not have this endpoint.
        if not outcome.accepted and outcome.code != "route_not_found":
            return False, self._explain(outcome)
        return True, self.env._("The hub answers, and accepts the key.")

    # ------------------------------------------------------------------ reconciling

    @api.model
    def _cron_reconcile(self):
        self.search([("url", "!=", False)])._reconcile(claim=False)

    def _reconcile_and_tell(self):
        """
        Compare, and show the result in a notification.
        """
        told = self._reconcile(claim=True) or [(False, self._missing())]
        return self._notification(
            all(good for good, _message in told), "\n".join(message for _good, message in told)
        )

    @api.model
    def _notification(self, good, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("AI Configuration Hub"),
                "message": message,
                "type": "success" if good else "danger",
                "sticky": not good,
            },
        }

    def _reconcile(self, *, claim):
        """
        Ask the hubs whether they still have what they acknowledged, and send the rest again.
        Returns for each whether that worked, and a message.

        Waiting changes are left out. Channels that belong to another client now are only sent
        with *claim*: otherwise two sources would take them from each other every day.
        """
        # All hubs are asked before anything is written, so that saving waits for no hub.
        asked = [(connection, *connection._compared()) for connection in self]
        told = []
        for connection, answers, trouble in asked:
            good, message = connection._put_right(answers, trouble, claim)
            connection.sudo().write(
                {"reconciled_at": fields.Datetime.now(), "reconciliation": message}
            )
            told.append((good, message))
        return told

    def _compared(self):
        """
        Pairs of clients and the hub's answers about them, and an explanation of any problem.
        """
        answers = []
        missing = self._missing()
        if missing:
            return answers, missing
        clients = self.env["ai.hub.credentials"].sudo().with_context(active_test=False)
        clients = clients.search([("company_id", "=", self.company_id.id)])
        client = self._client()
        for start in range(0, len(clients), _CLIENTS_AT_A_TIME):
            some = clients[start : start + _CLIENTS_AT_A_TIME]
            outcome = client.reconcile([one._hub_known() for one in some])
            if outcome.code == "route_not_found":
                too_old = self.env._("The hub at this URL is too old to be compared with.")
                return answers, too_old
            if not outcome.accepted:
                return answers, self._explain(outcome)
            answers.append((some, outcome.answer))
        return answers, ""

    def _put_right(self, answers, trouble, claim):
        """
        Send again what differs according to *answers*. Returns a summary.
        """
        lost = sum(self._send_lost(clients, answer, claim) for clients, answer in answers)
        if trouble:
            return False, trouble
        if lost:
            return True, self.env._(
                "The hub had lost %(lost)s records. They are sent again.", lost=lost
            )
        return True, self.env._("The hub has everything that it acknowledged.")

    def _send_lost(self, clients, answer, claim):
        """
        Send again what is missing or different in *answer*. Returns how much that is.
        """
        lost = 0
        entries = answer.get("entries") or ()
        for client, entry in zip(clients, entries, strict=False):
            lost += self._send_lost_documents(client, entry)
            lost += self._send_lost_collections(client, entry)
            standing = {_address(found): found["status"] for found in entry["mappings"]}
            for channel in client._known_channels():
                status = standing.get(_address(channel._hub_known()))
                if status == "taken" and not claim:
                    channel._hub_taken()
                elif status != "equal":
                    channel._hub_enqueue()
                    lost += 1
        removed = self.env["ai.hub.outbox"].sudo()._removals_of(self.company_id)
        for mapping in (answer.get("unknown") or {}).get("mappings") or ():
            # A collection that Odoo never had may belong to another source, and stays.
            for removal in removed.filtered(
                lambda line, mapping=mapping: _address(line.removal) == _address(mapping)
            )[:1]:
                removal._repeat()
                lost += 1
        return lost

    @api.model
    def _send_lost_documents(self, client, entry):
        lost = {found["config_type"] for found in entry["documents"] if found["status"] != "equal"}
        profile = bool(lost & {"metadata"})
        if profile:
            client.profile_ids._hub_enqueue()
        settings = bool(lost - {"metadata"})
        if settings:
            client._hub_enqueue()
        return profile + settings

    @api.model
    def _send_lost_collections(self, client, entry):
        # An older hub does not compare them.
        standing = {found["name"]: found["status"] for found in entry.get("collections") or ()}
        lost = client._known_collections().filtered(
            lambda collection: standing.get(collection.name, "equal") != "equal"
        )
        lost.action_send_everything()
        return len(lost)

    # ------------------------------------------------------------------ what is wrong, in words

    @api.model
    def _explain(self, outcome):
        """
        The meaning of *outcome* and the way to fix it, in the user's language.
        """
        if outcome.kind == hub_client.REJECTED:
            return self._explain_rejection(outcome)
        status = outcome.status
        return {
            hub_client.NAME_NOT_FOUND: self.env._(
                "No server has the name in the hub's URL. Look for a typing error in it."
            ),
            hub_client.NO_CONNECTION: self.env._(
                "Nothing answers at the hub's URL. Check the address and the port, and "
                "whether the hub is running."
            ),
            hub_client.UNTRUSTED: self.env._(
                "A secure connection to the hub failed. Check its certificate, and whether "
                "the URL should begin with http instead of https."
            ),
            hub_client.TIMED_OUT: self.env._(
                "The hub did not answer in time. Check whether a firewall is in the way."
            ),
            hub_client.BAD_REQUEST: self.env._(
                "Nothing can be sent with this URL and this key. Enter both again."
            ),
            hub_client.REDIRECTED: self.env._(
                "The hub's URL redirects to another one (HTTP %(status)s). Enter that one; "
                "often it only begins with https instead of http.",
                status=status,
            ),
            hub_client.NOT_A_HUB: self.env._(
                "What answers at this URL is not the hub (HTTP %(status)s). Check the "
                "address, the port and the proxy.",
                status=status,
            ),
        }[outcome.kind]

    @api.model
    def _explain_rejection(self, outcome):
        explained = {
            "invalid_api_key": self.env._(
                "The hub does not accept the API key. Enter one that "
                "“odoo-ai-config keys list” shows as valid, or make a new one."
            ),
            "scope_missing": self.env._(
                "The API key does not have the scope “webhook”. Make a new key: "
                "odoo-ai-config keys create --name odoo --scope webhook"
            ),
            "signature_missing": self.env._(
                "The hub requires signed messages. Enter its signing secret, which is one of "
                "ODOO_AI_CONFIG_WEBHOOK_SECRETS there."
            ),
            "signature_invalid": self.env._(
                "The hub does not accept the signature. Enter its signing secret again, "
                "which is one of ODOO_AI_CONFIG_WEBHOOK_SECRETS there."
            ),
            "signature_timestamp": self.env._(
                "The clocks of Odoo's server and of the hub's differ by more than five "
                "minutes. Set them."
            ),
            "app_not_served": self.env._(
                "The hub at this URL does not accept events from Odoo. Check its --apps option."
            ),
        }.get(outcome.code)
        return explained or self.env._(
            "The hub refused: %(detail)s (HTTP %(status)s)",
            detail=outcome.detail,
            status=outcome.status,
        )


def _address(mapping):
    """
    The key of a channel mapping; the hub has ids as text.
    """
    return str(mapping["chatwoot_account_id"]), str(mapping["chatwoot_inbox_id"] or "")
