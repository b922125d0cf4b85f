//! Transfer protocol data units as AT commands carry them (3GPP TS 23.040 §9.2.2), by this room's own reader and writer.

mod address;
mod coding;
mod deliver;
mod hex;
mod septets;
mod submit;

#[cfg(test)]
mod tests;

pub use address::TpAddress;
pub(super) use address::smsc_digits;
pub(super) use deliver::{Deliver, StatusReport, timestamp};
pub(super) use hex::{from_hex, to_hex};
pub use submit::{BadTpdu, TpSubmit, Validity};

/// Most octets of a TPDU: a SUBMIT with the longest address, an absolute validity and 140 octets of user data.
pub(super) const MAX_TPDU: usize = 1 + 1 + 12 + 1 + 1 + 7 + 1 + 140;
