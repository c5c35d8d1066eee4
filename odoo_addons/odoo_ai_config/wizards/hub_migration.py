# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import hmac

from .. import old_module
from ..old_module import OldModule
from ..takeover import Takeover, address


class HubMigration(models.TransientModel):
    """
    Imports the data of the old add-on: first as a dry run, then exactly as shown.
    """

    _name = "ai.hub.migration"
    _description = "Migration from ai_credentials_manager"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    with_connection = fields.Boolean(
        string="Address, key and secret too",
        default=True,
        help="If this company has no connection to a hub yet, it gets that of the old module.",
    )
    with_archived = fields.Boolean(
        string="Archived records too", help="They are archived here as well."
    )
    collection_ids = fields.Many2many(
        "ai.hub.collection",
        string="Collections of new clients",
        default=lambda self: self.env["ai.hub.collection"].search([]),
        help="The old module did not know which collections a client may use.",
    )
    found = fields.Text(compute="_compute_found")
    nothing_found = fields.Boolean(compute="_compute_found")
    connection_found = fields.Char(string="Old Address", compute="_compute_found")
    state = fields.Selection(
        [("new", "New"), ("tried", "Dry run"), ("changed", "Changed"), ("done", "Done")],
        default="new",
        required=True,
        readonly=True,
    )
    shown_digest = fields.Char(readonly=True)
    line_ids = fields.One2many("ai.hub.migration.line", "migration_id", readonly=True)
    new_count = fields.Integer(string="New", compute="_compute_counts")
    known_count = fields.Integer(string="Existing", compute="_compute_counts")
    left_count = fields.Integer(string="Not migrated", compute="_compute_counts")

    @api.depends("company_id")
    def _compute_found(self):
        old = OldModule(self.env)
        told = "\n".join(self._told_of(old))
        urls = ", ".join(map(address, old.connection().urls))
        for migration in self:
            migration.found = told
            migration.nothing_found = not old
            migration.connection_found = urls

    @api.model
    def _told_of(self, old):
        for table, rows in (
            (old_module.CLIENTS, old.clients),
            (old_module.CHANNELS, old.channels),
        ):
            if rows is None:
                yield self.env._("There is no table %(table)s of the old module.", table=table)
                continue
            yield self.env._("Records in %(table)s: %(count)s.", table=table, count=len(rows))
            missing = old.missing_columns(table)
            if missing:
                yield self.env._(
                    "These columns do not exist and count as empty: %(names)s.",
                    names=", ".join(missing),
                )

    @api.depends("line_ids.outcome")
    def _compute_counts(self):
        for migration in self:
            outcomes = migration.line_ids.mapped("outcome")
            migration.new_count = outcomes.count("new") + outcomes.count("made")
            migration.known_count = outcomes.count("known")
            migration.left_count = outcomes.count("left")

    def action_try(self):
        """
        Show what would be imported. This changes nothing.
        """
        self.ensure_one()
        return self._show("tried", *self._rehearsed())

    def action_take_over(self):
        """
        Import what the dry run has shown, or show it again if something has changed since.
        """
        self.ensure_one()
        if self.state not in ("tried", "changed"):
            raise UserError(self.env._("Make a dry run first, and check the result."))
        lines, digest = self._rehearsed()
        if digest != self.shown_digest:
            return self._show("changed", lines, digest)
        takeover = Takeover(self)
        takeover.run()
        made = [
            {**line, "outcome": "made" if line["outcome"] == "new" else line["outcome"]}
            for line in takeover.lines
        ]
        return self._show("done", made, False)

    def _rehearsed(self):
        """
        The lines of a dry run, and a digest of them and of all their sources.
        """
        takeover = Takeover(self)
        with self.env["ai.hub.outbox"]._rehearsing():
            takeover.run()
        # With the database's own key, so that the digest does not help to guess passwords.
        digest = hmac(self.env(su=True), self._name, (takeover.source, takeover.lines))
        return takeover.lines, digest

    def _show(self, state, lines, digest):
        self.line_ids.unlink()
        self.write(
            {
                "state": state,
                "shown_digest": digest,
                "line_ids": [(0, 0, {**line, "sequence": at}) for at, line in enumerate(lines)],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "name": self.env._("Migrate from the Old Module"),
            "context": {"dialog_size": "extra-large"},
        }


class HubMigrationLine(models.TransientModel):
    """
    The result for one record of the old add-on, without secrets.
    """

    _name = "ai.hub.migration.line"
    _description = "Line of a Migration"
    _order = "sequence, id"

    migration_id = fields.Many2one("ai.hub.migration", required=True, ondelete="cascade")
    sequence = fields.Integer()
    kind = fields.Selection(
        [("connection", "Connection"), ("client", "Client"), ("channel", "Channel")],
        required=True,
        readonly=True,
    )
    old_id = fields.Integer(string="Old ID", readonly=True)
    # A list wraps a text, and truncates other types.
    name = fields.Text(required=True, readonly=True)
    outcome = fields.Selection(
        [
            ("new", "Will be created"),
            ("made", "Created"),
            ("known", "Exists"),
            ("left", "Left out"),
        ],
        required=True,
        readonly=True,
    )
    detail = fields.Text(readonly=True)
