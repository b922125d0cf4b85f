//! What a modem took, kept for who asks: each submit, and whole messages.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::tpdu::{TpAddress, TpSubmit};
use crate::kept::Kept;
use crate::parts::{Parts, Whole};
use crate::sync::lock;
use crate::wait::Changes;

/// One SMS-SUBMIT that was taken. `Debug` shows neither address nor text.
#[derive(Clone)]
pub struct ModemSubmit {
    /// What it was.
    pub submit: TpSubmit,
    /// The message reference that was answered, or would have been.
    pub reference: u8,
    /// Its own text.
    pub text: String,
    /// `+CMMS` as it was set: whether the link was to be kept for the next one.
    pub more: u8,
    /// When it was taken.
    pub at: Instant,
}

impl fmt::Debug for ModemSubmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModemSubmit")
            .field("submit", &self.submit)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// A whole message as the phone has it. `Debug` shows neither address nor text.
#[derive(Clone)]
pub struct ModemMessage {
    /// The text of all segments.
    pub text: String,
    /// The phone's number.
    pub destination: TpAddress,
    /// Shown at once and not kept.
    pub flash: bool,
    /// Its segments in their order; at least one.
    pub segments: Vec<ModemSubmit>,
    /// When its last segment was taken.
    pub at: Instant,
}

impl fmt::Debug for ModemMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModemMessage").field("segments", &self.segments.len()).finish_non_exhaustive()
    }
}

impl ModemMessage {
    fn of(segments: Vec<ModemSubmit>) -> Option<Self> {
        let first = segments.first()?;
        Some(Self {
            text: segments.iter().map(|segment| segment.text.as_str()).collect(),
            destination: first.submit.destination.clone(),
            flash: first.submit.is_flash(),
            at: segments.iter().map(|segment| segment.at).max()?,
            segments,
        })
    }
}

#[derive(PartialEq, Eq, Hash)]
struct PartKey {
    destination: TpAddress,
    reference: u16,
    is_16_bit: bool,
    total: u8,
}

impl Whole for PartKey {
    fn total(&self) -> u8 {
        self.total
    }
}

#[derive(Default)]
pub(super) struct Records {
    pub(super) messages: Kept<Arc<ModemMessage>>,
    pub(super) submits: Kept<Arc<ModemSubmit>>,
    /// Command lines as they were read.
    pub(super) lines: Kept<String>,
    parts: Parts<PartKey, ModemSubmit>,
}

/// Keeps up to `keep` of each kind, the newest.
pub(super) struct Recorder {
    pub(super) keep: usize,
    pub(super) records: Mutex<Records>,
    pub(super) changes: Changes,
}

impl Recorder {
    pub(super) fn new(keep: usize) -> Self {
        Self { keep, records: Mutex::default(), changes: Changes::new() }
    }

    /// Keeps a submit; gives back the message it completed.
    pub(super) fn submit(&self, submit: ModemSubmit) -> Option<Arc<ModemMessage>> {
        let message = {
            let mut records = lock(&self.records);
            records.submits.put(Arc::new(submit.clone()), self.keep);
            let message = records.assemble(submit).map(Arc::new);
            if let Some(message) = &message {
                records.messages.put(Arc::clone(message), self.keep);
            }
            message
        };
        self.changes.announce();
        message
    }

    pub(super) fn line(&self, line: &str) {
        if self.keep > 0 {
            lock(&self.records).lines.put(line.to_owned(), self.keep);
            self.changes.announce();
        }
    }
}

impl Records {
    fn assemble(&mut self, submit: ModemSubmit) -> Option<ModemMessage> {
        let part = submit.submit.header().concatenation.filter(|part| part.total > 1);
        let Some(part) = part else {
            return ModemMessage::of(vec![submit]);
        };
        let key = PartKey {
            destination: submit.submit.destination.clone(),
            reference: part.reference,
            is_16_bit: part.is_16_bit,
            total: part.total,
        };
        let octets = submit.submit.content.len();
        ModemMessage::of(self.parts.add(key, part.number, octets, submit)?)
    }
}
