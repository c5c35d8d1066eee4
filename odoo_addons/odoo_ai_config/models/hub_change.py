# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models

# Used instead of a record's id for all records.
EVERYTHING = 0


class HubChange(models.Model):
    """
    An item of a client's collection that must be sent to the hub, or was refused.

    A user who changes an item adds a line, and the sender removes lines. So a user who saves
    never waits for a running push, and no push loses a later change. A line has no content
    of the item.
    """

    _name = "ai.hub.change"
    _description = "Changed Item for the AI Hub"
    _order = "id"
    _rec_name = "res_id"
    # There may be very many of them, for a short time.
    _log_access = False

    client_collection_id = fields.Many2one(
        "ai.hub.client.collection", required=True, readonly=True, ondelete="cascade", index=True
    )
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Item", model_field="res_model", required=True, readonly=True
    )
    error = fields.Char(readonly=True, help="Why the hub refused the item.")

    def init(self):
        self.env.cr.execute(
            """
            CREATE INDEX IF NOT EXISTS ai_hub_change_record_idx
            ON ai_hub_change (res_model, res_id)
            """
        )

    @api.autovacuum
    def _gc_repeated(self):
        """
        Keep one line per item while the hub is unavailable or not configured.

        The newest line stays: a running push may not have seen it and must not remove it.
        """
        self.env.cr.execute(
            """
            DELETE FROM ai_hub_change AS change USING ai_hub_change AS later
            WHERE later.client_collection_id = change.client_collection_id
              AND later.res_id = change.res_id AND later.id > change.id
              AND later.error IS NULL AND change.error IS NULL
            """
        )
