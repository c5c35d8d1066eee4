# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""
What must not be there twice, whoever saves at the same time.
"""

from odoo.tools import SQL


def keep_unique(cr, table, columns, where="TRUE"):
    """
    Have the database refuse a second row of *table* with the same *columns*.

    It does so at the commit only. By then the models have had their say, which is more
    helpful than that of the database; what is left to it are two users in the same moment.
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
