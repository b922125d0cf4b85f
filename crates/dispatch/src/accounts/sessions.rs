//! Sessions in memory: found by the hash of their token, ended by their lifetimes.

use super::totp::TotpSecret;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use textgate_store::{SessionId, SessionRecord};

/// Most sessions of one user: the oldest ends for a new one.
pub(crate) const MOST_OF_A_USER: u32 = 20;

/// How often the use of a session is written (ms).
const WRITTEN_EACH_MS: i64 = 60_000;

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Live>>);

/// One session.
pub(crate) struct Live {
    /// As it was written last, but for when it was seen: that is as of now.
    pub(crate) record: SessionRecord,
    written_ms: i64,
    /// A second factor that was offered and is not confirmed.
    pub(crate) offer: Option<TotpSecret>,
}

impl Sessions {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a session that is in the store.
    pub(crate) fn add(&self, record: SessionRecord) {
        let mut all = self.lock();
        all.insert(record.id, Live { record, written_ms: record.seen_ms, offer: None });
        let mut mine: Vec<(i64, SessionId)> = all
            .values()
            .filter(|live| live.record.user == record.user)
            .map(|live| (live.record.began_ms, live.record.id))
            .collect();
        mine.sort_unstable();
        for (_, id) in mine.iter().rev().skip(MOST_OF_A_USER as usize) {
            all.remove(id);
        }
    }

    /// Adds a session of another node, unless it is known.
    pub(crate) fn add_new(&self, record: SessionRecord) {
        if !self.lock().contains_key(&record.id) {
            self.add(record);
        }
    }

    /// Ends sessions that were last used, or began, before these times.
    pub(crate) fn expire(&self, seen_before_ms: i64, began_before_ms: i64) {
        self.lock().retain(|_, live| {
            live.record.seen_ms >= seen_before_ms && live.record.began_ms >= began_before_ms
        });
    }
}

impl Live {
    /// Takes note of a use. Answers whether it is to be written now.
    pub(crate) fn seen(&mut self, now_ms: i64) -> bool {
        self.record.seen_ms = self.record.seen_ms.max(now_ms);
        let is_due = now_ms - self.written_ms >= WRITTEN_EACH_MS;
        if is_due {
            self.written_ms = now_ms;
        }
        is_due
    }
}
