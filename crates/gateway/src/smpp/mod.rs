//! SMPP 3.4: the plugin `smpp`, and the gateway that speaks to a provider's SMSC as an ESME.
//!
//! One task owns each bind: its socket, its window of unanswered submit_sm, and its buffers. Between reading and
//! writing it handles everything that is there, so that a turn costs one read and one write however many PDUs it moves.
//! PDUs are written in place and read in place by a codec of our own ([`pdu`]); what a provider's answer means for a
//! message is a table ([`status`]).

mod answer;
mod buffers;
mod connect;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gateway;
mod inbound;
mod message;
mod pace;
mod pdu;
mod plugin;
mod preview;
mod receipt;
mod receipt_text;
mod session;
mod settings;
mod status;
mod text;
mod turn;
mod window;

#[cfg(test)]
mod tests;

pub use plugin::SmppPlugin;
