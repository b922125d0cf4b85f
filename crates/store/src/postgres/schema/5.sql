-- How opt-outs are heeded. settings: JSON.
CREATE TABLE opt_out_settings (vs BIGINT PRIMARY KEY, settings TEXT NOT NULL);

-- What holds, and how it came about (opt_out.rs in the folder above). key: a keyed digest of the virtual server and the phone's
-- number; sealed: the number, until it is erased. Numbers are counted in meta, in a turn.
INSERT INTO meta VALUES ('next_consent', 1);
CREATE TABLE opt_out (
    id BIGINT PRIMARY KEY,
    vs BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    source SMALLINT NOT NULL,
    key BYTEA NOT NULL,
    sender TEXT NOT NULL,
    sealed BYTEA,
    UNIQUE (vs, key, sender)
);
CREATE INDEX opt_out_by_vs ON opt_out (vs, id);
CREATE TABLE consent (
    id BIGINT PRIMARY KEY,
    vs BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    is_out BOOLEAN NOT NULL,
    source SMALLINT NOT NULL,
    key BYTEA NOT NULL,
    sender TEXT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    sealed BYTEA
);
CREATE INDEX consent_by_vs ON consent (vs, id);
CREATE INDEX consent_by_phone ON consent (vs, key, id);
