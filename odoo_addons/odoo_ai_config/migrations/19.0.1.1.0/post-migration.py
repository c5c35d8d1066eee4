# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).


def migrate(cr, version):
    """
    Say of the connections that are there that their keys were entered in this database.

    Nobody knows better. In a database that was neutralized they stay without one.
    """
    cr.execute(
        """
        UPDATE ai_hub_connection
           SET database = (SELECT value FROM ir_config_parameter WHERE key = 'database.uuid')
         WHERE database IS NULL
           AND NOT EXISTS (
               SELECT FROM ir_config_parameter WHERE key = 'database.is_neutralized'
           )
        """
    )
