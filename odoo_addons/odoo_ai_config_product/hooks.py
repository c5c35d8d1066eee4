# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).


def uninstall_hook(env):
    """
    Remove the clients' collections of products, which nothing updates any more.
    """
    env["ai.hub.client.collection"].search([("res_model", "=", "product.template")]).unlink()
