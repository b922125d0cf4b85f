//! What a phone does with the octets of a short message: alphabets and user data headers, by this room's own tables.

mod alphabet;
mod gsm7;
mod national;
mod segments;
mod udh;

pub use alphabet::{Alphabet, decode};
pub use gsm7::{decode_gsm7, encode_gsm7};
pub(crate) use segments::segments;
pub use udh::{Concatenation, UserDataHeader};
