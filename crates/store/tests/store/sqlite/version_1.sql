-- What version 1 wrote: its schema, two virtual servers, an API key, credits, and an audit log without a chain.
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('version', 0), ('next_vs', 2), ('next_gateway', 1), ('next_api_key', 1);

-- id is the message id, which rises: rows are appended. segments is also what each of payers was charged; payers is emptied
-- when they got it back. ended_ms: when it ceased to be unfinished. awaiting: see awaiting.rs. events: see events.rs.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    expires_ms INTEGER NOT NULL,
    due_ms INTEGER,
    flash INTEGER,
    overwrite INTEGER,
    encoding TEXT NOT NULL,
    sender TEXT,
    reference TEXT,
    payers BLOB,
    awaiting BLOB,
    events BLOB NOT NULL,
    text BLOB
) STRICT;
-- Each index also holds the id. The partial ones hold what is waiting, which is little.
CREATE INDEX message_by_vs ON message (vs);
CREATE INDEX message_accepted ON message (state) WHERE state = 0;
CREATE INDEX message_scheduled ON message (due_ms) WHERE state = 1;
CREATE INDEX message_with_text ON message (ended_ms) WHERE ended_ms IS NOT NULL AND text IS NOT NULL;

-- One id may stand for several messages, where a provider begins to count anew. part: attempt * 256 + segment.
CREATE TABLE receipt_id (
    period INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    id TEXT NOT NULL,
    message INTEGER NOT NULL,
    part INTEGER NOT NULL,
    PRIMARY KEY (period, gateway, id, message, part)
) STRICT, WITHOUT ROWID;

-- Receipts that came before their message was recorded as sent, and the ids they may mean.
CREATE TABLE early_receipt (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    number INTEGER,
    state INTEGER NOT NULL,
    error TEXT
) STRICT;
CREATE TABLE early_candidate (
    gateway INTEGER NOT NULL,
    candidate TEXT NOT NULL,
    receipt INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    PRIMARY KEY (gateway, candidate, receipt)
) STRICT, WITHOUT ROWID;
CREATE INDEX early_candidate_by_receipt ON early_candidate (receipt);

CREATE TABLE idempotency (
    period INTEGER NOT NULL,
    key BLOB NOT NULL,
    request BLOB NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (period, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbound (
    id INTEGER PRIMARY KEY,
    gateway INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE virtual_server (
    id INTEGER PRIMARY KEY,
    parent INTEGER,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (parent, name)
) STRICT;
INSERT INTO virtual_server VALUES (1, NULL, '', 0);

CREATE TABLE sms_settings (
    vs INTEGER PRIMARY KEY,
    is_custom INTEGER NOT NULL,
    test_number INTEGER,
    failover_after_ms INTEGER NOT NULL,
    more TEXT NOT NULL
) STRICT;

CREATE TABLE gateway (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    plugin TEXT NOT NULL,
    settings BLOB NOT NULL
) STRICT;
CREATE INDEX gateway_by_vs ON gateway (vs, position);

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    role INTEGER NOT NULL,
    rate INTEGER,
    created_ms INTEGER NOT NULL,
    UNIQUE (vs, name)
) STRICT;

CREATE TABLE credits (
    vs INTEGER PRIMARY KEY,
    allocated INTEGER NOT NULL,
    used INTEGER NOT NULL,
    CHECK (used BETWEEN 0 AND allocated)
) STRICT;

CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    change INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_by_vs ON ledger (vs);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    vs INTEGER NOT NULL,
    action TEXT NOT NULL
) STRICT;

PRAGMA application_id = 0x54476174;
PRAGMA user_version = 1;
UPDATE meta SET value = 3 WHERE name = 'version';
UPDATE meta SET value = 5 WHERE name = 'next_vs';
UPDATE meta SET value = 2 WHERE name = 'next_api_key';
INSERT INTO virtual_server VALUES (2, 1, 'acme', 11), (3, 2, 'sales', 12);
INSERT INTO api_key VALUES (1, 2, 'app', zeroblob(32), 0, NULL, 12);
INSERT INTO credits VALUES (2, 10, 4);
INSERT INTO audit (at_ms, actor, vs, action) VALUES
    (11, 'control', 2, 'added "acme"'),
    (12, 'control', 3, 'added "sales"'),
    (13, 'control', 4, 'removed virtual server "gone"');
