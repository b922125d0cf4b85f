//! Opt-outs: which phones want no messages of a virtual server, and the log of what was said about it.
//!
//! The list says what holds, the log how it came about. Both name a phone by a keyed digest and keep its number sealed beside it, so
//! that an erased number is still not written to: its digest stays, and the number is gone.

use textgate_sms::VsId;

/// What stands for a phone of one virtual server: a keyed digest.
pub type PhoneKey = [u8; 16];

/// Most entries of the list or the log in one answer.
pub(crate) const MOST: usize = 5_000;

/// Where a wish was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentSource {
    /// By the phone, in a message.
    Message = 0,
    /// By a program.
    Api = 1,
    /// By a person in the console.
    Console = 2,
    /// In a list that was brought.
    Import = 3,
}

impl ConsentSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Message, Self::Api, Self::Console, Self::Import];

    /// Its number in the store.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The one of this number; one that a newer version wrote counts as a program's.
    pub(crate) fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Api)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        ["message", "api", "console", "import"][self as usize]
    }
}

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// No messages of this sender; of all senders where it is empty.
    Out,
    /// Messages again: this opt-out ends.
    In,
    /// Messages of this sender again: its opt-out ends, and one for all senders.
    InFrom,
    /// Messages again: every opt-out of the phone ends.
    InAll,
}

/// Something that was said about messages, to be written. Has no `Debug`.
#[derive(Clone)]
pub struct NewConsent {
    /// About whose messages.
    pub vs: VsId,
    /// Which phone.
    pub key: PhoneKey,
    /// Its number, sealed for the virtual server; `None` where it was erased.
    pub sealed: Option<Vec<u8>>,
    /// About which sender, as [`wish`](Self::wish) says; empty: all.
    pub sender: String,
    /// What.
    pub wish: Wish,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Where.
    pub source: ConsentSource,
    /// By whom.
    pub actor: String,
    /// The phone's word, or why.
    pub note: String,
}

/// An opt-out in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutRecord {
    /// The entry of the consent log that it began with.
    pub id: u64,
    /// Whose messages are not wanted.
    pub vs: VsId,
    /// By which phone.
    pub key: PhoneKey,
    /// Of which sender; empty: of all.
    pub sender: String,
    /// Since when (Unix time, ms).
    pub at_ms: i64,
    /// Where it was said.
    pub source: ConsentSource,
    /// The number, sealed; `None` once it was erased.
    pub sealed: Option<Vec<u8>>,
}

/// An entry of the consent log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// Its number: later entries have higher ones.
    pub id: u64,
    /// About whose messages.
    pub vs: VsId,
    /// Which phone.
    pub key: PhoneKey,
    /// Of which sender; empty: of all.
    pub sender: String,
    /// Whether an opt-out began, or ended.
    pub is_out: bool,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Where it was said.
    pub source: ConsentSource,
    /// By whom.
    pub actor: String,
    /// The phone's word, or why.
    pub note: String,
    /// The number, sealed; `None` once it was erased.
    pub sealed: Option<Vec<u8>>,
}

// === What every store does with one ===

impl NewConsent {
    /// Which opt-outs of the phone it ends, of those that there are (by their senders).
    pub(crate) fn ends(&self, sender: &str) -> bool {
        match self.wish {
            Wish::Out => false,
            Wish::In => sender == self.sender,
            Wish::InFrom => sender.is_empty() || sender == self.sender,
            Wish::InAll => true,
        }
    }

    /// The log's entry for this sender.
    pub(crate) fn entry(&self, id: u64, sender: &str) -> ConsentRecord {
        ConsentRecord {
            id,
            vs: self.vs,
            key: self.key,
            sender: sender.to_owned(),
            is_out: self.wish == Wish::Out,
            at_ms: self.at_ms,
            source: self.source,
            actor: self.actor.clone(),
            note: self.note.clone(),
            sealed: self.sealed.clone(),
        }
    }
}
