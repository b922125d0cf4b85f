-- What is set for alerts. body: JSON.
CREATE TABLE alert_entry (
    vs BIGINT NOT NULL,
    kind SMALLINT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (vs, kind, name)
);

-- An alert's id is of the same sequence as messages'. The partial indices hold what is not closed, which is little. state: 0 open,
-- 1 acknowledged, 2 closed. notices: JSON.
CREATE TABLE alert (
    id BIGINT PRIMARY KEY,
    vs BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    count BIGINT NOT NULL,
    escalate_ms BIGINT,
    escalated_ms BIGINT,
    acknowledged_ms BIGINT,
    closed_ms BIGINT,
    severity SMALLINT NOT NULL,
    state SMALLINT NOT NULL,
    origin TEXT NOT NULL,
    dedup_key TEXT,
    acknowledged_by TEXT,
    closed_by TEXT,
    code TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    notices TEXT NOT NULL
);
CREATE INDEX alert_by_vs ON alert (vs, id);
CREATE INDEX alert_open ON alert (id) WHERE state < 2;
CREATE INDEX alert_by_key ON alert (vs, dedup_key, id) WHERE state < 2 AND dedup_key IS NOT NULL;
CREATE INDEX alert_by_code ON alert (code, id) WHERE state = 0;
