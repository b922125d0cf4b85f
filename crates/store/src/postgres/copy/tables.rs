//! What is copied: each table with its columns in both stores. A table that is added to the stores is added here.

use super::values::{Kind, Value};
use crate::postgres::partitions::Cut;
use Kind::{Bool, Int, Long, Octets, Short, Text, TextAsOctets};
use rusqlite::Row as Here;
use tokio_postgres::Row as There;
use tokio_postgres::types::Type;

/// One table. The first columns are its key in SQLite.
pub(super) struct Table {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    /// How many columns are the key.
    key: usize,
    /// The partition key, by the place of its column.
    pub(super) cut: Option<(Cut, usize)>,
    columns: &'static [Column],
}

/// What is selected in SQLite, the column in PostgreSQL, and what it holds.
struct Column(&'static str, &'static str, Kind);

/// A column of one name.
const fn same(name: &'static str, kind: Kind) -> Column {
    Column(name, name, kind)
}

pub(super) const TABLES: &[Table] = &[
    Table {
        from: "meta",
        to: "meta",
        key: 1,
        cut: None,
        columns: &[same("name", Text), same("value", Long)],
    },
    Table {
        from: "virtual_server",
        to: "virtual_server",
        key: 1,
        cut: None,
        columns: &[same("id", Long), same("parent", Long), same("name", Text), same("created_ms", Long)],
    },
    Table {
        from: "sms_settings",
        to: "sms_settings",
        key: 1,
        cut: None,
        columns: &[
            same("vs", Long),
            same("is_custom", Bool),
            same("test_number", Long),
            same("failover_after_ms", Long),
            same("more", Text),
        ],
    },
    Table {
        from: "gateway",
        to: "gateway",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("position", Long),
            same("name", Text),
            same("plugin", Text),
            same("settings", Octets),
        ],
    },
    Table {
        from: "api_key",
        to: "api_key",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("name", Text),
            same("hash", Octets),
            same("role", Short),
            same("rate", Long),
            same("created_ms", Long),
        ],
    },
    Table {
        from: "credits",
        to: "credits",
        key: 1,
        cut: None,
        columns: &[same("vs", Long), same("allocated", Long), same("used", Long)],
    },
    Table {
        from: "ledger",
        to: "ledger",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("at_ms", Long),
            same("actor", Text),
            same("change", Long),
            same("allocated", Long),
            same("note", Text),
        ],
    },
    Table {
        from: "user",
        to: "person",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("name", Text),
            same("role", Short),
            same("password", Text),
            same("totp", Octets),
            same("totp_step", Long),
            same("recovery", Octets),
            same("invitation", Octets),
            same("invitation_expires_ms", Long),
            same("issuer", Text),
            same("subject", Text),
            same("generation", Long),
            same("created_ms", Long),
        ],
    },
    Table {
        from: "session",
        to: "session",
        key: 1,
        cut: None,
        columns: &[
            same("id", Octets),
            Column("user", "person", Long),
            same("generation", Long),
            same("began_ms", Long),
            same("seen_ms", Long),
        ],
    },
    Table {
        from: "audit",
        to: "audit",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("at_ms", Long),
            same("actor", Text),
            same("vs", Long),
            same("scope", Text),
            same("action", Text),
            same("before", Text),
            same("after", Text),
            same("hash", Octets),
        ],
    },
    Table {
        from: "audit_scope",
        to: "audit_scope",
        key: 2,
        cut: None,
        columns: &[same("vs", Long), same("entry", Long)],
    },
    Table {
        from: "figures",
        to: "figures",
        key: 6,
        cut: None,
        columns: &[
            same("resolution", Short),
            same("period", Long),
            same("vs", Long),
            same("is_below", Bool),
            same("at", Long),
            same("gateway", Long),
            same("counts", Octets),
        ],
    },
    Table {
        from: "early_receipt",
        to: "early_receipt",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("at_ms", Long),
            same("gateway", Long),
            same("number", Long),
            same("state", Short),
            same("error", TextAsOctets),
        ],
    },
    Table {
        from: "early_candidate",
        to: "early_candidate",
        key: 3,
        cut: None,
        columns: &[
            same("gateway", Long),
            same("candidate", TextAsOctets),
            same("receipt", Long),
            same("rank", Int),
        ],
    },
    Table {
        from: "inbound",
        to: "inbound",
        key: 1,
        cut: None,
        columns: &[same("id", Long), same("gateway", Long), same("at_ms", Long), same("sealed", Octets)],
    },
    Table {
        from: "idempotency",
        to: "idempotency",
        key: 2,
        cut: Some((Cut::Idempotency, 0)),
        columns: &[same("period", Long), same("key", Octets), same("request", Octets), same("message", Long)],
    },
    Table {
        from: "receipt_id",
        to: "receipt_id",
        key: 5,
        cut: Some((Cut::ReceiptId, 0)),
        columns: &[
            same("period", Long),
            same("gateway", Long),
            same("id", TextAsOctets),
            same("message", Long),
            same("part", Int),
        ],
    },
    Table {
        from: "otp_settings",
        to: "otp_settings",
        key: 1,
        cut: None,
        columns: &[same("vs", Long), same("settings", Text)],
    },
    Table {
        from: "otp_template",
        to: "otp_template",
        key: 3,
        cut: None,
        columns: &[same("vs", Long), same("purpose", Text), same("locale", Text), same("text", Text)],
    },
    Table {
        from: "guard_rules",
        to: "guard_rules",
        key: 1,
        cut: None,
        columns: &[same("vs", Long), same("rules", Text)],
    },
    Table {
        from: "guard_block",
        to: "guard_block",
        key: 2,
        cut: None,
        columns: &[
            same("vs", Long),
            same("range", Long),
            same("began_ms", Long),
            same("until_ms", Long),
            same("times", Int),
            same("excused_until_ms", Long),
        ],
    },
    Table {
        from: "passcode",
        to: "passcode",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("number", Long),
            same("purpose", Text),
            same("state", Short),
            same("attempts", Short),
            same("attempts_most", Short),
            same("resends", Short),
            same("resend_after_ms", Long),
            same("is_watch_used", Bool),
            same("expires_ms", Long),
            same("changed_ms", Long),
            same("seed", Octets),
            same("digest", Octets),
            same("messages", Octets),
            same("recipe", Text),
        ],
    },
    Table {
        from: "alert_entry",
        to: "alert_entry",
        key: 3,
        cut: None,
        columns: &[same("vs", Long), same("kind", Short), same("name", Text), same("body", Text)],
    },
    Table {
        from: "alert",
        to: "alert",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("severity", Short),
            same("state", Short),
            same("origin", Text),
            same("dedup_key", Text),
            same("count", Long),
            same("last_ms", Long),
            same("escalate_ms", Long),
            same("escalated_ms", Long),
            same("acknowledged_ms", Long),
            same("acknowledged_by", Text),
            same("closed_ms", Long),
            same("closed_by", Text),
            same("code", Text),
            same("sealed", Octets),
            same("notices", Text),
        ],
    },
    Table {
        from: "webhook",
        to: "webhook",
        key: 1,
        cut: None,
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("url", Text),
            same("kinds", Long),
            same("has_texts", Bool),
            same("status", Short),
            same("secret", Octets),
            same("former_secret", Octets),
            same("former_until_ms", Long),
            same("created_ms", Long),
            // Numbers of events go on from the newest.
            Column(
                "(SELECT coalesce(max(e.id), 0) FROM webhook_event AS e WHERE e.endpoint = webhook.id)",
                "last",
                Long,
            ),
        ],
    },
    Table {
        from: "webhook_event",
        to: "webhook_event",
        key: 2,
        cut: None,
        columns: &[
            same("endpoint", Long),
            same("id", Long),
            same("kind", Short),
            same("subject", Long),
            same("at_ms", Long),
            same("state", Short),
            same("attempts", Int),
            same("tried_ms", Long),
            same("answer", Text),
        ],
    },
    // Whoever starts first has the number 0, and goes on with what is unfinished.
    Table {
        from: "message",
        to: "message",
        key: 1,
        cut: Some((Cut::Message, 0)),
        columns: &[
            same("id", Long),
            same("vs", Long),
            same("number", Long),
            same("changed_ms", Long),
            same("expires_ms", Long),
            same("ended_ms", Long),
            same("due_ms", Long),
            same("resend_of", Long),
            Column("0", "node", Short),
            same("state", Short),
            Column("CASE WHEN state NOT IN (2, 3) THEN state END", "marked", Short),
            same("kind", Short),
            same("segments", Short),
            same("overwrite", Short),
            same("flash", Bool),
            same("encoding", Text),
            same("sender", Text),
            same("reference", Text),
            same("payers", Octets),
            same("awaiting", Octets),
            same("events", Octets),
            same("text", Octets),
        ],
    },
];

