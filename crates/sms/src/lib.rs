//! What an SMS is: numbers, ids, the words for what becomes of a message, and how a text becomes segments.
//!
//! Pure: no I/O, no clock, no async. The lowest room: it knows nobody, and everybody may know it.

mod alphabet;
mod cluster;
mod country;
mod data_coding;
mod decode;
mod encoding;
mod header;
mod id;
mod language;
mod number;
mod numbering;
mod reassemble;
mod segment;
mod septets;
pub mod tpdu;
mod transliterate;
mod words;

#[cfg(test)]
mod tests;

pub use country::{Country, CountryError};
pub use data_coding::{encoding_of_data_coding, encoding_of_tp_dcs, smpp_data_coding, tp_dcs};
pub use decode::decode;
pub use encoding::{Choices, Encoding, Shifts, choose};
pub use header::{Header, HeaderOctets, Part, header, parse_header};
pub use id::{IdSequence, MessageId};
pub use language::Language;
pub use number::{NumberError, PhoneNumber};
pub use numbering::NumberUse;
pub use reassemble::Assembly;
pub use segment::{
    EncodeError, MAX_SEGMENTS, Reference, Segment, Segments, USER_DATA_OCTETS, count, encode_whole, segment,
};
pub use septets::{fill_bits, pack_septets, unpack_septets};
pub use transliterate::transliterate;
pub use words::{
    AlertState, GatewayId, Kind, MessageState, OutcomeClass, PasscodeState, ReceiptState, ReplaceType,
    Severity, VsId,
};
