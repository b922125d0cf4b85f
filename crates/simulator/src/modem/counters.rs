//! Counts of what a modem saw.

pub(super) use crate::counters::add;
use crate::counters::counters;

counters! {
    /// Counts of what a modem saw since it was started.
    ModemCounters,
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
