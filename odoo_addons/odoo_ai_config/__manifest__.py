# Copyright odoo-ai-config contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
{
    "name": "AI Configuration Hub",
    "summary": "Keeps the configuration hub of the AI services in step with Odoo",
    "version": "19.0.1.0.0",
    "category": "Productivity",
    "license": "LGPL-3",
    "author": "odoo-ai-config contributors",
    "depends": ["base_setup"],
    "external_dependencies": {"python": ["cryptography", "requests"]},
    "data": [
        "security/groups.xml",
        "security/rules.xml",
        "security/ir.model.access.csv",
        "data/collections.xml",
        "data/cron.xml",
        "views/outbox_views.xml",
        "views/company_views.xml",
        "views/channel_views.xml",
        "views/credentials_views.xml",
        "views/collection_views.xml",
        "wizards/route_question_views.xml",
        "wizards/migration_views.xml",
        "views/res_config_settings_views.xml",
        "views/menus.xml",
    ],
    "application": True,
}
