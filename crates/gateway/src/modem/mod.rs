//! SMS modem: the plugin `modem`, and the gateway that sends through GSM and LTE modems by AT commands (3GPP TS 27.005,
//! TS 27.007) in PDU mode.
//!
//! One task owns each line: its port, its dialogue and the message that it sends. Lines of one gateway share the work, so that
//! several modems are a pool. What a modem says is read by a reader that is total and bounded ([`lines`], [`reply`]); what its
//! errors mean for a message is one table ([`errors`]).

mod arrivals;
mod device;
mod dialogue;
mod errors;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gateway;
mod line;
mod lines;
mod model;
mod pace;
mod pin;
mod plugin;
mod port;
mod preview;
mod probe;
mod receipts;
mod reply;
mod send;
mod settings;
mod sim;
mod startup;
mod telnet;
mod text;

#[cfg(test)]
mod tests;

pub use device::DeviceGuard;
pub use pin::PinNotes;
pub use plugin::ModemPlugin;
pub use probe::{Found, candidates, probe};

/// Why a line is not, or no longer, of use.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// For people; without a secret.
    reason: String,
    /// A person has to act: at the SIM, its PIN or its contract.
    is_account: bool,
    /// The modem no longer answers: only a reset may help.
    is_hung: bool,
}

impl Fault {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_account: false, is_hung: false }
    }

    fn account(reason: impl Into<String>) -> Self {
        Self { is_account: true, ..Self::new(reason) }
    }

    fn hung(reason: impl Into<String>) -> Self {
        Self { is_hung: true, ..Self::new(reason) }
    }
}
