//! What the fraud guard keeps over a restart: ranges of numbers that it has blocked. Its rules are part of the directory.

use textgate_sms::VsId;

/// A range that was blocked for a virtual server's messages; one for each virtual server and range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardBlock {
    /// Whose.
    pub vs: VsId,
    /// How its numbers begin: a number without its last digits.
    pub range: u64,
    /// Since when (Unix time, ms).
    pub began_ms: i64,
    /// Until when; afterwards it is remembered, so that the next time is longer.
    pub until_ms: i64,
    /// How often it was blocked; 0 where somebody released it.
    pub times: u16,
    /// Somebody released it: it is not blocked by itself before then (0: nobody did).
    pub excused_until_ms: i64,
}
