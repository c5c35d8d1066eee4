# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "AI Configuration Hub: Products",
    "summary": "Tells the AI services of a client which products it sells, and for how much",
    "version": "19.0.1.0.0",
    "category": "Productivity",
    "license": "LGPL-3",
    "author": "odoo-ai-config contributors",
    "depends": ["odoo_ai_config", "product"],
    "data": [
        "security/ir.model.access.csv",
        "wizards/product_choice_views.xml",
        "views/product_template_views.xml",
    ],
    "auto_install": True,
    "uninstall_hook": "uninstall_hook",
}
