//! The words that every room uses for one message and what becomes of it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes an enum whose variants have one name each, used in the API, the store and the metrics.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_meta])* $variant = $code,)+ }

        impl $name {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the API, the console and the metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The number a store keeps.
            pub fn code(self) -> u8 {
                self as u8
            }

            /// The reverse of [`code`](Self::code).
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| *v as u8 == code)
            }

            /// The reverse of [`name`](Self::name).
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// What a message is for; also its lane, the lower first.
    Kind {
        /// A one-time passcode: first of all, and its text is erased once it is sent.
        Otp = 0 "otp",
        /// An alert: behind passcodes, ahead of everything else.
        Alert = 1 "alert",
        /// Any other text.
        Text = 2 "text",
    }
}

named! {
    /// Where a message stands. Each change has a time and a reason.
    MessageState {
        /// On disk, and waiting for a gateway.
        Accepted = 0 "accepted",
        /// On disk, and waiting for its `send_at`.
        Scheduled = 1 "scheduled",
        /// A gateway took all of its segments.
        Sent = 2 "sent",
        /// Every segment's receipt says it reached the phone.
        Delivered = 3 "delivered",
        /// A receipt says it will not reach the phone.
        Undelivered = 4 "undelivered",
        /// Every gateway refused it.
        Failed = 5 "failed",
        /// Its validity ended before a gateway took it.
        Expired = 6 "expired",
        /// Called back before a gateway took it.
        Cancelled = 7 "cancelled",
    }
}

impl MessageState {
    /// Whether dispatch still has work with it.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Accepted | Self::Scheduled)
    }
}

named! {
    /// What one attempt at one gateway came to. Every plugin maps its errors to exactly one.
    OutcomeClass {
        /// The gateway took every segment.
        Sent = 0 "sent",
        /// This message can never be sent, by any gateway: final.
        Rejected = 1 "rejected",
        /// This gateway, but later: it is over its rate.
        Throttled = 2 "throttled",
        /// This gateway is in trouble, and took nothing: fail over now.
        Unavailable = 3 "unavailable",
        /// This gateway's account is in trouble (credentials, balance): fail over, and raise an alert.
        Account = 4 "account",
        /// Written, and no answer: it may or may not have been taken.
        Uncertain = 5 "uncertain",
        /// This gateway says no without a known reason: fail over, final where no other gateway is left.
        Refused = 6 "refused",
    }
}

named! {
    /// How much an alert matters.
    Severity {
        /// Good to know.
        Info = 0 "info",
        /// Somebody should look at it today.
        Warning = 1 "warning",
        /// Somebody must look at it now.
        Critical = 2 "critical",
    }
}

named! {
    /// Where an alert stands.
    AlertState {
        /// Nobody has acknowledged it.
        Open = 0 "open",
        /// Somebody has said that they see to it.
        Acknowledged = 1 "acknowledged",
        /// It is over.
        Closed = 2 "closed",
    }
}

named! {
    /// What a receipt says of one segment (SMPP 3.4 §5.2.28 in textgate's words).
    ReceiptState {
        /// On its way (ENROUTE, ACCEPTED, UNKNOWN): nothing final.
        Pending = 0 "pending",
        /// On the phone.
        Delivered = 1 "delivered",
        /// Its validity ended at the provider.
        Expired = 2 "expired",
        /// Undeliverable, or deleted at the provider.
        Undelivered = 3 "undelivered",
        /// Rejected by the network.
        Rejected = 4 "rejected",
    }
}

named! {
    /// Where a one-time passcode stands. All but the first are final.
    PasscodeState {
        /// It can be checked.
        Pending = 0 "pending",
        /// The right code was given, once and in time.
        Approved = 1 "approved",
        /// Its time ended first.
        Expired = 2 "expired",
        /// As many wrong codes were given as it allows.
        TooManyAttempts = 3 "too_many_attempts",
        /// It was cancelled on request.
        Cancelled = 4 "cancelled",
    }
}

/// A virtual server's number; 1 is the root, which belongs to the service provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VsId(pub u32);

impl VsId {
    /// The service provider's own virtual server, parent of all.
    pub const ROOT: Self = Self(1);
}

impl fmt::Display for VsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A configured gateway's number, unique over all virtual servers and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GatewayId(pub u32);

impl fmt::Display for GatewayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Overwrite: the replace-short-message type 1 to 7 (TS 23.040 §9.2.3.9). A phone keeps only the newest
/// message of one type from one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplaceType(u8);

impl ReplaceType {
    /// Type 1 to 7; anything else is none.
    pub fn new(n: u8) -> Option<Self> {
        (1..=7).contains(&n).then_some(Self(n))
    }

    /// The type's number, 1 to 7.
    pub fn number(self) -> u8 {
        self.0
    }

    /// TP-PID (SMPP `protocol_id`): 0x41 to 0x47.
    pub fn protocol_id(self) -> u8 {
        0x40 | self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_read_back() {
        for state in MessageState::ALL {
            assert_eq!(MessageState::from_code(state.code()), Some(*state));
            assert_eq!(MessageState::from_name(state.name()), Some(*state));
        }
        assert_eq!(OutcomeClass::from_code(7), None);
        assert_eq!(Kind::from_name("OTP"), None);
    }

    #[test]
    fn the_lanes_are_in_order() {
        assert!(Kind::Otp < Kind::Alert && Kind::Alert < Kind::Text);
    }

    #[test]
    fn replace_types_are_one_to_seven() {
        assert_eq!(ReplaceType::new(1).map(ReplaceType::protocol_id), Some(0x41));
        assert_eq!(ReplaceType::new(7).map(ReplaceType::protocol_id), Some(0x47));
        assert!(ReplaceType::new(0).is_none() && ReplaceType::new(8).is_none());
    }
}
