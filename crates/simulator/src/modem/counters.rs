//! Counts of what a modem saw.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($name:ident $meaning:literal,)+) => {
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: AtomicU64,)+ }

        /// Counts of what a modem saw since it was started.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct ModemCounters { $(#[doc = $meaning] pub $name: u64,)+ }

        impl Counters {
            pub(super) fn read(&self) -> ModemCounters {
                ModemCounters { $($name: self.$name.load(Relaxed),)+ }
            }
        }
    };
}

counters! {
    opened "Times that a terminal opened a port.",
    commands "Commands read, each of a line by itself.",
    refused "Commands and messages answered otherwise than by OK.",
    taken "Messages taken, one segment each.",
    reports "Status reports handed to a terminal or stored for it.",
    messages "Inbound messages handed to a terminal or stored for it with an indication.",
    acknowledged "`+CNMA` for what was handed over.",
    unacknowledged "What was handed over and not acknowledged in time.",
    resets "Resets by `+CFUN`.",
    wrong_pins "Wrong PINs and PUKs tried.",
    overlong "Lines and messages dropped because they were too long.",
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