impl Table {
    fn list(&self, name: impl Fn(&Column) -> &'static str) -> String {
        self.columns.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    /// The rows after this key in SQLite.
    pub(super) fn select(&self, after: Option<&str>, limit: usize) -> String {
        let key = self.columns.iter().take(self.key).map(|column| column.0).collect::<Vec<_>>().join(", ");
        let after = after.map_or(String::new(), |after| format!("WHERE ({key}) > ({after})"));
        format!(
            "SELECT {} FROM {} {after} ORDER BY {key} LIMIT {limit}",
            self.list(|column| column.0),
            self.from
        )
    }

    /// All rows in PostgreSQL.
    pub(super) fn select_there(&self) -> String {
        format!("SELECT {} FROM {}", self.list(|column| column.1), self.to)
    }

    /// How rows come into PostgreSQL.
    pub(super) fn copy(&self) -> String {
        format!("COPY {} ({}) FROM STDIN BINARY", self.to, self.list(|column| column.1))
    }

    pub(super) fn types(&self) -> Vec<Type> {
        self.columns.iter().map(|column| column.2.ty()).collect()
    }

    /// The key of a row, as SQLite reads it in a statement.
    pub(super) fn key_of(&self, row: &[Value]) -> String {
        let columns = self.columns.iter().zip(row).take(self.key);
        let literals = columns.map(|(column, value)| value.literal(column.2 == TextAsOctets));
        literals.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn read_here(&self, row: &Here<'_>) -> rusqlite::Result<Vec<Value>> {
        self.columns.iter().enumerate().map(|(at, column)| column.2.read_here(row, at)).collect()
    }

    pub(super) fn read_there(&self, row: &There) -> Result<Vec<Value>, tokio_postgres::Error> {
        self.columns.iter().enumerate().map(|(at, column)| column.2.read_there(row, at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_and_column_of_the_embedded_store_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        assert!(crate::sqlite::locked(&path).is_err(), "none is made");
        drop(crate::SqliteStore::open(&path, crate::SqliteOptions::default()).unwrap());
        let (_lock, source) = crate::sqlite::locked(&path).unwrap();
        let mut all = source
            .prepare("SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'")
            .unwrap();
        let all: BTreeSet<(String, String)> =
            all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        let copied: BTreeSet<(String, String)> = TABLES
            .iter()
            .flat_map(|table| table.columns.iter().map(|column| (table.from.to_owned(), column.0.to_owned())))
            .filter(|(_, column)| column != "0" && !column.starts_with("CASE") && !column.starts_with('('))
            .collect();
        assert_eq!(all, copied);
    }
}
