//! Counts that a simulator keeps in every mode, recording or not.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Declares counters, and what reads as a snapshot of them.
macro_rules! counters {
    ($(#[$about:meta])* $snapshot:ident, $($name:ident $meaning:literal,)+) => {
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: std::sync::atomic::AtomicU64,)+ }

        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $snapshot { $(#[doc = $meaning] pub $name: u64,)+ }

        impl Counters {
            pub(super) fn read(&self) -> $snapshot {
                $snapshot { $($name: self.$name.load(std::sync::atomic::Ordering::Relaxed),)+ }
            }
        }
    };
}

pub(crate) use counters;

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

pub(crate) fn subtract(counter: &AtomicU64) {
    counter.fetch_sub(1, Relaxed);
}
