# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from datetime import datetime

from odoo import Command, api, fields, models

# Of each document, and of all together.
_VERSIONS = 5
_CHANGES = 15


class HubLook(models.TransientModel):
    """
    The hub's present data of a client or a channel.
    """

    _name = "ai.hub.look"
    _inherit = "ai.hub.question.mixin"
    _description = "Look at the Hub"

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    trouble = fields.Text(readonly=True)
    waiting = fields.Boolean(readonly=True)
    thing_ids = fields.One2many("ai.hub.look.thing", "look_id", string="Now", readonly=True)
    change_ids = fields.One2many(
        "ai.hub.look.change", "look_id", string="Last Changes", readonly=True
    )
    page_url = fields.Char(string="Page of the Hub", readonly=True)

    @api.model
    def _at_client(self, client):
        """
        Show *client*: its documents, who changed them, and its channels.
        """
        client.check_access("read")
        # Not every user may see all of the client's data in Odoo; its state is visible to all.
        client = client.sudo()
        known = client._hub_known()
        look, told = self._begun(client, client, known, _VERSIONS)
        if told:
            channels = client.with_context(active_test=False).channel_ids
            own = {
                _address(found): found
                for found in told["channels"]["channels"]
                if found["domain"] == client.domain
            }
            things = [
                *look._documents(client, known, told),
                *look._channels(channels, own, known, told),
                *look._collections(known, told),
            ]
            look._tell(things, told["history"])
        return look._dialogue(self.env._("At the Hub: %(record)s", record=client.display_name))

    @api.model
    def _at_channel(self, channel):
        """
        Show only *channel*.
        """
        channel.check_access("read")
        client = channel.credentials_id
        known = {"tenant_id": client.account_id, "domain": client.domain, "mappings": []}
        if channel.sync_state == "done":
            known["mappings"].append(channel._hub_known())
        look, told = self._begun(channel, client, known)
        if told:
            address = _address(channel._hub_known())
            own = {
                place: found
                for found in told["channels"]["channels"]
                if (place := _address(found)) == address
            }
            look._tell(look._channels(channel, own, known, told), [])
        return look._dialogue(self.env._("At the Hub: %(record)s", record=channel.display_name))

    @api.model
    def _begun(self, record, client, known, versions=0):
        """
        A new view of *record* with the hub's answer; None if there is no answer.
        """
        hub = self.env["ai.hub.connection"]._of(client.company_id)
        look = self.sudo().create(
            {
                "company_id": client.company_id.id,
                "waiting": record.sync_state != "done",
                # The page shows nothing without a key of the user's own.
                "page_url": not hub._missing()
                and hub._client().page(client.account_id, client.domain),
            }
        )
        told, look.trouble = look._answer_to(lambda asked: asked.look(known, versions))
        return look.sudo(False), told

    def _tell(self, things, history):
        own = self.env["ai.hub.connection"]._of(self.company_id)._client().author
        authors = {own: self.env._("This Odoo")} if own else {}
        changes = [
            {
                "name": self._kind(entry["config_type"], deleted=entry.get("deleted")),
                "version": entry["version"],
                "changed_at": _moment(entry),
                "author": entry["author"],
            }
            for entry in sorted(history, key=_moment, reverse=True)[:_CHANGES]
        ]

        def create(line):
            return Command.create({**line, "author": authors.get(line["author"], line["author"])})

        # Comes from the hub; users cannot write it.
        self.sudo().write(
            {
                "thing_ids": [create(thing) for thing in things],
                "change_ids": [create(change) for change in changes],
            }
        )

    def _documents(self, client, known, told):
        findings = {found["config_type"]: found for found in _entry(told)["documents"]}
        held = {found["config_type"]: found for found in told["documents"]}
        newest = {(one["config_type"], one["version"]): one for one in told["history"]}
        waiting = [
            kind
            for record in (client, *client.profile_ids)
            if record.sync_state != "done"
            for kind in record._hub_acknowledgements
        ]
        for kind in dict.fromkeys((*held, *findings, *waiting)):
            found = held.get(kind, {})
            written = newest.get((kind, found.get("version")), {})
            acknowledged = known.get(f"{kind}_version") or 0
            yield {
                "name": self._kind(kind),
                "version": found.get("version", 0),
                "acknowledged": acknowledged,
                "changed_at": _moment(found),
                "author": written.get("author"),
                "standing": _standing(findings.get(kind), acknowledged, kind in waiting),
            }

    def _channels(self, channels, held, known, told):
        findings = {_address(found): found for found in _entry(told)["mappings"]}
        versions = {_address(mapping): mapping["version"] for mapping in known["mappings"]}
        states = {_address(channel._hub_known()): channel.sync_state for channel in channels}
        waiting = [address for address, state in states.items() if state != "done"]
        for address in dict.fromkeys((*held, *findings, *waiting)):
            found = held.get(address, {})
            acknowledged = versions.get(address) or 0
            yield {
                "name": self._channel(*address, active=found.get("active", True)),
                "version": found.get("version", 0),
                "acknowledged": acknowledged,
                "changed_at": _moment(found),
                "author": found.get("author"),
                "standing": _standing(findings.get(address), acknowledged, address in waiting),
            }

    def _collections(self, known, told):
        versions = {one["name"]: one["version"] for one in known.get("collections", ())}
        for found in _entry(told)["collections"]:
            acknowledged = versions.get(found["name"]) or 0
            yield {
                "name": self.env._("Collection %(name)s", name=found["name"]),
                "version": found["version"] if found["status"] != "missing" else 0,
                "acknowledged": acknowledged,
                "author": None,
                "standing": _standing(found, acknowledged, waiting=False),
            }

    def _kind(self, kind, deleted=False):
        name = {
            "config": self.env._("Settings"),
            "credentials": self.env._("Credentials"),
            "metadata": self.env._("Company Profile"),
            "crews": self.env._("Crews"),
        }.get(kind, kind)
        return self.env._("%(document)s (deleted)", document=name) if deleted else name

    def _channel(self, account, inbox, *, active):
        if inbox:
            name = self.env._("Account %(account)s, inbox %(inbox)s", account=account, inbox=inbox)
        else:
            name = self.env._("Account %(account)s, all inboxes", account=account)
        return name if active else self.env._("%(channel)s (switched off)", channel=name)


