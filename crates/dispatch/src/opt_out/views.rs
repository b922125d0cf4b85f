//! What callers hand in and get back about opt-outs.

use serde::Serialize;
use textgate_store::ConsentSource;

/// Who says something about messages for a phone.
#[derive(Debug, Clone)]
pub struct ConsentBy {
    /// As in the audit log.
    pub actor: String,
    /// Where it is said.
    pub source: ConsentSource,
}

/// An opt-out to be added. Has no `Debug`.
#[derive(Clone, Default)]
pub struct NewOptOut {
    /// The phone's number: only digits, beginning with a country code.
    pub number: String,
    /// Of which sender nothing is wanted; of all where left out.
    pub sender: Option<String>,
    /// Why, for the consent log.
    pub note: String,
}

/// A phone that wants no messages. Has no `Debug`.
#[derive(Clone, Serialize)]
pub struct OptOutView {
    /// Its number in the list.
    pub id: u64,
    /// The phone's number; `None` where it was erased.
    pub number: Option<String>,
    /// The sender that it wants nothing from; `None`: from all.
    pub sender: Option<String>,
    /// Since when (Unix time, ms).
    pub since_ms: i64,
    /// Where it was said: `message`, `api`, `console` or `import`.
    pub source: &'static str,
}

/// A page of opt-outs.
#[derive(Clone)]
pub struct OptOutPage {
    /// The newest first.
    pub opt_outs: Vec<OptOutView>,
    /// Pass it for the next page; `None` at the end.
    pub next: Option<u64>,
}

/// An entry of the consent log. Has no `Debug`.
#[derive(Clone, Serialize)]
pub struct ConsentView {
    /// Its number.
    pub id: u64,
    /// The phone's number; `None` where it was erased.
    pub number: Option<String>,
    /// About which sender; `None`: about all.
    pub sender: Option<String>,
    /// `out`: no messages are wanted; `in`: messages are, again.
    pub wish: &'static str,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Where it was said: `message`, `api`, `console` or `import`.
    pub source: &'static str,
    /// By whom: `phone`, or as in the audit log.
    pub by: String,
    /// Of a phone, its words; else why.
    pub note: String,
}

/// A page of the consent log.
#[derive(Clone)]
pub struct ConsentPage {
    /// The newest first.
    pub entries: Vec<ConsentView>,
    /// Pass it for the next page; `None` at the end.
    pub next: Option<u64>,
}

/// What an import came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OptOutsImported {
    /// How many are new.
    pub added: usize,
    /// How many were there.
    pub known: usize,
}
