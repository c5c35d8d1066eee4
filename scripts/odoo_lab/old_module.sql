-- What the old module ai_credentials_manager left, as far as the migration reads it.
CREATE TABLE ai_system_credentials (
    id int, active bool, account_id text, token text, name text, client_name text,
    business_area text, business_area_other text, odoo_url text, odoo_db text,
    odoo_username text, qdrant_collection text, redis_prefix text, facebook_app_id text,
    instagram_client_id text, mercadolivre_app_id text, config_service_url text,
    config_service_api_key text, odoo_password_encrypted bytea, odoo_api_key_encrypted bytea,
    facebook_app_secret_encrypted bytea, facebook_access_token_encrypted bytea,
    instagram_client_secret_encrypted bytea, instagram_access_token_encrypted bytea,
    mercadolivre_client_secret_encrypted bytea, mercadolivre_access_token_encrypted bytea
);
CREATE TABLE ai_channel_mapping (
    id int, active bool, credential_id int, chatwoot_account_id int, chatwoot_inbox_id int,
    business_area text, business_area_other text, is_fallback bool, sequence int,
    special_whatsapp_number1 text, special_whatsapp_number2 text,
    special_whatsapp_number3 text, special_crew text
);
INSERT INTO ai_system_credentials (id, active, account_id, token, client_name, business_area)
VALUES
    (1, true, 'livraria_aurora', 'livraria_aurora-5f2c91d0', 'Livraria Aurora', 'retail'),
    (2, true, 'casa_verde', 'casa_verde-0b7e4a13', 'Casa Verde', 'retail'),
    (3, true, 'clínica do sol', 'clinica-77aa01c2', 'Clínica do Sol', 'healthcare');
INSERT INTO ai_channel_mapping (
    id, active, credential_id, chatwoot_account_id, chatwoot_inbox_id, business_area,
    special_whatsapp_number1
)
VALUES
    (1, true, 1, 31, 4, 'retail', '+55 11 91234-5678'),
    (2, true, 1, 31, 5, 'retail', 'ramal 12'),
    (3, true, 2, 12, 7, 'retail', NULL);
