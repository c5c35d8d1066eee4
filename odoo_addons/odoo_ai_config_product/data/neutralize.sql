-- Products that wait are the original's to send; the connection itself is switched off by the
-- add-on that this one builds on.
DELETE FROM ai_hub_change
 WHERE error IS NULL
   AND res_model = 'product.template';
