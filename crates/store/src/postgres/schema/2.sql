-- A passcode's id is its first message's. seed and digest: what the code follows from and what stands for it, both worth nothing
-- without the key file, and erased when it is final. messages: ids of 8 octets, little-endian, the first first. passcode_pending
-- holds those that live, which is little; counting an attempt touches no index.
CREATE TABLE passcode (
    id BIGINT PRIMARY KEY,
    vs BIGINT NOT NULL,
    number BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    resend_after_ms BIGINT,
    state SMALLINT NOT NULL,
    attempts SMALLINT NOT NULL,
    attempts_most SMALLINT NOT NULL,
    resends SMALLINT NOT NULL,
    is_watch_used BOOLEAN NOT NULL,
    purpose TEXT NOT NULL,
    seed BYTEA,
    digest BYTEA,
    messages BYTEA NOT NULL,
    recipe TEXT NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX passcode_by_vs ON passcode (vs, id) INCLUDE (number);
CREATE INDEX passcode_pending ON passcode (expires_ms, id) WHERE state = 0;

CREATE TABLE otp_settings (vs BIGINT PRIMARY KEY, settings TEXT NOT NULL);
CREATE TABLE otp_template (
    vs BIGINT NOT NULL,
    purpose TEXT NOT NULL,
    locale TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (vs, purpose, locale)
);

-- The fraud guard: rules of those virtual servers that have any, and ranges it has blocked (a handful; at most 1,000 for each).
CREATE TABLE guard_rules (vs BIGINT PRIMARY KEY, rules TEXT NOT NULL);
CREATE TABLE guard_block (
    vs BIGINT NOT NULL,
    range BIGINT NOT NULL,
    began_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    times INTEGER NOT NULL,
    excused_until_ms BIGINT NOT NULL,
    PRIMARY KEY (vs, range)
);
