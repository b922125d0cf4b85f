//! How busy the engine is: everything it does begins with a look at the clock, and the looks are counted.

use std::cell::Cell;

/// More looks than this without time passing, and something goes round in circles.
const MOST_AT_ONCE: u64 = 50_000;

thread_local! {
    static BEATS: Cell<u64> = const { Cell::new(0) };
    static LIMIT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// The clock was read.
pub(crate) fn beat() {
    let beats = BEATS.get() + 1;
    BEATS.set(beats);
    if beats > LIMIT.get() {
        LIMIT.set(u64::MAX);
        panic!("busy loop: the clock was read {MOST_AT_ONCE} times in one step");
    }
}

/// How often the clock was read since the last call; begins the next step.
pub(super) fn next_step() -> u64 {
    LIMIT.set(MOST_AT_ONCE);
    BEATS.replace(0)
}

/// Nobody counts any more.
pub(super) fn over() {
    LIMIT.set(u64::MAX);
}
