# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
Values that must be unique even if two users save at the same time.
"""

from odoo.tools import SQL


def keep_unique(cr, table, columns, where="TRUE"):
    """
    Make the database refuse a second row of *table* with the same *columns*.

    It checks only at the commit. By then the models have checked with clearer messages, so this
    is only for two users in the same moment.
    """
    name = f"{table}_{'_'.join(columns)}_excl"[:63]
    cr.execute(SQL("SELECT 1 FROM pg_constraint WHERE conname = %s", name))
    if cr.fetchone():
        return
    cr.execute(
        SQL(
            "ALTER TABLE %s ADD CONSTRAINT %s EXCLUDE USING btree (%s) WHERE (%s) "
            "DEFERRABLE INITIALLY DEFERRED",
            SQL.identifier(table),
            SQL.identifier(name),
            SQL(", ").join(SQL("%s WITH =", SQL.identifier(column)) for column in columns),
            SQL(where),
        )
    )
