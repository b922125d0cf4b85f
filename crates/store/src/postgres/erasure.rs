//! Erasing what is kept of one number.
//!
//! Rows are deleted and their tables vacuumed, so that what was there is no row any more and its room is used again. What PostgreSQL has
//! written on its disk (pages until they are overwritten, its WAL, its backups) is not this program's to clear.

use super::audit;
use super::change::raise_version;
use super::command::Failure;
use super::connect::Conn;
use super::partitions::{Cut, day};
use crate::{Erased, Erasure};
use std::collections::BTreeSet;
use textgate_sms::{MessageId, PhoneNumber};
use tokio_postgres::Error;

/// Messages that go in one transaction.
const CHUNK: usize = 500;

fn ids(messages: &[MessageId]) -> Vec<i64> {
    messages.iter().map(|id| id.as_u64() as i64).collect()
}

/// Deletes messages to this number, where they are finished, with their receipt ids and Idempotency-Keys. Beside the writer: what
/// belongs to them is found by a look at whole tables.
pub(super) async fn delete_messages(
    conn: &Conn,
    number: PhoneNumber,
    messages: &[MessageId],
) -> Result<Erased, Error> {
    let mut erased = Erased::default();
    for chunk in messages.chunks(CHUNK) {
        let ids = ids(chunk);
        let sql = "DELETE FROM message WHERE id = ANY($1::int8[]) AND number = $2 AND state > 1";
        erased.messages += conn.run(sql, &[&ids, &(number.as_u64() as i64)]).await? as usize;
        for sql in [
            "DELETE FROM receipt_id WHERE message = ANY($1::int8[])",
            "DELETE FROM idempotency WHERE message = ANY($1::int8[])",
        ] {
            conn.run(sql, &[&ids]).await?;
        }
    }
    Ok(erased)
}

/// Erases all but the messages, and notes it.
pub(super) async fn erase(conn: &Conn, erasure: &Erasure) -> Result<Erased, Failure> {
    audit::take_turn(conn).await?;
    let number = erasure.number.as_u64() as i64;
    let mut erased = Erased::default();
    let sql = "DELETE FROM passcode WHERE id = ANY($1::int8[]) AND number = $2";
    erased.passcodes = conn.run(sql, &[&ids(&erasure.passcodes), &number]).await? as usize;
    let inbound: Vec<i64> = erasure.inbound.iter().map(|id| *id as i64).collect();
    erased.inbound = conn.run("DELETE FROM inbound WHERE id = ANY($1::int8[])", &[&inbound]).await? as usize;
    let (servers, keys): (Vec<i64>, Vec<&[u8]>) =
        erasure.phones.iter().map(|(vs, key)| (i64::from(vs.0), key.as_slice())).unzip();
    for (table, set) in [("opt_out", "sealed = NULL"), ("consent", "sealed = NULL, note = ''")] {
        let sql = format!(
            "UPDATE {table} AS t SET {set} FROM unnest($1::int8[], $2::bytea[]) AS u (vs, key)
             WHERE t.vs = u.vs AND t.key = u.key AND t.sealed IS NOT NULL"
        );
        erased.consents += conn.run(&sql, &[&servers, &keys]).await? as usize;
    }
    let own: Vec<i64> = erasure.servers.iter().map(|vs| i64::from(vs.0)).collect();
    let sql = "UPDATE sms_settings SET test_number = NULL WHERE vs = ANY($1::int8[]) AND test_number = $2";
    erased.test_numbers = conn.run(sql, &[&own, &number]).await? as usize;
    if erased.test_numbers > 0 {
        raise_version(conn).await?;
    }
    if erasure.with_early_receipts {
        let digits = format!("%{}%", erasure.number).into_bytes();
        // Ids that modems' receipts are found by have the number in them.
        let sql = "WITH named AS (SELECT id FROM early_receipt WHERE number = $1
                     UNION SELECT receipt FROM early_candidate WHERE candidate LIKE $2),
                   gone AS (DELETE FROM early_candidate WHERE receipt IN (SELECT id FROM named))
                   DELETE FROM early_receipt WHERE id IN (SELECT id FROM named)";
        erased.early_receipts = conn.run(sql, &[&number, &digits]).await? as usize;
    }
    if !erasure.notes.is_empty() {
        audit::note(conn, &erasure.notes).await?;
    }
    Ok(erased)
}

/// Vacuums the tables that something was deleted from.
pub(super) async fn vacuum(conn: &Conn, messages: &[MessageId]) -> Result<(), Error> {
    let days: BTreeSet<i64> = messages.iter().map(|id| day(*id)).collect();
    let tables = days.into_iter().map(|day| Cut::Message.name(day));
    let others = ["receipt_id", "idempotency", "passcode", "inbound", "opt_out", "consent", "sms_settings"];
    let more = ["early_receipt", "early_candidate", "alert_entry"];
    for table in tables.chain(others.into_iter().chain(more).map(str::to_owned)) {
        // One that another role owns is left out by PostgreSQL, with a warning in its log.
        conn.batch(&format!("VACUUM {table}")).await?;
    }
    Ok(())
}
