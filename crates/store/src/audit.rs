//! The audit log: who did what when, each entry chained to the one before it.
//!
//! An entry's hash is SHA-256 over the hash of the entry before it (32 zeros before the first) and the entry's own content: number,
//! time, actor, virtual server and those above it, action, before and after; numbers as 8 octets with the highest first, texts with
//! their length in front, so that no two contents are hashed alike. Whoever changes, inserts or removes an entry has to change every
//! later hash as well, up to the head, which can be kept at another place.

use serde_json::Value;
use sha2::{Digest, Sha256};
use textgate_sms::VsId;

/// Most entries on one page.
const MOST: usize = 1_000;
/// Entries looked at for one page. A filter that fits fewer gets a short page, and goes on from `next`.
const MOST_LOOKED_AT: usize = 20_000;
/// Entries stand in the order in which they were written. By so much the clocks of nodes may differ, or have been set back (ms).
const CLOCK_SLACK_MS: i64 = 24 * 3600 * 1000;

/// Something to be told by the audit log, besides changes of the directory, which tell themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// On which virtual server.
    pub vs: VsId,
    /// What was done, in a sentence without secrets.
    pub action: String,
}

/// What a change found and what it left, without secrets. `null` where there was, or is, nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Before the change: only what is other than afterwards.
    pub before: Value,
    /// After the change.
    pub after: Value,
}

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number: 1, 2, 3, without gaps.
    pub id: u64,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// On which virtual server.
    pub vs: VsId,
    /// What was done, in a sentence without secrets.
    pub action: String,
    /// What was there before, and afterwards.
    pub difference: Difference,
    /// The chain's hash at this entry.
    pub hash: [u8; 32],
}

/// Which entries to list. All of them where nothing is set.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// The virtual server and all below it.
    pub within: Option<VsId>,
    /// Only this virtual server.
    pub vs: Option<VsId>,
    /// Has this in its actor, without regard to case (ASCII).
    pub actor: Option<String>,
    /// Has this in its action, without regard to case (ASCII).
    pub action: Option<String>,
    /// Not before (Unix time, ms).
    pub from_ms: Option<i64>,
    /// Before (Unix time, ms).
    pub until_ms: Option<i64>,
}

impl AuditFilter {
    /// Whether an entry fits, but for [`within`](Self::within).
    pub(crate) fn fits(&self, entry: &AuditEntry) -> bool {
        let has = |part: &Option<String>, text: &str| {
            part.as_ref().is_none_or(|part| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
        };
        self.vs.is_none_or(|vs| vs == entry.vs)
            && has(&self.actor, &entry.actor)
            && has(&self.action, &entry.action)
            && self.from_ms.is_none_or(|from| entry.at_ms >= from)
            && self.until_ms.is_none_or(|until| entry.at_ms < until)
    }
}

/// A page of the audit log, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
}

/// A page that is gathered from chunks of the log, the newest first, whichever store they come from.
pub(crate) struct Gathering<'a> {
    filter: &'a AuditFilter,
    limit: usize,
    at: i64,
    entries: Vec<AuditEntry>,
    looked_at: usize,
}

impl<'a> Gathering<'a> {
    /// Entries read at once.
    pub(crate) const CHUNK: usize = 500;

    /// Entries before this one.
    pub(crate) fn new(filter: &'a AuditFilter, before: Option<u64>, limit: usize) -> Self {
        let at = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        Self { filter, limit: limit.clamp(1, MOST), at, entries: Vec::new(), looked_at: 0 }
    }

    /// Whose scope is looked through. One way for all: the root's is every entry.
    pub(crate) fn scope(&self) -> VsId {
        self.filter.vs.or(self.filter.within).unwrap_or(VsId::ROOT)
    }

    /// The number before which the next chunk begins.
    pub(crate) fn before(&self) -> i64 {
        self.at
    }

