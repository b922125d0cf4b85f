//! Erasing what is kept of one number, and clearing the files of what was deleted.
//!
//! What is deleted is zeroed at once (`secure_delete`), but a page that was split while the number stood in it may keep a copy in the room
//! between its rows, and the WAL keeps pages as they were. So the WAL is copied back and cut, and the file is searched; where the number
//! is found, the whole store is written anew (`VACUUM`), which copies rows only.

use super::command::{Command, Failure};
use super::session::Session;
use super::{audit, early};
use crate::erasure::{forms, is_long};
use crate::{Erased, Erasure, Scrubbed, StoreError};
use memchr::memmem::Finder;
use rusqlite::{Connection, params};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;
use textgate_sms::{MessageId, PhoneNumber};
use tokio::sync::oneshot;

/// Octets of a file that are searched at once.
const BLOCK: usize = 1 << 20;

/// Receipt ids: period, gateway, id, message and part.
type ReceiptKey = (i64, i64, String, i64, i64);

/// What has to go with messages and is found by a look at whole tables: receipt ids and Idempotency-Keys of some days.
#[derive(Default)]
pub(super) struct Beside {
    receipts: Vec<ReceiptKey>,
    keys: Vec<(i64, Vec<u8>)>,
}

/// Finds what has to go with these messages. A reader's work: it may take seconds.
pub(super) fn find_beside(connection: &Connection, messages: &[MessageId]) -> rusqlite::Result<Beside> {
    let ids: Vec<i64> = messages.iter().map(|id| id.as_u64() as i64).collect();
    let ids = serde_json::to_string(&ids).unwrap_or_default();
    let receipts = connection
        .prepare("SELECT period, gateway, id, message, part FROM receipt_id WHERE message IN (SELECT value FROM json_each(?1))")?
        .query_map([&ids], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let keys = connection
        .prepare("SELECT period, key FROM idempotency WHERE message IN (SELECT value FROM json_each(?1))")?
        .query_map([&ids], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Beside { receipts, keys })
}

impl Beside {
    /// In parts small enough to hold up nobody.
    pub(super) fn chunks(mut self, size: usize) -> Vec<Self> {
        let mut chunks = Vec::new();
        while !self.receipts.is_empty() || !self.keys.is_empty() {
            let receipts = self.receipts.split_off(self.receipts.len().saturating_sub(size));
            let keys = self.keys.split_off(self.keys.len().saturating_sub(size));
            chunks.push(Self { receipts, keys });
        }
        chunks
    }
}

/// Deletes what went with messages.
pub(super) fn delete_beside(session: &mut Session<'_>, beside: &Beside) -> Result<(), Failure> {
    let connection = session.connection;
    let mut receipts = connection.prepare_cached(
        "DELETE FROM receipt_id WHERE period = ?1 AND gateway = ?2 AND id = ?3 AND message = ?4 AND part = ?5",
    )?;
    for (period, gateway, id, message, part) in &beside.receipts {
        receipts.execute(params![period, gateway, id, message, part])?;
    }
    let mut keys = connection.prepare_cached("DELETE FROM idempotency WHERE period = ?1 AND key = ?2")?;
    for (period, key) in &beside.keys {
        keys.execute(params![period, key])?;
    }
    Ok(())
}

/// Deletes messages to this number, where they are finished.
pub(super) fn delete_messages(
    session: &mut Session<'_>,
    (number, ids): &(PhoneNumber, Vec<MessageId>),
) -> Result<Erased, Failure> {
    let sql = "DELETE FROM message WHERE id = ?1 AND number = ?2 AND state > 1";
    let mut delete = session.connection.prepare_cached(sql)?;
    let mut messages = 0;
    for id in ids {
        messages += delete.execute(params![id.as_u64() as i64, number.as_u64() as i64])?;
    }
    Ok(Erased { messages, ..Erased::default() })
}

/// Erases all but the messages, and notes it.
pub(super) fn erase(session: &mut Session<'_>, erasure: &Erasure) -> Result<Erased, Failure> {
    let connection = session.connection;
    let number = erasure.number.as_u64() as i64;
    let mut erased = Erased::default();
    let mut passcodes = connection.prepare_cached("DELETE FROM passcode WHERE id = ?1 AND number = ?2")?;
    for id in &erasure.passcodes {
        erased.passcodes += passcodes.execute(params![id.as_u64() as i64, number])?;
    }
    let mut inbound = connection.prepare_cached("DELETE FROM inbound WHERE id = ?1")?;
    for id in &erasure.inbound {
        erased.inbound += inbound.execute([*id as i64])?;
    }
    for sql in [
        "UPDATE opt_out SET sealed = NULL WHERE vs = ?1 AND key = ?2 AND sealed IS NOT NULL",
        "UPDATE consent SET sealed = NULL, note = '' WHERE vs = ?1 AND key = ?2 AND sealed IS NOT NULL",
    ] {
        let mut update = connection.prepare_cached(sql)?;
        for (vs, key) in &erasure.phones {
            erased.consents += update.execute(params![vs.0, key])?;
        }
    }
    let sql = "UPDATE sms_settings SET test_number = NULL WHERE vs = ?1 AND test_number = ?2";
    let mut settings = connection.prepare_cached(sql)?;
    for vs in &erasure.servers {
        erased.test_numbers += settings.execute(params![vs.0, number])?;
    }
    if erased.test_numbers > 0 {
        let version = super::entries::number(connection, "version")? + 1;
        super::change::set_number(connection, "version", version)?;
    }
    if erasure.with_early_receipts {
        erased.early_receipts += early::erase(session, erasure.number)?;
    }
    audit::note(session, &erasure.notes)?;
    Ok(erased)
}

// === the files ===

/// Clears the files, by itself between two transactions: nothing else is written meanwhile.
pub(super) struct Scrub {
    pub(super) number: PhoneNumber,
    pub(super) path: PathBuf,
    pub(super) reply: oneshot::Sender<Result<Scrubbed, StoreError>>,
    pub(super) outcome: Result<Scrubbed, StoreError>,
}

impl Command for Scrub {
    fn weight(&self) -> usize {
        1
    }

    fn is_kept(&self) -> bool {
        false
    }

    fn is_apart(&self) -> bool {
        true
    }

    fn apply(&mut self, session: &mut Session<'_>) -> Result<(), rusqlite::Error> {
        let began = Instant::now();
        let scrubbed = scrub(session.connection, &self.path, self.number);
        self.outcome = scrubbed.map_err(|error| StoreError::Unavailable(error.to_string()));
        tracing::info!(took_ms = began.elapsed().as_millis() as u64, outcome = ?self.outcome, "cleared the store's files");
        Ok(())
    }

    fn refuse(&mut self, error: StoreError) {
        self.outcome = Err(error);
    }

    fn answer(self: Box<Self>) {
        let Self { reply, outcome, .. } = *self;
        let _ = reply.send(outcome);
    }
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}; free some space or check the disk")]
    Sql(#[from] rusqlite::Error),
    #[error("the store's files cannot be searched: {0}")]
    Io(#[from] io::Error),
}

fn scrub(connection: &Connection, path: &Path, number: PhoneNumber) -> Result<Scrubbed, Trouble> {
    copy_back(connection)?;
    let found = count(path, number)?;
    let was_rebuilt = found > 0 || !is_long(number);
    if !was_rebuilt {
        return Ok(Scrubbed { was_searched: true, was_rebuilt, left: 0 });
    }
    // What is written anew goes through a temporary file: in memory there may be no room for a whole store.
    connection.execute_batch("PRAGMA temp_store = FILE")?;
    let rebuilt = connection.execute_batch("VACUUM");
    connection.execute_batch("PRAGMA temp_store = MEMORY")?;
    rebuilt?;
    copy_back(connection)?;
    Ok(Scrubbed { was_searched: true, was_rebuilt, left: count(path, number)? })
}

/// Copies the WAL back and cuts it to nothing. Where somebody reads from it for long, as a backup does, it stays: then the number is
/// found in it.
fn copy_back(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// How often the number is in the store's files, in whatever form a store writes it.
pub(super) fn count(path: &Path, number: PhoneNumber) -> io::Result<u64> {
    let forms = forms(number);
    let finders: Vec<Finder<'_>> = forms.iter().map(Finder::new).collect();
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let mut found = count_in(File::open(path)?, &finders)?;
    match File::open(PathBuf::from(wal)) {
        Ok(wal) => found += count_in(wal, &finders)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

fn count_in(mut from: impl Read, finders: &[Finder<'_>]) -> io::Result<u64> {
    let longest = finders.iter().map(|finder| finder.needle().len()).max().unwrap_or(1);
    let (mut block, mut kept, mut found) = (vec![0; BLOCK + longest], 0, 0);
    loop {
        let read = from.read(&mut block[kept..])?;
        if read == 0 {
            return Ok(found);
        }
        let end = kept + read;
        // What lies over the border of two blocks is found in the second, once.
        let overlap = |finder: &Finder<'_>| kept.saturating_sub(finder.needle().len() - 1);
        for finder in finders {
            found += finder.find_iter(&block[overlap(finder)..end]).count() as u64;
        }
        let from_here = end.saturating_sub(longest - 1);
        block.copy_within(from_here..end, 0);
        kept = end - from_here;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a few octets at once.
    struct Drips<'a>(&'a [u8]);

    impl Read for Drips<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = into.len().min(3).min(self.0.len());
            into[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn a_number_is_counted_once_wherever_blocks_end() {
        let finders = [Finder::new("12345"), Finder::new("xy")];
        for text in ["12345", "..12345..12345", "1234", "xyxy12345", "x y", ""] {
            let plain = text.matches("12345").count() + text.matches("xy").count();
            assert_eq!(count_in(Drips(text.as_bytes()), &finders).unwrap(), plain as u64, "{text}");
            assert_eq!(count_in(text.as_bytes(), &finders).unwrap(), plain as u64, "{text}");
        }
    }
}
