//! Messages that fill a store.

use smallvec::SmallVec;
use textgate_sms::{Kind, MessageId, PhoneNumber, VsId};
use textgate_store::NewMessage;

/// The number of the n-th message: a million of them, in turn.
#[must_use]
pub fn number(n: u64) -> Option<PhoneNumber> {
    PhoneNumber::from_u64(15_550_000_000 + n % 1_000_000)
}

/// The n-th text of a virtual server, of one segment, for a day.
#[must_use]
pub fn stored_text(vs: VsId, id: MessageId, n: u64) -> Option<NewMessage> {
    Some(NewMessage {
        id,
        vs,
        to: number(n)?,
        kind: Kind::Text,
        sealed_text: vec![7; 60],
        sender: None,
        flash: None,
        overwrite: None,
        reference: None,
        segments: 1,
        encoding: "gsm7".into(),
        due_ms: None,
        expires_ms: id.accepted_ms() + 86_400_000,
        idempotency: None,
        payers: SmallVec::new(),
        resend_of: None,
        passcode: None,
    })
}
