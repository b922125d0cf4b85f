//! What an SMS is: numbers, ids, and the words for what becomes of a message.
//!
//! Pure: no I/O, no clock, no async. The lowest room: it knows nobody, and everybody may know it.

mod id;
mod number;
mod words;

pub use id::{IdSequence, MessageId};
pub use number::{NumberError, PhoneNumber};
pub use words::{GatewayId, Kind, MessageState, OutcomeClass, ReceiptState, ReplaceType, VsId};
