# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).


def migrate(cr, version):
    """
    Mark the keys of existing connections as entered in this database.

    Their origin is unknown. Connections of a neutralized database stay without a key.
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
