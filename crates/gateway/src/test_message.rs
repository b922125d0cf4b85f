//! The message that this room's tests send.

use crate::{Overwrite, Routing, Submission};
use std::time::{Duration, Instant};
use textgate_sms::{Kind, MessageId, PhoneNumber, VsId};

/// A message with ample time.
pub(crate) fn message(text: &str) -> Submission {
    let now = Instant::now();
    Submission {
        id: MessageId::first_at(0),
        to: PhoneNumber::parse("15550100199").unwrap(),
        kind: Kind::Otp,
        text: text.into(),
        sender: None,
        flash: None,
        overwrite: Overwrite::AsSet,
        valid_until: now + Duration::from_secs(300),
        answer_by: now + Duration::from_secs(60),
        is_test: false,
        routing: Routing::new(VsId::ROOT, VsId::ROOT, 1, now, i64::MAX),
    }
}
