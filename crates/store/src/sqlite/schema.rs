//! The tables, and how older files are brought to them: one step per version, each in one transaction.

use super::{audit, inbound, webhooks};
use crate::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// "TGat" in the file's header: this is a textgate store and nothing else.
const APPLICATION_ID: i64 = 0x5447_6174;

/// The steps from each version to the next. Steps are only ever added.
const STEPS: &[Step] = &[
    Step { sql: STEP_1, then: None },
    Step { sql: STEP_2, then: Some(audit::chain_old) },
    Step { sql: STEP_3, then: None },
    Step { sql: STEP_4, then: None },
    Step { sql: STEP_PASSCODES, then: None },
    Step { sql: STEP_GUARD, then: None },
    Step { sql: STEP_ALERTS, then: None },
    Step { sql: STEP_OPT_OUTS, then: None },
    Step { sql: webhooks::STEP, then: None },
    Step { sql: inbound::STEP, then: None },
    Step { sql: STEP_PAID, then: None },
];

/// From one version to the next.
struct Step {
    sql: &'static str,
    /// What SQL alone cannot do.
    then: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

// The cost of a message is counted in b-tree operations: a row that is appended, two index entries when it is accepted, and
// updates in place. So attempts and receipts have no tables of their own (`events`), and everything that comes with random
// keys (receipt ids, idempotency keys) begins its key with a period of time: inserts then touch the newest range only, however
// long the history is, and old ranges are deleted as a whole.
const STEP_1: &str = "
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
";

// Users and their sessions; an audit log that is chained (audit.rs) and refuses to be changed. A session's token and an invitation's
// are kept as hashes. audit_scope: which entries a virtual server may see, its own and those below it, whether these are
// still there or not.
const STEP_2: &str = "
INSERT INTO meta VALUES ('next_user', 1);

CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role INTEGER NOT NULL,
    password TEXT,
    totp BLOB,
    totp_step INTEGER NOT NULL DEFAULT 0,
    recovery BLOB NOT NULL,
    invitation BLOB UNIQUE,
    invitation_expires_ms INTEGER,
    issuer TEXT,
    subject TEXT,
    generation INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;
CREATE INDEX user_by_vs ON user (vs);

CREATE TABLE session (
    id BLOB PRIMARY KEY,
    user INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_user ON session (user, began_ms);

ALTER TABLE audit RENAME TO old_audit;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    vs INTEGER NOT NULL,
    scope TEXT NOT NULL,
    action TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE audit_scope (vs INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (vs, entry)) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_keeps_entries BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keeps_content BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_scope_keeps_entries BEFORE DELETE ON audit_scope
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_scope_keeps_content BEFORE UPDATE ON audit_scope
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
";

// message_by_vs: number and kind never change, and an index that has them tells which messages a list shows without a look
// at their rows, many to a page. message_rare: the states that few messages are in, or pass through; to have sent and
// delivered there would cost every message two more b-tree operations.
const STEP_3: &str = "
ALTER TABLE message ADD COLUMN resend_of INTEGER;
DROP INDEX message_by_vs;
CREATE INDEX message_by_vs ON message (vs, id, number, kind);
CREATE INDEX message_rare ON message (vs, state, id, number, kind) WHERE state IN (1, 4, 5, 6, 7);

-- at counts steps from the Unix epoch; counts: see figures.rs in the folder above.
CREATE TABLE figures (
    resolution INTEGER NOT NULL,
    period INTEGER NOT NULL,
    vs INTEGER NOT NULL,
    is_below INTEGER NOT NULL,
    at INTEGER NOT NULL,
    gateway INTEGER NOT NULL,
    counts BLOB NOT NULL,
    PRIMARY KEY (resolution, period, vs, is_below, at, gateway)
) STRICT, WITHOUT ROWID;
";

// The same index under a condition that SQLite decides by comparing: IN with more than two values is looked up in a table that is
// built anew at each insert and update, which cost a message a fifth of its processor time.
const STEP_4: &str = "
DROP INDEX message_rare;
CREATE INDEX message_rare ON message (vs, state, id, number, kind) WHERE state = 1 OR state > 3;
";

// Who wrote to a phone last by a gateway that several share, when it says stop: searching each one's messages for its number would take
// the longer the more they wrote. Those who have gateways of their own pay nothing, not even this entry.
const STEP_PAID: &str = "
CREATE INDEX message_paid ON message (number, id, vs) WHERE payers IS NOT NULL AND kind <> 0;
";

// A passcode's id is its first message's, so rows are appended. seed and digest: what the code follows from and what stands for it,
// both worth nothing without the key file, and erased when it is final. messages: ids of 8 octets, little-endian, the first
// first. passcode_pending holds those that live, which is little.
const STEP_PASSCODES: &str = "
CREATE TABLE passcode (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    number INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempts_most INTEGER NOT NULL,
    resends INTEGER NOT NULL,
    resend_after_ms INTEGER,
    is_watch_used INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    seed BLOB,
    digest BLOB,
    messages BLOB NOT NULL,
    recipe TEXT NOT NULL
) STRICT;
CREATE INDEX passcode_by_vs ON passcode (vs, id, number);
CREATE INDEX passcode_pending ON passcode (expires_ms) WHERE state = 0;

CREATE TABLE otp_settings (vs INTEGER PRIMARY KEY, settings TEXT NOT NULL) STRICT;
CREATE TABLE otp_template (
    vs INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    locale TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (vs, purpose, locale)
) STRICT, WITHOUT ROWID;
";

// The fraud guard: rules of those virtual servers that have any, and ranges it has blocked (a handful; at most 1,000 for each).
const STEP_GUARD: &str = "
CREATE TABLE guard_rules (vs INTEGER PRIMARY KEY, rules TEXT NOT NULL) STRICT;
CREATE TABLE guard_block (
    vs INTEGER NOT NULL,
    range INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    times INTEGER NOT NULL,
    excused_until_ms INTEGER NOT NULL,
    PRIMARY KEY (vs, range)
) STRICT, WITHOUT ROWID;
";

// alert: the partial indices hold what is not closed, which is little. state: 0 open, 1 acknowledged, 2 closed. notices: JSON.
const STEP_ALERTS: &str = "
CREATE TABLE alert_entry (
    vs INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (vs, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    state INTEGER NOT NULL,
    origin TEXT NOT NULL,
    dedup_key TEXT,
    count INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    escalate_ms INTEGER,
    escalated_ms INTEGER,
    acknowledged_ms INTEGER,
    acknowledged_by TEXT,
    closed_ms INTEGER,
    closed_by TEXT,
    code TEXT NOT NULL,
    sealed BLOB NOT NULL,
    notices TEXT NOT NULL
) STRICT;
CREATE INDEX alert_by_vs ON alert (vs, id);
CREATE INDEX alert_open ON alert (id) WHERE state < 2;
CREATE INDEX alert_by_key ON alert (vs, dedup_key, id) WHERE state < 2 AND dedup_key IS NOT NULL;
CREATE INDEX alert_by_code ON alert (code, id) WHERE state = 0;
";

// What holds, and how it came about. key: a keyed digest of the virtual server and the phone's number; sealed: the number, until it is
// erased. Numbers are counted in meta, so that none is ever used twice.
const STEP_OPT_OUTS: &str = "
CREATE TABLE opt_out_settings (vs INTEGER PRIMARY KEY, settings TEXT NOT NULL) STRICT;

INSERT INTO meta VALUES ('next_consent', 1);
CREATE TABLE opt_out (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    key BLOB NOT NULL,
    sender TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    source INTEGER NOT NULL,
    sealed BLOB,
    UNIQUE (vs, key, sender)
) STRICT;
CREATE INDEX opt_out_by_vs ON opt_out (vs, id);
CREATE TABLE consent (
    id INTEGER PRIMARY KEY,
    vs INTEGER NOT NULL,
    key BLOB NOT NULL,
    sender TEXT NOT NULL,
    is_out INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    source INTEGER NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    sealed BLOB
) STRICT;
CREATE INDEX consent_by_vs ON consent (vs, id);
CREATE INDEX consent_by_phone ON consent (vs, key, id);
";

/// Brings the file at `path` to the newest version, or says why not.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let cannot = |reason: String| StoreError::CannotOpen { path: path.display().to_string(), reason };
    let read = |sql: &str| -> Result<i64, StoreError> {
        connection.query_row(sql, [], |row| row.get(0)).map_err(|error| cannot(error.to_string()))
    };
    let application = read("PRAGMA application_id")?;
    let is_empty = read("SELECT count(*) FROM sqlite_schema")? == 0;
    if application != APPLICATION_ID && !is_empty {
        return Err(cannot("it is not a textgate store; choose another file".to_owned()));
    }
    let known = STEPS.len() as i64;
    let found = read("PRAGMA user_version")?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (number, step) in (1i64..).zip(STEPS).skip(usize::try_from(found).unwrap_or(0)) {
        if let Err(error) = take(connection, number, step) {
            let _ = connection.execute_batch("ROLLBACK");
            return Err(cannot(error.to_string()));
        }
    }
    Ok(())
}

fn take(connection: &Connection, number: i64, step: &Step) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {}", step.sql))?;
    if let Some(then) = step.then {
        then(connection)?;
    }
    connection.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{alerts, figures, inbound, opt_out, page, passcodes, webhooks};
    use super::*;

    fn fresh() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, Path::new("memory")).unwrap();
        connection
    }

    #[test]
    fn migrating_again_changes_nothing() {
        let connection = fresh();
        connection.execute_batch("UPDATE meta SET value = 7 WHERE name = 'version'").unwrap();
        migrate(&connection, Path::new("memory")).unwrap();
        let version: i64 = connection
            .query_row("SELECT value FROM meta WHERE name = 'version'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(version, 7);
    }

    #[test]
    fn no_search_that_runs_often_reads_a_whole_table() {
        let connection = fresh();
        for sql in [
            "SELECT * FROM message INDEXED BY message_accepted WHERE state = 0 AND id > 1 ORDER BY id LIMIT 9",
            "SELECT id FROM message INDEXED BY message_scheduled WHERE state = 1 AND due_ms = 5 AND id > 3
             ORDER BY id LIMIT 9",
            "SELECT id FROM message INDEXED BY message_scheduled WHERE state = 1 AND due_ms > 5
             ORDER BY due_ms, id LIMIT 9",
            "SELECT id FROM message INDEXED BY message_with_text WHERE ended_ms < 5 AND ended_ms IS NOT NULL
             AND text IS NOT NULL ORDER BY ended_ms LIMIT 9",
            "SELECT id FROM message WHERE id < 5 AND state > 1 ORDER BY id LIMIT 9",
            "SELECT message, part FROM receipt_id WHERE period = 1 AND gateway = 1 AND id = 'x'
             ORDER BY message DESC, part DESC LIMIT 8",
            "SELECT request FROM idempotency WHERE period = 1 AND key = x'00'",
            "SELECT period FROM receipt_id WHERE period < 9 ORDER BY period DESC LIMIT 1",
            "SELECT period, key FROM idempotency WHERE period < 9 ORDER BY period LIMIT 9",
            "SELECT id FROM ledger WHERE vs = 1 ORDER BY id DESC LIMIT 9",
            "SELECT 1 FROM virtual_server WHERE parent = 1 AND name = 'x' AND id <> 2",
            "SELECT entry FROM audit_scope WHERE vs = 1 AND entry < 9 ORDER BY entry DESC LIMIT 9",
            "SELECT id FROM session WHERE user = 1 ORDER BY began_ms LIMIT 9",
            "SELECT id FROM user WHERE name = 'X' COLLATE NOCASE",
            "SELECT id, id, text FROM message WHERE id > 1 ORDER BY id LIMIT 9",
            "SELECT id FROM inbound WHERE id > 1 ORDER BY id LIMIT 9",
            "SELECT id, vs, sealed FROM opt_out WHERE id > 1 ORDER BY id LIMIT 9",
            "SELECT id, vs, sealed FROM consent WHERE id > 1 ORDER BY id LIMIT 9",
        ]
        .into_iter()
        .chain(figures::SEARCHES)
        .chain(page::SEARCHES)
        .chain(passcodes::SEARCHES)
        .chain(alerts::SEARCHES)
        .chain(opt_out::SEARCHES)
        .chain(webhooks::SEARCHES)
        .chain(inbound::SEARCHES)
        {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            // What is not bound is NULL, which a plan does not depend on.
            let mut steps = plan.raw_query();
            while let Some(step) = steps.next().unwrap() {
                let step: String = step.get(3).unwrap();
                // Nor does any sort.
                assert!(step.starts_with("SEARCH"), "{step}: {sql}");
            }
        }
    }
}
