//! A GSM modem: AT commands over a pseudo-terminal or a serial server, PDU mode and text mode (ITU-T V.250, 3GPP TS 27.005,
//! TS 27.007).
//!
//! It takes messages, reports, receives, and misbehaves on demand. Its reader and writer of TPDUs share nothing with any client's.

mod behaviour;
mod charset;
mod counters;
mod device;
mod handle;
mod memory;
mod options;
mod port;
mod record;
mod session;
mod shared;
mod tpdu;

#[cfg(test)]
mod tests;

pub use behaviour::{Cure, Decide, ModemBehaviour, ModemError, ModemRequest, ReportWhen, Reports, Turn};
pub use counters::ModemCounters;
pub use device::{Registration, SimLock};
pub use handle::Modem;
pub use memory::{Memory, MessageStatus, Stored};
pub use options::{ModemOptions, ModemPort, Sim};
pub use record::{ModemMessage, ModemSubmit};
pub use tpdu::{BadTpdu, TpAddress, TpSubmit, Validity};
