-- A copy of a database must not speak to the hub in the name of the original.
UPDATE ai_hub_connection
   SET url = NULL,
       database = NULL;

-- the hub's keys, and the clients' passwords and tokens
DELETE FROM ai_hub_secret;

-- What waits is the original's to send. It stays in sight and never goes from here.
UPDATE ai_hub_outbox
   SET state = 'aside'
 WHERE state IN ('pending', 'failed');

UPDATE ai_hub_credentials
   SET sync_state = 'aside'
 WHERE sync_state IN ('pending', 'retrying');

UPDATE ai_hub_channel
   SET sync_state = 'aside'
 WHERE sync_state IN ('pending', 'retrying');

UPDATE ai_hub_company
   SET sync_state = 'aside'
 WHERE sync_state IN ('pending', 'retrying');

DELETE FROM ai_hub_change
 WHERE error IS NULL
   AND res_model IN ('ai.hub.business.rule', 'ai.hub.scheduling.rule', 'ai.hub.support.document');
