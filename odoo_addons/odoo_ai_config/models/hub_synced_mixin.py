# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models

SYNC_STATES = [
    ("pending", "Waiting"),
    ("retrying", "Trying again"),
    ("failed", "Refused"),
    ("done", "Up to date"),
    # The change waited when this copy of a database was neutralized. Saving sends the record.
    ("aside", "Set aside"),
]


class HubSyncedMixin(models.AbstractModel):
    """
    A record with a copy at the hub, and the known state of that copy.

    Saving is enough: the change goes into the outbox in the same transaction.
    """

    _name = "ai.hub.synced.mixin"
    _description = "Record Known to the AI Hub"

    # The name of the event, and the fields in its content.
    _hub_event_name = None
    _hub_fields = ()
    # The documents that the hub acknowledges, each with a version and a digest.
    _hub_acknowledgements = ()

    sync_state = fields.Selection(
        SYNC_STATES,
        string="Hub Status",
        default="pending",
        readonly=True,
        copy=False,
    )
    sync_message = fields.Char(string="Hub Message", readonly=True, copy=False)
    synced_at = fields.Datetime(string="Last Sent", readonly=True, copy=False)

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._hub_enqueue()
        return records

    def write(self, vals):
        result = super().write(vals)
        if set(self._hub_fields) & set(vals):
            self._hub_enqueue()
        return result

    def action_send(self):
        """
        Send the records even if nothing was changed.
        """
        self.check_access("write")
        self._hub_enqueue()
        return True

    def _hub_enqueue(self):
        if not self:
            return
        self.sudo().sync_state = "pending"
        self.env["ai.hub.outbox"]._add(self, self._hub_event_name)

    def _hub_event(self):
        """
        The event for the hub about this record, or None if there is none to send.
        """
        raise NotImplementedError

    def _hub_acknowledged(self, answer):
        """
        Note that the hub accepted the record with *answer*.
        """
        if not self:
            return
        versions = {}
        for name in self._hub_acknowledgements:
            version, digest = answer.get(f"{name}_version"), answer.get(f"{name}_digest")
            if isinstance(version, int):
                versions[f"{name}_version"] = version
                versions[f"{name}_digest"] = digest if isinstance(digest, str) else False
        warnings = answer.get("warnings")
        messages = [
            warning["message"]
            for warning in (warnings if isinstance(warnings, list) else ())
            if isinstance(warning, dict) and isinstance(warning.get("message"), str)
        ]
        self.write(
            {
                "sync_state": "done",
                "sync_message": "; ".join(messages)[:500] or False,
                "synced_at": fields.Datetime.now(),
                **versions,
            }
        )

    def _hub_overtaken(self):
        """
        Forget the state at the hub: another record has its place there.
        """
        self.write(
            {
                "sync_state": "done",
                "sync_message": self.env._("Another line has replaced this one."),
                **{f"{name}_version": 0 for name in self._hub_acknowledgements},
                **{f"{name}_digest": False for name in self._hub_acknowledgements},
            }
        )

    def _hub_failed(self, error, *, final):
        if self:
            self.write({"sync_state": "failed" if final else "retrying", "sync_message": error})
