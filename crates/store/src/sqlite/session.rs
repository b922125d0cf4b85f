//! What the operations of one transaction share: prepared statements, credits being spent, and what is known of other tables.

use super::command::Failure;
use super::early::Early;
use super::periods::{IDEMPOTENCY, Periods, RECEIPT_IDS};
use super::purse::Purse;
use super::webhooks::Endpoints;
use rusqlite::{Connection, Statement};

/// Statements that run once or more per message. Prepared once; a lookup in a cache by their text would cost as much as they do.
pub(super) struct Statements<'c> {
    pub(super) begin: Statement<'c>,
    pub(super) commit: Statement<'c>,
    pub(super) insert: Statement<'c>,
    pub(super) standing: Statement<'c>,
    pub(super) finish_erased: Statement<'c>,
    pub(super) finish: Statement<'c>,
    pub(super) refunded: Statement<'c>,
    pub(super) progress: Statement<'c>,
    pub(super) add_receipt_id: Statement<'c>,
    pub(super) find_receipt_id: Statement<'c>,
    pub(super) add_key: Statement<'c>,
    pub(super) find_key: Statement<'c>,
    pub(super) credits: Statement<'c>,
    pub(super) spend: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let prepare = |sql| connection.prepare(sql);
        Ok(Self {
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            insert: prepare(
                "INSERT INTO message (id, vs, state, kind, number, segments, changed_ms, expires_ms, due_ms, flash,
                 overwrite, encoding, sender, reference, payers, events, text, resend_of)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, zeroblob(?16), ?17, ?18)",
            )?,
            standing: prepare(
                "SELECT vs, state, number, segments, changed_ms, ended_ms, payers, awaiting, events, length(text)
                 FROM message WHERE id = ?1",
            )?,
            finish_erased: prepare(
                "UPDATE message SET state = ?2, changed_ms = ?3, ended_ms = ?4, awaiting = ?5, events = ?6, text = NULL
                 WHERE id = ?1",
            )?,
            finish: prepare(
                "UPDATE message SET state = ?2, changed_ms = ?3, ended_ms = ?4, awaiting = ?5, events = ?6 WHERE id = ?1",
            )?,
            refunded: prepare("UPDATE message SET payers = NULL WHERE id = ?1")?,
            progress: prepare(
                "UPDATE message SET state = ?2, changed_ms = ?3, awaiting = ?4, events = ?5 WHERE id = ?1",
            )?,
            add_receipt_id: prepare("INSERT OR IGNORE INTO receipt_id VALUES (?1, ?2, ?3, ?4, ?5)")?,
            find_receipt_id: prepare(
                "SELECT message, part FROM receipt_id WHERE period = ?1 AND gateway = ?2 AND id = ?3
                 ORDER BY message DESC, part DESC LIMIT 8",
            )?,
            add_key: prepare("INSERT OR REPLACE INTO idempotency VALUES (?1, ?2, ?3, ?4)")?,
            find_key: prepare("SELECT request, message FROM idempotency WHERE period = ?1 AND key = ?2")?,
            credits: prepare("SELECT allocated, used FROM credits WHERE vs = ?1")?,
            spend: prepare("UPDATE credits SET used = ?2 WHERE vs = ?1")?,
        })
    }
}

/// The writer's side of one connection.
pub(super) struct Session<'c> {
    pub(super) connection: &'c Connection,
    pub(super) statements: Statements<'c>,
    pub(super) purse: Purse,
    pub(super) early: Early,
    pub(super) receipt_periods: Periods,
    pub(super) key_periods: Periods,
    pub(super) endpoints: Endpoints,
    /// The latest time the store was told (Unix time, ms): it has no clock of its own.
    pub(super) told_ms: i64,
}

impl<'c> Session<'c> {
    /// A session on a connection whose file has the newest schema.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let mut early = Early::default();
        early.load(connection)?;
        let mut endpoints = Endpoints::default();
        endpoints.load(connection)?;
        Ok(Self {
            connection,
            statements: Statements::new(connection)?,
            purse: Purse::default(),
            early,
            receipt_periods: Periods::load(connection, RECEIPT_IDS)?,
            key_periods: Periods::load(connection, IDEMPOTENCY)?,
            endpoints,
            told_ms: super::list::newest(connection)?.accepted_ms(),
        })
    }

    /// Begins the transaction.
    pub(super) fn begin(&mut self) -> rusqlite::Result<()> {
        self.statements.begin.execute([]).map(drop)
    }

    /// Writes what was spent, and commits with a sync.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        self.purse.write(&mut self.statements)?;
        self.statements.commit.execute([]).map(drop)
    }

    /// Forgets the transaction, and everything in memory that might be of it.
    pub(super) fn roll_back(&mut self) {
        // Some errors (a full disk among them) have rolled it back already.
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        self.forget();
    }

    /// Forgets what is in memory of this transaction.
    pub(super) fn forget(&mut self) {
        self.purse.clear();
        self.early.forget();
        self.endpoints.forget();
    }

    /// Applies one operation so that its failure undoes nothing but itself. One that touches early receipts is to
    /// [`forget`](Self::forget) them afterwards.
    pub(super) fn in_savepoint<T>(
        &mut self,
        apply: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.purse.write(&mut self.statements)?;
        self.connection.execute_batch("SAVEPOINT operation")?;
        let outcome = apply(self).and_then(|done| {
            self.purse.write(&mut self.statements)?;
            Ok(done)
        });
        match outcome {
            Ok(done) => {
                self.connection.execute_batch("RELEASE operation")?;
                Ok(done)
            }
            Err(failure) => {
                if !self.connection.is_autocommit() {
                    self.connection.execute_batch("ROLLBACK TO operation; RELEASE operation")?;
                }
                self.purse.clear();
                self.endpoints.forget();
                Err(failure)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_that_runs_for_each_message_builds_a_table_of_its_own() {
        let connection = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&connection, std::path::Path::new("memory")).unwrap();
        let s = Statements::new(&connection).unwrap();
        let updates = [&s.finish_erased, &s.finish, &s.progress, &s.spend];
        let searches = [&s.standing, &s.find_receipt_id, &s.find_key, &s.credits];
        for statement in [&s.insert, &s.add_receipt_id, &s.add_key].into_iter().chain(updates).chain(searches)
        {
            let sql = statement.expanded_sql().unwrap();
            let mut program = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
            let mut steps = program.raw_query();
            while let Some(step) = steps.next().unwrap() {
                let operation: String = step.get(1).unwrap();
                assert!(
                    !["OpenEphemeral", "OpenAutoindex", "SorterOpen"].contains(&&*operation),
                    "{operation}: {sql}"
                );
            }
        }
    }
}
