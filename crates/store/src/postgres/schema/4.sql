-- Webhook endpoints. status: see WebhookStatus. last: the newest event's number, raised under the row's lock, so that numbers are committed
-- in their order. node, epoch: who delivers, as long as that node has that epoch. Room in the page is for `last`, which changes often.
CREATE TABLE webhook (
    id BIGINT PRIMARY KEY,
    vs BIGINT NOT NULL,
    kinds BIGINT NOT NULL,
    former_until_ms BIGINT,
    created_ms BIGINT NOT NULL,
    last BIGINT NOT NULL DEFAULT 0,
    epoch BIGINT,
    node SMALLINT,
    status SMALLINT NOT NULL,
    has_texts BOOLEAN NOT NULL,
    url TEXT NOT NULL,
    secret BYTEA NOT NULL,
    former_secret BYTEA
) WITH (fillfactor = 50);
CREATE INDEX webhook_by_vs ON webhook (vs);

-- state: see EventState. subject: the number of the message or alert. The partial index holds only what is owed.
CREATE TABLE webhook_event (
    endpoint BIGINT NOT NULL,
    id BIGINT NOT NULL,
    subject BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    tried_ms BIGINT,
    attempts INTEGER NOT NULL,
    kind SMALLINT NOT NULL,
    state SMALLINT NOT NULL,
    answer TEXT,
    PRIMARY KEY (endpoint, id)
);
CREATE INDEX webhook_owed ON webhook_event (endpoint, id) WHERE state = 0;

INSERT INTO meta VALUES ('next_webhook', 1);
