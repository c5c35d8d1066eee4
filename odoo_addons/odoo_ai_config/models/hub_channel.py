# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..uniqueness import keep_unique

_LARGEST = 2**31 - 1


class HubChannel(models.Model):
    """
    The client to which a channel of Chatwoot belongs.
    """

    _name = "ai.hub.channel"
    _inherit = "ai.hub.synced.mixin"
    _description = "Chatwoot Channel of an AI Client"
    _order = "chatwoot_account_id, chatwoot_inbox_id, id"

    _hub_event_name = "mapping_sync"
    _hub_fields = (
        "credentials_id",
        "chatwoot_account_id",
        "chatwoot_inbox_id",
        "is_fallback",
        "sequence",
        "active",
    )
    _hub_acknowledgements = ("mapping",)

    active = fields.Boolean(default=True)
    credentials_id = fields.Many2one(
        "ai.hub.credentials", string="Client", required=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="credentials_id.company_id", store=True, index=True)
    chatwoot_account_id = fields.Integer(required=True, default=0, aggregator=None)
    chatwoot_inbox_id = fields.Integer(
        default=0,
        aggregator=None,
        help="0 means all inboxes of the account without their own line.",
    )
    is_fallback = fields.Boolean(
        string="Fallback",
        help="This client takes messages that no channel claims, in accounts that it shares with "
        "other clients and in accounts where nobody has a channel.",
    )
    sequence = fields.Integer(
        default=10, help="The fallback with the lowest sequence takes the message."
    )
    special_number_ids = fields.One2many(
        "ai.hub.special.number", "channel_id", string="Special Numbers", copy=True
    )
    mapping_version = fields.Integer(
        string="Version of the Channel", readonly=True, copy=False, aggregator=None
    )
    mapping_digest = fields.Char(readonly=True, copy=False)

    def init(self):
        keep_unique(
            self.env.cr,
            self._table,
            ("company_id", "chatwoot_account_id", "chatwoot_inbox_id"),
            "active",
        )

    @api.depends("chatwoot_account_id", "chatwoot_inbox_id")
    def _compute_display_name(self):
        for channel in self:
            account, inbox = channel.chatwoot_account_id, channel.chatwoot_inbox_id
            channel.display_name = (
                self.env._("Account %(account)s, inbox %(inbox)s", account=account, inbox=inbox)
                if inbox
                else self.env._("Account %(account)s, all inboxes", account=account)
            )

    @api.constrains("chatwoot_account_id", "chatwoot_inbox_id", "sequence")
    def _check_numbers(self):
        for channel in self:
            if not 0 < channel.chatwoot_account_id <= _LARGEST:
                raise ValidationError(
                    self.env._(
                        "Enter the number of the Chatwoot account: it stands in Chatwoot's "
                        "address after /accounts/."
                    )
                )
            if channel.sequence < 0:
                raise ValidationError(self.env._("The sequence is 0 or more."))
            if channel.chatwoot_inbox_id < 0:
                raise ValidationError(
                    self.env._(
                        "The number of the Chatwoot inbox is positive, or 0 for all inboxes: "
                        "it stands in Chatwoot's address after /inbox/."
                    )
                )

    @api.constrains(
        "active", "credentials_id", "company_id", "chatwoot_account_id", "chatwoot_inbox_id"
    )
    def _check_unique(self):
        for channel in self.filtered("active"):
            other = (channel._holders_of() - channel.sudo())[:1]
            if not other:
                continue
            if other.company_id not in self.env.companies:
                raise ValidationError(
                    self.env._("Another company uses this channel of Chatwoot already.")
                )
            raise ValidationError(
                self.env._(
                    "This channel of Chatwoot belongs to %(client)s already. Change that line, "
                    "or archive it first.",
                    client=other.credentials_id.display_name,
                )
            )

    @api.constrains("active", "credentials_id")
    def _check_client(self):
        for channel in self:
            if channel.active and not channel.credentials_id.active:
                raise ValidationError(
                    self.env._("The client of this channel is archived. Restore it first.")
                )

    @api.model
    def _holders(self, company, account, inbox):
        """
        The active records of a channel, in all companies that share their hub with *company*.
        """
        companies = self.env["ai.hub.connection"].sudo()._same_hub(company)
        return self.sudo().search(
            [
                # The context of the caller may include archived records.
                ("active", "=", True),
                ("company_id", "in", companies.ids),
                ("chatwoot_account_id", "=", account),
                ("chatwoot_inbox_id", "=", inbox or 0),
            ]
        )

    def _holders_of(self):
        """
        The active records of this channel, possibly this one.
        """
        return self._holders(self.company_id, self.chatwoot_account_id, self.chatwoot_inbox_id)

    def write(self, vals):
        before = {channel.id: channel._mapping() for channel in self if channel.active}
        result = super().write(vals)
        left = self.filtered(
            lambda channel: (
                channel.id in before
                and _address(channel._mapping()) != _address(before[channel.id])
            )
        )
        if left:
            self.env["ai.hub.outbox"]._add(left, "mapping_delete", before)
        return result

    def unlink(self):
        if self:
            removals = {channel.id: channel._mapping() for channel in self}
            self.env["ai.hub.outbox"]._add(self, "mapping_delete", removals)
        return super().unlink()

    def _mapping(self):
        # A user who may change a channel may not always read its client.
        client = self.sudo().credentials_id
        return {
            "chatwoot_account_id": self.chatwoot_account_id,
            "chatwoot_inbox_id": self.chatwoot_inbox_id or None,
            "internal_account_id": client.account_id,
            "domain": client.domain,
        }

    def _hub_event(self):
        if not self.active and self._holders_of() - self:
            # The channel belongs to another record now, which a deletion must not undo.
            return None
        return self._mapping_event()

    def _mapping_event(self):
        mapping = self._mapping()
        mapping.update(
            active=self.active,
            is_fallback=self.is_fallback,
            sequence=self.sequence,
            special_whatsapp_numbers=[
                {"number": special.number, "crew": special.crew}
                for special in self.special_number_ids.sorted("id")
            ],
        )
        return {"event_type": "mapping_sync", "mapping": mapping}

    def action_try(self):
        """
        Preview the effect of sending this channel, and let the user try other values.
        """
        self.ensure_one()
        return self.env["ai.hub.channel.trial"]._of(self).action_ask()

    def action_look(self):
        """
        Show the hub's data of this channel.
        """
        self.ensure_one()
        return self.env["ai.hub.look"]._at_channel(self)

    def _hub_known(self):
        """
        The state of this channel that the hub acknowledged.
        """
        return {
            "chatwoot_account_id": self.chatwoot_account_id,
            "chatwoot_inbox_id": self.chatwoot_inbox_id or None,
            "version": self.mapping_version,
            "digest": self.mapping_digest,
        }

    def _hub_taken(self):
        self.write(
            {
                "sync_state": "failed",
                "sync_message": self.env._(
                    "The hub has given this channel to another client. “Send Now” claims it back."
                ),
            }
        )


def _address(mapping):
    return mapping["chatwoot_account_id"], mapping["chatwoot_inbox_id"]