class HubLookThing(models.TransientModel):
    """
    A document or a channel at the hub.
    """

    _name = "ai.hub.look.thing"
    _description = "Item at the Hub"

    look_id = fields.Many2one("ai.hub.look", required=True, ondelete="cascade")
    name = fields.Char(string="What", readonly=True)
    version = fields.Integer(string="At the Hub", readonly=True)
    acknowledged = fields.Integer(
        string="In Odoo", readonly=True, help="The last version that the hub acknowledged to Odoo."
    )
    changed_at = fields.Datetime(string="Changed", readonly=True)
    author = fields.Char(
        string="By", readonly=True, help="The id of a key of the hub, or a program beside it."
    )
    standing = fields.Selection(
        [
            ("equal", "In step"),
            ("later", "Changed by somebody else"),
            ("differs", "Has different content"),
            ("missing", "Lost by the hub"),
            ("deleted", "Deleted at the hub"),
            ("taken", "Another client's now"),
            ("waiting", "On its way"),
            ("unknown", "Not from this Odoo"),
        ],
        readonly=True,
    )


class HubLookChange(models.TransientModel):
    """
    A version of a document, and who made it.
    """

    _name = "ai.hub.look.change"
    _description = "Change at the Hub"

    look_id = fields.Many2one("ai.hub.look", required=True, ondelete="cascade")
    name = fields.Char(string="What", readonly=True)
    version = fields.Integer(readonly=True)
    changed_at = fields.Datetime(string="Changed", readonly=True)
    author = fields.Char(string="By", readonly=True)


def _entry(told):
    return told["standing"]["entries"][0]


def _address(mapping):
    """
    The key of a channel mapping; the hub has ids as text.
    """
    return str(mapping["chatwoot_account_id"] or ""), str(mapping["chatwoot_inbox_id"] or "")


def _moment(found):
    """
    The time of the last write in Odoo's form; False if it does not exist.
    """
    text = found.get("updated_at")
    return text and datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(microsecond=0)


def _standing(finding, acknowledged, waiting):
    if waiting:
        return "waiting"
    if finding is None or not acknowledged:
        return "unknown"
    if finding.get("deleted"):
        return "deleted"
    if finding["status"] == "differs" and finding["version"] > acknowledged:
        return "later"
    return finding["status"]
