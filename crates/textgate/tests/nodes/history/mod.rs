//! What callers of several nodes were told, and whether one node that does one thing after the other could have told them the same.

mod check;
mod credits;
mod keys;
mod passcodes;
mod record;

pub use check::{Model, Operation, Verdict, judge};
pub use credits::{Credits, CreditsAnswer, CreditsCall};
pub use keys::{Keys, KeysAnswer};
pub use passcodes::{Passcode, PasscodeAnswer, PasscodeCall};
pub use record::Recorder;
