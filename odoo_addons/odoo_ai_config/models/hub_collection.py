# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..uniqueness import keep_unique

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)


class HubCollection(models.Model):
    """
    A collection of knowledge that the AI services may use for a client.
    """

    _name = "ai.hub.collection"
    _description = "Collection of the AI Hub"
    _order = "name"

    name = fields.Char(required=True, translate=True)
    technical_name = fields.Char(
        required=True, help="The name by which the AI services know the collection."
    )
    color = fields.Integer()
    active = fields.Boolean(default=True)

    def init(self):
        keep_unique(self.env.cr, self._table, ("technical_name",))

    @api.constrains("technical_name")
    def _check_technical_name(self):
        for collection in self:
            if not _NAME.fullmatch(collection.technical_name):
                raise ValidationError(
                    self.env._(
                        "The technical name of a collection has lower-case letters without "
                        "accents, digits, _ and - only."
                    )
                )
            same = self.with_context(active_test=False).search_count(
                [("technical_name", "=", collection.technical_name)]
            )
            if same > 1:
                raise ValidationError(
                    self.env._(
                        "There is a collection with the technical name %(name)s already; "
                        "it may be archived.",
                        name=collection.technical_name,
                    )
                )

    def write(self, vals):
        result = super().write(vals)
        if {"technical_name", "active"} & set(vals):
            self._users()._tell_of_collections()
        return result

    def unlink(self):
        users = self._users()
        result = super().unlink()
        users._tell_of_collections()
        return result

    def _users(self):
        credentials = self.env["ai.hub.credentials"].sudo()
        return credentials.search([("collection_ids", "in", self.ids)])