    /// Looks through a chunk of entries with their hashes. Answers the page where it is complete; else the next chunk is wanted.
    pub(crate) fn take(&mut self, chunk: Vec<(Stored, Vec<u8>)>) -> Option<AuditPage> {
        let is_last = chunk.len() < Self::CHUNK;
        self.looked_at += chunk.len();
        for (stored, hash) in chunk {
            if self.entries.len() == self.limit {
                return Some(self.page(true));
            }
            self.at = stored.id as i64;
            let is_seen = self.filter.within.is_none_or(|within| {
                let within = within.0.to_string();
                stored.scope.split('.').any(|vs| vs == within)
            });
            let entry = stored.into_entry(hash.try_into().unwrap_or_default());
            if self.filter.from_ms.is_some_and(|from| entry.at_ms < from.saturating_sub(CLOCK_SLACK_MS)) {
                return Some(self.page(false));
            }
            if is_seen && self.filter.fits(&entry) {
                self.entries.push(entry);
            }
        }
        (is_last || self.looked_at >= MOST_LOOKED_AT).then(|| self.page(!is_last))
    }

    fn page(&mut self, has_more: bool) -> AuditPage {
        AuditPage { entries: std::mem::take(&mut self.entries), next: has_more.then_some(self.at as u64) }
    }
}

/// A place in the chain: an entry's number and hash. The default stands before the first entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditPoint {
    /// The entry's number.
    pub id: u64,
    /// The chain's hash there.
    pub hash: [u8; 32],
}

/// What a step of a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// The last entry that was found as it was written.
    pub at: AuditPoint,
    /// The first entry that was not, and what is wrong with it. The verification ends there.
    pub broken: Option<(u64, String)>,
    /// Whether [`at`](Self::at) is the newest entry.
    pub is_end: bool,
}

/// An entry as it is stored: what is hashed is exactly what is there.
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) at_ms: i64,
    pub(crate) actor: String,
    pub(crate) vs: u32,
    /// The virtual server and those above it, the root first: `1.2.7`.
    pub(crate) scope: String,
    pub(crate) action: String,
    /// JSON; empty where there is nothing.
    pub(crate) before: String,
    /// JSON; empty where there is nothing.
    pub(crate) after: String,
}

impl Stored {
    /// The chain's hash at this entry.
    pub(crate) fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(self.id.to_be_bytes());
        hash.update(self.at_ms.to_be_bytes());
        hash.update(u64::from(self.vs).to_be_bytes());
        for text in [&self.actor, &self.scope, &self.action, &self.before, &self.after] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }

    /// The entry as it is read.
    pub(crate) fn into_entry(self, hash: [u8; 32]) -> AuditEntry {
        let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
        let difference = Difference { before: json(&self.before), after: json(&self.after) };
        let Self { id, at_ms, actor, vs, action, .. } = self;
        AuditEntry { id, at_ms, actor, vs: VsId(vs), action, difference, hash }
    }
}

/// JSON as it is stored: empty for `null`.
pub(crate) fn stored_json(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Stored {
        let text = |text: &str| text.to_owned();
        let (actor, scope, action) = (text("user ada"), text("1.2"), text("did"));
        Stored { id: 7, at_ms: 5, actor, vs: 2, scope, action, before: text("{}"), after: text("") }
    }

    #[test]
    fn every_part_of_an_entry_is_in_its_hash() {
        let zeros = [0; 32];
        let hash = entry().hash(&zeros);
        let others = [
            Stored { id: 8, ..entry() },
            Stored { at_ms: 6, ..entry() },
            Stored { actor: "user eve".into(), ..entry() },
            Stored { vs: 3, ..entry() },
            Stored { scope: "1".into(), ..entry() },
            Stored { action: "did not".into(), ..entry() },
            Stored { before: String::new(), after: "{}".into(), ..entry() },
            Stored { after: "1".into(), ..entry() },
            // A text that moves its end into the next one.
            Stored { actor: "user ada1".into(), scope: ".2".into(), ..entry() },
        ];
        assert!(others.iter().all(|other| other.hash(&zeros) != hash));
        assert_ne!(entry().hash(&[1; 32]), hash);
        assert_eq!(entry().hash(&zeros), hash);
    }
}
