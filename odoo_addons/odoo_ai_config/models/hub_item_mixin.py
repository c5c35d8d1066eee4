# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from collections import defaultdict

from odoo import api, fields, models

# Users without any rights on the hub read records of other modules.
_GROUP = "odoo_ai_config.group_user"
HUB_STATES = [("pending", "Waiting"), ("failed", "Refused"), ("done", "Up to date")]


class HubItemMixin(models.AbstractModel):
    """
    A record that is an item of its clients' collections at the hub, identified by its id.

    Saving is enough: a change notes the item in the same transaction, and the sender reads
    its content at the time of sending.
    """

    _name = "ai.hub.item.mixin"
    _description = "Item of a Collection at the AI Hub"

    # The collection's technical name, and the field with the item's client.
    _hub_collection = None
    _hub_client_field = "credentials_id"
    # The fields in the content, and those that decide whether the record is an item.
    _hub_item_fields = ()

    ai_hub_change_ids = fields.One2many(
        "ai.hub.change",
        "res_id",
        string="Changes for the Hub",
        domain=lambda self: [("res_model", "=", self._name)],
        readonly=True,
        copy=False,
        groups=_GROUP,
    )
    ai_hub_state = fields.Selection(
        HUB_STATES,
        string="Hub Status",
        compute="_compute_ai_hub_state",
        compute_sudo=True,
        groups=_GROUP,
    )
    ai_hub_message = fields.Char(
        string="Hub Message",
        compute="_compute_ai_hub_state",
        compute_sudo=True,
        groups=_GROUP,
    )
    ai_hub_warning = fields.Char(
        string="Not Served",
        compute="_compute_ai_hub_warning",
        compute_sudo=True,
        groups=_GROUP,
    )

    @api.depends("ai_hub_change_ids.error")
    def _compute_ai_hub_state(self):
        for record in self:
            changes = record.ai_hub_change_ids
            waiting = changes.filtered(lambda change: not change.error)
            if waiting:
                record.ai_hub_state = "pending"
                late = waiting.client_collection_id.filtered("sync_message")
                record.ai_hub_message = "; ".join(late.mapped("sync_message")) or False
            else:
                told = bool(record._hub_clients())
                record.ai_hub_state = "failed" if changes else "done" if told else False
                record.ai_hub_message = "; ".join(changes.mapped("error")) or False

    @api.depends(lambda self: (self._hub_client_field,) if self._hub_collection else ())
    def _compute_ai_hub_warning(self):
        # Clients of other companies cannot be read, not even their names.
        own = [("company_id", "in", self.env.user._get_company_ids())]
        for record in self:
            clients = record._hub_clients().filtered_domain(own)
            record.ai_hub_warning = clients._warning_of_idle([self._hub_collection]) or False

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._hub_note(records._hub_places())
        return records

    def write(self, vals):
        if not set(self._hub_item_fields) & set(vals):
            return super().write(vals)
        places = self._hub_places() if self._hub_client_field in vals else []
        result = super().write(vals)
        self._hub_note(places, self._hub_places())
        return result

    def unlink(self):
        places = self._hub_places()
        result = super().unlink()
        self._hub_note(places)
        return result

    def action_ai_hub_send(self):
        """
        Send the records even if nothing was changed.
        """
        self.check_access("write")
        self._hub_note(self._hub_places())
        return True

    def _hub_clients(self):
        # Archived ones too: their items change with them.
        records = self.sudo().with_context(active_test=False)
        return records[self._hub_client_field]

    def _hub_places(self):
        """
        Which records each client has: pairs of a client and the records' ids.
        """
        places = defaultdict(list)
        for record in self.sudo().with_context(active_test=False):
            for client in record[self._hub_client_field]:
                places[client].append(record.id)
        return list(places.items())

    @api.model
    def _hub_note(self, *places):
        """
        Note that the items at *places* must be sent or removed.
        """
        noted = defaultdict(set)
        collections = self.env["ai.hub.client.collection"]
        for some in places:
            for client, ids in some:
                noted[collections._of(client, self)].update(ids)
        for collection, ids in noted.items():
            collection._note(sorted(ids))

    @api.model
    def _hub_shown(self):
        """
        A domain that selects the active records for AI services.
        """
        return []

    def _hub_item(self):
        """
        The content of the item, without its id.
        """
        raise NotImplementedError
