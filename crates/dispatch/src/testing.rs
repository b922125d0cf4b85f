//! What this room's tests share.

use crate::accept::routing;
use std::time::{Duration, Instant};
use textgate_gateway::{Overwrite, Submission};
use textgate_sms::{Kind, MessageId, PhoneNumber, VsId};

/// A message on its way, valid for a minute.
pub(crate) fn submission(id: u64, kind: Kind) -> Box<Submission> {
    let now = Instant::now();
    Box::new(Submission {
        id: MessageId::from_u64(id),
        to: PhoneNumber::parse("15550100100").unwrap(),
        kind,
        text: "text".into(),
        sender: None,
        flash: None,
        overwrite: Overwrite::AsSet,
        valid_until: now + Duration::from_secs(60),
        answer_by: now,
        routing: routing(VsId::ROOT, VsId::ROOT, 1, now, 0, i64::MAX),
    })
}
