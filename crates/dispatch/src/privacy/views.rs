//! What callers get back about what is kept of a number. None of it has `Debug`.

use crate::alerts::{AlertView, ContactView};
use crate::opt_out::{ConsentView, OptOutView};
use crate::otp::PasscodeView;
use crate::words::MessageView;
use serde::Serialize;
use textgate_sms::VsId;

/// All that is kept of a number.
#[derive(Clone)]
pub struct PersonalData {
    /// The number.
    pub number: String,
    /// When it was put together (Unix time, ms).
    pub at_ms: i64,
    /// By virtual server; those that keep nothing are left out.
    pub virtual_servers: Vec<PersonalDataOf>,
}

/// What one virtual server keeps of a number.
#[derive(Clone)]
pub struct PersonalDataOf {
    /// Its number.
    pub vs: VsId,
    /// Its path; `None` where it was removed.
    pub path: Option<String>,
    /// Whether it is the SMS Mobile Number of its settings.
    pub is_test_number: bool,
    /// Messages to it, with the texts that are kept, but for those of passcodes.
    pub messages: Vec<MessageView>,
    /// Passcodes for it, without their codes.
    pub passcodes: Vec<PasscodeView>,
    /// Messages that it sent.
    pub inbound: Vec<InboundKept>,
    /// Contacts that have it.
    pub contacts: Vec<ContactView>,
    /// Alerts that went to it itself, and not to a group.
    pub alerts: Vec<AlertView>,
    /// What it wants no messages of.
    pub opt_outs: Vec<OptOutView>,
    /// What it said about messages, or was said for it.
    pub consents: Vec<ConsentView>,
}

/// A message that a phone sent.
#[derive(Clone, Serialize)]
pub struct InboundKept {
    /// The gateway it came by: its name, or its number where it was removed.
    pub gateway: String,
    /// What it was sent to.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// What was erased of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ErasedView {
    /// Messages to it.
    pub messages: usize,
    /// The segments of these messages: so much of what SMS credits were used for is not in the list of messages any more.
    pub segments: u64,
    /// Of the messages, those that were still to be sent, and were cancelled.
    pub cancelled: usize,
    /// Passcodes.
    pub passcodes: usize,
    /// Messages that it sent.
    pub inbound: usize,
    /// Contacts.
    pub contacts: usize,
    /// Alerts that went to it itself: they stay, without it.
    pub alerts: usize,
    /// Opt-outs that stay as what stands for the number, without it; and entries of the consent log.
    pub consents: usize,
    /// Virtual servers whose SMS Mobile Number it was.
    pub test_numbers: usize,
    /// Receipts without a message that named it.
    pub receipts: usize,
    /// Whether the store's files were searched for the number afterwards, and it was in none of them. `false` where only a part of the
    /// virtual servers was asked about, and for a database whose files are not this program's.
    pub was_searched: bool,
    /// Whether the store was written anew for it.
    pub was_rebuilt: bool,
}
